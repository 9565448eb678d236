"""A stage whose changes come from an Event API: its pages, and the ways on which their events get lost.

The API promises neither order nor that nothing is lost, so nobody blames it for either. The pages do what the site
does (`site/src/api/appSyncChannel.ts`, `site/src/composables/knownFactories.ts`). Where one shows a factory older
than before, or shows a removed one again, it notes a fault. Every tenth event is dropped on the way to a page.

At the end all connections bring nothing for a moment and are cut, while the cache keeps a list from before the last
change: a page without the second reading ends different from the table."""

import base64
import json
import threading
import time
import uuid

from frames import WebSocket
from page import Page

# As in the site: until the second reading, until the next one in turn, and how old a list of the cache may be.
SECOND_READ, TURN_READ, LIST_AGE = 5, 120, 3

# How long the cache keeps a list, and a little more.
CACHE_SECONDS = 2.2

# A connection that is not subscribed by then counts as failed.
OPENING = 10

# Of how many events one is dropped on the way, unless the pages are told to drop none.
DROPPED_OF = 10


class EventPage(Page):
    """A page that subscribes to the channel of a stage, and reads its list through the cache."""

    def __init__(self, name, stage, dropped_of=DROPPED_OF):
        super().__init__(name)
        self.stage, self.dropped_of = stage, dropped_of
        self.known = Known(self)
        self.connection = 0  # counts: what an earlier connection has begun is of no use to the next
        self.is_subscribed = False
        self.deadline = 0  # when the connection counts as failed, unless it is subscribed
        self.timer = None
        self.is_to_be_cut = threading.Event()
        self.is_deaf = False  # a connection that is about to break brings nothing
        self.events = self.dropped = 0

    def cut(self):
        """Cuts the connection, as a network does: the other side gets RST."""
        self.is_to_be_cut.set()

    def stay_connected(self):
        live, address = self.stage.config["live"], self.stage.config["socket"]
        host, path = address.removeprefix("ws://").split("/", 1)
        key = {"host": live["host"], "x-api-key": live["key"]}
        header = base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")
        headers = {"Host": host, "Origin": self.stage.origin}
        headers["Sec-WebSocket-Protocol"] = f"aws-appsync-event-ws, header-{header}"
        self.is_to_be_cut.clear()
        self.is_deaf = False
        self.connection += 1
        self.is_subscribed = False
        self.deadline = time.monotonic() + OPENING
        try:
            with WebSocket(self.stage.port, f"/{path}", headers, self.is_lost) as socket:
                socket.send(json.dumps({"type": "connection_init"}))
                for text in socket.texts():
                    self.take(json.loads(text), socket, live["channel"], key)
        finally:
            if self.timer:
                self.timer.cancel()

    def is_lost(self):
        is_late = not self.is_subscribed and time.monotonic() > self.deadline
        return self.is_over or is_late or self.is_to_be_cut.is_set()

    def take(self, message, socket, channel, key):
        kind = message["type"]
        if kind == "connection_ack":
            subscribe = {"type": "subscribe", "id": str(uuid.uuid4()), "channel": channel, "authorization": key}
            socket.send(json.dumps(subscribe))
        elif kind == "subscribe_success":
            self.is_subscribed = True
            self.connections += 1
            self.read_after(0, "suspicion")
        elif kind == "data":
            events = message["event"]
            for event in events if isinstance(events, list) else [events]:
                self.hear(json.loads(event))
        elif kind == "broadcast_error":
            self.read_after(0, "suspicion")
        elif kind in ("connection_error", "subscribe_error"):
            raise EOFError(message)

    def hear(self, event):
        if event["type"] not in ("changed", "removed"):
            return
        self.events += 1
        if self.is_deaf or (self.dropped_of and self.events % self.dropped_of == 0):
            self.dropped += 1
            return
        with self.lock:
            self.messages += 1
            if event["type"] == "changed":
                self.known.take(event["factory"])
            else:
                self.known.drop(event["id"], event["revision"])

    def read_after(self, seconds, reason):
        """Reads the tree in a while, and goes on hearing events meanwhile."""
        if self.timer:
            self.timer.cancel()
        self.timer = threading.Timer(seconds, self.read, [self.connection, reason])
        self.timer.daemon = True
        self.timer.start()

    def read(self, connection, reason):
        as_of = time.monotonic() - LIST_AGE
        try:
            tree = self.stage.tree(self.stage.config.get("reads"))
        except (OSError, ValueError, AssertionError):
            tree = None
        if connection != self.connection:
            return
        if tree is None:
            return self.read_after(1, reason)
        with self.lock:
            self.snapshots += 1
            self.known.receive(tree, as_of)
        if reason == "suspicion":
            self.read_after(SECOND_READ, "second")
        else:
            self.read_after(TURN_READ, "turn")


class Known:
    """What a page knows of every factory: never an older revision, whatever the order of events and lists."""

    def __init__(self, page):
        self.page = page
        self.factories = {}
        self.removed_at = {}  # id: the highest revision at which it is known to be gone
        self.heard_at = {}
        self.watched = {}  # id: the newest revision that was shown or removed, noted apart from all that decides

    def receive(self, tree, as_of):
        """Applies a list. What it lacks is gone, except what was heard of since the moment to which it is complete."""
        for factory in tree.values():
            self.take(factory)
        for identity, factory in list(self.factories.items()):
            if identity not in tree and self.heard_at[identity] <= as_of:
                self.drop(identity, factory["revision"])

    def take(self, factory):
        identity, revision = factory["id"], factory["revision"]
        before = self.factories.get(identity)
        if revision <= (before["revision"] if before else self.removed_at.get(identity, -1)):
            return
        self.factories[identity] = factory
        self.heard_at[identity] = time.monotonic()
        self.removed_at.pop(identity, None)
        self.show(identity, revision, factory)

    def drop(self, identity, revision):
        before = self.factories.get(identity)
        if before and before["revision"] > revision:
            return
        self.removed_at[identity] = max(revision, self.removed_at.get(identity, -1))
        if before:
            del self.factories[identity], self.heard_at[identity]
            self.show(identity, revision, None)

    def show(self, identity, revision, factory):
        if revision < self.watched.get(identity, 0):
            self.page.faults.append(f"{self.page.name} shows {revision} of {identity} after {self.watched[identity]}")
        self.watched[identity] = max(revision, self.watched.get(identity, 0))
        self.page.show(identity, revision, factory)


class EventApi:
    """The Event API of a stage, which the emulator runs, and the pages' connections to it."""

    # What every round must have done at least once.
    HURTS = ("connections cut", "emulator paused", "events dropped")

    def __init__(self, stage, pages=6, dropped_of=DROPPED_OF):
        self.stage = stage
        self.pages = [EventPage(f"page {number}", stage, dropped_of) for number in range(pages)]

    def start(self):
        """Nothing is to be started: the emulator runs the API."""

    def end(self):
        """Nothing was started."""

    def hurt(self, is_writing):
        """Cuts one page after another while there is writing; meanwhile the emulator stands still."""
        cut = paused = 0
        while is_writing():
            for page in self.pages:
                page.cut()
                cut += 1
                time.sleep(0.3)
            if not paused:
                # Shorter than the API waits for one attempt of a write: servers.py tells why.
                self.stage.pause(self.stage.pid("emulator"), 1)
                paused += 1
        dropped = sum(page.dropped for page in self.pages)
        return {"connections cut": cut, "emulator paused": paused, "events dropped": dropped}

    def break_off(self, write):
        """A visitor reads the list, which the cache keeps; then a change reaches no page before it is cut."""
        time.sleep(CACHE_SECONDS)
        self.stage.tree(self.stage.config.get("reads"))
        for page in self.pages:
            page.is_deaf = True
        write()
        time.sleep(0.7)
        for page in self.pages:
            page.cut()
