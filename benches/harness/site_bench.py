"""benches/site: installs, measures, prints figures and ratios, and rewrites the table in README.md."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import endpoint
import install
import measure
import options
import site_folder
import site_table
import site_tools
import table
import tools

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / "target/benches"
# Each case finds what the one before it left: what is done to the folder before it.
CASES = {
    "first upload": site_folder.write,
    "unchanged": lambda folder: None,
    "same bytes, new times": site_folder.touch,
    "ten files changed": site_folder.change,
}


def main():
    arguments = options.parse("benches/site", __doc__, runs=5)
    HOME.mkdir(parents=True, exist_ok=True)
    workplace = HOME / "site-workplace"
    shutil.rmtree(workplace, ignore_errors=True)
    workplace.mkdir()
    profile = "dev" if arguments.dev else "release"
    ours = install.our_release(ROOT, profile)
    programs = install.site_peers(HOME)
    with endpoint.started(ROOT, HOME) as url:
        environment = tools.environment(url, workplace, os.environ["PATH"])
        floor = measure.memory_floor(environment, workplace)
        bench = Bench(programs["aws"], url, environment, workplace)
        samples, sent = rounds(arguments.runs, site_tools.tools(programs, ours, url, workplace), bench)
    results = table.Results(samples, {}, floor, arguments.runs, profile)
    for line in site_table.lines(results, sent):
        print(line)
    if arguments.dev:
        install.say("a debug build: README.md keeps its table")
    else:
        site_table.write(ROOT / "benches/README.md", results, sent, install.site_versions())


class Bench:
    """The endpoint as somebody sees it who is not measured."""

    def __init__(self, aws, url, environment, workplace):
        self.program, self.url = str(aws), url
        self.environment, self.workplace = environment, workplace
        self.distribution = None

    def reset(self, buckets):
        """Empties the endpoint, and makes buckets with versions, as that of the site is, and a distribution."""
        endpoint.reset(self.url)
        for bucket in buckets:
            self.aws("s3api", "create-bucket", "--bucket", bucket)
            versions = ("--bucket", bucket, "--versioning-configuration", "Status=Enabled")
            self.aws("s3api", "put-bucket-versioning", *versions)
        made = self.aws("cloudfront", "create-distribution", "--origin-domain-name", "site.s3.amazonaws.com")
        self.distribution = made["Distribution"]["Id"]

    def held(self, bucket):
        """Returns how many versions of objects a bucket holds, and their bytes: what was ever sent there."""
        query = ("--query", "Versions[].Size")
        sizes = self.aws("s3api", "list-object-versions", "--bucket", bucket, *query) or []
        return len(sizes), sum(sizes)

    def aws(self, *arguments):
        """Runs the AWS CLI and returns its answer."""
        done = subprocess.run(
            [self.program, *arguments, "--output", "json"],
            env=self.environment,
            cwd=self.workplace,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            check=True,
        )
        return json.loads(done.stdout) if done.stdout.strip() else None


def rounds(count, found, bench):
    """Runs every case of every tool `count` times, after one round that is not kept: it fills the caches
    and writes Python's bytecode, and in it is counted what each tool sends: objects and bytes. Returns the
    samples and these counts, by case and tool.

    Within a round the tools take turns, and each round starts with the next tool, so that a machine that
    becomes slower or faster does so for all of them."""
    sent, samples = {}, {(case, tool.name): [] for case in CASES for tool in found}
    for case, tool, command in turns(0, found, bench):
        before = bench.held(tool.bucket)
        measure.run(command, bench.environment, bench.workplace)
        after = bench.held(tool.bucket)
        sent[case, tool.name] = after[0] - before[0], after[1] - before[1]
    for number in range(1, count + 1):
        for case, tool, command in turns(number, found, bench):
            sample, _ = measure.run(command, bench.environment, bench.workplace)
            samples[case, tool.name].append(sample)
    return samples, sent


def turns(number, found, bench):
    """Yields what is run in a round: case, tool and command. The folder is ready for it by then."""
    install.say(f"round {number}" if number else "warming up")
    bench.reset([tool.bucket for tool in found])
    folder = bench.workplace / "folder"
    first = number % len(found)
    for case, prepare in CASES.items():
        prepare(folder)
        for tool in found[first:] + found[:first]:
            yield case, tool, tool.sync(folder, bench.distribution)


if __name__ == "__main__":
    try:
        main()
    except (measure.Failed, RuntimeError, OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"benches: {error}")
