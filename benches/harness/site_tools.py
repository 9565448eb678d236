"""Every tool as a person would start it on a folder and a bucket. Nothing is measured here."""

from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from endpoint import REGION


@dataclass(frozen=True)
class Tool:
    """One of those that are compared."""

    name: str
    bucket: str  # its own, so that each finds what it has sent itself
    sync: Callable[[Path, str], list]  # a folder and a distribution → the command


def tools(programs, ours, url, workplace):
    """Returns ours and its peers, ours first. `workplace` is a folder for what ours remembers."""
    return [
        our_own(ours, workplace / "site.hashes.json"),
        s5cmd(str(programs["s5cmd"]), url),
        rclone(str(programs["rclone"]), url),
        aws(str(programs["aws"])),
    ]


def our_own(program, memory):
    """benches/release: the release of the deployer."""

    def sync(folder, distribution):
        return [program, REGION, str(folder), str(memory), "ours", distribution]

    return Tool("ours", "ours", sync)


def s5cmd(program, url):
    """`s5cmd sync`, which compares size and time."""

    def sync(folder, _):
        return [program, "--endpoint-url", url, "sync", f"{folder}/", "s3://s5cmd/"]

    return Tool("s5cmd", "s5cmd", sync)


def rclone(program, url):
    """`rclone sync --checksum`, which compares MD5s; as many transfers at a time as ours."""
    options = ["--checksum", "--fast-list", "--transfers", "16", "--checkers", "16"]
    options += ["--s3-provider", "Other", "--s3-env-auth", "--s3-endpoint", url, "--s3-region", REGION]
    # It need not look whether its bucket is there.
    options += ["--s3-no-check-bucket"]

    def sync(folder, _):
        return [program, "sync", *options, str(folder), ":s3:rclone"]

    return Tool("rclone", "rclone", sync)


def aws(program):
    """`aws s3 sync`, which compares size and time."""

    def sync(folder, _):
        return [program, "s3", "sync", str(folder), "s3://aws-cli"]

    return Tool("aws", "aws-cli", sync)
