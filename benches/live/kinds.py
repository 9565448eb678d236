"""Measures from a click to every browser, on a stage with servers and on one with an Event API, side by side.

kinds.py CHANGES PAGES whole|hops [FOLDER REPORT]…: how many changes, to how many pages, whether the way is split by
hop, and for each stage its folder and the answer of `deploy --output json`.

The stages take turns: a PATCH goes to one, and when all its pages have applied the revision, the next one to the
other. So whatever else the machine does meets both. Two times are kept for each change: from before the PATCH is
sent until the last of the pages has applied it, and until each of them has. Pages are real WebSockets in threads of
this process, those of `tests/chaos` with nothing dropped. Ends with 1 when a change did not come within 30 s. Runs
on the Python of the emulator.

With `hops`, the probes of `hops.py` take turns, too: twenty changes with them, twenty without. The totals of both are
printed, and the hops of the changes with probes."""

import json
import os
import random
import sys
import threading
import time
from pathlib import Path
from statistics import quantiles

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests/chaos"))

import hops  # noqa: E402
from event_api import EventApi  # noqa: E402
from servers import ServerPage  # noqa: E402
from stage import Stage  # noqa: E402

PATIENCE = 30

# Changes before those that count: the first calls of a Lambda start it.
WARM_UP = 5

# The longest pause before a change, in seconds. Without one, changes would keep step with what polls the queue.
PAUSE = 0.2

# How many changes there are between two turns of the probes.
TURN = 20


class Subject:
    """A stage, its pages, and one factory that is renamed again and again."""

    def __init__(self, folder, report, pages):
        self.stage = Stage(folder, json.loads(Path(report).read_text()))
        self.pages = self.pages_of_stage(pages)
        self.applied, self.all_told = {}, threading.Condition()
        self.changes = []
        self.probes = None
        for page in self.pages:
            page.show = self.watched(page, page.show)
            page.start()
        self.wait(lambda: all(page.snapshots for page in self.pages), "pages that know the tree")
        body = {"name": "bench", "lower": 0, "upper": 9, "count": 15}
        status, self.factory = self.stage.call("POST", "/factories", body)
        assert status == 201, self.factory
        self.wait_for(self.factory["revision"])

    def pages_of_stage(self, count):
        if self.stage.live == "appsync":
            return EventApi(self.stage, count, dropped_of=None).pages
        port = int(self.stage.running()["parts"]["server"]["part"]["environment"]["LISTEN"].rsplit(":", 1)[1])
        return [ServerPage(f"page {number}", port, self.stage.origin) for number in range(count)]

    def watched(self, page, show):
        def note(identity, revision, factory):
            show(identity, revision, factory)
            with self.all_told:
                self.applied.setdefault((identity, revision), {})[page.name] = time.time()
                self.all_told.notify()

        return note

    def wait(self, is_so, what):
        with self.all_told:
            if not self.all_told.wait_for(is_so, PATIENCE):
                sys.exit(f"{self.stage.live}: no {what} within {PATIENCE} s")

    def wait_for(self, revision):
        key = (self.factory["id"], revision)
        self.wait(lambda: len(self.applied.get(key, ())) == len(self.pages), f"revision {revision} in every page")
        return self.applied[key].values()

    def probe(self, is_on):
        """Switches the probes."""
        if is_on and not self.probes:
            self.probes = hops.Probes(self.stage)
        if is_on:
            self.probes.subscribe()
        elif self.probes:
            self.probes.unsubscribe()

    def change(self, number, counts, probed):
        time.sleep(random.uniform(0, PAUSE))
        sent = time.time()
        path, name = f"/factories/{self.factory['id']}", {"name": f"bench {number}"}
        status, self.factory = self.stage.call("PATCH", path, name, self.factory["revision"])
        answered = time.time()
        assert status == 200, self.factory
        revision = self.factory["revision"]
        told = list(self.wait_for(revision))
        if counts:
            self.changes.append(hops.Change(self.factory["id"], revision, sent, answered, sorted(told), probed))

    def end(self):
        for page in self.pages:
            page.is_over = True
        self.stage.call("DELETE", f"/factories/{self.factory['id']}", None, self.factory["revision"])


def row(name, times):
    return f"| {name} | {len(times)} | {cells(times)} |"


def cells(times):
    cuts = quantiles(times, n=100, method="inclusive")
    return " | ".join(f"{cell * 1000:.0f}" for cell in [cuts[49], cuts[98], max(times)])


def print_totals(kind, addition, changes):
    each = [at - change.sent for change in changes for at in change.told]
    print(row(f"{kind}: every page has it{addition}", [change.told[-1] - change.sent for change in changes]))
    print(row(f"{kind}: a page has it{addition}", each))


def print_hops(subject):
    kind, probes = subject.stage.live, subject.probes
    ways = hops.split(probes, [change for change in subject.changes if change.probed])
    print(f"\n| {kind}, ms | times | p50 | p99 | longest |\n|---|---|---|---|---|")
    for name, times in ways.items():
        print(row(name, times))
    if probes.queue:
        print(row("*alone*: a queue sends → one of four long polls has it", probes.queue_waits()))


def main():
    changes, pages, extent, *stages = sys.argv[1:]
    subjects = [Subject(folder, report, int(pages)) for folder, report in zip(stages[::2], stages[1::2])]
    loads, probed = [os.getloadavg()[0]], False
    for number in range(-WARM_UP, int(changes)):
        if extent == "hops" and number >= 0 and number % TURN == 0:
            probed = number // TURN % 2 == 0
            for subject in subjects:
                subject.probe(probed)
        for subject in subjects:
            subject.change(number, number >= 0, probed)
        loads.append(os.getloadavg()[0])
    print(f"{pages} pages each; load of the machine {min(loads):.1f} to {max(loads):.1f} on {os.cpu_count()} cores\n")
    print("| ms from PATCH sent | times | p50 | p99 | longest |\n|---|---|---|---|---|")
    for subject in subjects:
        for is_probed, addition in [(False, ""), (True, ", with probes")]:
            chosen = [change for change in subject.changes if change.probed == is_probed]
            if chosen:
                print_totals(subject.stage.live, addition, chosen)
    for subject in subjects:
        if subject.probes:
            print_hops(subject)
            subject.probes.end()
        subject.end()


main()
