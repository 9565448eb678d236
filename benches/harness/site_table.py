"""The samples of the site's release as lines for scripts and as its table in README.md."""

import datetime

import table

BEGIN, END = "<!-- table: written by benches/site -->", "<!-- end of the table of benches/site -->"
# The most that ours may hold in memory, whatever the site.
MEMORY_MIB = 64


def lines(results, sent):
    """Yields `figure NAME VALUE UNIT`, `ratio NAME VALUE` and `goal` lines."""
    for case in results.cases():
        for tool in ["ours", *results.peers()]:
            for metric, unit in table.METRICS.items():
                value = results.middle(case, tool, metric)
                yield f"figure {name(case, metric, tool)} {value:.4g} {unit}"
            objects, size = sent[case, tool]
            yield f"figure {name(case, 'sent', tool)} {objects} objects"
            yield f"figure {name(case, 'sent-bytes', tool)} {size} bytes"
    for case in results.cases():
        for peer in results.peers():
            for metric in table.METRICS:
                yield f"ratio {name(case, metric, peer)} {results.ratio(case, peer, metric):.4f}"
    for words, value, judged in goals(results, sent):
        yield f"goal {judged}: {words}: {value}"


def name(case, metric, tool):
    """Returns a name without spaces."""
    return "site." + table.name(case.replace(",", ""), metric, tool)


def goals(results, sent):
    """Yields every goal in words, where we stand, and PASS or MISS."""
    for case, peer, metric, word in (
        ("first upload", "s5cmd", "wall", "wall"),
        ("first upload", "rclone", "cpu", "CPU"),
        ("unchanged", "s5cmd", "wall", "wall"),
        ("same bytes, new times", "rclone", "wall", "wall"),
    ):
        value = results.ratio(case, peer, metric)
        yield table.verdict(f"{case} ≤ `{peer}` in {word}", value, 1, f"{value:.3f}")
    memory = max(results.middle(case, "ours", "memory") for case in results.cases())
    yield table.verdict(f"never more than {MEMORY_MIB} MiB", memory, MEMORY_MIB, f"{memory:.1f} MiB")
    objects, _ = sent["same bytes, new times", "ours"]
    yield table.verdict("same bytes, new times: nothing is sent", objects, 0, f"{objects} objects")


def write(readme, results, sent, versions):
    """Puts the table where the last one was."""
    table.replace(readme, BEGIN, END, markdown(results, sent, versions))


def markdown(results, sent, versions):
    """Returns the goals, the figures and where they were taken."""
    rows = [f"Taken on {datetime.date.today()}: {results.runs} runs of each; ours built with profile `{results.profile}`."]
    rows += [table.machine(), ""]
    told = ", ".join(f"{tool} {version}" for tool, version in versions.items())
    rows += [f"Versions: {told}.", "", "| goal | ours | |", "|---|---|---|"]
    rows += [f"| {words} | {value} | {judged} |" for words, value, judged in goals(results, sent)]
    for case in results.cases():
        rows += ["", f"**{case}**", ""]
        rows += ["| | wall s | CPU s | peak MiB | ours: wall | CPU | memory | sent |", "|---|---|---|---|---|---|---|---|"]
        rows += [row(results, sent, case, tool) for tool in ["ours", *results.peers()]]
    return "\n".join(rows) + "\n\n"


def row(results, sent, case, tool):
    """Returns one tool's line, and what it sent."""
    objects, size = sent[case, tool]
    return f"{table.row(results, case, tool)} {objects} ({size / 1e6:.1f} MB) |"
