"""A stage whose changes come from WebSocket servers: its pages, a second server, and the ways between table and
servers.

No clock jumps: all processes share the machine's. The simulation moves a server's clock (`Step::Freeze`).

A server must tell a page nothing twice and nothing older on one connection; its pages note where one does."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.request

import botocore.session

from frames import WebSocket
from page import Page


class ServerPage(Page):
    """A page of the server on a port, which may be gone for a while."""

    def __init__(self, name, port, origin):
        super().__init__(name)
        self.port, self.origin = port, origin
        self.newest = {}  # id: the newest revision that it was ever told
        self.server = None
        self.resume = None  # server, position

    def stay_connected(self):
        query = "?server={}&position={}".format(*self.resume) if self.resume else ""
        headers = {"Host": "ws", "Origin": self.origin}
        with WebSocket(self.port, f"/{query}", headers, lambda: self.is_over) as socket_:
            self.connections += 1
            told, pieces = {}, {}
            for text in socket_.texts():
                with self.lock:
                    self.take(json.loads(text), told, pieces)

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
            self.hear(identity, revision, factory)
            self.resume[1] = message["position"]

    def show_tree(self, tree):
        for identity in set(self.shown) - set(tree):
            del self.shown[identity]
        for identity, factory in tree.items():
            self.hear(identity, factory["revision"], factory)

    def hear(self, identity, revision, factory):
        # Another server may be behind: what is older than what was shown is not shown again.
        if revision >= self.newest.get(identity, 0):
            self.newest[identity] = revision
            self.show(identity, revision, factory)


class Servers:
    """The servers of a stage: its own and, from `start` to `end`, a second one."""

    # What every round must have done at least once.
    HURTS = ("queues deleted", "subscriptions removed", "emulator paused")

    def __init__(self, stage, pages=6):
        self.stage = stage
        self.part = stage.running()["parts"]["server"]["part"]
        environment = self.part["environment"]
        session = botocore.session.Session()
        session.set_credentials("test", "test")
        region, endpoint = environment["AWS_REGION"], environment["AWS_ENDPOINT_URL"]
        self.sqs, self.sns = (
            session.create_client(name, region_name=region, endpoint_url=endpoint) for name in ("sqs", "sns")
        )
        self.first = Server(self, environment, None)
        port = free_port()
        second = {**environment, "LISTEN": f"127.0.0.1:{port}", "SERVER_ID": f"i-{port}"}
        self.second = Server(self, second, self.part["program"])
        ports = [self.first.port, self.second.port] * pages
        self.pages = [ServerPage(f"page {number}", ports[number], stage.origin) for number in range(pages)]

    def start(self):
        self.second.start()

    def end(self):
        self.second.end()

    def hurt(self, is_writing):
        """Hurts once what can be hurt, while there is writing; returns how often what was done."""
        self.first.pause(3)
        self.second.kill()
        time.sleep(1)
        self.second.start()
        queues = self.first.delete_queue()
        self.second.pause(1)
        # Table, stream, topic and queues stand still: what was under way comes late, and all at once.
        # Shorter than the API waits for one attempt of a write (2 s). A second attempt is refused where the first one was done
        # and somebody else has written since: the writer is then told of a conflict, though the table had the change.
        self.stage.pause(self.stage.pid("emulator"), 1)
        subscriptions = self.second.remove_subscription()
        return {"queues deleted": queues, "subscriptions removed": subscriptions, "emulator paused": 1}

    def break_off(self, write):
        """A last change; nothing is hurt by then."""
        write()


class Server:
    """A WebSocket server. The stage's own is found by its port, the second one is started here."""

    def __init__(self, servers, environment, program):
        self.servers, self.environment, self.program, self.process = servers, environment, program, None
        self.port = int(environment["LISTEN"].rsplit(":", 1)[1])

    def start(self):
        # Its log is the stage's: what it says of a fault is looked for there.
        log = (self.servers.stage.folder / "second-server.log").open("ab")
        self.process = subprocess.Popen([self.program], env=self.environment, stdout=log, stderr=log)
        self.wait_until_ready()

    def wait_until_ready(self):
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"the server on port {self.port} is not ready")

    def pid(self):
        return self.process.pid if self.process else self.servers.stage.pid("server")

    def kill(self):
        os.kill(self.pid(), signal.SIGKILL)
        self.process.wait()

    def end(self):
        self.process.terminate()
        self.process.wait(timeout=90)

    def pause(self, seconds):
        self.servers.stage.pause(self.pid(), seconds)

    def queues(self):
        prefix = f"{self.environment['QUEUE_PREFIX']}-{self.environment['SERVER_ID']}"
        return self.servers.sqs.list_queues(QueueNamePrefix=prefix).get("QueueUrls", [])

    def delete_queue(self):
        """Returns how many queues it has deleted: the server has one."""
        queues = self.queues()
        for queue in queues:
            self.servers.sqs.delete_queue(QueueUrl=queue)
        return len(queues)

    def remove_subscription(self):
        """Returns how many subscriptions it has removed: the server's queue has one."""
        names = [queue.rsplit("/", 1)[1] for queue in self.queues()]
        topic = self.environment["TOPIC_ARN"]
        all_of_them = self.servers.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        ours = [one["SubscriptionArn"] for one in all_of_them if one["Endpoint"].rsplit(":", 1)[1] in names]
        for arn in ours:
            self.servers.sns.unsubscribe(SubscriptionArn=arn)
        return len(ours)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
