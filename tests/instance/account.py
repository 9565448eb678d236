"""The account of the local stage, asked as its root: what the launch template holds, and what an instance gets.

In: the emulator's port. Out: the user data as instances read it, and credentials of the instances' role."""

import base64
import json
import secrets

import botocore.session

REGION = "us-east-1"
STACK = "factory-tree-instance-websocket"
DENY_QUEUES = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "sqs:CreateQueue", "Resource": "*"}]}


class Account:
    def __init__(self, port):
        session = botocore.session.Session()
        session.set_credentials("test", "test")
        self.clients = {
            name: session.create_client(name, region_name=REGION, endpoint_url=f"http://127.0.0.1:{port}")
            for name in ["cloudformation", "ec2", "iam", "s3", "sqs", "sts"]
        }

    def physical_id(self, logical_id):
        answer = self.clients["cloudformation"].describe_stack_resource(StackName=STACK, LogicalResourceId=logical_id)
        return answer["StackResourceDetail"]["PhysicalResourceId"]

    def parameters(self):
        (stack,) = self.clients["cloudformation"].describe_stacks(StackName=STACK)["Stacks"]
        return {parameter["ParameterKey"]: parameter["ParameterValue"] for parameter in stack["Parameters"]}

    def user_data(self):
        answer = self.clients["ec2"].describe_launch_template_versions(LaunchTemplateId=self.physical_id("LaunchTemplate"))
        newest = max(answer["LaunchTemplateVersions"], key=lambda version: version["VersionNumber"])
        return base64.b64decode(newest["LaunchTemplateData"]["UserData"]).decode()

    def role(self, name, policies):
        """Returns name and credentials of a role with all policies of the instances' own, and these in addition.

        The role itself trusts EC2 alone, and the emulator enforces that; so a copy trusts the account."""
        iam, source = self.clients["iam"], self.physical_id("InstanceRole")
        name = f"instance-{name}-{secrets.token_hex(4)}"
        trust = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:root"}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
        for attached in iam.list_attached_role_policies(RoleName=source)["AttachedPolicies"]:
            iam.attach_role_policy(RoleName=name, PolicyArn=attached["PolicyArn"])
        for inline in iam.list_role_policies(RoleName=source)["PolicyNames"]:
            policy = iam.get_role_policy(RoleName=source, PolicyName=inline)["PolicyDocument"]
            iam.put_role_policy(RoleName=name, PolicyName=inline, PolicyDocument=json.dumps(policy))
        for number, policy in enumerate(policies):
            iam.put_role_policy(RoleName=name, PolicyName=f"test-{number}", PolicyDocument=json.dumps(policy))
        session = self.clients["sts"].assume_role(RoleArn=arn, RoleSessionName="instance")["Credentials"]
        return name, {
            "AccessKeyId": session["AccessKeyId"],
            "SecretAccessKey": session["SecretAccessKey"],
            "Token": session["SessionToken"],
            "Expiration": session["Expiration"].strftime("%Y-%m-%dT%H:%M:%SZ"),
        }

    def queues_of(self, instance_id):
        answer = self.clients["sqs"].list_queues(QueueNamePrefix=f"{STACK}-{instance_id}")
        return answer.get("QueueUrls", [])

    def delete_bundle(self):
        parameters = self.parameters()
        self.clients["s3"].delete_object(Bucket=parameters["ArtifactBucket"], Key=parameters["BundleKey"])
