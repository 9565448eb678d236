"""A booted machine of its own: a container with systemd as its init, a network and a metadata service.

In: an image, the user data, a metadata service. Out: commands run in it, and its files."""

import os
import pathlib
import secrets
import subprocess
import threading
import time

import metadata
import namespaces

HERE = pathlib.Path(__file__).parent

# Every container is in a control group of its own, or they would share one payload.
START = 'echo $$ > "$1/cgroup.procs" && shift && exec systemd-nspawn "$@"'
# The exit code by which systemd-nspawn asks to be started again.
REBOOT = 133
GROUPS = pathlib.Path("/sys/fs/cgroup")


def prepare():
    """Prepares this process's own mounts: systemd wants version 2 of control groups, and names of networks are to be ours."""
    subprocess.run(["umount", "--recursive", GROUPS], check=True)
    subprocess.run(["mount", "-t", "cgroup2", "none", GROUPS], check=True)
    pathlib.Path("/run/netns").mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", "/run/netns"], check=True)


class Failed(Exception):
    """A case did not go as it must."""


class Box:
    def __init__(self, name, image, folder, port, service):
        self.name, self.service = name, service
        self.group = GROUPS / f"factory-tree-{name}-{secrets.token_hex(4)}"
        self.process = None
        self.root = folder / name / "root"
        for part in ["root", "upper", "work"]:
            (folder / name / part).mkdir(parents=True)
        layers = f"lowerdir={HERE / 'root'}:{image},upperdir={folder / name / 'upper'},workdir={folder / name / 'work'}"
        subprocess.run(["mount", "-t", "overlay", "-o", layers, "none", self.root], check=True)
        self.network = namespaces.add(name, [f"{metadata.ADDRESS}/32"])
        service.serve(namespaces.listen(self.network, (metadata.ADDRESS, 80)))
        listener = namespaces.listen(self.network, ("127.0.0.1", port))
        threading.Thread(target=namespaces.forward, args=[listener, ("127.0.0.1", port)], daemon=True).start()
        # What makes the machine's SDK clients ask the emulator; neither unit nor user data know of it.
        self.write("/etc/systemd/system.conf.d/endpoint.conf", f"[Manager]\nDefaultEnvironment=AWS_ENDPOINT_URL=http://127.0.0.1:{port}\n")

    def start(self, user_data):
        self.write("/var/lib/cloud/instance/user-data", user_data, 0o700)
        self.group.mkdir()
        self.boot()

    def boot(self):
        options = ["--quiet", "--register=no", "--keep-unit", "--directory", self.root, "--machine", self.name, "--console=pipe",
                   "--resolv-conf=off", "--timezone=off", "--link-journal=no", "--network-namespace-path", self.network, "--boot"]
        with (self.root.parent / "console").open("wb") as console:
            self.process = subprocess.Popen(["sh", "-c", START, "sh", self.group, *options],
                                            stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT)

    def reboot(self):
        self.run("systemctl", "reboot", check=False)
        code = self.process.wait(60)
        if code != REBOOT:
            raise Failed(f"the machine ended with {code} in place of a reboot")
        self.boot()

    def stop(self):
        """Pulls the plug. The kernel ends all of the machine with its init."""
        if self.process:
            (self.group / "cgroup.kill").write_text("1")
            self.process.wait()
            wait_for("an empty control group", 10, lambda: "populated 0" in (self.group / "cgroup.events").read_text())
            for folder, _, _ in os.walk(self.group, topdown=False):
                os.rmdir(folder)

    def file(self, path):
        return self.root / path.lstrip("/")

    def write(self, path, text, mode=0o644):
        self.file(path).parent.mkdir(parents=True, exist_ok=True)
        self.file(path).write_text(text)
        self.file(path).chmod(mode)

    def read(self, path):
        return self.file(path).read_text(errors="replace") if self.file(path).exists() else ""

    def init(self):
        """The process that is the machine's init, or None while there is none."""
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        for child in children.read_text().split():
            if pathlib.Path(f"/proc/{child}/comm").read_text() == "systemd\n":
                return child
        return None

    def run(self, *command, check=True, limit=30):
        """Runs a command as the machine's root, and returns what it says."""
        enter = ["nsenter", "--target", str(self.init()), "--mount", "--uts", "--ipc", "--net", "--pid", "--"]
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "SYSTEMD_PAGER": ""}
        done = subprocess.run(enter + list(command), env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=limit)
        if check and done.returncode != 0:
            raise Failed(f"`{' '.join(command)}` ended with {done.returncode}: {done.stdout}")
        return done.stdout

    def status(self, path):
        """What the server answers to a GET, or 0 if it does not."""
        ask = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--max-time", "5", f"http://127.0.0.1:8080{path}"]
        return int(self.run(*ask, check=False) or 0)

    def show(self, unit, *properties):
        """The values of a unit's properties, in their order."""
        return [self.run("systemctl", "show", "--value", "--property", name, unit).strip() for name in properties]

    def connect(self, port):
        return namespaces.connect(self.network, ("127.0.0.1", port))

    def signals(self):
        return self.read("/var/log/signals").splitlines()


def wait_for(what, limit, is_so):
    """Returns the first answer that is not empty."""
    started = time.monotonic()
    while time.monotonic() < started + limit:
        if answer := is_so():
            return answer
        time.sleep(0.05)
    raise Failed(f"{what}: not within {limit} s")
