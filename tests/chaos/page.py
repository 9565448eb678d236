"""A page, whatever carries the changes: it stays connected, shows the newest that it knows, and notes faults.

In: what a channel tells. Out: the factories that the page shows, and the faults."""

import threading
import time


class Page(threading.Thread):
    """`stay_connected` is the channel's: it returns or raises when the connection is over."""

    def __init__(self, name):
        super().__init__(daemon=True)
        self.name = name
        self.shown = {}  # id: factory
        self.faults = []
        self.connections = self.messages = self.snapshots = 0
        self.is_over = False
        self.lock = threading.Lock()

    def run(self):
        while not self.is_over:
            try:
                self.stay_connected()
            except (OSError, EOFError, ValueError):
                time.sleep(0.2)

    def show(self, identity, revision, factory):
        """Shows a revision that is newer than what was shown: without a factory it is removed."""
        if factory:
            self.shown[identity] = factory
        else:
            self.shown.pop(identity, None)

    def tree(self):
        with self.lock:
            return dict(self.shown)
