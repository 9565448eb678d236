use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_cloudformation::operation::describe_change_set::DescribeChangeSetOutput;
use aws_sdk_cloudformation::operation::get_template::GetTemplateOutput;
use aws_sdk_cloudformation::types::{
    ResourceChange, ResourceChangeDetail, ResourceTargetDefinition,
};
use aws_smithy_mocks::{MockResponseInterceptor, Rule, RuleMode, create_mock_http_client, mock};

use super::*;

/// A client whose answers are these, in this order.
fn client(rules: &[&Rule]) -> CloudFormation {
    let answers = rules.iter().fold(
        MockResponseInterceptor::new().rule_mode(RuleMode::Sequential),
        |answers, rule| answers.with_rule(rule),
    );
    let config = aws_sdk_cloudformation::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .http_client(create_mock_http_client())
        .interceptor(answers)
        .build();
    CloudFormation::new(Client::from_conf(config))
}

fn row(change: ResourceChange) -> types::Change {
    types::Change::builder().resource_change(change).build()
}

fn detail(target: ResourceTargetDefinition) -> ResourceChangeDetail {
    ResourceChangeDetail::builder().target(target).build()
}

/// A table that is replaced for one reason that is reported twice, and changed at another place.
fn table() -> ResourceChange {
    let key = ResourceTargetDefinition::builder()
        .attribute(ResourceAttribute::Properties)
        .name("KeySchema")
        .path("/Properties/KeySchema/0/AttributeName");
    let key = key.before_value("pk").after_value("id");
    let tags = ResourceTargetDefinition::builder().attribute(ResourceAttribute::Tags);
    ResourceChange::builder()
        .action(types::ChangeAction::Modify)
        .replacement(Replacement::True)
        .policy_action(PolicyAction::ReplaceAndDelete)
        .logical_resource_id("Table")
        .resource_type("AWS::DynamoDB::Table")
        .details(detail(
            key.clone()
                .requires_recreation(RequiresRecreation::Conditionally)
                .build(),
        ))
        .details(detail(
            key.requires_recreation(RequiresRecreation::Always).build(),
        ))
        .details(detail(tags.build()))
        .build()
}

fn plain(action: types::ChangeAction, id: &str, kind: &str) -> ResourceChange {
    ResourceChange::builder()
        .action(action)
        .logical_resource_id(id)
        .resource_type(kind)
        .build()
}

fn first_page() -> Rule {
    mock!(Client::describe_change_set)
        .match_requests(|request| {
            request.next_token().is_none() && request.include_property_values() == Some(true)
        })
        .then_output(|| {
            DescribeChangeSetOutput::builder()
                .changes(row(table()))
                .changes(row(plain(
                    types::ChangeAction::Add,
                    "New",
                    "AWS::SNS::Topic",
                )))
                .next_token("more")
                .build()
        })
}

fn last_page() -> Rule {
    let zone = ("Zone", "AWS::Route53::HostedZone");
    let queue = ("Queue", "AWS::SQS::Queue");
    mock!(Client::describe_change_set)
        .match_requests(|request| request.next_token() == Some("more"))
        .then_output(move || {
            let retained = ResourceChange::builder()
                .action(types::ChangeAction::Remove)
                .policy_action(PolicyAction::Retain)
                .logical_resource_id("Old")
                .resource_type("AWS::S3::Bucket");
            DescribeChangeSetOutput::builder()
                .changes(row(retained.build()))
                .changes(row(plain(types::ChangeAction::Import, zone.0, zone.1)))
                .changes(row(plain(types::ChangeAction::Dynamic, queue.0, queue.1)))
                .build()
        })
}

#[tokio::test]
async fn every_page_is_read_and_every_word_becomes_ours() {
    let (first, second) = (first_page(), last_page());
    let change_set = ChangeSet {
        id: "arn".to_owned(),
        stack_id: "stack".to_owned(),
    };
    let client = client(&[&first, &second]);
    let changes = client.list_changes(&change_set).await.unwrap();
    let rows = changes.iter().map(|change| {
        let properties = change.properties.iter().map(|property| {
            let PropertyChange {
                path,
                before,
                after,
                recreates,
                ..
            } = property;
            format!("\n  {path} {before:?} {after:?} {recreates:?}")
        });
        let crate::template::ResourceChange {
            logical_id,
            action,
            data,
            ..
        } = change;
        format!(
            "{logical_id} {action:?} {data:?}{}\n",
            properties.collect::<String>()
        )
    });
    insta::assert_snapshot!(rows.collect::<String>(), @r#"
Table Replace Some(Lost)
  Properties.KeySchema.0.AttributeName Some("pk") Some("id") Always
  Properties.Tags None None Never
New Add None
Old Delete Some(Retained)
Zone Import None
Queue MayReplace Some(Lost)
"#);
}

#[tokio::test]
async fn the_template_is_asked_for_as_it_was_sent() {
    let rule = mock!(Client::get_template)
        .match_requests(|request| request.template_stage() == Some(&TemplateStage::Original))
        .then_output(|| {
            GetTemplateOutput::builder()
                .template_body("Resources: {}")
                .build()
        });
    assert_eq!(
        client(&[&rule]).get_template("data").await.unwrap(),
        "Resources: {}"
    );
}
