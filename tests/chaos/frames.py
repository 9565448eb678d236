"""A WebSocket over loopback, as far as a page needs one: the handshake, texts, and a cut that the other side sees as
RST.

In: a port and the head of the request. Out: frames. Never: a fragment, or a message over a second connection."""

import base64
import os
import socket
import struct

TEXT, CLOSE, PING = 0x1, 0x8, 0x9

# How often a connection that hears nothing looks whether it is to be cut.
LOOK_SECONDS = 0.1

# On close, forget what is unsent and answer RST instead of FIN.
RESET = struct.pack("ii", 1, 0)


class WebSocket:
    """One connection. `is_cut` is asked now and then; when it says so, the connection ends with RST."""

    def __init__(self, port, path, headers, is_cut):
        self.is_cut, self.buffer = is_cut, b""
        self.stream = socket.create_connection(("127.0.0.1", port), timeout=30)
        key = base64.b64encode(os.urandom(16)).decode()
        fields = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": key,
            **headers,
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.stream.sendall(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode())
        self.stream.settimeout(LOOK_SECONDS)
        status = self.read_line()
        while self.read_line():
            pass
        if b" 101 " not in status:
            raise EOFError(status)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()

    def send(self, text):
        # A page masks what it sends; a mask of zeros changes nothing.
        data = text.encode()
        length = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xfe" + struct.pack(">H", len(data))
        self.stream.sendall(b"\x81" + length + b"\0\0\0\0" + data)

    def texts(self):
        """Yields text after text until the other side closes the connection."""
        while True:
            opcode, payload = self.read_frame()
            if opcode == PING:
                self.stream.sendall(b"\x8a\x80\0\0\0\0")
            elif opcode == CLOSE:
                return
            elif opcode == TEXT:
                yield payload

    def read_frame(self):
        first, length = self.read(2)
        if length == 126:
            (length,) = struct.unpack(">H", self.read(2))
        elif length == 127:
            (length,) = struct.unpack(">Q", self.read(8))
        return first & 0xF, self.read(length)

    def read(self, count):
        while len(self.buffer) < count:
            self.receive()
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def read_line(self):
        while b"\r\n" not in self.buffer:
            self.receive()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def receive(self):
        if self.is_cut():
            self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            raise EOFError("the connection was cut")
        try:
            data = self.stream.recv(65536)
        except TimeoutError:
            return
        if not data:
            raise EOFError("the server is gone")
        self.buffer += data
