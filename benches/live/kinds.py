"""Measures from a click to every browser, on a stage with servers and on one with an Event API, side by side.

kinds.py CHANGES PAGES [FOLDER REPORT]…: how many changes, to how many pages, and for each stage its folder and the
answer of `deploy --output json`.

The stages take turns: a PATCH goes to one, and when all its pages have applied the revision, the next one to the
other. So whatever else the machine does meets both. Two times are kept for each change: from before the PATCH is
sent until the last of the pages has applied it, and until each of them has. Pages are real WebSockets in threads of
this process, those of `tests/chaos` with nothing dropped. Ends with 1 when a change did not come within 30 s. Runs
on the Python of the emulator."""

import json
import os
import sys
import threading
import time
from pathlib import Path
from statistics import quantiles

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests/chaos"))

from event_api import EventApi  # noqa: E402
from servers import ServerPage  # noqa: E402
from stage import Stage  # noqa: E402

PATIENCE = 30

# Changes before those that count: the first calls of a Lambda start it.
WARM_UP = 5


class Subject:
    """A stage, its pages, and one factory that is renamed again and again."""

    def __init__(self, folder, report, pages):
        self.stage = Stage(folder, json.loads(Path(report).read_text()))
        self.pages = self.pages_of_stage(pages)
        self.applied, self.all_told = {}, threading.Condition()
        self.every, self.each = [], []
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
                self.applied.setdefault((identity, revision), {})[page.name] = time.monotonic()
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

    def change(self, number, counts):
        started = time.monotonic()
        path, name = f"/factories/{self.factory['id']}", {"name": f"bench {number}"}
        status, self.factory = self.stage.call("PATCH", path, name, self.factory["revision"])
        assert status == 200, self.factory
        told = [at - started for at in self.wait_for(self.factory["revision"])]
        if counts:
            self.every.append(max(told))
            self.each += told

    def end(self):
        for page in self.pages:
            page.is_over = True
        self.stage.call("DELETE", f"/factories/{self.factory['id']}", None, self.factory["revision"])


def row(name, times):
    cuts = quantiles(times, n=100, method="inclusive")
    cells = [cuts[49], cuts[98], max(times)]
    return f"| {name} | {len(times)} | " + " | ".join(f"{cell * 1000:.0f}" for cell in cells) + " |"


def main():
    changes, pages, *stages = sys.argv[1:]
    subjects = [Subject(folder, report, int(pages)) for folder, report in zip(stages[::2], stages[1::2])]
    loads = [os.getloadavg()[0]]
    for number in range(int(changes) + WARM_UP):
        for subject in subjects:
            subject.change(number, number >= WARM_UP)
        loads.append(os.getloadavg()[0])
    for subject in subjects:
        subject.end()
    print(f"{pages} pages each; load of the machine {min(loads):.1f} to {max(loads):.1f} on {os.cpu_count()} cores\n")
    print("| ms from PATCH sent | times | p50 | p99 | longest |\n|---|---|---|---|---|")
    for subject in subjects:
        print(row(f"{subject.stage.live}: every page has it", subject.every))
    for subject in subjects:
        print(row(f"{subject.stage.live}: a page has it", subject.each))


main()
