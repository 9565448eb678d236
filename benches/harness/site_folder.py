"""The site that is released: 2 001 small files and five of 20 MiB, the same bytes every time."""

import os
import random
import shutil
import time

SEED = 4
SMALL, SMALL_BYTES = 2_000, (512, 20_480)
LARGE, LARGE_BYTES = 5, 20 << 20
CHANGED = 10
HOUR_SECONDS = 3_600
# Nobody deploys in the same second. What has just changed, ours does not remember (src/build/hashes.rs).
REST_SECONDS = 2.5


def write(folder):
    """Writes every file anew, an hour old: nobody takes it for just changed."""
    shutil.rmtree(folder, ignore_errors=True)
    source = random.Random(SEED)
    for path in paths():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(source.randbytes(size(path, source)))
    set_times(folder, time.time() - HOUR_SECONDS)


def touch(folder):
    """Gives every file a new time and leaves its bytes: what a checkout does."""
    set_times(folder, time.time())


def change(folder):
    """Gives ten small files other bytes."""
    for path in assets()[:: SMALL // CHANGED]:
        file = folder / path
        file.write_bytes(file.read_bytes()[::-1])


def paths():
    """Returns every path of the site."""
    return ["index.html", *assets(), *(f"assets/large-{number:08}.bin" for number in range(LARGE))]


def assets():
    """Returns the paths of the small files but the page."""
    return [f"assets/{number % 20:02}/part-{number:08}.js" for number in range(SMALL)]


def size(path, source):
    """Returns how many bytes a file has."""
    return LARGE_BYTES if "large" in path else source.randint(*SMALL_BYTES)


def set_times(folder, seconds):
    """Sets when every file was changed, and rests."""
    for path in paths():
        os.utime(folder / path, (seconds, seconds))
    time.sleep(REST_SECONDS)
