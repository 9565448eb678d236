"""Networks of their own: listeners and connections inside a network namespace, made by this process.

In: names of namespaces. Out: sockets. A socket stays in the namespace that its thread was in when it was made
(network_namespaces(7)), so no other process is needed in there."""

import contextlib
import ctypes
import socket
import subprocess
import threading

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def add(name, addresses):
    """Makes the namespace with these addresses on its loopback device, and returns its path."""
    subprocess.run(["ip", "netns", "add", name], check=True)
    subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
    for address in addresses:
        subprocess.run(["ip", "-n", name, "address", "add", address, "dev", "lo"], check=True)
    return f"/run/netns/{name}"


@contextlib.contextmanager
def inside(path):
    """This thread is in the namespace until the end of the block."""
    with open("/proc/thread-self/ns/net") as home, open(path) as target:
        enter(target)
        try:
            yield
        finally:
            enter(home)


def enter(namespace):
    if LIBC.setns(namespace.fileno(), CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns failed")


def listen(path, address):
    with inside(path):
        return socket.create_server(address)


def connect(path, address):
    with inside(path):
        return socket.create_connection(address, timeout=10)


def forward(listener, address):
    """Hands every connection of the listener on to the address outside."""
    while True:
        near, _ = listener.accept()
        far = socket.create_connection(address)
        for source, target in [(near, far), (far, near)]:
            threading.Thread(target=copy, args=[source, target], daemon=True).start()


def copy(source, target):
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
