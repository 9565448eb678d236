"""One open page: a WebSocket client (RFC 6455) that reads until the server closes the connection."""

import base64
import os
import struct

TEXT, CLOSE = 1, 8


class Page:
    def __init__(self, connection, origin):
        self.stream = connection.makefile("rb")
        self.connection = connection
        key = base64.b64encode(os.urandom(16)).decode()
        connection.sendall((
            f"GET / HTTP/1.1\r\nHost: ws.test\r\nOrigin: {origin}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n").encode())
        self.status = int(self.stream.readline().split()[1])
        while self.stream.readline() != b"\r\n":
            pass

    def frame(self):
        """The next frame: its opcode and its payload. Servers mask nothing."""
        first, length = self.stream.read(2)
        if length == 126:
            (length,) = struct.unpack("!H", self.stream.read(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self.stream.read(8))
        return first & 0x0F, self.stream.read(length)

    def next(self, opcode):
        while True:
            kind, payload = self.frame()
            if kind == opcode:
                return payload

    def farewell(self):
        """Code and reason of the close frame, which it answers as a browser does."""
        payload = self.next(CLOSE)
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))
        self.connection.sendall(bytes([0x80 | CLOSE, 0x80 | len(payload)]) + mask + masked)
        return struct.unpack("!H", payload[:2])[0], payload[2:].decode()
