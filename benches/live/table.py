"""Reads `figure` lines, and prints the table and the goals of the live tree."""

import sys
from collections import defaultdict
from statistics import median

FIGURES = {
    "memory": "KiB a connection",
    "cpu": "CPU µs a delivery",
    "p50": "p50 ms",
    "p99": "p99 ms",
    "lost": "lost",
}


def read(path: str) -> dict[str, list[float]]:
    values = defaultdict(list)
    for line in open(path, encoding="utf-8"):
        _, name, value, _ = line.split()
        values[name].append(float(value))
    return values


def cell(values: list[float]) -> str:
    if min(values) == max(values):
        return f"{values[0]:g}"
    return f"{median(values):.2f} ({min(values):.2f}–{max(values):.2f})"


def ratios(ours: list[float], theirs: list[float]) -> list[float]:
    """Ours by theirs in each round: from round to round the machine's own speed changes more than the two differ."""
    return [one / other for one, other in zip(ours, theirs, strict=True)]


def goal(text: str, holds: bool) -> None:
    print(f"goal {text} {'PASS' if holds else 'MISS'}")


def main() -> None:
    values = read(sys.argv[1])
    subjects = dict.fromkeys(name.split(".")[0] for name in values)
    for clients in ("1000", "10000"):
        print(f"\n| {clients} connections | " + " | ".join(FIGURES.values()) + " |")
        print("|---" * (len(FIGURES) + 1) + "|")
        for subject in subjects:
            cells = [cell(values[f"{subject}.{clients}.{figure}"]) for figure in FIGURES]
            print(f"| {subject} | " + " | ".join(cells) + " |")
    print()
    for clients in ("1000", "10000"):
        ours = {figure: values[f"ours.{clients}.{figure}"] for figure in FIGURES}
        beside = {figure: ratios(ours[figure], values[f"bun.{clients}.{figure}"]) for figure in ("cpu", "p99")}
        for figure, of in beside.items():
            print(f"{clients}: {FIGURES[figure]}, ours / Bun's: {cell(of)}")
        goal(f"{clients}: nothing is lost", max(ours["lost"]) == 0)
        goal(f"{clients}: at most 6 KiB a connection", median(ours["memory"]) <= 6)
        goal(f"{clients}: CPU at most Bun's", median(beside["cpu"]) <= 1)
        goal(f"{clients}: p99 at most Bun's", median(beside["p99"]) <= 1)
    storm = {name.split(".")[2]: median(of) for name, of in values.items() if ".storm." in name}
    goal("storm: settled within 20 s", storm["settled"] <= 20)
    goal("storm: nobody is refused", storm["refused"] == 0)
    goal(
        "storm: memory is back within 10 %",
        storm["memory_after"] <= 1.1 * storm["memory_before"],
    )


main()
