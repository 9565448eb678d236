//! The cause of a failure, as a person reads it.

use std::time::Duration;

use factory_tree::provision::{Options, Outcome};

use super::{RecordedEvents, provision, provision_data, reported, stack};
use crate::support::fake_account::{FakeCloudFormation, Fault, Resource};

#[tokio::test]
async fn the_root_cause_is_reported_with_its_place_and_its_cure() {
    let fake = FakeCloudFormation::start();
    fake.account().declare(
        "data",
        &[
            ("Topic", "AWS::SNS::Topic", 400),
            ("Table", "AWS::DynamoDB::Table", 20),
        ],
    );
    fake.account()
        .fail_resource("data", "Table", Some("factory-tree-data already exists"));
    let (result, _) = provision_data(&fake).await;
    insta::assert_snapshot!(reported(&result.unwrap_err()));
    assert_eq!(
        fake.account().status("demo-data").unwrap(),
        "ROLLBACK_COMPLETE"
    );

    // It never came up: the next deploy makes it anew.
    fake.account()
        .declare("data", &[("Table", "AWS::DynamoDB::Table", 20)]);
    assert_eq!(provision_data(&fake).await.0.unwrap(), Outcome::Created);
    assert_eq!(fake.account().count("DeleteStack"), 1);
}

#[tokio::test]
async fn a_nested_stack_is_asked_for_the_cause_that_it_hides() {
    let fake = FakeCloudFormation::start();
    let arn = "arn:aws:cloudformation:us-east-1:123456789012:stack/inner/9";
    let nested = Resource {
        kind: "AWS::CloudFormation::Stack".to_owned(),
        takes: Duration::from_millis(20),
        fails: Some(format!("Embedded stack {arn} was not successfully created")),
        physical_id: arn.to_owned(),
    };
    fake.account()
        .resources
        .insert("data".to_owned(), [("Inner".to_owned(), nested)].into());
    let row = [
        "Queue",
        "AWS::SQS::Queue",
        "CREATE_FAILED",
        "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: sqs:CreateQueue on resource: arn:aws:sqs:us-east-1:123456789012:dead",
    ];
    fake.account()
        .nested
        .insert(arn.to_owned(), vec![row.map(str::to_owned)]);
    let (result, _) = provision_data(&fake).await;
    insta::assert_snapshot!(reported(&result.unwrap_err()));
}

#[tokio::test]
async fn of_servers_that_did_not_come_up_the_console_is_shown() {
    let fake = FakeCloudFormation::start();
    let group = Resource {
        kind: "AWS::AutoScaling::AutoScalingGroup".to_owned(),
        takes: Duration::from_millis(20),
        fails: Some("Received 1 FAILURE signal(s) out of 1. Unable to satisfy 100% MinSuccessfulInstancesPercent requirement".to_owned()),
        physical_id: "demo-data-Servers-1A2B".to_owned(),
    };
    let resources = [("Servers".to_owned(), group)].into();
    fake.account()
        .resources
        .insert("data".to_owned(), resources);
    fake.account().servers = vec![("i-0abc", "Terminated")];
    let console = "[    0.0] Linux version 6.1\n[   31.2] cloud-init[2214]: {\"level\":\"ERROR\",\"message\":\"failed to create the queue: not authorized to perform: sqs:CreateQueue\"}\n";
    fake.account().consoles.insert("i-0abc", console.to_owned());
    let (result, _) = provision_data(&fake).await;
    insta::assert_snapshot!(reported(&result.unwrap_err()));

    // A console that may not be read is told, and the cause stays.
    let denied = Fault::Error(
        403,
        "UnauthorizedOperation".to_owned(),
        "You are not authorized to perform this operation.".to_owned(),
    );
    fake.account().fail_next("DescribeInstances", denied);
    let (result, said) = provision_data(&fake).await;
    insta::assert_snapshot!(format!("{said}\n{}", reported(&result.unwrap_err())));
}

#[tokio::test]
async fn an_early_validation_is_reported_in_full() {
    let fake = FakeCloudFormation::start();
    fake.account().refused_change_set = Some("The following hook(s)/validation failed: [AWS::EarlyValidation::PropertyValidation]. To troubleshoot Early Validation errors, use the DescribeEvents API".to_owned());
    let rows = [
        [
            "Table",
            "AWS::DynamoDB::Table",
            "Required property [KeySchema] not found",
            "/Resources/Table/Properties",
        ],
        [
            "Topic",
            "AWS::SNS::Topic",
            "Resource of this name already exists",
            "/Resources/Topic/Properties/TopicName",
        ],
    ];
    fake.account().failed_events = Some(rows.iter().map(|row| row.map(str::to_owned)).collect());
    let (result, _) = provision_data(&fake).await;
    insta::assert_snapshot!(reported(&result.unwrap_err()));
}

#[tokio::test]
async fn a_missing_grant_to_describe_events_is_a_warning_and_never_the_error() {
    let fake = FakeCloudFormation::start();
    fake.account().refused_change_set = Some(
        "Template error: instance of Fn::GetAtt references undefined resource [Table]".to_owned(),
    );
    let (result, said) = provision_data(&fake).await;
    insta::assert_snapshot!(format!("{said}\n{}", reported(&result.unwrap_err())));
}

#[tokio::test]
async fn a_real_change_that_cloudformation_does_not_see_is_said() {
    let fake = FakeCloudFormation::start();
    provision_data(&fake).await.0.unwrap();
    let mut changed = stack("data", &[]);
    changed.template.body = format!("{}  Changed: yes\n", &*changed.template.body).into();
    fake.account().refused_change_set =
        Some("The submitted information didn't contain changes. Submit different information to create a change set.".to_owned());
    let heard = RecordedEvents::default();
    let stacks = provision(&fake, &[changed], Options::default(), &heard)
        .await
        .unwrap();
    assert_eq!(stacks[0].outcome, Outcome::Unchanged);
    insta::assert_snapshot!(heard.said());
}
