"""A page: it is connected to one server, applies what it is told, and notes what a server must never do.

In: the port of a server, which may be gone for a while. Out: the factories that the page shows, and the faults."""

import base64
import json
import os
import socket
import struct
import threading
import time

TEXT, CLOSE, PING = 0x1, 0x8, 0x9


class Page(threading.Thread):
    def __init__(self, name, port, origin):
        super().__init__(daemon=True)
        self.name, self.port, self.origin = name, port, origin
        self.shown = {}  # id: factory
        self.newest = {}  # id: the newest revision that it was ever told
        self.server = None
        self.resume = None  # server, position
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

    def stay_connected(self):
        query = "?server={}&position={}".format(*self.resume) if self.resume else ""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as stream:
            reader = stream.makefile("rb")
            key = base64.b64encode(os.urandom(16)).decode()
            stream.sendall(
                f"GET /{query} HTTP/1.1\r\nHost: ws\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\nOrigin: {self.origin}\r\n\r\n".encode()
            )
            head = [line := reader.readline()]
            while line not in (b"\r\n", b""):
                head.append(line := reader.readline())
            if b" 101 " not in head[0]:
                raise EOFError(head[0])
            self.connections += 1
            told, pieces = {}, {}
            while not self.is_over:
                opcode, payload = read_frame(reader)
                if opcode == PING:
                    stream.sendall(b"\x8a\x80\0\0\0\0")
                elif opcode == CLOSE:
                    return
                elif opcode == TEXT:
                    with self.lock:
                        self.take(json.loads(payload), told, pieces)

    def take(self, message, told, pieces):
        """Applies a message. `told` is what this connection was told, `pieces` the tree as far as it has come."""
        self.messages += 1
        kind = message["type"]
        if kind == "hello":
            if self.resume and self.resume[0] != message["server"]:
                self.resume = None
            self.server = message["server"]
        elif kind == "snapshot":
            pieces |= {factory["id"]: factory for factory in message["factories"]}
            if message["last"]:
                self.snapshots += 1
                self.show_tree(pieces)
                self.resume = [self.server, message["position"]]
        elif kind in ("changed", "removed"):
            factory = message.get("factory")
            identity = factory["id"] if factory else message["id"]
            revision = factory["revision"] if factory else message["revision"]
            if told.get(identity, 0) >= revision:
                self.faults.append(f"{self.name} was told {revision} of {identity} after {told[identity]}")
            told[identity] = revision
            self.show(identity, revision, factory)
            self.resume[1] = message["position"]

    def show_tree(self, tree):
        for identity in set(self.shown) - set(tree):
            del self.shown[identity]
        for identity, factory in tree.items():
            self.show(identity, factory["revision"], factory)

    def show(self, identity, revision, factory):
        # Another server may be behind: what is older than what was shown is not shown again.
        if revision < self.newest.get(identity, 0):
            return
        self.newest[identity] = revision
        if factory:
            self.shown[identity] = factory
        else:
            self.shown.pop(identity, None)

    def tree(self):
        with self.lock:
            return dict(self.shown)


def read_frame(reader):
    first, length = read(reader, 2)
    if length == 126:
        (length,) = struct.unpack(">H", read(reader, 2))
    elif length == 127:
        (length,) = struct.unpack(">Q", read(reader, 8))
    return first & 0xF, read(reader, length)


def read(reader, count):
    data = reader.read(count)
    if len(data) < count:
        raise EOFError("the server is gone")
    return data
