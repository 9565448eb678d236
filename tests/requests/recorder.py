"""Stands in for the package `ministack` in the folder that a local stage's emulator starts in, which is where Python looks
first. In: `watched.json` beside this package. Out: the emulator as it is, but that

- every request that it gets is a line of the file `record`;
- the deployer, whom the emulator takes for the account's root, has the policies of the file `policies` and no others;
- CloudFormation does for the deployer only what these policies allow.

The emulator asks no policy for that last part: its CloudFormation calls its services from within. So the actions of each
resource's handler are looked for in the policies, by their names alone: which resources they reach is not asked.
"""

import importlib.machinery
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
WATCHED = json.loads((HERE / "watched.json").read_text())

# The parent of this package comes first on the path; the real one is the next.
elsewhere = [path for path in sys.path if Path(path or ".").resolve() != HERE.parent]
real = importlib.machinery.PathFinder.find_spec("ministack", elsewhere)
__path__ = list(real.submodule_search_locations)

from ministack import app  # noqa: E402
from ministack.core import iam_evaluator  # noqa: E402
from ministack.services.cloudformation import provisioners  # noqa: E402

# Calls of local stages only: one makes its server's session so, which an instance gets from its metadata service, and its edge
# keeps answers by the cache policy, as CloudFront does by itself.
FREE = {"sts:AssumeRole", "cloudfront:GetCachePolicy"}

# The emulator takes the reading of one mapping for that of their list.
MISTAKEN = {"lambda:ListEventSourceMappings": "lambda:GetEventSourceMapping"}

# In bytes; a request with a template in it has 51 200 at most, and percent signs in it.
LONGEST_BODY = 200_000

record = open(WATCHED["record"], "a", encoding="utf-8")


def note(line):
    record.write(json.dumps(line) + "\n")
    record.flush()


def text(body):
    """A byte is a character. An archive or a page of the site says nothing about the request that carries it."""
    return body.decode("latin-1") if len(body) <= LONGEST_BODY else ""


def watched(application):
    async def watch(scope, receive, send):
        if scope["type"] != "http":
            return await application(scope, receive, send)
        body, status = [], []

        async def receiving():
            message = await receive()
            body.append(message.get("body", b""))
            return message

        async def sending(message):
            if message["type"] == "http.response.start":
                status.append(message["status"])
            await send(message)

        try:
            return await application(scope, receiving, sending)
        finally:
            note(
                {
                    "method": scope["method"],
                    "path": scope.get("raw_path", b"").decode("latin-1").split("?")[0] or scope["path"],
                    "query": scope.get("query_string", b"").decode("latin-1"),
                    "headers": [[n.decode("latin-1").lower(), v.decode("latin-1")] for n, v in scope["headers"]],
                    "body": text(b"".join(body)),
                    "status": status[0] if status else None,
                }
            )

    return watch


app.app = watched(app.app)


def policies():
    """The policies of the deployer now, or None while it may do everything."""
    try:
        return json.loads(Path(WATCHED["policies"]).read_text())
    except FileNotFoundError:
        return None


resolve_principal = iam_evaluator.resolve_principal


def resolve_deployer(access_key_id, *rest):
    principal = resolve_principal(access_key_id, *rest)
    documents = policies()
    if documents is None or getattr(principal, "policies", ()) is not None:
        return principal
    principal.type = "User"
    principal.policies = [iam_evaluator.parse_policy_document(document) for document in documents]
    return principal


iam_evaluator.resolve_principal = resolve_deployer

enforce = iam_evaluator.enforce


def enforce_and_note(access_key_id, iam_action, *rest, **more):
    if iam_action in FREE:
        return None
    iam_action = MISTAKEN.get(iam_action, iam_action)
    denied = enforce(access_key_id, iam_action, *rest, **more)
    note({"asked": iam_action, "denied": denied is not None, "deployer": access_key_id == "test"})
    return denied


iam_evaluator.enforce = enforce_and_note

PERMISSIONS = json.loads(Path(WATCHED["permissions"]).read_text())


def names(value):
    """The names of all properties, at any depth."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from names(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from names(inner)


def needed(kind, handler, properties):
    """The actions of a handler, without those of properties that are not set."""
    optional = PERMISSIONS["optional"].get(kind, {})
    is_set = set(names(properties))
    spared = {action for name, actions in optional.items() if name not in is_set for action in actions}
    used = {action for name, actions in optional.items() if name in is_set for action in actions}
    return set(PERMISSIONS["types"].get(kind, {}).get(handler, [])) - (spared - used)


def check(kind, handler, properties):
    documents = policies()
    if documents is None:
        return
    allowed = {
        action
        for document in documents
        for statement in document["Statement"]
        if statement["Effect"] == "Allow"
        for action in statement["Action"]
    }
    missing = sorted(needed(kind, handler, properties) - allowed)
    note({"handler": f"{kind} {handler}", "missing": missing})
    if missing:
        raise PermissionError(f"User is not authorized to perform: {', '.join(missing)} (AccessDenied)")


def guarded(kind, handler, work, properties_at):
    def guard(*arguments, **more):
        check(kind, handler, arguments[properties_at] if len(arguments) > properties_at else {})
        return work(*arguments, **more)

    return guard


# The place of the (new) properties among the arguments of each handler.
PLACES = {"create": 1, "update": 2, "delete": 1}
for kind, handlers in provisioners._RESOURCE_HANDLERS.items():
    for handler, place in PLACES.items():
        if kind in PERMISSIONS["types"] and handler in handlers:
            handlers[handler] = guarded(kind, handler, handlers[handler], place)
