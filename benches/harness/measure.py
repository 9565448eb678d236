"""One run of one command, measured. In: a command and its environment. Out: wall, CPU, peak memory, what
it wrote. Every command runs on a terminal of its own, so that it draws what a person would see."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
from dataclasses import dataclass
from pathlib import Path

LAUNCH = Path(__file__).with_name("launch.py")
COLUMNS, ROWS = 100, 40
# A deploy of eight resources takes seconds; what takes minutes is stuck.
PATIENCE_SECONDS = 180
KIB_PER_MIB = 1024


class Failed(Exception):
    """A command did not do what it was measured for."""


@dataclass(frozen=True)
class Sample:
    """What one run cost."""

    wall: float  # seconds
    cpu: float  # seconds, user and system, of the process and all children that it waited for
    memory: float  # MiB, peak resident set of the largest of these processes


def run(arguments, environment, folder):
    """Runs a command to its end and returns its sample and what it wrote.

    Raises Failed when it does not exit with 0, or not in time."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    written = bytearray()
    reader = threading.Thread(target=drain, args=(master, written))
    reader.start()
    try:
        code, wall, cpu, memory = launch(arguments, environment, folder, slave)
    finally:
        os.close(slave)
        reader.join()
        os.close(master)
    text = written.decode(errors="replace")
    if code != 0:
        raise Failed(f"`{' '.join(arguments)}` ended with {code:.0f}:\n{text[-3000:]}")
    return Sample(wall, cpu, memory / KIB_PER_MIB), text


def launch(arguments, environment, folder, terminal):
    """Runs a command on a terminal and returns the four numbers of launch.py."""
    reading, writing = os.pipe()
    with open(reading, "rb") as answer:
        command = [sys.executable, "-I", "-S", "-B", str(LAUNCH), str(writing), str(PATIENCE_SECONDS)]
        subprocess.run(
            [*command, *arguments],
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=terminal,
            stderr=terminal,
            pass_fds=[writing],
            check=True,
        )
        os.close(writing)
        return [float(number) for number in answer.read().split()]


def drain(master, written):
    """Reads a terminal until nobody writes to it any more."""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # EIO: the last writer has gone.
            return
        written.extend(piece)


def memory_floor(environment, folder):
    """Returns the peak memory of a program that does nothing, in MiB: that of launch.py. A figure there
    says no more than that it is not above it."""
    return run(["/bin/true"], environment, folder)[0].memory
