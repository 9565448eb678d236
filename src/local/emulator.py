"""Starts the emulator with three of its answers put right, so that they are those of AWS."""

from ministack import app
from ministack.services import apigateway

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
    (API Gateway Developer Guide, "Configure CORS for HTTP APIs"). The emulator refuses it."""
    configured = (apigateway._apis.get(api_id) or {}).get("corsConfiguration")
    if method == "OPTIONS" and not configured:
        method = ForwardedMethod(method)
    return await execute(api_id, stage, path, method, *rest)


apigateway._handle_execute_in_scope = execute_as_aws_does
app.main()
