use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_cloudformation::error::ErrorMetadata;
use aws_sdk_cloudformation::operation::create_change_set::CreateChangeSetOutput;
use aws_sdk_cloudformation::operation::delete_change_set::DeleteChangeSetOutput;
use aws_sdk_cloudformation::operation::describe_change_set::{
    DescribeChangeSetError, DescribeChangeSetOutput,
};
use aws_sdk_cloudformation::operation::describe_events::DescribeEventsOutput;
use aws_sdk_cloudformation::operation::list_change_sets::{
    ListChangeSetsError, ListChangeSetsOutput,
};
use aws_sdk_cloudformation::types::{ChangeSetStatus, ChangeSetSummary, ResourceChange};
use aws_smithy_mocks::{MockResponseInterceptor, Rule, RuleMode, create_mock_http_client, mock};

use super::*;
use crate::config::Config;
use crate::plan::plan;
use crate::template::Templates;

/// A client that answers this, in this order, and nothing else: an execution would find no answer.
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

/// The stack has change sets of these names; the ARN of each is `arn-NAME`.
fn listed(names: &[String]) -> Rule {
    let names = names.to_vec();
    mock!(Client::list_change_sets).then_output(move || {
        let rows = names.iter().map(|name| {
            let row = ChangeSetSummary::builder().change_set_name(name);
            row.change_set_id(format!("arn-{name}")).build()
        });
        let rows = Some(rows.collect());
        ListChangeSetsOutput::builder().set_summaries(rows).build()
    })
}

fn created() -> Rule {
    mock!(Client::create_change_set)
        .match_requests(|request| {
            let names = request.parameters();
            names
                .iter()
                .any(|parameter| parameter.parameter_key() == Some("Digest"))
        })
        .then_output(|| {
            CreateChangeSetOutput::builder()
                .id("arn")
                .stack_id("stack")
                .build()
        })
}

fn described(status: ChangeSetStatus, reason: &'static str) -> Rule {
    mock!(Client::describe_change_set).then_output(move || {
        let change = ResourceChange::builder()
            .logical_resource_id("Table")
            .build();
        let change = aws_sdk_cloudformation::types::Change::builder().resource_change(change);
        DescribeChangeSetOutput::builder()
            .status(status.clone())
            .status_reason(reason)
            .changes(change.build())
            .build()
    })
}

fn deleted() -> Rule {
    mock!(Client::delete_change_set)
        .match_requests(|request| request.change_set_name() == Some("arn"))
        .then_output(|| DeleteChangeSetOutput::builder().build())
}

async fn ask(rules: &[&Rule]) -> Result<Vec<crate::template::ResourceChange>> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = Config::load(&root.join("factory-tree.yaml"), Some("prod")).unwrap();
    let urls = crate::urls::Urls::secure(&config.settings.domain);
    let templates = Templates::read(&root.join("templates")).unwrap();
    let plan = plan(&config, &urls, &templates, &[]).unwrap();
    forecast(
        &client(rules),
        &plan.foundation,
        &BTreeMap::new(),
        LargeTemplates::Refused,
        &crate::event::SilentReporter,
    )
    .await
}

#[tokio::test]
async fn a_change_set_is_read_and_deleted_and_never_executed() {
    let (created, deleted) = (created(), deleted());
    let looks = [(); 2].map(|()| described(ChangeSetStatus::CreateComplete, ""));
    let changes = ask(&[&listed(&[]), &created, &looks[0], &looks[1], &deleted])
        .await
        .unwrap();
    assert_eq!(changes[0].logical_id, "Table");
    assert_eq!(deleted.num_calls(), 1);
}

#[tokio::test]
async fn one_without_changes_is_no_fault() {
    let (created, deleted) = (created(), deleted());
    let empty = described(
        ChangeSetStatus::Failed,
        "The submitted information didn't contain changes.",
    );
    let answers = [&listed(&[]), &created, &empty, &deleted];
    assert!(ask(&answers).await.unwrap().is_empty());
    assert_eq!(deleted.num_calls(), 1);
}

#[tokio::test]
async fn a_refusal_is_reported_in_cloudformations_words_and_leaves_nothing_behind() {
    let (created, deleted) = (created(), deleted());
    let refused = described(ChangeSetStatus::Failed, "Resource Table is not valid");
    let events =
        mock!(Client::describe_events).then_output(|| DescribeEventsOutput::builder().build());
    let error = ask(&[&listed(&[]), &created, &refused, &events, &deleted])
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("Resource Table is not valid"),
        "{error}"
    );
    assert_eq!(deleted.num_calls(), 1);
}

#[tokio::test]
async fn one_that_cannot_be_read_is_deleted_all_the_same() {
    let (created, deleted) = (created(), deleted());
    let gone = mock!(Client::describe_change_set).then_error(|| {
        let fault = ErrorMetadata::builder().code("ChangeSetNotFound");
        DescribeChangeSetError::generic(fault.build())
    });
    ask(&[&listed(&[]), &created, &gone, &deleted])
        .await
        .unwrap_err();
    assert_eq!(deleted.num_calls(), 1);
}

#[tokio::test]
async fn what_a_killed_plan_has_left_is_deleted_and_nothing_else() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.unwrap();
    let killed = change_set_name(now - LONGEST - Duration::from_secs(60));
    let running = change_set_name(now - Duration::from_secs(60));
    let foreign = ["of-somebody-else".to_owned(), format!("{PREFIX}by-hand")];
    let names = [foreign.as_slice(), &[killed.clone(), running]].concat();
    let swept = mock!(Client::delete_change_set)
        .match_requests(move |request| {
            request.change_set_name() == Some(format!("arn-{killed}").as_str())
        })
        .then_output(|| DeleteChangeSetOutput::builder().build());
    let (listed, created, deleted) = (listed(&names), created(), deleted());
    let empty = described(
        ChangeSetStatus::Failed,
        "The submitted information didn't contain changes.",
    );
    ask(&[&listed, &swept, &created, &empty, &deleted])
        .await
        .unwrap();
    assert_eq!((swept.num_calls(), deleted.num_calls()), (1, 1));
}

#[tokio::test]
async fn a_plan_goes_on_where_change_sets_may_not_be_listed() {
    let refused = mock!(Client::list_change_sets).then_error(|| {
        let fault = ErrorMetadata::builder().code("AccessDenied");
        ListChangeSetsError::generic(fault.build())
    });
    let (created, deleted) = (created(), deleted());
    let empty = described(
        ChangeSetStatus::Failed,
        "The submitted information didn't contain changes.",
    );
    ask(&[&refused, &created, &empty, &deleted]).await.unwrap();
    assert_eq!((refused.num_calls(), deleted.num_calls()), (1, 1));
}
