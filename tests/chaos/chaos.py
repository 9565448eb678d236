"""Hurts a local stage while many write, and judges whether every page shows the table in the end.

chaos.py STATE_FOLDER REPORT: the stage's folder and the answer of `deploy --output json`. CHAOS_ROUNDS: how many
rounds, by default one. Runs on the Python of the emulator, which has botocore.

Judged, each as a number that must be 0: updates that were answered with 200 and are not in the table (lost), what a
page was told twice or older than before (servers.py), or shows older than before (event_api.py), answers of the API
that are 5xx, and pages that do not show the table when all is over. The publisher is killed at every third of its
batches that can be seen; what else is hurt depends on what carries the changes to the pages, which the stage's own
page is asked for."""

import json
import os
import random
import sys
import threading
import time
import uuid

from event_api import EventApi
from servers import Servers
from stage import Stage

KINDS = {"servers": Servers, "appsync": EventApi}

FACTORIES, WRITERS, HANDS = 10, 300, 8

# The time in which every page must show the table after the last write: a silent queue is found after 30 s.
QUIET = 100


class Round:
    def __init__(self, stage):
        self.stage = stage
        self.live = KINDS[stage.live](stage)
        self.pages = self.live.pages
        self.counted = dict.fromkeys(["saved", "conflicts", "errors", "publisher killed", "removed and restored"], 0)
        self.first = {}  # id: the revision at which the factory was created
        # id: the revisions that writes were based on whose answer was good. Two who remove the same revision, or have
        # nothing drawn for it, are both told that it is done, and it is done once.
        self.bases = {}
        self.lock = threading.Lock()
        self.is_writing = True

    def count(self, what):
        with self.lock:
            self.counted[what] += 1

    def create(self):
        for _ in range(FACTORIES):
            body = {"id": str(uuid.uuid4()), "name": "chaos", "lower": 0, "upper": 9, "count": 2}
            status, factory = self.stage.call("POST", "/factories", body)
            assert status == 201, factory
            self.first[factory["id"]] = factory["revision"]
            self.bases[factory["id"]] = set()

    def write(self, writer):
        """One writer: it reads, changes what it read, and starts again when somebody was faster."""
        identity = random.choice(list(self.first))
        while True:
            status, factory = self.stage.call("GET", f"/factories/{identity}")
            if status == 404:
                continue
            path, body = f"/factories/{identity}", {"name": f"writer {writer}"}
            method = "PATCH"
            if writer % 3 == 0:
                method, path, body = "POST", f"{path}/numbers", {"count": writer % 16}
            if writer % 10 == 9:
                method, path, body = "DELETE", f"/factories/{identity}", None
            status, answer = self.stage.call(method, path, body, factory.get("revision"))
            if status in (200, 204):
                break
            self.count("errors" if status >= 500 else "conflicts")
        with self.lock:
            self.bases[identity].add(factory["revision"])
        self.count("saved")
        if method == "DELETE":
            status, answer = self.stage.call("POST", f"/factories/{identity}/restore")
            assert status == 200, answer
            with self.lock:
                self.bases[identity].add(answer["revision"] - 1)
            self.count("removed and restored")

    def write_all(self):
        writers = iter(range(WRITERS))

        def hand():
            while (writer := self.next_of(writers)) is not None:
                self.write(writer)

        hands = [threading.Thread(target=hand) for _ in range(HANDS)]
        for one in hands:
            one.start()
        for one in hands:
            one.join()
        self.is_writing = False

    def next_of(self, writers):
        with self.lock:
            return next(writers, None)

    def kill_publishers(self):
        while self.is_writing:
            for pid in self.stage.publishers():
                try:
                    os.kill(pid, 9)
                    self.count("publisher killed")
                except ProcessLookupError:
                    pass
            time.sleep(1.5)

    def hurt(self):
        self.counted |= self.live.hurt(lambda: self.is_writing)

    def run(self):
        self.live.start()
        for page in self.pages:
            page.start()
        self.create()
        threads = [threading.Thread(target=task) for task in (self.write_all, self.hurt, self.kill_publishers)]
        started = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.live.break_off(lambda: self.write(WRITERS))
        written = time.monotonic() - started
        different = self.wait_until_equal()
        settled = time.monotonic() - started - written
        for page in self.pages:
            page.is_over = True
        self.live.end()
        return self.judge(different, written, settled)

    def wait_until_equal(self):
        table, deadline = self.stage.tree(), time.monotonic() + QUIET
        while True:
            different = [page.name for page in self.pages if page.tree() != table]
            if not different or time.monotonic() > deadline:
                return different
            time.sleep(0.2)

    def expected(self):
        """Yields the factories with the revisions that the answers to the writers add up to."""
        for identity, revision in self.first.items():
            yield identity, revision + len(self.bases[identity])

    def judge(self, different, written, settled):
        table = self.stage.tree()
        lost = [
            f"{identity} is at {table[identity]['revision']}, not {revision}"
            for identity, revision in self.expected()
            if table[identity]["revision"] != revision
        ]
        told = [fault for page in self.pages for fault in page.faults]
        seen = {
            "connections": sum(page.connections for page in self.pages),
            "snapshots": sum(page.snapshots for page in self.pages),
            "messages": sum(page.messages for page in self.pages),
        }
        figures = {**self.counted, **seen, "written": f"{written:.0f} s", "settled": f"{settled:.0f} s"}
        faults = {"lost": lost, "twice or older": told, "different": different}
        counts = {**figures, **{name: len(found) for name, found in faults.items()}}
        print(", ".join(f"{name} {value}" for name, value in counts.items()), flush=True)
        for found in faults.values():
            print("\n".join(found[:10]), end="\n" if found else "")
        # The API has no part in all this. A round that hurt nothing shows nothing.
        hurt = all(self.counted[what] for what in ("publisher killed", *self.live.HURTS))
        return hurt and not any(faults.values()) and self.counted["errors"] == 0


def main():
    folder, report = sys.argv[1:]
    with open(report, encoding="utf-8") as file:
        stage = Stage(folder, json.load(file))
    for number in range(int(os.environ.get("CHAOS_ROUNDS", "1"))):
        print(f"{stage.live}, round {number + 1}: ", end="", flush=True)
        if not Round(stage).run():
            return 1
    return 0


sys.exit(main())
