"""Validates recorded requests against AWS's service models, which botocore carries. Run with a Python that has botocore:
`python validate.py RECORD`. In: a file with a request a line, as recorder.py writes it. Out: JSON on stdout, with the number
of requests of each operation and with every fault; exit code 1 if there is a fault. No request is sent.

A request is read back by its protocol (query, json, rest-json, rest-xml, CBOR) into the members of the operation's input.
A fault is: no such operation or version, a member that the model does not know, a required one that is missing, a value of
the wrong type, outside of its enumeration, its length, its range or its pattern.
"""

import base64
import collections
import functools
import json
import re
import sys
import urllib.parse
import xml.etree.ElementTree as ElementTree

import botocore.loaders
import botocore.model

import ec2_form

# The name in a signature → botocore's name of the service, where they differ.
SIGNED_AS = {"monitoring": "cloudwatch", "servicequotas": "service-quotas"}

# Calls that are never sent to AWS: the session of a local stage's server, which an instance gets from its metadata service.
LOCAL = {("sts", "AssumeRole")}

# Headers that every signed request may have, whatever its operation.
COMMON = re.compile(
    r"x-amz-(date|security-token|content-sha256|user-agent|target|decoded-content-length|trailer|checksum-[a-z0-9]+"
    r"|sdk-checksum-algorithm)|x-amzn-(query-mode|trace-id)"
)

loader = botocore.loaders.Loader()
models = {}


def model_of(service):
    if service not in models:
        name = SIGNED_AS.get(service, service)
        models[service] = botocore.model.ServiceModel(loader.load_service_model(name, "service-2"), name)
    return models[service]


class Request:
    """A recorded request, and the faults that are found in it."""

    def __init__(self, line):
        self.method, self.path = line["method"], line["path"]
        self.query = urllib.parse.parse_qs(line["query"], keep_blank_values=True)
        self.headers = dict(line["headers"])
        self.body = line["body"].encode("latin-1")
        self.status = line["status"]
        self.faults = []
        signed = re.search(r"Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request", self.headers.get("authorization", ""))
        self.key, self.region, self.service = signed.groups() if signed else (None, None, None)

    def fault(self, where, text):
        self.faults.append(f"{where}: {text}")


# What comes of each protocol: the operation's name, and its input as a value of the input's shape.


def query(request, model):
    form = urllib.parse.parse_qs(request.body.decode(), keep_blank_values=True)
    form = {name: values[0] for name, values in form.items()} or {name: values[0] for name, values in request.query.items()}
    version, action = form.pop("Version", None), form.pop("Action", None)
    if version != model.metadata["apiVersion"]:
        request.fault("Version", f"`{version}` is not `{model.metadata['apiVersion']}`")
    used = set()
    shape = model.operation_model(action).input_shape
    is_ec2 = model.metadata["protocol"] == "ec2"
    read = functools.partial(ec2_form.of_form, scalar=of_text) if is_ec2 else of_form
    value = read(shape, "", form, used) if shape else {}
    for name in sorted(set(form) - used):
        request.fault(name, "the operation has no such parameter")
    return action, value


def of_form(shape, prefix, form, used):
    """Reads a value of a shape from a form, or None if no parameter is of it."""
    if shape.type_name == "structure":
        found = {}
        for name, member in shape.members.items():
            wire = member.serialization.get("name", name)
            if member.type_name == "list" and member.serialization.get("flattened"):
                wire = member.member.serialization.get("name", wire)
            value = of_form(member, f"{prefix}.{wire}" if prefix else wire, form, used)
            if value is not None:
                found[name] = value
        return found or None if prefix else found
    if not any(name == prefix or name.startswith(prefix + ".") for name in form):
        return None
    if shape.type_name == "list":
        if form.get(prefix) == "":
            used.add(prefix)
            return []
        inner = "" if shape.serialization.get("flattened") else "." + shape.member.serialization.get("name", "member")
        return of_numbers(shape.member, f"{prefix}{inner}", form, used)
    if shape.type_name == "map":
        inner = prefix if shape.serialization.get("flattened") else f"{prefix}.entry"
        key, value = (shape.key.serialization.get("name", "key"), shape.value.serialization.get("name", "value"))
        rows, number = {}, 1
        while f"{inner}.{number}.{key}" in form:
            used.add(f"{inner}.{number}.{key}")
            rows[form[f"{inner}.{number}.{key}"]] = of_form(shape.value, f"{inner}.{number}.{value}", form, used)
            number += 1
        return rows
    used.add(prefix)
    return of_text(shape, form.get(prefix))


def of_numbers(shape, prefix, form, used):
    values, number = [], 1
    while (value := of_form(shape, f"{prefix}.{number}", form, used)) is not None:
        values.append(value)
        number += 1
    return values


def of_text(shape, text):
    """Reads a scalar from text; text that is none stays text, and is a fault of its type later."""
    try:
        if shape.type_name in ("integer", "long"):
            return int(text)
        if shape.type_name in ("float", "double"):
            return float(text)
        if shape.type_name == "boolean":
            return {"true": True, "false": False}.get(text, text)
        if shape.type_name == "blob":
            return base64.b64decode(text)
    except (TypeError, ValueError):
        pass
    return text


def json_target(request, model):
    prefix, _, operation = request.headers.get("x-amz-target", "").rpartition(".")
    if prefix != model.metadata["targetPrefix"]:
        request.fault("X-Amz-Target", f"`{prefix}` is not `{model.metadata['targetPrefix']}`")
    return operation, json.loads(request.body or b"{}")


def cbor(request, model):
    import cbor2

    return request.path.rpartition("/")[2], cbor2.loads(request.body or b"\xa0")


def rest(request, model):
    operation, found = rest_operation(request, model)
    shape = operation.input_shape
    value, used = {}, set()
    if shape is None:
        return operation.name, value
    payload = shape.serialization.get("payload")
    in_body = {}
    for name, member in shape.members.items():
        where, wire = member.serialization.get("location"), member.serialization.get("name", name)
        if where == "uri":
            value[name] = of_text(member, found.get(wire))
        elif where == "querystring" and wire in request.query:
            used.add(wire)
            texts = request.query[wire]
            value[name] = [of_text(member.member, text) for text in texts] if member.type_name == "list" else of_text(member, texts[0])
        elif where == "header" and wire.lower() in request.headers:
            used.add(wire.lower())
            value[name] = of_text(member, request.headers[wire.lower()])
        elif where == "headers":
            matching = [header for header in request.headers if header.startswith(wire.lower())]
            used.update(matching)
            value[name] = {header[len(wire) :]: request.headers[header] for header in matching}
        elif where is None and name != payload:
            in_body[name] = member
    fixed = set(urllib.parse.parse_qs(operation.http["requestUri"].partition("?")[2], keep_blank_values=True))
    for name in sorted(set(request.query) - used - fixed - {"x-id"}):
        request.fault(f"?{name}", "the operation has no such parameter")
    for name in sorted(name for name in request.headers if name.startswith("x-amz") and name not in used):
        if not COMMON.fullmatch(name):
            request.fault(name, "the operation has no such header")
    value.update(of_payload(request, model, shape, payload, in_body))
    return operation.name, value


def of_payload(request, model, shape, payload, in_body):
    if payload:
        member = shape.members[payload]
        if member.type_name in ("blob", "string"):
            return {payload: request.body}
        return {payload: of_body(request, model, member)} if request.body else {}
    if not (in_body and request.body):
        return {}
    body = of_body(request, model, shape)
    return {name: value for name, value in body.items() if name in in_body or name not in shape.members}


def of_body(request, model, shape):
    if model.protocol_is_xml:
        root = ElementTree.fromstring(request.body)
        wanted = shape.serialization.get("name")
        if wanted and bare(root.tag) != wanted:
            request.fault("body", f"the root is `{bare(root.tag)}`, not `{wanted}`")
        return of_xml(request, shape, root, bare(root.tag))
    return json.loads(request.body)


def bare(tag):
    return tag.rpartition("}")[2]


def of_xml(request, shape, node, where):
    if shape.type_name == "structure":
        found, known = {}, {}
        for name, member in shape.members.items():
            wire = member.serialization.get("name", name)
            if member.type_name == "list" and member.serialization.get("flattened"):
                wire = member.member.serialization.get("name", wire)
            known[wire] = (name, member)
        for child in node:
            name, member = known.get(bare(child.tag), (None, None))
            if member is None:
                request.fault(where, f"unknown member `{bare(child.tag)}`")
            elif member.type_name == "list" and member.serialization.get("flattened"):
                found.setdefault(name, []).append(of_xml(request, member.member, child, f"{where}.{name}"))
            else:
                found[name] = of_xml(request, member, child, f"{where}.{name}")
        return found
    if shape.type_name == "list":
        return [of_xml(request, shape.member, child, where) for child in node]
    return of_text(shape, node.text or "")


def rest_operation(request, model):
    """Finds the operation by method, path and query; of several the one whose template is the most exact."""
    best = None
    for name in model.operation_names:
        operation = model.operation_model(name)
        if operation.http["method"] != request.method:
            continue
        path, _, fixed = operation.http["requestUri"].partition("?")
        parts = re.split(r"(\{[^}]+\})", path.rstrip("/") or "/")
        names = [part.strip("{}+") for part in parts if part.startswith("{")]
        pattern = "".join(
            (r"(.+)" if part.endswith("+}") else r"([^/]+)") if part.startswith("{") else re.escape(part) for part in parts
        )
        found = re.fullmatch(pattern + "/?", request.path)
        fixed = urllib.parse.parse_qs(fixed, keep_blank_values=True)
        if not found or any(request.query.get(key) is None or (value != [""] and request.query[key] != value) for key, value in fixed.items()):
            continue
        headers = [m.serialization.get("name", "").lower() for m in required_headers(operation)]
        if any(header not in request.headers for header in headers):
            continue
        queries = [m.serialization.get("name") for m in required_queries(operation)]
        if any(query not in request.query for query in queries):
            continue
        score = (len(fixed) + len(queries), len(headers), -len(names), request.query.get("x-id") == [name])
        if best is None or score > best[0]:
            best = (score, operation, dict(zip(names, map(urllib.parse.unquote, found.groups()))))
    if best is None:
        raise LookupError(f"no operation has {request.method} {request.path}")
    return best[1], best[2]


def required(operation, location):
    shape = operation.input_shape
    members = shape.members if shape else {}
    return [members[name] for name in (shape.required_members if shape else []) if members[name].serialization.get("location") == location]


def required_headers(operation):
    return required(operation, "header")


def required_queries(operation):
    return required(operation, "querystring")


# What a value must be.


KINDS = {
    "string": str, "integer": int, "long": int, "boolean": bool, "float": (int, float), "double": (int, float),
    "list": list, "map": dict, "structure": dict,
}


def check(request, shape, value, where):
    kind = KINDS.get(shape.type_name)
    if kind and (not isinstance(value, kind) or (shape.type_name != "boolean" and isinstance(value, bool))):
        return request.fault(where, f"`{value}` is no {shape.type_name}")
    bounds(request, shape, value, where)
    if shape.type_name == "structure":
        if shape.metadata.get("document"):
            return None
        for name in shape.required_members:
            if value.get(name) is None:
                request.fault(where, f"`{name}` is missing")
        for name, inner in value.items():
            member = shape.members.get(name)
            if member is None:
                request.fault(where, f"unknown member `{name}`")
            elif inner is not None:
                check(request, member, inner, f"{where}.{name}")
    elif shape.type_name == "list":
        for number, inner in enumerate(value):
            check(request, shape.member, inner, f"{where}[{number}]")
    elif shape.type_name == "map":
        for key, inner in value.items():
            check(request, shape.key, key, f"{where} key")
            check(request, shape.value, inner, f"{where}.{key}")
    elif shape.type_name == "string":
        text(request, shape, value, where)
    return None


def bounds(request, shape, value, where):
    size = value if isinstance(value, (int, float)) else len(value) if hasattr(value, "__len__") else None
    if size is None or isinstance(value, bool) or shape.type_name in ("structure", "timestamp"):
        return
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if (least is not None and size < least) or (most is not None and size > most):
        request.fault(where, f"{size} is not between {least} and {most}")


unread = collections.Counter()


def text(request, shape, value, where):
    enum = shape.metadata.get("enum")
    if enum and value not in enum:
        request.fault(where, f"`{value}` is none of {', '.join(enum[:8])}")
    pattern = shape.metadata.get("pattern")
    if not pattern:
        return
    # Java writes characters beyond the basic plane as pairs of surrogates.
    pattern = pattern.replace(r"\uD800\uDC00-\uDBFF\uDFFF", r"\U00010000-\U0010FFFF")
    try:
        if not re.search(pattern, value):
            request.fault(where, f"`{value}` does not match `{pattern}`")
    except re.error:
        unread[pattern] += 1


READERS = {"query": query, "ec2": query, "json": json_target, "rest-json": rest, "rest-xml": rest, "smithy-rpc-v2-cbor": cbor}


def reader(request, model):
    """How a request is to be read. Some services take several protocols, and the request says which it is."""
    protocols = model.metadata.get("protocols", [model.metadata["protocol"]])
    model.protocol_is_xml = "rest-xml" in protocols
    if request.headers.get("smithy-protocol") == "rpc-v2-cbor":
        name = "smithy-rpc-v2-cbor"
    elif "x-amz-target" in request.headers:
        name = "json"
    else:
        name = next(name for name in protocols if name not in ("json", "smithy-rpc-v2-cbor"))
    if name not in protocols:
        request.fault("protocol", f"{name} is none of {', '.join(protocols)}")
    return READERS[name]


def validate(request):
    model = model_of(request.service)
    operation, value = reader(request, model)(request, model)
    shape = model.operation_model(operation).input_shape
    if shape:
        check(request, shape, value, operation)
    elif value:
        request.fault(operation, "it takes no input")
    return operation


def main(file):
    counts, faults, unsigned = collections.Counter(), [], 0
    for line in map(json.loads, open(file, encoding="utf-8")):
        if "method" not in line:
            continue
        request = Request(line)
        if request.service is None:
            unsigned += 1
            continue
        who = "deployer" if request.key == "test" else "application"
        operation = f"{request.method} {request.path}"
        try:
            operation = validate(request)
        except Exception as error:  # what cannot be read is a fault, with its reason
            request.fault(operation, f"it cannot be read: {type(error).__name__}: {error}")
        if (request.service, operation) in LOCAL:
            continue
        counts[f"{who} {request.service} {operation}"] += 1
        faults += [f"{who} {request.service} {fault}" for fault in request.faults]
    report = {
        "requests": sum(counts.values()),
        "unsigned": unsigned,
        "operations": dict(sorted(counts.items())),
        "unread_patterns": sorted(unread),
        "faults": sorted(set(faults)),
    }
    print(json.dumps(report, indent=1))
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
