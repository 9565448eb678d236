"""uWebSockets by socketify: a client's message is published to all, by the topic that uWebSockets sends natively."""

import socket
import sys

from socketify import App, AppListenOptions, OpCode


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def opened(client) -> None:
    client.subscribe("tree")
    client.send('{"type":"hello"}', OpCode.TEXT)
    client.send('{"type":"snapshot","factories":[],"last":true,"position":0}', OpCode.TEXT)


app = App()
app.ws(
    "/*",
    {
        "max_backpressure": 1024 * 1024,
        "idle_timeout": 120,
        "open": opened,
        "message": lambda _, text, opcode: app.publish("tree", text, opcode),
    },
)


def listening(config) -> None:
    print(f"listening {config.port}")
    sys.stdout.flush()


app.listen(AppListenOptions(port=free_port(), host="127.0.0.1"), listening)
app.run()
