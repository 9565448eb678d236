//! The policy of the real templates.

use std::path::Path;

use super::*;
use crate::plan::Plan;
use crate::template::Templates;
use crate::urls::Urls;

fn config(extra: &str) -> Config {
    let file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    let text = format!(
        "stages:\n  prod: {{ domain: factory-tree.com, region: eu-central-1, account: '123456789012'{extra} }}\n"
    );
    std::fs::write(file.path(), text).unwrap();
    Config::load(file.path(), Some("prod")).unwrap()
}

fn plan(config: &Config) -> Plan {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    let templates = Templates::read(&folder).unwrap();
    let urls = Urls::secure(&config.settings.domain);
    crate::plan::plan(config, &urls, &templates, &[]).unwrap()
}

fn report(extra: &str) -> PolicyReport {
    report_for(PolicyPurpose::Deploy, extra)
}

fn report_for(purpose: PolicyPurpose, extra: &str) -> PolicyReport {
    let config = config(extra);
    let plan = plan(&config);
    let templates = plan.all().map(|stack| &stack.template);
    policy(&config, templates, purpose, None).unwrap()
}

fn granted(report: &PolicyReport) -> Vec<&Statement> {
    let documents = report.policies.iter().map(|policy| &policy.document);
    documents.flat_map(|document| &document.statement).collect()
}

/// The statement that grants an action, all of it in a line.
fn found(report: &PolicyReport, action: &str) -> String {
    let statements = granted(report);
    let of_action = statements.iter().filter(|row| row.action.contains(action));
    let rows: Vec<String> = of_action
        .map(|row| {
            let condition = serde_json::to_string(&row.condition).unwrap();
            let resource: Vec<&str> = row.resource.iter().map(String::as_str).collect();
            format!("{} if {condition}", resource.join(" "))
        })
        .collect();
    rows.join("\n")
}

#[test]
fn the_example_of_an_own_stack_gets_its_permissions() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/counter/template.yaml");
    let body = std::fs::read_to_string(&file).unwrap();
    let template = crate::template::Template::parse(&file, body).unwrap();
    let report = policy(&config(""), [&template], PolicyPurpose::Deploy, None).unwrap();
    for action in ["sns:Subscribe", "sqs:CreateQueue", "lambda:CreateFunction"] {
        assert!(!found(&report, action).is_empty(), "{action}");
    }
}

#[test]
fn every_type_of_every_template_is_known() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let template = Template::parse(&file, std::fs::read_to_string(&file).unwrap()).unwrap();
        needed(&take([&template]).unwrap()).unwrap();
    }
}

#[test]
fn no_action_has_a_wildcard() {
    let report = report("");
    for action in granted(&report).iter().flat_map(|row| &row.action) {
        let (service, name) = action.split_once(':').unwrap();
        assert!(
            service
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-'),
            "{action}"
        );
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric()), "{action}");
    }
}

#[test]
fn each_policy_fits_the_quota_and_has_its_own_names() {
    let report = report("");
    for policy in &report.policies {
        assert!(policy.characters <= MAX_CHARACTERS, "{}", policy.name);
        let mut sids: Vec<&str> = policy
            .document
            .statement
            .iter()
            .map(|row| row.sid.as_str())
            .collect();
        let all = sids.len();
        sids.sort_unstable();
        sids.dedup();
        assert_eq!(sids.len(), all, "{sids:?}");
    }
    // A role takes ten (IAM quota "Managed policies per role").
    assert!(report.policies.len() <= 10);
}

#[test]
fn what_can_be_narrowed_is_narrowed() {
    let report = report(", hosted_zone_id: Z0123456789ABCDEFGHIJ");
    let rows: Vec<String> = [
        "cloudformation:DeleteStack",
        "dynamodb:DeleteTable",
        "ec2:RunInstances",
        "iam:AttachRolePolicy",
        "iam:CreateServiceLinkedRole",
        "iam:PassRole",
        "route53:ChangeResourceRecordSets",
        "s3:PutObject",
    ]
    .into_iter()
    .map(|action| format!("{action}\n{}", found(&report, action)))
    .collect();
    insta::assert_snapshot!(rows.join("\n\n"), @r#"
cloudformation:DeleteStack
arn:aws:cloudformation:eu-central-1:123456789012:stack/factory-tree-prod-* arn:aws:cloudformation:us-east-1:123456789012:stack/factory-tree-prod-* if {}

dynamodb:DeleteTable
arn:aws:dynamodb:eu-central-1:123456789012:table/factory-tree-prod-* if {"ForAnyValue:StringEquals":{"aws:CalledVia":["cloudformation.amazonaws.com"]}}

ec2:RunInstances
arn:aws:ec2:eu-central-1:123456789012:* arn:aws:ec2:eu-central-1::image/* arn:aws:ec2:eu-central-1::snapshot/* if {"ForAnyValue:StringEquals":{"aws:CalledVia":["cloudformation.amazonaws.com"]}}

iam:AttachRolePolicy
arn:aws:iam::123456789012:role/factory-tree-prod-* if {"ArnLike":{"iam:PolicyARN":["arn:aws:iam::123456789012:policy/factory-tree-prod-*"]},"ForAnyValue:StringEquals":{"aws:CalledVia":["cloudformation.amazonaws.com"]},"StringEquals":{"aws:RequestedRegion":["eu-central-1","us-east-1"]}}

iam:CreateServiceLinkedRole
arn:aws:iam::123456789012:role/aws-service-role/* if {"StringEquals":{"iam:AWSServiceName":["ops.apigateway.amazonaws.com","autoscaling.amazonaws.com","elasticloadbalancing.amazonaws.com"]}}

iam:PassRole
arn:aws:iam::123456789012:role/factory-tree-prod-* if {"StringEquals":{"iam:PassedToService":["ec2.amazonaws.com","lambda.amazonaws.com"]}}

route53:ChangeResourceRecordSets
arn:aws:route53:::hostedzone/Z0123456789ABCDEFGHIJ if {"ForAllValues:StringLike":{"route53:ChangeResourceRecordSetsNormalizedRecordNames":["factory-tree.com","*.factory-tree.com"]},"StringEquals":{"aws:RequestedRegion":["eu-central-1","us-east-1"]}}

s3:PutObject
arn:aws:s3:::factory-tree-prod-* if {"StringEquals":{"aws:RequestedRegion":["eu-central-1","us-east-1"]}}
"#);
}

/// Users are changed in the stage's own pool, which is known by its tag; and where nobody signs in, nothing is asked of Cognito.
#[test]
fn users_are_reached_in_the_stages_own_pool_and_only_where_people_sign_in() {
    let without = report("");
    let any = |report: &PolicyReport| {
        let granted = granted(report);
        let mut actions = granted.iter().flat_map(|row| &row.action);
        actions.any(|action| action.starts_with("cognito-idp:"))
    };
    assert!(!any(&without));
    let with = report(", sign_in: true");
    let rows = [
        "cognito-idp:AdminCreateUser",
        "cognito-idp:ListUsers",
        "cognito-idp:DeleteUserPool",
        "cognito-idp:CreateUserPool",
    ];
    let rows = rows.map(|action| format!("{action}\n{}", found(&with, action)));
    insta::assert_snapshot!(rows.join("\n\n"), @r#"
cognito-idp:AdminCreateUser
arn:aws:cognito-idp:eu-central-1:123456789012:userpool/* if {"StringEquals":{"aws:ResourceTag/factory-tree:stack":["factory-tree-prod-auth"]}}

cognito-idp:ListUsers
arn:aws:cognito-idp:eu-central-1:123456789012:userpool/* if {"StringEquals":{"aws:ResourceTag/factory-tree:stack":["factory-tree-prod-auth"]}}

cognito-idp:DeleteUserPool
arn:aws:cognito-idp:eu-central-1:123456789012:userpool/* if {"ForAnyValue:StringEquals":{"aws:CalledVia":["cloudformation.amazonaws.com"]}}

cognito-idp:CreateUserPool
* if {"ForAnyValue:StringEquals":{"aws:CalledVia":["cloudformation.amazonaws.com"]},"StringEquals":{"aws:RequestedRegion":["eu-central-1","us-east-1"]}}
"#);
    assert_eq!(found(&with, "cognito-idp:AdminSetUserPassword"), "");
    assert!(!any(&report_for(PolicyPurpose::Plan, ", sign_in: true")));
}

#[test]
fn whatever_is_granted_on_everything_is_bound_to_the_regions() {
    for row in granted(&report("")) {
        if row.resource.contains("*") {
            let equals = row.condition.get("StringEquals");
            assert!(
                equals.is_some_and(|keys| keys.contains_key("aws:RequestedRegion")),
                "{row:?}"
            );
        }
    }
}

#[test]
fn without_an_account_the_trust_says_where_it_goes() {
    let mut config = config("");
    config.settings.account = None;
    let workflow = Workflow {
        repository: "octo-org/tree".parse().unwrap(),
        environment: "prod".parse().unwrap(),
    };
    let plan = plan(&config);
    let templates = plan.all().map(|stack| &stack.template);
    let report = policy(&config, templates, PolicyPurpose::Deploy, Some(&workflow)).unwrap();
    let trust = serde_json::to_string(&report.trust).unwrap();
    assert!(
        trust.contains("arn:aws:iam::ACCOUNT_ID:oidc-provider/"),
        "{trust}"
    );
    let reported = report.to_string();
    let after = reported.split("\n}\n").last().unwrap();
    insta::assert_snapshot!(after, @r#"

    set `account` of stage prod, or put it in for ACCOUNT_ID

    a repository that was made, renamed or moved since 2026-07-15 has ids in its tokens, and this policy refuses them: then print it with `--github OWNER@ID/REPO@ID`, which
      gh api repos/OWNER/REPO | jq -r '"\(.owner.login)@\(.owner.id)/\(.name)@\(.id)"'
    prints
    "#);
}

/// The whole of it, a statement a paragraph: so a change of a template shows what it costs.
#[test]
fn the_policy_of_prod_is_as_it_was_reviewed() {
    insta::assert_snapshot!(paragraphs(&report("")));
}

fn paragraphs(report: &PolicyReport) -> String {
    let rows: Vec<String> = granted(report)
        .iter()
        .map(|row| {
            let condition = serde_json::to_string(&row.condition).unwrap();
            let resource: Vec<&str> = row.resource.iter().map(String::as_str).collect();
            let action: Vec<&str> = row.action.iter().map(String::as_str).collect();
            format!(
                "{}\non {}\nif {condition}\n",
                action.join(" "),
                resource.join(" ")
            )
        })
        .collect();
    rows.join("\n")
}

/// Everybody who may push a branch can run any command with this role.
#[test]
fn whoever_plans_changes_nothing_and_reads_no_data() {
    let report = report_for(PolicyPurpose::Plan, "");
    assert_eq!(report.policies[0].name, "factory-tree-prod-plan-1");
    insta::assert_snapshot!(paragraphs(&report), @r#"
cloudformation:CreateChangeSet
on arn:aws:cloudformation:eu-central-1:aws:transform/LanguageExtensions
if {}

cloudformation:ListStacks ec2:DescribeAvailabilityZones ec2:DescribeInstanceTypeOfferings ec2:DescribeVpcEndpointServices
on *
if {"StringEquals":{"aws:RequestedRegion":["eu-central-1","us-east-1"]}}

cloudformation:CreateChangeSet cloudformation:DeleteChangeSet cloudformation:DescribeChangeSet cloudformation:DescribeEvents cloudformation:DescribeStacks cloudformation:GetTemplate cloudformation:ListChangeSets cloudformation:TagResource cloudformation:UntagResource
on arn:aws:cloudformation:eu-central-1:123456789012:stack/factory-tree-prod-* arn:aws:cloudformation:us-east-1:123456789012:stack/factory-tree-prod-*
if {}

s3:ListBucket
on arn:aws:s3:::factory-tree-prod-*
if {"StringEquals":{"aws:RequestedRegion":["eu-central-1","us-east-1"]}}

ssm:GetParameter
on arn:aws:ssm:eu-central-1:123456789012:parameter/aws/service/* arn:aws:ssm:eu-central-1::parameter/aws/service/*
if {}
"#);
}

#[test]
fn a_person_reads_each_policys_name_and_size() {
    let report = report("");
    let reported = report.to_string();
    let count = report.policies.len();
    assert!(reported.starts_with(&format!(
        "stage prod: managed policies of one role that may deploy: {count}\n"
    )));
    let first = &report.policies[0];
    assert_eq!(first.name, "factory-tree-prod-deploy-1");
    let head = format!(
        "\n\n{} ({} of 6144 characters)\n{{\n",
        first.name, first.characters
    );
    assert!(reported.contains(&head), "{reported}");
}

/// CloudFormation reads a template of the bucket with the rights of whoever asks for the change set.
#[test]
fn a_role_that_plans_sends_templates_and_nothing_else_where_one_is_too_large_for_a_request() {
    let config = config("");
    let plan = plan(&config);
    assert_eq!(
        found(&report_for(PolicyPurpose::Plan, ""), "s3:PutObject"),
        ""
    );
    let mut large = plan.stacks[0].template.clone();
    large.body = format!("# {}\n{}", "x".repeat(51_200), &*large.body).into();
    let report = policy(&config, [&large], PolicyPurpose::Plan, None).unwrap();
    insta::assert_snapshot!(found(&report, "s3:PutObject"), @"arn:aws:s3:::factory-tree-prod-*/templates/* if {}");
    insta::assert_snapshot!(found(&report, "s3:GetObject"), @"arn:aws:s3:::factory-tree-prod-*/templates/* if {}");
}
