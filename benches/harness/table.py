"""The samples as lines for scripts and as the table in README.md, judged against the goals."""

import datetime
import os
import platform
from dataclasses import dataclass
from statistics import median

BEGIN, END = "<!-- table: written by benches/run -->", "<!-- end of the table -->"
# In template.json.
RESOURCES = 8
METRICS = {"wall": "s", "cpu": "s", "memory": "MiB"}


@dataclass(frozen=True)
class Results:
    """Everything that was measured."""

    samples: dict  # (case, tool) → list of samples
    named: dict  # tool → how many resources it named on its terminal during a first deploy
    floor: float  # MiB
    runs: int
    profile: str  # of ours, as cargo calls it

    def middle(self, case, tool, metric):
        """Returns the median of a metric."""
        return median(self.values(case, tool, metric))

    def values(self, case, tool, metric):
        """Returns a metric of every run."""
        return [getattr(sample, metric) for sample in self.samples[case, tool]]

    def cases(self):
        """Returns the cases in their order."""
        return list(dict.fromkeys(case for case, _ in self.samples))

    def peers(self, case):
        """Returns everybody but ours who was measured in a case."""
        return [tool for named, tool in self.samples if named == case and tool != "ours"]

    def ratio(self, case, peer, metric):
        """Returns ours over the peer's."""
        return self.middle(case, "ours", metric) / self.middle(case, peer, metric)


def lines(results):
    """Returns `figure NAME VALUE UNIT` and `ratio NAME VALUE` lines."""
    for case in results.cases():
        for tool in ["ours", *results.peers(case)]:
            for metric, unit in METRICS.items():
                value = results.middle(case, tool, metric)
                yield f"figure {name(case, metric, tool)} {value:.4g} {unit}"
    for tool, count in results.named.items():
        yield f"figure first-deploy.named.{tool} {count} resources"
    yield f"figure memory.floor {results.floor:.4g} MiB"
    for case in results.cases():
        for peer in results.peers(case):
            for metric in METRICS:
                yield f"ratio {name(case, metric, peer)} {results.ratio(case, peer, metric):.4f}"
    for words, value, verdict in goals(results):
        yield f"goal {verdict}: {words}: {value}"


def name(case, metric, tool):
    """Returns a name without spaces."""
    return ".".join([case.replace(" ", "-"), metric, tool])


def goals(results):
    """Yields every goal in words, where we stand, and PASS or MISS."""
    start = results.middle("start-up", "ours", "wall") * 1000
    yield verdict("start-up ≤ 10 ms", start, 10, f"{start:.1f} ms")
    wall = results.ratio("first deploy", "aws", "wall")
    yield verdict("first deploy ≤ 1/2 of `aws cloudformation deploy` in wall", wall, 1 / 2, f"{wall:.3f}")
    cpu = results.ratio("first deploy", "aws", "cpu")
    yield verdict("first deploy ≤ 1/8 of `aws cloudformation deploy` in CPU", cpu, 1 / 8, f"{cpu:.3f}")
    memory = results.middle("first deploy", "ours", "memory")
    yield verdict("first deploy ≤ 30 MiB", memory, 30, mebibytes(memory, results.floor))
    unnamed = RESOURCES - results.named["ours"]
    yield verdict("first deploy tells each of the 8 resources as it moves", unnamed, 0, f"{results.named['ours']} of 8")
    rust = results.ratio("first deploy", "cloudformatious", "cpu")
    yield verdict("first deploy ≤ `cloudformatious` in CPU, with progress", rust, 1, f"{rust:.3f}")
    best = min(results.peers("no-op"), key=lambda peer: results.middle("no-op", peer, "wall"))
    again = results.ratio("no-op", best, "wall")
    yield verdict(f"no-op ≤ 1/5 of the best peer (`{best}`) in wall", again, 1 / 5, f"{again:.3f}")


def verdict(words, value, limit, shown):
    """Returns a goal with its judgement."""
    return words, shown, "PASS" if value <= limit else "MISS"


def mebibytes(value, floor):
    """Returns an amount of memory; what lies at the floor may be less."""
    return f"≤ {value:.1f} MiB" if value <= floor * 1.02 else f"{value:.1f} MiB"


def write(readme, results, versions):
    """Puts the table where the last one was."""
    replace(readme, BEGIN, END, markdown(results, versions))


def replace(readme, begin, end, text):
    """Puts a text between two marks of a file, in the place of what was there."""
    before, rest = readme.read_text().split(begin)
    _, after = rest.split(end)
    readme.write_text(f"{before}{begin}\n{text}{end}{after}")


def markdown(results, versions):
    """Returns the goals, the figures and where they were taken."""
    rows = [f"Taken on {datetime.date.today()}: {results.runs} runs of each; ours built with profile `{results.profile}`."]
    rows += [machine(), ""]
    told = ", ".join(f"{tool} {version}" for tool, version in versions.items())
    rows += [f"Versions: {told}.", "", "| goal | ours | |", "|---|---|---|"]
    rows += [f"| {words} | {value} | {judged} |" for words, value, judged in goals(results)]
    for case in results.cases():
        rows += ["", f"**{case}**", "", "| | wall s | CPU s | peak MiB | ours: wall | CPU | memory |"]
        rows += ["|---|---|---|---|---|---|---|"]
        rows += [row(results, case, tool) for tool in ["ours", *results.peers(case)]]
    return "\n".join(rows) + "\n\n"


def row(results, case, tool):
    """Returns one tool's line: median (min–max), and ours as a share of it."""
    cells = [f"`{tool}`" if tool != "ours" else "**ours**"]
    for metric, digits in (("wall", 3), ("cpu", 3), ("memory", 1)):
        values = results.values(case, tool, metric)
        low, middle, high = (f"{value:.{digits}f}" for value in (min(values), median(values), max(values)))
        at_floor = metric == "memory" and median(values) <= results.floor * 1.02
        cells.append(f"{'≤ ' if at_floor else ''}{middle} ({low}–{high})")
    if tool == "ours":
        cells += ["", "", ""]
    else:
        cells += [f"{results.ratio(case, tool, metric):.3f}" for metric in METRICS]
    return f"| {' | '.join(cells)} |"


def machine():
    """Returns what it ran on, without any name of a machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = os.getloadavg()[1]
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GiB, Linux {platform.release()}, "
        f"Python {platform.python_version()}; load over the last five minutes {load:.1f}."
    )
