"""The metadata service of one instance, version 2: no answer without a token, no token without a lifetime.

In: who the instance is, and what becomes of it. Out: the answers on its link-local address.
Source: Amazon EC2 User Guide, "Use the Instance Metadata Service to access instance metadata"."""

import http.server
import json
import secrets
import threading
import time

ADDRESS = "169.254.169.254"
PATHS = "/latest/meta-data/"


class Metadata:
    def __init__(self, instance_id, role, credentials):
        self.credentials = {"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": credentials["Expiration"], **credentials}
        self.answers = {
            "instance-id": instance_id,
            "iam/security-credentials/": role,
            f"iam/security-credentials/{role}": json.dumps(self.credentials),
            "autoscaling/target-lifecycle-state": "InService",
        }
        self.tokens = {}
        # Requests that version 1 would have answered.
        self.without_token = 0

    def end(self):
        """Auto Scaling has decided to end this instance."""
        self.answers["autoscaling/target-lifecycle-state"] = "Terminated"

    def serve(self, listener):
        handler = type("Handler", (Handler,), {"metadata": self})
        server = http.server.ThreadingHTTPServer(listener.getsockname(), handler, bind_and_activate=False)
        server.socket.close()
        server.socket = listener
        threading.Thread(target=server.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    metadata: Metadata

    def do_PUT(self):
        lifetime = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
        if self.path != "/latest/api/token":
            return self.answer(404)
        if not lifetime.isdigit() or not 1 <= int(lifetime) <= 21600:
            return self.answer(400)
        token = secrets.token_hex()
        self.metadata.tokens[token] = time.monotonic() + int(lifetime)
        return self.answer(200, token, lifetime)

    def do_GET(self):
        token = self.headers.get("X-aws-ec2-metadata-token")
        if self.metadata.tokens.get(token, 0) < time.monotonic():
            self.metadata.without_token += 1
            return self.answer(401)
        known = self.metadata.answers.get(self.path.removeprefix(PATHS)) if self.path.startswith(PATHS) else None
        return self.answer(404) if known is None else self.answer(200, known)

    def answer(self, status, text="", lifetime=None):
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(text)))
        if lifetime:
            self.send_header("X-aws-ec2-metadata-token-ttl-seconds", lifetime)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        """Says nothing: the instance's own log tells what it asked in vain."""
