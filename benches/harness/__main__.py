"""benches/run: installs, measures, prints figures and ratios, and rewrites the table in README.md."""

import json
import os
import shutil
import sys
from pathlib import Path

import endpoint
import install
import measure
import options
import table
import tools

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / "target/benches"
TEMPLATE = ROOT / "benches/template.json"
RESOURCES = list(json.loads(TEMPLATE.read_text())["Resources"])
CASES = ("first deploy", "no-op", "start-up")


def main():
    arguments = options.parse("benches/run", __doc__, runs=7)
    HOME.mkdir(parents=True, exist_ok=True)
    workplace = HOME / "workplace"
    shutil.rmtree(workplace, ignore_errors=True)
    workplace.mkdir()
    profile = "dev" if arguments.dev else "release"
    ours = install.ours(ROOT, profile)
    found = tools.tools(install.peers(HOME), ours, TEMPLATE, workplace)
    with endpoint.started(ROOT, HOME) as url:
        environment = tools.environment(url, workplace, os.environ["PATH"])
        floor = measure.memory_floor(environment, workplace)
        samples, named = rounds(arguments.runs, found, url, environment, workplace)
    results = table.Results(samples, named, floor, arguments.runs, profile)
    for line in table.lines(results):
        print(line)
    if arguments.dev:
        install.say("a debug build: README.md keeps its table")
    else:
        table.write(ROOT / "benches/README.md", results, install.versions())


def rounds(count, found, url, environment, workplace):
    """Runs every case of every tool `count` times, after one round that is not kept: it fills the caches
    and writes Python's bytecode. Returns the samples by case and tool, and how many of the resources each tool
    named on its terminal during its last first deploy.

    Within a round the tools take turns, and each round starts with the next tool, so that a machine that
    becomes slower or faster does so for all of them."""
    samples = {(case, tool.name): [] for case in CASES for tool in found if is_measured(case, tool)}
    named = {}
    for number in range(count + 1):
        endpoint.reset(url)
        install.say(f"round {number} of {count}" if number else "warming up")
        first = number % len(found)
        for case in CASES:
            for tool in found[first:] + found[:first]:
                if not is_measured(case, tool):
                    continue
                sample, written = measured(case, tool, f"bench{number}-{tool.name}", environment, workplace)
                if case == "first deploy":
                    named[tool.name] = sum(resource in written for resource in RESOURCES)
                if number:
                    samples[case, tool.name].append(sample)
    return samples, named


def is_measured(case, tool):
    """Returns whether a tool does what a case is about."""
    return case != "no-op" or tool.unchanged is not None


def measured(case, tool, stack, environment, workplace):
    """Runs one case of one tool, makes sure that it did what the case is about, and returns its sample and
    what it wrote."""
    command = tool.version if case == "start-up" else tool.deploy(stack)
    sample, written = measure.run(command, environment, workplace)
    if case == "no-op" and tool.unchanged not in written:
        raise measure.Failed(f"{tool.name} found something to do on a repeat:\n{written[-3000:]}")
    return sample, written


if __name__ == "__main__":
    try:
        main()
    except (measure.Failed, RuntimeError, OSError) as error:
        sys.exit(f"benches: {error}")
