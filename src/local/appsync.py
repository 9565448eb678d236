"""Gives the emulator the types by which CloudFormation makes an Event API of AppSync, and the custom domain of one. The emulator
has the API itself, but makes it by calls only. Runs before `emulator.py`, in the same process.

What is patched is inside the emulator, so it is patched in the one version that this was written for."""

import asyncio
import importlib.metadata
import json
import sys
import time

VERSION = "1.5.33"

installed = importlib.metadata.version("ministack")
if installed != VERSION:
    sys.exit(
        f"src/local/appsync.py patches ministack {VERSION}, and {installed} is installed: look whether each name that it "
        "takes from ministack still means the same, then set VERSION in it"
    )

from ministack import app  # noqa: E402
from ministack.core import iam_actions  # noqa: E402
from ministack.core.responses import get_account_id, get_region, new_uuid  # noqa: E402
from ministack.services import appsync_events as events  # noqa: E402
from ministack.services.cloudformation import provisioners  # noqa: E402

# The custom domains, by the first label of the distribution that each stands for: `name`, and the hosts of its API once it
# has one. A custom domain is a distribution of CloudFront, so the edge sends the requests for it there.
domains = {}

# The open WebSockets of each custom domain, by the same label: the loop and the task of each.
sockets = {}

# The zone of all distributions (Route 53 API Reference, "AliasTarget").
CLOUDFRONT_ZONE = "Z2FDTNDATAQYW2"


def made(response, part):
    """What a call of the emulator's API has made, or CloudFormation's failure."""
    status, _, body = response
    answer = json.loads(body)
    if status >= 400:
        raise ValueError(answer.get("message") or str(answer))
    return answer.get(part)


def body_of(properties, *left_out):
    """Properties of a template as the body of the call that they belong to."""
    kept = {name: value for name, value in properties.items() if name not in left_out}
    return json.dumps(provisioners._pascal_to_camel(kept)).encode()


def last(arn):
    return arn.rsplit("/", 1)[1]


def api_view(api):
    dns = {"Dns.Http": api["dns"]["HTTP"], "Dns.Realtime": api["dns"]["REALTIME"]}
    return api["apiArn"], {"ApiArn": api["apiArn"], "ApiId": api["apiId"], **dns}


def create_api(logical_id, properties, stack):
    return api_view(made(events._create_api(body_of(properties, "Tags")), "api"))


def update_api(physical_id, before, properties, stack):
    return api_view(made(events._update_api(last(physical_id), body_of(properties, "Tags")), "api"))


def delete_api(physical_id, properties):
    events._delete_api(last(physical_id))


def namespace_view(namespace):
    arn = namespace["channelNamespaceArn"]
    return arn, {"ChannelNamespaceArn": arn}


def create_namespace(logical_id, properties, stack):
    body = body_of(properties, "ApiId", "Tags")
    answer = events._create_channel_namespace(properties["ApiId"], body)
    return namespace_view(made(answer, "channelNamespace"))


def update_namespace(physical_id, before, properties, stack):
    body = body_of(properties, "ApiId", "Name", "Tags")
    answer = events._update_channel_namespace(properties["ApiId"], properties["Name"], body)
    return namespace_view(made(answer, "channelNamespace"))


def delete_namespace(physical_id, properties):
    events._delete_channel_namespace(properties["ApiId"], properties["Name"])


def key_view(properties, key):
    arn = f"arn:aws:appsync:{get_region()}:{get_account_id()}:apis/{properties['ApiId']}/apikeys/{key}"
    return key, {"ApiKey": key, "ApiKeyId": key, "Arn": arn}


def create_key(logical_id, properties, stack):
    made_key = made(events._create_api_key(properties["ApiId"], body_of(properties, "ApiId")), "apiKey")
    return key_view(properties, made_key["id"])


def update_key(physical_id, before, properties, stack):
    """In place: who has the key goes on with it."""
    events._api_keys[properties["ApiId"]][physical_id]["expires"] = int(properties["Expires"])
    return key_view(properties, physical_id)


def delete_key(physical_id, properties):
    events._delete_api_key(properties["ApiId"], physical_id)


def domain_view(label):
    name = domains[label]["name"]
    arn = f"arn:aws:appsync:{get_region()}:{get_account_id()}:domainnames/{name}"
    return name, {
        "AppSyncDomainName": f"{label}.cloudfront.net",
        "DomainName": name,
        "DomainNameArn": arn,
        "HostedZoneId": CLOUDFRONT_ZONE,
    }


def label_of(name):
    return next(label for label, domain in domains.items() if domain["name"] == name)


def create_domain(logical_id, properties, stack):
    name = properties["DomainName"]
    if ":acm:us-east-1:" not in properties["CertificateArn"]:
        raise ValueError(f"The certificate of {name} must be in us-east-1")
    if any(domain["name"] == name for domain in domains.values()):
        raise ValueError(f"Domain name {name} already exists")
    label = "d" + new_uuid().replace("-", "")[:13]
    domains[label] = {"name": name, "hosts": None}
    return domain_view(label)


def update_domain(physical_id, before, properties, stack):
    return domain_view(label_of(physical_id))


def close_sockets(label):
    """Ends the connections to a domain that leads nowhere any more; the emulator would leave them open, and silent."""
    for loop, task in sockets.pop(label, set()):
        loop.call_soon_threadsafe(task.cancel)


def delete_domain(physical_id, properties):
    label = label_of(physical_id)
    domains.pop(label)
    close_sockets(label)


def associate(logical_id, properties, stack):
    name = properties["DomainName"]
    domains[label_of(name)]["hosts"] = dict(events._apis[properties["ApiId"]]["dns"])
    return name, {"ApiAssociationIdentifier": name}


def reassociate(physical_id, before, properties, stack):
    return associate(None, properties, stack)


def disassociate(physical_id, properties):
    label = label_of(physical_id)
    domains[label]["hosts"] = None
    close_sockets(label)


def handlers(create, update, delete):
    return {"create": create, "update": update, "delete": delete}


of_graphql_key = provisioners._RESOURCE_HANDLERS["AWS::AppSync::ApiKey"]


def is_of_graphql(properties):
    return properties.get("ApiId") not in events._apis


def create_any_key(logical_id, properties, stack):
    create = of_graphql_key["create"] if is_of_graphql(properties) else create_key
    return create(logical_id, properties, stack)


def update_any_key(physical_id, before, properties, stack):
    update = of_graphql_key["update"] if is_of_graphql(properties) else update_key
    return update(physical_id, before, properties, stack)


def delete_any_key(physical_id, properties):
    (of_graphql_key["delete"] if is_of_graphql(properties) else delete_key)(physical_id, properties)


provisioners._RESOURCE_HANDLERS |= {
    "AWS::AppSync::Api": handlers(create_api, update_api, delete_api),
    "AWS::AppSync::ApiKey": handlers(create_any_key, update_any_key, delete_any_key),
    "AWS::AppSync::ChannelNamespace": handlers(create_namespace, update_namespace, delete_namespace),
    "AWS::AppSync::DomainName": handlers(create_domain, update_domain, delete_domain),
    "AWS::AppSync::DomainNameApiAssociation": handlers(associate, reassociate, disassociate),
}

# A change of these makes another resource. Source: `createOnlyProperties` of the types' schemas.
provisioners._REPLACING_PROPERTIES |= {
    "AWS::AppSync::Api": (),
    "AWS::AppSync::ApiKey": ("ApiId",),
    "AWS::AppSync::ChannelNamespace": ("ApiId", "Name"),
    "AWS::AppSync::DomainName": ("CertificateArn", "DomainName"),
    "AWS::AppSync::DomainNameApiAssociation": ("DomainName",),
}

knows_key = events._auth_has_known_api_key


def knows_key_in_time(api_id, auth):
    """An expired key is refused; the emulator never looks at its date."""
    if not knows_key(api_id, auth):
        return False
    key = auth.get("x-api-key") or auth.get("X-Api-Key")
    return events._api_keys[api_id][key]["expires"] > time.time()


events._auth_has_known_api_key = knows_key_in_time

# Publishing over HTTP, by a signature, is a grant on the namespace (Service Authorization Reference, "AWS AppSync"). The
# emulator asks no policy for it.
action_of = iam_actions.extract_iam_action
resource_of = iam_actions.extract_resource_arn


def is_signed_publish(service, method, path, headers):
    is_publish = service == "appsync-events" and method == "POST" and path == "/event"
    return is_publish and headers.get("authorization", "").startswith("AWS4-HMAC-SHA256")


def action_of_publish(service, method, path, headers, *rest):
    if is_signed_publish(service, method, path, headers):
        return "appsync:EventPublish"
    return action_of(service, method, path, headers, *rest)


def namespace_of_publish(service, method, path, headers, body, parameters, region, account):
    if not is_signed_publish(service, method, path, headers):
        return resource_of(service, method, path, headers, body, parameters, region, account)
    try:
        namespace = json.loads(body)["channel"].strip("/").split("/")[0]
    except (ValueError, KeyError, TypeError, AttributeError):
        namespace = "*"
    api = headers.get("host", "").split(".")[0]
    return f"arn:aws:appsync:{region}:{account}:apis/{api}/channelNamespace/{namespace}"


iam_actions.extract_iam_action = action_of_publish
iam_actions.extract_resource_arn = namespace_of_publish

emulator = app.app

# The one path of the API's WebSockets (AppSync Events Developer Guide, "Event API WebSocket protocol").
REALTIME = "/event/realtime"


def label_behind(scope):
    """The label of the custom domain that a request is for, if it is for one that leads to an API."""
    named = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
    label = named.split(".")[0]
    is_of_domain = ".cloudfront.net" in named and label in domains
    return label if is_of_domain and domains[label]["hosts"] is not None else None


async def serve_socket(label, scope, receive, send):
    """Serves a WebSocket until either side ends it, or its domain leads nowhere any more."""
    own = (asyncio.get_running_loop(), asyncio.current_task())
    sockets.setdefault(label, set()).add(own)
    try:
        await emulator(scope, receive, send)
    except asyncio.CancelledError:
        if own in sockets.get(label, ()):
            raise
        await send({"type": "websocket.close", "code": 1001})
    finally:
        sockets.get(label, set()).discard(own)


async def with_custom_domains(scope, receive, send):
    label = label_behind(scope) if scope["type"] in ("http", "websocket") else None
    if label is None or scope["type"] == "websocket" and scope["path"] != REALTIME:
        return await emulator(scope, receive, send)
    is_socket = scope["type"] == "websocket"
    host = domains[label]["hosts"]["REALTIME" if is_socket else "HTTP"]
    others = [(name, value) for name, value in scope["headers"] if name != b"host"]
    scope = {**scope, "headers": [(b"host", host.encode()), *others]}
    if is_socket:
        await serve_socket(label, scope, receive, send)
    else:
        await emulator(scope, receive, send)


app.app = with_custom_domains
