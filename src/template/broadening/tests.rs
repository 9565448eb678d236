use serde_json::{Value, json};

use super::*;
use crate::template::document;

fn properties(text: &str) -> Value {
    match text {
        "-" => Value::Null,
        text => document(text).unwrap(),
    }
}

/// Each row: type, before, after, and the expected text.
fn assert_rows(rows: &[(&str, &str, &str, &[&str])]) {
    for (kind, before, after, wanted) in rows {
        let reported = broadening(kind, &properties(before), &properties(after));
        assert_eq!(reported, *wanted, "{kind}: {before} -> {after}");
    }
}

#[test]
fn policies() {
    let role = "AWS::IAM::Role";
    let read = "Statement: [{ Effect: Allow, Action: s3:GetObject, Resource: !Ref B }]";
    let read_two =
        "Statement: [{ Effect: Allow, Action: [s3:GetObject, s3:PutObject], Resource: !Ref B }]";
    let all = "Statement: [{ Effect: Allow, Action: 's3:*', Resource: '*' }]";
    let narrow = "Statement: [{ Effect: Allow, Action: s3:GetObject, Resource: !Ref B, Condition: { Bool: { a: 'true' } } }]";
    let other = "Statement: [{ Effect: Allow, Action: s3:GetObject, Resource: !GetAtt C.Arn }]";
    let deny = "Statement: [{ Effect: Deny, Action: 's3:*', Resource: '*', Principal: '*' }]";
    let trust = "Statement: [{ Effect: Allow, Action: sts:AssumeRole, Principal: { Service: [a.amazonaws.com, b.amazonaws.com] } }]";
    let trust_one = "Statement: [{ Effect: Allow, Action: sts:AssumeRole, Principal: { Service: a.amazonaws.com } }]";
    let all_but = "Statement: [{ Effect: Allow, NotAction: iam:*, Resource: '*' }]";
    assert_rows(&[
        (role, read, read, &[]),
        (role, read, read_two, &["allows s3:PutObject on ${B}"]),
        (role, read_two, read, &[]),
        (role, all, read_two, &[]),
        (role, read, all, &["allows s3:* on *"]),
        (role, read, narrow, &[]),
        (role, narrow, read, &["allows s3:GetObject on ${B}"]),
        (role, all, "Statement: []\n", &[]),
        (role, read, other, &["allows s3:GetObject on ${C.Arn}"]),
        (
            "AWS::S3::BucketPolicy",
            deny,
            "Statement: []",
            &["no longer denies s3:* on * to *"],
        ),
        ("AWS::S3::BucketPolicy", "Statement: []", deny, &[]),
        (
            role,
            trust_one,
            trust,
            &["allows sts:AssumeRole on itself to b.amazonaws.com"],
        ),
        (role, trust, trust_one, &[]),
        (role, "-", all_but, &["allows all but iam:* on *"]),
    ]);
}

#[test]
fn managed_policies_and_boundaries() {
    let role = "AWS::IAM::Role";
    assert_rows(&[
        (
            role,
            "ManagedPolicyArns: [a]",
            "ManagedPolicyArns: [a, b]",
            &["has managed policy b"],
        ),
        (
            role,
            "ManagedPolicyArns: [a, b]",
            "ManagedPolicyArns: [b]",
            &[],
        ),
        (
            role,
            "PermissionsBoundary: a",
            "{}",
            &["is no longer bounded by a"],
        ),
        (role, "{}", "PermissionsBoundary: a", &[]),
    ]);
}

#[test]
fn who_may_invoke_a_lambda() {
    let kind = "AWS::Lambda::Permission";
    let bound = "{ Action: lambda:InvokeFunction, FunctionName: !Ref F, Principal: apigateway.amazonaws.com, SourceArn: x }";
    let free = "{ Action: lambda:InvokeFunction, FunctionName: !Ref F, Principal: apigateway.amazonaws.com }";
    assert_rows(&[
        (kind, bound, bound, &[]),
        (kind, free, bound, &[]),
        (
            kind,
            bound,
            free,
            &["allows lambda:InvokeFunction on ${F} to apigateway.amazonaws.com"],
        ),
        (
            kind,
            "-",
            bound,
            &["allows lambda:InvokeFunction on ${F} to apigateway.amazonaws.com if SourceArn is x"],
        ),
    ]);
}

#[test]
fn security_groups() {
    let kind = "AWS::EC2::SecurityGroup";
    let rule = |cidr: &str, from: u16, to: u16| {
        json!({
            "SecurityGroupIngress": [{ "IpProtocol": "tcp", "FromPort": from, "ToPort": to, "CidrIp": cidr }],
            "SecurityGroupEgress": [],
        })
    };
    let reported = |before: &Value, after: &Value| broadening(kind, before, after);
    let wide = rule("10.0.0.0/8", 1, 1024);
    let narrow = rule("10.1.0.0/16", 443, 443);
    assert!(reported(&wide, &narrow).is_empty());
    assert_eq!(
        reported(&narrow, &wide),
        ["lets in tcp 1 to 1024 from 10.0.0.0/8"]
    );
    assert_eq!(
        reported(&wide, &rule("0.0.0.0/0", 443, 443)),
        ["lets in tcp 443 from 0.0.0.0/0"]
    );
    let mut open = narrow.clone();
    open.as_object_mut().unwrap().remove("SecurityGroupEgress");
    assert_eq!(
        reported(&narrow, &open),
        [
            "lets out everything to 0.0.0.0/0",
            "lets out everything to ::/0"
        ]
    );
    assert!(reported(&open, &narrow).is_empty());
}

#[test]
fn switches_that_open() {
    let bucket = "AWS::S3::Bucket";
    let route = "AWS::ApiGatewayV2::Route";
    assert_rows(&[
        (
            bucket,
            "PublicAccessBlockConfiguration: { BlockPublicAcls: true, BlockPublicPolicy: true }",
            "PublicAccessBlockConfiguration: { BlockPublicAcls: true, BlockPublicPolicy: false }",
            &["no longer keeps the public out with BlockPublicPolicy"],
        ),
        // A new bucket is closed unless it says otherwise.
        (bucket, "-", "{}", &[]),
        (
            route,
            "AuthorizationType: JWT",
            "AuthorizationType: NONE",
            &["may be called without signing in"],
        ),
        (
            route,
            "AuthorizationType: NONE",
            "AuthorizationType: JWT",
            &[],
        ),
    ]);
}

#[test]
fn only_what_the_change_adds_is_reported_of_each_resource() {
    use crate::template::{difference, render};
    let template = |actions: &str| {
        let body = format!(
            "Resources: {{ R: {{ Type: AWS::IAM::Role, Properties: {{ Statement: {{ Effect: Allow, Action: {actions}, Resource: x }} }} }} }}"
        );
        render(
            &document(&body).unwrap(),
            &std::collections::BTreeMap::new(),
        )
    };
    let (before, after) = (template("[a]"), template("[a, b]"));
    let changes = with_broadening(difference(&before, &after), &before, &after);
    assert_eq!(changes[0].broadens, ["allows b on x"]);
}
