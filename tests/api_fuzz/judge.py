"""Runs schemathesis twice at the same time, and judges both runs together.

judge.py CONFIG DOCUMENT ADDRESS CASES FOLDER [SEED]
"""

import json
import random
import subprocess
import sys
from pathlib import Path

# Each run has operations on their own; the first one adds every limit of the document, the second one sequences of
# requests, each with what the one before answered.
PHASES = ["coverage,fuzzing", "fuzzing,stateful"]

# The operations that have enough different requests; /health has one.
OPERATIONS = 7


def start(config: str, document: str, address: str, phases: str, examples: int, seed: int, folder: Path):
    report, output = folder / f"{seed}.json", folder / f"{seed}.txt"
    command = [
        *(str(Path(sys.executable).parent / "st"), "--config-file", config, "run", document),
        *("--url", address, "--checks", "all", "--phases", phases, "--max-examples", str(examples)),
        *("--seed", str(seed), "--report", "json", "--report-json-path", str(report), "--warnings", "off"),
    ]
    run = subprocess.Popen(command, stdout=output.open("w"), stderr=subprocess.STDOUT)
    return run, report, output


def main() -> int:
    config, document, address, cases, folder, *given = sys.argv[1:]
    seed = int(given[0]) if given and given[0] else random.randrange(1_000_000)
    examples = -(-int(cases) // (OPERATIONS * len(PHASES)))
    runs = [
        start(config, document, address, phases, examples, seed + place, Path(folder))
        for place, phases in enumerate(PHASES)
    ]
    generated, failed = 0, False
    for run, report, output in runs:
        code = run.wait()
        counted = json.loads(report.read_text())["test_cases"] if report.exists() else {}
        generated += counted.get("generated", 0)
        if code != 0:
            failed = True
            print(output.read_text())
    print(f"{generated} cases, seed {seed} (API_FUZZ_SEED={seed} asks the same again)")
    if generated < int(cases):
        print(f"failed: {cases} were wanted")
        failed = True
    return int(failed)


sys.exit(main())
