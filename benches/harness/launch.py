"""Starts one program and tells what it cost. It is a process of its own, and imports nothing but what it
needs, because Linux counts what a process held before it became another program: whoever starts the
measured program must be smaller than it.

In: a file descriptor, seconds of patience, and the command. Out, on the descriptor: exit code, wall
seconds, CPU seconds and peak KiB. The program gets this process's terminal."""

import os
import signal
import sys
import time


def main():
    answer, patience, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    os.set_inheritable(answer, False)
    started = time.perf_counter()
    process = os.posix_spawn(command[0], command, os.environ, setpgroup=0)
    signal.signal(signal.SIGALRM, lambda *_: os.killpg(process, signal.SIGKILL))
    signal.alarm(patience)
    try:
        _, status, usage = os.wait4(process, 0)
    except KeyboardInterrupt:
        os.killpg(process, signal.SIGKILL)
        raise
    wall = time.perf_counter() - started
    cpu = usage.ru_utime + usage.ru_stime
    code = os.waitstatus_to_exitcode(status)
    os.write(answer, f"{code} {wall} {cpu} {usage.ru_maxrss}".encode())


main()
