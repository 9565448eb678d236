"""A local stage that is up: its API, its table, its processes.

In: the stage's folder and the answer of `deploy --output json`. Out: answers of the API, the settings of its page,
process ids."""

import json
import os
import signal
import time
import urllib.error
import urllib.request
from pathlib import Path


class Stage:
    def __init__(self, folder, report):
        self.folder = Path(folder)
        self.api, self.origin = report["urls"]["api"], report["urls"]["site"].rstrip("/")
        # Every host of the stage is this machine, at one port.
        self.port = int(self.origin.rsplit(":", 1)[1])
        self.config = self.ask(self.origin, "GET", "/config.json")[1]

    @property
    def live(self):
        """What carries the changes to the pages."""
        return self.config.get("live", {}).get("kind", "servers")

    def call(self, method, path, body=None, revision=None):
        """Sends a request to the API; returns status and answer."""
        return self.ask(self.api, method, path, body, revision)

    def ask(self, base, method, path, body=None, revision=None):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        request.add_header("Host", base.removeprefix("http://"))
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

    def tree(self, base=None):
        """Reads the whole list, from the API or from an address before it."""
        factories, query = {}, ""
        while query is not None:
            status, page = self.ask(base or self.api, "GET", f"/factories{query}")
            assert status == 200, page
            factories |= {factory["id"]: factory for factory in page["factories"]}
            query = page["cursor"] and f"?cursor={page['cursor']}"
        return factories

    def running(self):
        return json.loads((self.folder / "running.json").read_text())

    def pid(self, part):
        return self.running()["parts"][part]["process"]["pid"]

    def pause(self, pid, seconds):
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(pid, signal.SIGCONT)

    def publishers(self):
        """Returns the processes of the publisher Lambda: only they know where to publish, and have no queue."""
        for process in Path("/proc").iterdir():
            if process.name.isdigit() and int(process.name) != os.getpid():
                try:
                    environment = (process / "environ").read_bytes().split(b"\0")
                except OSError:
                    continue
                names = {variable.split(b"=")[0] for variable in environment}
                ours = f"TMPDIR={self.folder / 'tmp'}".encode() in environment
                publishes = b"TOPIC_ARN" in names or b"EVENT_CHANNEL" in names
                if ours and publishes and b"QUEUE_PREFIX" not in names:
                    yield int(process.name)
