"""What an instance does from its first boot to its end, each with the time that it took.

In: the image, the ports of a local stage, and a folder to work in. Out: a line for each thing that was seen; exit code 1 if one was not.
The boxes run at the same time: most of them wait."""

import concurrent.futures
import json
import pathlib
import subprocess
import sys
import threading
import time
import traceback

import account
import box
import namespaces
import page
from box import Box, Failed, wait_for
from metadata import Metadata

UNIT = "factory-tree-websocket"
LOG = "/var/log/factory-tree/websocket.log"
OUTPUT = "/var/log/cloud-init-output.log"
PAGES = 20


class World:
    """What all cases share."""

    def __init__(self, image, ports, folder):
        self.image, self.folder = image, folder
        self.port = json.loads(ports.read_text())["emulator"]
        self.account = account.Account(self.port)
        self.user_data = self.account.user_data()
        self.parameters = self.account.parameters()

    def box(self, name, policies=()):
        role, credentials = self.account.role(name, policies)
        return Box(name, self.image, self.folder, self.port, Metadata(f"i-{name}", role, credentials))


def check(is_so, otherwise):
    if not is_so:
        raise Failed(otherwise)


class Story:
    """The cases of one box, in their order."""

    def __init__(self, box):
        self.box, self.since = box, time.monotonic()

    def seen(self, text):
        now = time.monotonic()
        print(f"  {now - self.since:6.2f} s  {self.box.name}: {text}", flush=True)
        self.since = now

    def wait(self, what, limit, is_so):
        return wait_for(f"{self.box.name}: {what}", limit, is_so)


def signalled(story, limit):
    """Waits for the one signal, and returns the server's answer at that time, the exit code, and the rest."""
    (line,) = story.wait("a signal", limit, story.box.signals)
    ready, option, code, rest = line.split(" ", 3)
    check(option == "--exit-code", line)
    check(rest == f"--region {account.REGION} --stack {account.STACK} --resource Servers", line)
    return ready, int(code)


def comes_up(world, story):
    box = story.box
    box.start(world.user_data)
    story.wait("an answer of /readyz", 30, lambda: box.file(LOG).exists() and box.init() and box.status("/readyz") == 200)
    check(box.signals() == [], "it signalled before the load balancer can have seen it twice")
    story.seen("the server is ready")
    ready, code = signalled(story, 30)
    check((ready, code) == ("200", 0), f"signal {code} while /readyz said {ready}")
    story.seen("signal 0, /readyz answers 200")
    check(box.service.without_token == 0, "it asked for metadata without a token")
    check(len(world.account.queues_of(f"i-{box.name}")) == 1, "it has not exactly one queue")


def is_well_written(world, story):
    scripts = [story.box.file("/var/lib/cloud/instance/user-data"), story.box.file("/opt/factory-tree/drain")]
    done = subprocess.run(["shellcheck", *scripts], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    check(done.returncode == 0, done.stdout)
    story.seen("shellcheck finds nothing in the user data and the script that it writes")


def ships_its_log(world, story):
    box = story.box
    settings = json.loads(box.read("/opt/aws/amazon-cloudwatch-agent/etc/factory-tree.json"))
    (shipped,) = settings["logs"]["logs_collected"]["files"]["collect_list"]
    expected = {"file_path": LOG, "log_group_name": world.account.physical_id("ServerLog"), "log_stream_name": f"i-{box.name}"}
    check(shipped == expected, str(shipped))
    check("file:/opt/aws/amazon-cloudwatch-agent/etc/factory-tree.json" in box.read("/var/log/agent"), "the agent was not started")
    check("listening" in box.read(LOG), "the log does not say that the server listens")
    # A daily timer, and a file above its size limit.
    check(box.show("logrotate.timer", "ActiveState") == ["active"], "nobody rotates the log")
    with box.file(LOG).open("ab") as log:
        log.write(b"x\n" * (26 << 20))
    box.run("systemctl", "start", "logrotate.service")
    check(box.file(f"{LOG}.1.gz").exists(), "the log was not rotated")
    size = box.file(LOG).stat().st_size
    check(size < 1 << 20, f"{size} bytes are left")
    story.seen("the log is handed to the agent; above 50 MB it is rotated")


def is_confined(world, story):
    box = story.box
    exposure = box.run("systemd-analyze", "security", "--threshold=15", UNIT).splitlines()[-1]
    story.seen(exposure.strip("→ "))
    box.run("sh", "-c", f"cp /etc/systemd/system/{UNIT}.service /run/systemd/system/attempts.service")
    box.run("sh", "-c", "mkdir -p /run/systemd/system/attempts.service.d && cat > /run/systemd/system/attempts.service.d/it.conf <<'END'\n"
            "[Service]\nType=oneshot\nRestart=no\nWatchdogSec=0\nExecStart=\nExecStart=/usr/share/stand-ins/attempts\n"
            "StandardOutput=append:/var/log/attempts\nStandardError=inherit\nEND")
    box.run("systemctl", "daemon-reload")
    box.run("systemctl", "start", "attempts")
    outside = dict(line.split() for line in box.run("/usr/share/stand-ins/attempts").splitlines())
    inside = dict(line.split() for line in box.read("/var/log/attempts").splitlines())
    check(set(outside) == set(inside) and len(inside) > 20, f"not all was tried: {inside}")
    check(set(outside.values()) == {"yes"}, f"even outside the unit some fail: {outside}")
    expected = {name: "yes" if name.startswith("allowed-") else "no" for name in inside}
    check(inside == expected, f"inside the unit: {inside}")
    refused = [name for name, outcome in inside.items() if outcome == "no"]
    story.seen(f"inside the unit {len(refused)} attempts are refused that work outside: {', '.join(refused)}")


def reboots(world, story):
    box = story.box
    box.reboot()
    story.wait("an answer of /readyz", 30, lambda: box.init() and box.status("/readyz") == 200)
    check(len(box.signals()) == 1, "it signalled again")
    check(len(world.account.queues_of(f"i-{box.name}")) == 1, "it has not exactly one queue")
    story.seen("rebooted, ready again, and the user data did not run a second time")


def drains(world, story):
    box = story.box
    pages = [page.Page(box.connect(8080), world.parameters["SiteOrigin"]) for _ in range(PAGES)]
    for open_page in pages:
        check(open_page.status == 101, f"a page was answered {open_page.status}")
        check(b'"hello"' in open_page.next(page.TEXT), "the first message is no hello")
    story.seen(f"{PAGES} pages are connected")
    box.service.end()
    farewells = {open_page.farewell() for open_page in pages}
    check(farewells == {(1012, "the server is restarting")}, f"closed with {farewells}")
    story.wait("the server's end", 20, lambda: box.show(UNIT, "ActiveState") == ["inactive"])
    check(box.show(UNIT, "Result") == ["success"], "it did not end by itself")
    check(world.account.queues_of(f"i-{box.name}") == [], "it has left its queue")
    story.seen(f"after the lifecycle state changed: all pages are told and closed (1012), the queue is deleted, the server stopped")


def stopped_process_is_restarted(world, story):
    box = story.box
    before = box.show(UNIT, "MainPID")
    box.run("systemctl", "kill", "--kill-whom=main", "--signal=STOP", UNIT)
    story.wait("a restart", 60, lambda: box.show(UNIT, "NRestarts") == ["1"])
    story.wait("an answer of /readyz", 30, lambda: box.status("/readyz") == 200)
    check(box.show(UNIT, "MainPID") != before, "it is the same process")
    check("watchdog" in box.run("journalctl", "--no-pager", "--unit", UNIT).lower(), "it was not the watchdog")
    story.seen("a process that was stopped by SIGSTOP is ended by the watchdog and restarted")
    # Whoever starts the unit hears when it is ready, not when it has begun.
    box.run("systemctl", "restart", UNIT)
    check(box.status("/readyz") == 200, "systemctl came back before the server was ready")
    story.seen("`systemctl restart` comes back when /readyz answers 200")


def fails(story, reasons, limit):
    """The signal is a failure, and the console has the reason."""
    _, code = signalled(story, limit)
    check(code != 0, "it signalled success")
    output = story.box.read(OUTPUT)
    for reason in reasons:
        check(reason in output, f"the console does not say `{reason}`")
    story.seen(f"signal {code}; the console says: {' … '.join(reasons)}")


def first(world, story):
    comes_up(world, story)
    is_well_written(world, story)
    ships_its_log(world, story)
    is_confined(world, story)
    reboots(world, story)
    drains(world, story)


def watched(world, story):
    comes_up(world, story)
    stopped_process_is_restarted(world, story)


def port_taken(world, story):
    """Another program answers 200 to everything at the server's port."""
    other = namespaces.listen(story.box.network, ("0.0.0.0", 8080))
    threading.Thread(target=answer_everything, args=[other], daemon=True).start()
    story.box.start(world.user_data)
    fails(story, ["Address already in use", "failed to listen on `0.0.0.0:8080`"], 60)


def answer_everything(listener):
    while True:
        connection, _ = listener.accept()
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        connection.close()


def queue_refused(world, story):
    # The unit waits for three minutes; the reason is the same after ten seconds.
    story.box.write(f"/etc/systemd/system/{UNIT}.service.d/test.conf", "[Service]\nTimeoutStartSec=10\n")
    story.box.start(world.user_data)
    fails(story, ["sqs:CreateQueue"], 90)
    check(story.box.status("/readyz") != 200, "a server without a queue says that it is ready")


def bundle_missing(world, story):
    others = [world.folder / name / "root/opt/factory-tree/websocket" for name, *_ in BOXES.values() if name != story.box.name]
    story.wait("the bundle of the other boxes", 60, lambda: all(program.exists() for program in others))
    world.account.delete_bundle()
    story.box.start(world.user_data)
    fails(story, [world.parameters["BundleKey"]], 90)


# Each case has a box: its name, and what its role may not do.
BOXES = {
    first: ("first",),
    watched: ("watched",),
    port_taken: ("taken",),
    queue_refused: ("refused", [account.DENY_QUEUES]),
    bundle_missing: ("bare",),
}


def run(case, world):
    """Returns whether the case went as it must."""
    before, story = time.monotonic(), None
    try:
        story = Story(world.box(*BOXES[case]))
        case(world, story)
        return True
    except Exception:
        output = story.box.read(OUTPUT) if story else ""
        print(f"{case.__name__} FAILED after {time.monotonic() - before:.2f} s\n{traceback.format_exc()}\n{output[-4000:]}", flush=True)
        return False
    finally:
        if story:
            story.box.stop()


def main(image, ports, folder):
    box.prepare()
    world = World(image, ports, folder)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        outcomes = list(pool.map(lambda case: run(case, world), BOXES))
    return 0 if all(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main(*(pathlib.Path(argument).resolve() for argument in sys.argv[1:])))
