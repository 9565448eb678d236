"""Holds the templates against the proactive controls of AWS Control Tower, with cfn-guard. In: the folder of the npm package
that carries both, and templates. Out: each resource that a control does not accept and whose metadata does not say why, and
each reason that no control asks for any more; exit code 1 if there is one. A reason stands at the resource:

    Metadata:
      ControlTower:
        skip:
          - id: CT.S3.PR.9
            comment: why it is as it is

The controls look at values, so parameters and conditions are filled in first, once as for a protected stage with everything
switched on, once as for one that is not. What is only known after a deploy stays a reference.
"""

import json
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

# What other stacks put out, as they would.
OUTPUTS = {
    "AlarmTopic": "arn:aws:sns:us-east-1:123456789012:alarms", "ArtifactBucket": "artifacts", "LogBucket": "logs",
    "CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-4000-8000-000000000000",
    "HostedZoneId": "Z0123456789ABCDEFGHIJ", "TopicArn": "arn:aws:sns:us-east-1:123456789012:changes",
}

# The values of both kinds of stage. A parameter that is not here has its default, or is not known.
STAGES = {
    "protected": {
        "Protected": "true", "DeletionProtection": "true", "AlarmEmail": "operator@example.com", "DomainName": "example.com",
        "LogRetentionDays": 30, "InstanceType": "t3.small", "Architecture": "x86_64", "MinServers": 2, "MaxServers": 4,
    },
    "open": {
        "Protected": "false", "DeletionProtection": "false", "AlarmEmail": "", "DomainName": "preview.example.com",
        "LogRetentionDays": 3, "InstanceType": "t3.small", "Architecture": "x86_64", "MinServers": 1, "MaxServers": 2,
    },
}

PSEUDO = {
    "AWS::Partition": "aws", "AWS::Region": "us-east-1", "AWS::AccountId": "123456789012", "AWS::StackName": "tree",
    "AWS::URLSuffix": "amazonaws.com",
}

NOTHING = object()


class Loader(yaml.SafeLoader):
    """Reads `!Ref Table` as `{"Ref": "Table"}`, as JSON has it."""


def function(loader, suffix, node):
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        return {name: value.split(".", 1) if suffix == "GetAtt" else value}
    deep = loader.construct_sequence if isinstance(node, yaml.SequenceNode) else loader.construct_mapping
    return {name: deep(node, deep=True)}


Loader.add_multi_constructor("!", function)


def holds(condition, template, values):
    """Evaluates a condition whose values are known."""
    (name, value), = condition.items()
    if name == "Condition":
        return holds(template["Conditions"][value], template, values)
    if name == "Fn::Not":
        return not holds(value[0], template, values)
    if name in ("Fn::And", "Fn::Or"):
        return (all if name == "Fn::And" else any)(holds(one, template, values) for one in value)
    left, right = (rendered(one, template, values) for one in value)
    return str(left) == str(right)


def bucket_arns(template):
    """The controls of bucket policies take an ARN as text, and few of the ways to write a reference."""
    resources = template["Resources"].items()
    return {name: f"arn:aws:s3:::{name.lower()}" for name, resource in resources if resource["Type"] == "AWS::S3::Bucket"}


def rendered(value, template, values):
    if isinstance(value, list):
        all_of = [rendered(inner, template, values) for inner in value]
        return [inner for inner in all_of if inner is not NOTHING]
    if not isinstance(value, dict):
        return value
    if value == {"Ref": "AWS::NoValue"}:
        return NOTHING
    if set(value) == {"Ref"}:
        return values.get(value["Ref"], value)
    if set(value) == {"Fn::If"}:
        condition, yes, no = value["Fn::If"]
        chosen = yes if holds({"Condition": condition}, template, values) else no
        return rendered(chosen, template, values)
    if set(value) == {"Fn::GetAtt"} and value["Fn::GetAtt"][1] == "Arn" and value["Fn::GetAtt"][0] in bucket_arns(template):
        return bucket_arns(template)[value["Fn::GetAtt"][0]]
    if set(value) == {"Fn::Sub"} and isinstance(value["Fn::Sub"], str):
        known = {name: text for name, text in values.items() if isinstance(text, str)} | PSEUDO
        known |= {f"{bucket}.Arn": arn for bucket, arn in bucket_arns(template).items()}
        return re.sub(r"\$\{([\w:.]+)\}", lambda found: known.get(found[1], found[0]), value["Fn::Sub"])
    every = {name: rendered(inner, template, values) for name, inner in value.items()}
    return {name: inner for name, inner in every.items() if inner is not NOTHING}


def render(template, stage):
    parameters = template.get("Parameters", {})
    values = {name: declared["Default"] for name, declared in parameters.items() if "Default" in declared}
    values.update({name: value for name, value in (OUTPUTS | stage).items() if name in parameters})
    resources = template["Resources"].items()
    kept = {
        name: rendered({key: value for key, value in resource.items() if key not in ("Condition", "Metadata")}, template, values)
        for name, resource in resources
        if "Condition" not in resource or holds({"Condition": resource["Condition"]}, template, values)
    }
    return {"Resources": kept, "Parameters": parameters}


def faults(report):
    """The controls that refuse resources: pairs of the resource's logical id and the control, and the control's own words."""
    found = {}

    def visit(node, control, words):
        if isinstance(node, list):
            for inner in node:
                visit(inner, control, words)
        elif isinstance(node, dict):
            text = (node.get("messages") or {}).get("custom_message") or (node.get("message") or "")
            named = re.search(r"\[(CT\.[A-Z0-9.]+)\]:\s*(.*)", text if isinstance(text, str) else "")
            if named:
                control, words = named.groups()
            path = node.get("path")
            at = re.match(r"/Resources/([^/]+)", path) if isinstance(path, str) else None
            if at:
                found.setdefault((at[1], control), words)
            for inner in node.values():
                visit(inner, control, words)

    for rule in report["not_compliant"]:
        # The control's name stands in the messages of the inner rules.
        text = json.dumps(rule)
        named = re.search(r"\[(CT\.[A-Z0-9.]+)\]:\s*([^\\]*)", text)
        visit(rule, *(named.groups() if named else (rule["Rule"]["name"], "")))
    return found


def guard(package, templates):
    machine = {"x86_64": "x86_64", "aarch64": "aarch64"}[platform.machine()]
    command = [
        package / "bin/ubuntu" / machine / "cfn-guard", "validate", "--rules", package / "rules/control-tower",
        "--data", templates, "--show-summary", "none", "--output-format", "json", "--structured",
    ]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    # 19: at least one rule is not kept (cfn-guard's documentation, "Exit codes").
    if ended.returncode not in (0, 19):
        sys.exit(f"cfn-guard ends with {ended.returncode}: {ended.stderr}")
    return json.loads(ended.stdout)


def main(package, files):
    templates = {file.stem: yaml.load(file.read_text(), Loader) for file in files}
    open_faults, asked = {}, set()
    skipped = {
        (name, resource, row["id"])
        for name, template in templates.items()
        for resource, declared in template["Resources"].items()
        for row in declared.get("Metadata", {}).get("ControlTower", {}).get("skip", [])
        if row.get("comment", "").strip()
    }
    checked = 0
    with tempfile.TemporaryDirectory() as folder:
        for stage, values in STAGES.items():
            for name, template in templates.items():
                (Path(folder) / f"{name}.{stage}.json").write_text(json.dumps(render(template, values), default=str))
        for report in guard(package, folder):
            name = Path(report["name"]).name.split(".")[0]
            checked += len(report["compliant"]) + len(report["not_compliant"])
            for (resource, control), words in faults(report).items():
                place = (name, resource, control)
                asked.add(place)
                if place not in skipped:
                    open_faults[place] = words
    for (name, resource, control), words in sorted(open_faults.items()):
        print(f"templates/{name}.yaml: {resource}: {control}: {words}")
    for name, resource, control in sorted(skipped - asked):
        print(f"templates/{name}.yaml: {resource}: {control} is excused, and no control asks for it")
    print(f"{checked} controls applied, {len(asked & skipped)} exceptions explained, {len(open_faults)} not")
    return bool(open_faults or skipped - asked)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]]))
