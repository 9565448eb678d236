"""Starts the emulator with five of its answers put right, so that they are those of AWS, and two that come without the
emulator's own delays."""

import asyncio
import socketserver
import threading
import time

from ministack import app
from ministack.core import concurrency, lambda_runtime
from ministack.services import apigateway, sqs

# It would answer `GET /health` on every host by itself. That path belongs to our API.
app._HEALTH_PATHS = ()

# It would refuse what a policy allows over TLS only. Loopback stands for TLS here, as for the edge.
pin_request_origin = app.pin_request_origin
app.pin_request_origin = lambda address, secure: pin_request_origin(address, True)


class ForwardedMethod(str):
    """`OPTIONS` that is not taken for a preflight, but written as one."""

    __hash__ = str.__hash__

    def __eq__(self, other):
        return False


execute = apigateway._handle_execute_in_scope


async def execute_as_aws_does(api_id, stage, path, method, *rest):
    """Without a CORS configuration, API Gateway hands a preflight to the `$default` route
    (API Gateway Developer Guide, "Configure CORS for HTTP APIs"). The emulator refuses it, and it
    does not read the configuration of a template, whose keys begin with capitals. The Lambda answers
    a preflight as the template would have it."""
    configured = (apigateway._apis.get(api_id) or {}).get("corsConfiguration") or {}
    if method == "OPTIONS" and "allowOrigins" not in configured:
        method = ForwardedMethod(method)
    response = await execute(api_id, stage, path, method, *rest)
    return as_the_gateway_answers(response, rest[0], configured)


def as_the_gateway_answers(response, request_headers, configured):
    """The refusal of an authorizer tells the scheme of tokens, and carries the headers of the template's CORS
    configuration as every answer does (API Gateway Developer Guide, "Configure CORS for HTTP APIs"): without
    them a page learns nothing but that the network failed. What the Lambda answers has its own."""
    status, headers, body = response
    names = {name.lower() for name in headers}
    if status != 401 or "www-authenticate" in names:
        return response
    headers["WWW-Authenticate"] = "Bearer"
    origin = next((value for name, value in request_headers.items() if name.lower() == "origin"), None)
    if origin in configured.get("AllowOrigins", []):
        headers["Access-Control-Allow-Origin"] = origin
        headers["Access-Control-Expose-Headers"] = ", ".join(configured.get("ExposeHeaders", []))
        headers["Vary"] = "Origin"
    return response


apigateway._handle_execute_in_scope = execute_as_aws_does

end_workers = lambda_runtime.kill_workers


def end_after_its_invocation(worker):
    """Waits no longer than an invocation may last: one that has failed is never given back."""
    deadline = time.monotonic() + worker.config.get("Timeout", 30)
    while worker.in_use and time.monotonic() < deadline:
        time.sleep(0.05)
    end_workers([worker])


def end_workers_as_aws_does(workers):
    """What runs when a function is updated runs to its end (Lambda Developer Guide, "Lambda function
    states"). The emulator would end it at once, and whoever has asked gets a 502."""
    workers = list(workers)
    for worker in workers:
        if worker.in_use:
            threading.Thread(target=end_after_its_invocation, args=[worker], daemon=True).start()
    end_workers([worker for worker in workers if not worker.in_use])


lambda_runtime.kill_workers = end_workers_as_aws_does

# A Lambda gets its event as two pieces, head and body. The kernel would keep the second one until the Lambda's side has
# acknowledged the first, which it puts off for 40 ms (RFC 9293, 3.7.4, "Nagle Algorithm", and 3.8.6.3, "Delayed Acknowledgments").
socketserver.StreamRequestHandler.disable_nagle_algorithm = True


class WorkAwaited:
    """Stands for the module `asyncio` in the emulator's SQS, whose long polls sleep for 100 ms between two looks into the
    queue. Here a poll looks again as soon as there is work anywhere, because a long poll of SQS is answered as soon as
    there is a message (SQS Developer Guide, "Amazon SQS short and long polling")."""

    def __init__(self):
        self.sleepers = set()

    def __getattr__(self, name):
        return getattr(asyncio, name)

    async def sleep(self, seconds):
        """Sleeps until there is work, at the longest for some seconds."""
        loop = asyncio.get_running_loop()
        sleeper = loop.create_future()
        timer = loop.call_later(seconds, self.wake, sleeper)
        self.sleepers.add(sleeper)
        try:
            await sleeper
        finally:
            timer.cancel()
            self.sleepers.discard(sleeper)

    def wake(self, sleeper):
        if not sleeper.done():
            sleeper.set_result(None)

    def wake_all(self):
        """May be called on any thread."""
        for sleeper in list(self.sleepers):
            sleeper.get_loop().call_soon_threadsafe(self.wake, sleeper)


sqs.asyncio = work_awaited = WorkAwaited()
set_event = concurrency.esm_wake.set


def set_and_wake():
    """Whatever sends to a queue sets this event, on which the emulator's own pollers wait."""
    set_event()
    work_awaited.wake_all()


concurrency.esm_wake.set = set_and_wake
app.main()
