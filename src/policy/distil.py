#!/usr/bin/env python3
"""Writes permissions.json: what CloudFormation's resource handlers ask of IAM, for the types in templates/.

Run it in the environment of the template tests, whenever a template uses a new type, calls.rs has a new row, or
cfn-lint is updated (`tests/run` compares):

    target/templates-venv/bin/python src/policy/distil.py > src/policy/permissions.json

Sources, both inside the cfn-lint that tests/requirements.txt pins:
- the CloudFormation registry's resource schemas: `handlers.*.permissions` of each type;
- the Service Authorization Reference: which actions IAM knows, and which of them know no resources.

What the sources do not say is in the three tables below, each row with its reason.
"""

import importlib.metadata
import json
import pathlib
import re
import sys

import cfnlint

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = pathlib.Path(cfnlint.__file__).parent / "data"
HANDLERS = ("create", "read", "update", "delete", "list")

# The schema of the auto scaling group grants whole families of reading. These are the calls by which it looks at
# what this kind of group names: launch template, image, subnets, target groups, an image id from a public parameter.
# Source: EC2 Auto Scaling User Guide, "Launch template support" and "Identity-based policy examples".
EXPANSIONS = {
    "autoscaling:Describe*": [
        "autoscaling:DescribeAutoScalingGroups",
        "autoscaling:DescribeLifecycleHooks",
        "autoscaling:DescribeLoadBalancerTargetGroups",
        "autoscaling:DescribePolicies",
        "autoscaling:DescribeScalingActivities",
        "autoscaling:DescribeScheduledActions",
        "autoscaling:DescribeTags",
        "autoscaling:DescribeTrafficSources",
        "autoscaling:DescribeWarmPool",
    ],
    "ec2:Describe*": [
        "ec2:DescribeAccountAttributes",
        "ec2:DescribeAvailabilityZones",
        "ec2:DescribeImages",
        "ec2:DescribeInstances",
        "ec2:DescribeInstanceTypes",
        "ec2:DescribeLaunchTemplates",
        "ec2:DescribeLaunchTemplateVersions",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets",
        "ec2:DescribeVpcs",
    ],
    "ec2:Get*": [],
    "elasticloadbalancing:Describe*": [
        "elasticloadbalancing:DescribeLoadBalancers",
        "elasticloadbalancing:DescribeTargetGroups",
        "elasticloadbalancing:DescribeTargetHealth",
    ],
    "managed-fleets:Get*": [],
    "ssm:Get*": ["ssm:GetParameters"],
}

# What a user pool with a key of one's own asks of that key.
KEYS_OF_USERS = [
    "kms:CreateGrant",
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
]

# Needed only by who sets the property (at any depth). A type's schema lists what all of its properties may need.
OPTIONAL = {
    "AWS::ApiGatewayV2::Api": {"BodyS3Location": ["s3:GetObject"]},
    "AWS::ApiGatewayV2::Authorizer": {"AuthorizerCredentialsArn": ["iam:PassRole"]},
    "AWS::ApiGatewayV2::DomainName": {"MutualTlsAuthentication": ["s3:GetObject", "s3:GetObjectVersion"]},
    "AWS::ApiGatewayV2::Integration": {"CredentialsArn": ["iam:PassRole"]},
    "AWS::AppSync::ChannelNamespace": {"CodeS3Location": ["s3:GetObject"]},
    "AWS::AutoScaling::AutoScalingGroup": {
        "LifecycleHookSpecificationList": ["autoscaling:PutLifecycleHook", "autoscaling:DeleteLifecycleHook"],
        "LoadBalancerNames": ["autoscaling:AttachLoadBalancers", "autoscaling:DetachLoadBalancers"],
        "NotificationConfigurations": [
            "autoscaling:PutNotificationConfiguration",
            "autoscaling:DeleteNotificationConfiguration",
        ],
        "TrafficSources": [
            "autoscaling:AttachTrafficSources",
            "autoscaling:DetachTrafficSources",
            "vpc-lattice:DeregisterTargets",
            "vpc-lattice:GetTargetGroup",
            "vpc-lattice:ListTargets",
            "vpc-lattice:RegisterTargets",
        ],
    },
    "AWS::CertificateManager::Certificate": {
        "CertificateAuthorityArn": ["acm-pca:GetCertificate", "acm-pca:IssueCertificate"],
    },
    "AWS::CloudFront::Distribution": {
        "ConnectionMode": ["cloudfront:CreateConnectionGroup", "cloudfront:GetConnectionGroup"],
        "Staging": ["cloudfront:UpdateDistributionWithStagingConfig"],
        "VpcOriginConfig": ["cloudfront:GetVpcOrigin"],
    },
    "AWS::Cognito::UserPool": {
        "EmailConfiguration": ["iam:CreateServiceLinkedRole"],
        # Keys of one's own, for the data of users or for what triggers get.
        "KeyConfiguration": KEYS_OF_USERS,
        "KMSKeyID": KEYS_OF_USERS,
        "SmsConfiguration": ["iam:PassRole"],
    },
    "AWS::Cognito::UserPoolClient": {
        "AnalyticsConfiguration": [
            "iam:CreateServiceLinkedRole",
            "iam:DeleteRolePolicy",
            "iam:PassRole",
            "iam:PutRolePolicy",
        ],
    },
    "AWS::Cognito::UserPoolDomain": {
        "CustomDomainConfig": [
            "cloudfront:UpdateDistribution",
            "kms:CreateGrant",
            "kms:Decrypt",
            "kms:DescribeKey",
            "kms:Encrypt",
            "kms:GenerateDataKeyWithoutPlaintext",
            "kms:ReEncryptFrom",
            "kms:ReEncryptTo",
        ],
    },
    "AWS::Cognito::UserPoolGroup": {"RoleArn": ["iam:PassRole", "iam:PutRolePolicy"]},
    "AWS::DynamoDB::Table": {
        "ContributorInsightsSpecification": ["dynamodb:UpdateContributorInsights"],
        "ImportSourceSpecification": [
            "dynamodb:BatchWriteItem",
            "dynamodb:DeleteItem",
            "dynamodb:DescribeImport",
            "dynamodb:GetItem",
            "dynamodb:ImportTable",
            "dynamodb:PutItem",
            "dynamodb:Query",
            "dynamodb:Scan",
            "dynamodb:UpdateItem",
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:DescribeLogGroups",
            "logs:DescribeLogStreams",
            "logs:PutLogEvents",
            "logs:PutRetentionPolicy",
            "s3:GetObject",
            "s3:ListBucket",
        ],
        # Replicas are made by AWS::DynamoDB::GlobalTable.
        "Replicas": ["dynamodb:AssociateTableReplica", "dynamodb:CreateTableReplica", "iam:CreateServiceLinkedRole"],
        "KinesisStreamSpecification": [
            "dynamodb:DisableKinesisStreamingDestination",
            "dynamodb:EnableKinesisStreamingDestination",
            "dynamodb:UpdateKinesisStreamingDestination",
            "kinesis:DescribeStream",
            "kinesis:PutRecords",
        ],
        # The policy of the AWS managed key lets in whoever may use DynamoDB.
        "KMSMasterKeyId": [
            "kms:CreateGrant",
            "kms:Decrypt",
            "kms:DescribeKey",
            "kms:Encrypt",
            "kms:ListAliases",
            "kms:RevokeGrant",
        ],
        "ResourcePolicy": ["dynamodb:DeleteResourcePolicy", "dynamodb:PutResourcePolicy"],
    },
    "AWS::EC2::Subnet": {
        "Ipv6CidrBlock": ["ec2:AssociateSubnetCidrBlock", "ec2:DisassociateSubnetCidrBlock"],
    },
    "AWS::EC2::VPC": {
        "InstanceTenancy": ["ec2:ModifyVpcTenancy"],
        "VpcEncryptionControl": ["ec2:CreateVpcEncryptionControl"],
    },
    "AWS::EC2::VPCEndpoint": {
        "ServiceNetworkArn": ["vpc-lattice:CreateServiceNetworkVpcEndpointAssociation"],
        "ServiceRegion": ["vpce:AllowMultiRegion"],
    },
    "AWS::EC2::VPCGatewayAttachment": {
        "VpnGatewayId": ["ec2:AttachVpnGateway", "ec2:DetachVpnGateway"],
    },
    "AWS::ElasticLoadBalancingV2::Listener": {
        "AuthenticateCognitoConfig": ["cognito-idp:DescribeUserPoolClient"],
    },
    "AWS::ElasticLoadBalancingV2::ListenerRule": {
        "AuthenticateCognitoConfig": ["cognito-idp:DescribeUserPoolClient"],
    },
    "AWS::ElasticLoadBalancingV2::LoadBalancer": {
        "Ipv4IpamPoolId": ["ec2:DescribeIpamPools", "elasticloadbalancing:ModifyIpPools"],
        "MinimumLoadBalancerCapacity": ["elasticloadbalancing:ModifyCapacityReservation"],
    },
    "AWS::IAM::ManagedPolicy": {
        "Groups": ["iam:AttachGroupPolicy", "iam:DetachGroupPolicy"],
        "Users": ["iam:AttachUserPolicy", "iam:DetachUserPolicy"],
    },
    "AWS::IAM::Role": {
        "PermissionsBoundary": ["iam:DeleteRolePermissionsBoundary", "iam:PutRolePermissionsBoundary"],
    },
    "AWS::KMS::Key": {"Enabled": ["kms:DisableKey", "kms:EnableKey"]},
    "AWS::Lambda::EventSourceMapping": {
        "KmsKeyArn": ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"],
    },
    "AWS::Lambda::Function": {
        "CapacityProviderConfig": ["lambda:PassCapacityProvider", "lambda:PutFunctionScalingConfig"],
        "CodeSigningConfigArn": [
            "lambda:DeleteFunctionCodeSigningConfig",
            "lambda:GetCodeSigningConfig",
            "lambda:PutFunctionCodeSigningConfig",
        ],
        "FileSystemConfigs": ["elasticfilesystem:DescribeMountTargets", "s3files:ListMountTargets"],
        "KmsKeyArn": ["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"],
        "Layers": ["lambda:GetLayerVersion"],
        "PublishToLatestPublished": ["lambda:PublishVersion"],
        "RecursiveLoop": ["lambda:PutFunctionRecursionConfig"],
        "ReservedConcurrentExecutions": ["lambda:DeleteFunctionConcurrency", "lambda:PutFunctionConcurrency"],
        "RuntimeManagementConfig": ["lambda:PutRuntimeManagementConfig"],
        "S3ObjectVersion": ["s3:GetObjectVersion"],
        "VpcConfig": [
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeSubnets",
            "ec2:DescribeVpcs",
        ],
    },
    "AWS::Logs::LogGroup": {
        "BearerTokenAuthenticationEnabled": ["logs:PutBearerTokenAuthentication"],
        "DataProtectionPolicy": [
            "firehose:TagDeliveryStream",
            "logs:CreateLogDelivery",
            "logs:PutDataProtectionPolicy",
        ],
        "DeletionProtectionEnabled": ["logs:PutLogGroupDeletionProtection"],
        "FieldIndexPolicies": ["logs:DeleteIndexPolicy", "logs:PutIndexPolicy"],
        "KmsKeyId": ["logs:AssociateKmsKey", "logs:DisassociateKmsKey"],
        "ResourcePolicyDocument": ["logs:DeleteResourcePolicy", "logs:PutResourcePolicy"],
    },
    "AWS::Route53::HostedZone": {
        "HostedZoneFeatures": ["route53:UpdateHostedZoneFeatures"],
        "QueryLoggingConfig": ["route53:CreateQueryLoggingConfig", "route53:DeleteQueryLoggingConfig"],
        "VPCs": [
            "ec2:DescribeVpcs",
            "route53:AssociateVPCWithHostedZone",
            "route53:DisassociateVPCFromHostedZone",
        ],
    },
    "AWS::S3::Bucket": {
        "AbacStatus": ["s3:PutBucketAbac"],
        "AccelerateConfiguration": ["s3:PutAccelerateConfiguration"],
        "AccessControl": ["s3:PutObjectAcl"],
        "AnalyticsConfigurations": ["s3:PutAnalyticsConfiguration"],
        "CorsConfiguration": ["s3:PutBucketCORS"],
        "IntelligentTieringConfigurations": ["s3:PutIntelligentTieringConfiguration"],
        "InventoryConfigurations": ["s3:PutInventoryConfiguration"],
        "MetadataTableConfiguration": [
            "s3:CreateBucketMetadataTableConfiguration",
            "s3:DeleteBucketMetadataTableConfiguration",
            "s3:UpdateBucketMetadataAnnotationTableConfiguration",
            "s3:UpdateBucketMetadataInventoryTableConfiguration",
            "s3:UpdateBucketMetadataJournalTableConfiguration",
            "s3tables:CreateNamespace",
            "s3tables:CreateTable",
            "s3tables:CreateTableBucket",
            "s3tables:GetTable",
            "s3tables:GetTableMetadataLocation",
            "s3tables:PutTableBucketPolicy",
            "s3tables:PutTableEncryption",
            "s3tables:PutTablePolicy",
            "s3tables:UpdateTableMetadataLocation",
        ],
        "MetricsConfigurations": ["s3:PutMetricsConfiguration"],
        "NotificationConfiguration": ["s3:PutBucketNotification"],
        "ObjectLockConfiguration": ["s3:PutBucketObjectLockConfiguration"],
        "ReplicationConfiguration": ["iam:PassRole", "s3:PutReplicationConfiguration"],
        "WebsiteConfiguration": ["s3:DeleteBucketWebsite", "s3:PutBucketWebsite"],
    },
    "AWS::SNS::Subscription": {"SubscriptionRoleArn": ["iam:GetRole", "iam:PassRole"]},
    "AWS::SNS::Topic": {
        "DataProtectionPolicy": ["sns:PutDataProtectionPolicy"],
        "DeliveryStatusLogging": ["iam:GetRole", "iam:PassRole"],
        "Subscription": ["sns:Subscribe", "sns:Unsubscribe"],
    },
}

# What a handler's own service asks its caller for, and the schema does not say.
ADDITIONS = {
    # API Gateway Developer Guide, "Configure logging for HTTP APIs": who sets up access logging must be able to
    # deliver logs.
    "AWS::ApiGatewayV2::Stage": [
        "logs:CreateLogDelivery",
        "logs:DeleteLogDelivery",
        "logs:DescribeLogGroups",
        "logs:DescribeResourcePolicies",
        "logs:GetLogDelivery",
        "logs:ListLogDeliveries",
        "logs:PutResourcePolicy",
        "logs:UpdateLogDelivery",
    ],
    # Both make a service-linked role when they are first used in an account. Sources: API Gateway Developer Guide,
    # "Using service-linked roles"; Elastic Load Balancing User Guide, "Service-linked role".
    "AWS::ApiGatewayV2::DomainName": ["iam:CreateServiceLinkedRole"],
    "AWS::ElasticLoadBalancingV2::LoadBalancer": ["iam:CreateServiceLinkedRole"],
    # CloudFront Developer Guide, "Permissions required to configure standard logging": the caller must be able to
    # add CloudFront to the ACL of the log bucket.
    "AWS::CloudFront::Distribution": ["s3:GetBucketAcl", "s3:PutBucketAcl"],
    # IAM checks the launch template's tags when a group is made from it (EC2 Auto Scaling User Guide, "Launch
    # template support"). The rest is asked by CloudFormation itself, not by the type's handler: a rolling update ends
    # instances one after another and looks at those that come (CloudFormation User Guide, "UpdatePolicy attribute").
    "AWS::AutoScaling::AutoScalingGroup": [
        "autoscaling:DescribeAutoScalingInstances",
        "autoscaling:SetDesiredCapacity",
        "autoscaling:TerminateInstanceInAutoScalingGroup",
        "ec2:CreateTags",
    ],
    # A private DNS name is a zone that EC2 makes and joins with the network (Service Authorization Reference, dependent
    # actions of ec2:CreateVpcEndpoint; of all that is granted, the one dependent action that was not).
    "AWS::EC2::VPCEndpoint": ["route53:AssociateVPCWithHostedZone"],
}


def canonical(action):
    """The action's name as IAM writes it: some schemas begin one with a small letter."""
    service, name = action.split(":", 1)
    return f"{service}:{name[0].upper()}{name[1:]}"


def known_actions():
    """Every action of the Service Authorization Reference in lower case, and whether it knows resources."""
    services = json.loads((DATA / "AdditionalSpecs" / "Policies.json").read_text())
    return {
        f"{service}:{action}": bool(facts.get("Resources"))
        for service, content in services.items()
        for action, facts in content["Actions"].items()
    }


def template_types():
    texts = (file.read_text() for file in sorted((ROOT / "templates").glob("*.yaml")))
    return sorted({name for text in texts for name in re.findall(r"^    Type: (AWS::\S+)$", text, re.MULTILINE)})


def own_actions():
    """What the deployer calls itself."""
    return set(re.findall(r'"([a-z0-9-]+:[A-Z]\w+)"', (ROOT / "src" / "policy" / "calls.rs").read_text()))


def permissions(handler, known):
    """A handler's actions without wildcards, and without names that IAM does not know."""
    expanded = [name for action in handler["permissions"] for name in EXPANSIONS.get(action, [action])]
    return sorted({canonical(name) for name in expanded if name.lower() in known})


def lines(document):
    """JSON with one list a line, so that a change shows as one."""
    text = json.dumps(document, indent=1)
    return re.sub(r"\[[^\[\]]*\]", lambda found: " ".join(found[0].split()), text) + "\n"


def main():
    known = known_actions()
    providers = json.loads((DATA / "schemas" / "providers" / "us-east-1.json").read_text())
    types = {}
    for kind in template_types():
        schema = json.loads((DATA / "schemas" / "resources" / f"{providers[kind]}.json").read_text())
        handlers = schema["handlers"]
        types[kind] = {name: permissions(handlers[name], known) for name in HANDLERS if name in handlers}
        if kind in ADDITIONS:
            types[kind]["besides"] = sorted(ADDITIONS[kind])
    every = {action for handlers in types.values() for actions in handlers.values() for action in actions}
    for kind, rows in OPTIONAL.items():
        unknown = set().union(*rows.values()) - set().union(*types.get(kind, {"": set().union(*rows.values())}).values())
        if unknown:
            sys.exit(f"OPTIONAL names what the schema of {kind} does not: {sorted(unknown)}")
    unknown = [action for action in own_actions() if action.lower() not in known]
    if unknown:
        sys.exit(f"calls.rs names actions that IAM does not know: {sorted(unknown)}")
    schema_date = json.loads((DATA / "schemas" / "version.json").read_text())["schema_date"]
    document = {
        "source": f"cfn-lint {importlib.metadata.version('cfn-lint')}, resource schemas of {schema_date[:10]}",
        "types": types,
        "optional": {
            kind: {name: sorted(actions) for name, actions in sorted(rows.items())}
            for kind, rows in sorted(OPTIONAL.items())
            if kind in types
        },
        "without_resources": sorted(
            action for action in every | own_actions() if not known[action.lower()]
        ),
    }
    sys.stdout.write(lines(document))


if __name__ == "__main__":
    main()
