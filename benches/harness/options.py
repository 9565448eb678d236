"""What the benches against the peers are told on their command lines."""

import argparse

# Enough for a median, few enough for a coffee.
MIN_RUNS, MAX_RUNS = 2, 50


def parse(program, description, runs):
    """Returns what the person asked for; `runs` is how many runs there are without a word."""
    parser = argparse.ArgumentParser(prog=program, description=description)
    parser.add_argument("--runs", type=int, default=runs, metavar="N", help="measured runs of each [default: %(default)s]")
    parser.add_argument("--dev", action="store_true", help="measure a debug build, and keep the table as it is")
    arguments = parser.parse_args()
    if not MIN_RUNS <= arguments.runs <= MAX_RUNS:
        parser.error(f"--runs: from {MIN_RUNS} to {MAX_RUNS}")
    return arguments
