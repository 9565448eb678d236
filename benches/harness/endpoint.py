"""The AWS-compatible endpoint that everything is deployed to: the emulator of the local stage, of the same
version and started the same way (src/local/emulator.rs), on a free loopback port of its own."""

import socket
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import install

REGION = "us-east-1"
PATIENCE_SECONDS = 60


@contextmanager
def started(root, home):
    """Starts the endpoint, yields its URL, and ends it."""
    python = install.emulator(root, home)
    url = f"http://127.0.0.1:{free_port()}"
    folder = home / "endpoint"
    folder.mkdir(exist_ok=True)
    program = (root / "src/local/emulator.py").read_text()
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            [python, "-c", program],
            env=environment(python.parent, folder, url),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        wait_until_ready(url, process)
        yield url
    finally:
        process.kill()
        process.wait()


def environment(binaries, folder, url):
    """Returns all that the emulator sees; src/local/emulator.rs says why."""
    return {
        "PATH": f"{binaries}:/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "STATE_DIR": str(folder / "state"),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": url.rsplit(":", 1)[1],
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": url,
        "IOT_MTLS_ENABLED": "0",
        "AUTH": "true",
    }


def free_port():
    """Returns a loopback port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until_ready(url, process):
    """Waits until the emulator answers."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            return urllib.request.urlopen(f"{url}/_ministack/ready", timeout=5).close()
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError("the endpoint did not start; its log is target/benches/endpoint/log")


def reset(url):
    """Empties the endpoint, so that every round finds the same."""
    request = urllib.request.Request(f"{url}/_ministack/reset", method="POST")
    urllib.request.urlopen(request, timeout=30).close()
