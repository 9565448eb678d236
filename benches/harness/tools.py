"""Every tool as a person would start it on a template that is there already: its commands and the files
that it wants. Nothing is measured here."""

import json
import shutil
from dataclasses import dataclass
from typing import Callable

from endpoint import REGION

# The peers are given one; ours makes its own.
DIGEST = "Digest=0123456789abcdef0123456789abcdef"


@dataclass(frozen=True)
class Tool:
    """One of those that are compared."""

    name: str
    deploy: Callable[[str], list]  # a stack's name → the command; a repeat of it is the no-op
    version: list  # the command that only starts up
    unchanged: str | None  # what it says on a terminal when there is nothing to do; None: its repeat is not measured


def tools(programs, ours, template, workplace):
    """Returns ours and its peers, ours first. `programs` says where the peers are, `ours` where our
    two programs are, `workplace` is a folder for the files that they want."""
    starts, deploys = ours
    return [
        our_own(starts, deploys, template),
        aws(str(programs["aws"]), template),
        sam(str(programs["sam"]), template),
        cdk(str(programs["cdk"]), template, workplace / "cdk"),
        sceptre(str(programs["sceptre"]), template, workplace / "sceptre"),
        cloudformatious(str(programs["cloudformatious"]), template),
    ]


def environment(url, home, path):
    """Returns the environment that every tool gets: the endpoint, any credentials, and nobody to call home
    to, which none of them could reach."""
    return {
        "PATH": path,
        "HOME": str(home),
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "SAM_CLI_TELEMETRY": "0",
        "CDK_DISABLE_CLI_TELEMETRY": "1",
        "CDK_DISABLE_VERSION_CHECK": "1",
    }


def our_own(starts, deploys, template):
    """The real `factory-tree` for its start, benches/deploy for the deploys. It tells its progress in lines, as
    in CI: on a terminal the first frame of its tree would come when all is over."""

    def deploy(stack):
        return ["/usr/bin/env", "CI=true", deploys, stack, REGION, str(template)]

    return Tool("ours", deploy, [starts, "--version"], "unchanged")


def aws(program, template):
    """`aws cloudformation deploy`."""
    command = [program, "cloudformation", "deploy", "--template-file", str(template)]
    command += ["--capabilities", "CAPABILITY_IAM", "--no-fail-on-empty-changeset"]
    command += ["--parameter-overrides", DIGEST]

    def deploy(stack):
        return [*command, "--stack-name", stack]

    return Tool("aws", deploy, [program, "--version"], "No changes to deploy")


def sam(program, template):
    """`sam deploy`, of a template that needs no transform."""
    command = [program, "deploy", "--template-file", str(template), "--region", REGION]
    command += ["--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--no-fail-on-empty-changeset"]
    command += ["--parameter-overrides", DIGEST]

    def deploy(stack):
        return [*command, "--stack-name", stack]

    return Tool("sam", deploy, [program, "--version"], "No changes to deploy")


def cdk(program, template, workplace):
    """`cdk deploy` of a cloud assembly that is synthesised already: nobody's TypeScript is compiled."""

    def deploy(stack):
        assembly = workplace / f"{stack}.out"
        if not assembly.exists():
            write_assembly(assembly, stack, template)
        command = [program, "deploy", "--app", str(assembly), "--require-approval", "never", "--no-notices"]
        return [*command, "--parameters", DIGEST]

    return Tool("cdk", deploy, [program, "--version"], "(no changes)")


def write_assembly(folder, stack, template):
    """Writes what `cdk synth` writes for one stack whose template fits into a request.

    Source: AWS CDK, cloud-assembly-schema, `AssemblyManifest` and `AwsCloudFormationStackProperties`."""
    folder.mkdir(parents=True)
    shutil.copy(template, folder / "template.json")
    manifest = {
        "version": "36.0.0",
        "artifacts": {
            stack: {
                "type": "aws:cloudformation:stack",
                "environment": "aws://unknown-account/unknown-region",
                "properties": {"templateFile": "template.json"},
            }
        },
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))


def cloudformatious(program, template):
    """`cloudformatious apply-stack`, which prints every event. Its repeat fails on the endpoint: it asks for a change set that
    creates the stack, and takes the endpoint's AlreadyExistsException, where AWS answers ValidationError, for a failure."""
    command = [program, "apply-stack", "--template-path", str(template), "--capabilities", "CAPABILITY_IAM"]
    command += ["--parameters", DIGEST]

    def deploy(stack):
        return [*command, "--stack-name", stack]

    return Tool("cloudformatious", deploy, [program, "--version"], None)


def sceptre(program, template, workplace):
    """`sceptre launch` of a project with one stack."""

    def deploy(stack):
        write_project(workplace, stack, template)
        return [program, "--dir", str(workplace), "launch", "-y", f"{stack}.yaml"]

    return Tool("sceptre", deploy, [program, "--version"], "No updates to perform")


def write_project(folder, stack, template):
    """Writes what sceptre wants to know of a stack, and nothing else that it would read."""
    shutil.rmtree(folder, ignore_errors=True)
    for part in ("config", "templates"):
        (folder / part).mkdir(parents=True)
    shutil.copy(template, folder / "templates/template.json")
    name, value = DIGEST.split("=")
    stack_file = {
        "template": {"type": "file", "path": "template.json"},
        "stack_name": stack,
        "parameters": {name: value},
    }
    # Its files are YAML, of which JSON is a part.
    (folder / "config/config.yaml").write_text(json.dumps({"project_code": "bench", "region": REGION}))
    (folder / f"config/{stack}.yaml").write_text(json.dumps(stack_file))
