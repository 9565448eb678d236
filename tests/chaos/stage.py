"""The parts of a local stage that are hurt: its server, a second one, and the ways between table and servers."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import botocore.session


class Stage:
    def __init__(self, folder, report):
        self.folder, self.api = Path(folder), report["urls"]["api"]
        running = json.loads((self.folder / "running.json").read_text())
        self.part = running["parts"]["server"]["part"]
        self.environment = self.part["environment"]
        self.origin = self.environment["ALLOWED_ORIGIN"]
        endpoint = self.environment["AWS_ENDPOINT_URL"]
        session = botocore.session.Session()
        session.set_credentials("test", "test")
        region = self.environment["AWS_REGION"]
        self.sqs, self.sns = (
            session.create_client(name, region_name=region, endpoint_url=endpoint) for name in ("sqs", "sns")
        )
        self.first = Server(self, self.environment, None)
        port = free_port()
        second = {**self.environment, "LISTEN": f"127.0.0.1:{port}", "SERVER_ID": f"i-{port}"}
        self.second = Server(self, second, self.part["program"])

    def call(self, method, path, body=None, revision=None):
        """Sends a request to the API; returns status and answer. The API's host is this machine."""
        host = self.api.removeprefix("http://")
        request = urllib.request.Request(f"http://127.0.0.1:{host.rsplit(':', 1)[1]}{path}", method=method)
        request.add_header("Host", host)
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        if revision is not None:
            request.add_header("If-Match", f'"{revision}"')
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")

    def tree(self):
        factories, cursor = {}, ""
        while cursor is not None:
            status, page = self.call("GET", f"/factories?cursor={cursor}")
            assert status == 200, page
            factories |= {factory["id"]: factory for factory in page["factories"]}
            cursor = page["cursor"]
        return factories

    def publishers(self):
        """Returns the processes of the publisher Lambda: only they know the topic, and have no queue."""
        for process in Path("/proc").iterdir():
            if process.name.isdigit() and int(process.name) != os.getpid():
                try:
                    environment = (process / "environ").read_bytes().split(b"\0")
                except OSError:
                    continue
                names = {variable.split(b"=")[0] for variable in environment}
                ours = f"TMPDIR={self.environment['TMPDIR']}".encode() in environment
                if ours and b"TOPIC_ARN" in names and b"QUEUE_PREFIX" not in names:
                    yield int(process.name)


class Server:
    """A WebSocket server. The stage's own is found by its port, the second one is started here."""

    def __init__(self, stage, environment, program):
        self.stage, self.environment, self.program, self.process = stage, environment, program, None
        self.port = int(environment["LISTEN"].rsplit(":", 1)[1])

    def start(self):
        # Its log is the stage's: what it says of a fault is looked for there.
        log = (self.stage.folder / "second-server.log").open("ab")
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
        if self.process:
            return self.process.pid
        running = json.loads((self.stage.folder / "running.json").read_text())
        return running["parts"]["server"]["process"]["pid"]

    def kill(self):
        os.kill(self.pid(), signal.SIGKILL)
        self.process.wait()

    def end(self):
        self.process.terminate()
        self.process.wait(timeout=90)

    def pause(self, seconds):
        os.kill(self.pid(), signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(self.pid(), signal.SIGCONT)

    def queues(self):
        prefix = f"{self.environment['QUEUE_PREFIX']}-{self.environment['SERVER_ID']}"
        return self.stage.sqs.list_queues(QueueNamePrefix=prefix).get("QueueUrls", [])

    def delete_queue(self):
        """Returns how many queues it has deleted: the server has one."""
        queues = self.queues()
        for queue in queues:
            self.stage.sqs.delete_queue(QueueUrl=queue)
        return len(queues)

    def remove_subscription(self):
        """Returns how many subscriptions it has removed: the server's queue has one."""
        names = [queue.rsplit("/", 1)[1] for queue in self.queues()]
        topic = self.environment["TOPIC_ARN"]
        all_of_them = self.stage.sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        ours = [one["SubscriptionArn"] for one in all_of_them if one["Endpoint"].rsplit(":", 1)[1] in names]
        for arn in ours:
            self.stage.sns.unsubscribe(SubscriptionArn=arn)
        return len(ours)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
