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
        ours = {figure: median(values[f"ours.{clients}.{figure}"]) for figure in FIGURES}
        bun = {figure: median(values[f"bun.{clients}.{figure}"]) for figure in FIGURES}
        goal(f"{clients}: nothing is lost", ours["lost"] == 0)
        goal(f"{clients}: at most 6 KiB a connection", ours["memory"] <= 6)
        goal(f"{clients}: CPU at most Bun's", ours["cpu"] <= bun["cpu"])
        goal(f"{clients}: p99 at most Bun's", ours["p99"] <= bun["p99"])
    storm = {name.split(".")[2]: median(of) for name, of in values.items() if ".storm." in name}
    goal("storm: settled within 20 s", storm["settled"] <= 20)
    goal("storm: nobody is refused", storm["refused"] == 0)
    goal(
        "storm: memory is back within 10 %",
        storm["memory_after"] <= 1.1 * storm["memory_before"],
    )


main()
