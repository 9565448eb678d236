use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_cloudformation::operation::create_change_set::CreateChangeSetOutput;
use aws_sdk_cloudformation::operation::describe_change_set::DescribeChangeSetOutput;
use aws_sdk_cloudformation::operation::describe_stack_events::DescribeStackEventsOutput;
use aws_sdk_cloudformation::operation::describe_stacks::DescribeStacksOutput;
use aws_sdk_cloudformation::operation::execute_change_set::ExecuteChangeSetOutput;
use aws_sdk_cloudformation::operation::list_stack_resources::ListStackResourcesOutput;
use aws_sdk_cloudformation::types::{
    ChangeSetStatus, ResourceStatus, RollbackConfiguration, StackEvent as SdkEvent,
    StackResourceSummary, StackStatus,
};
use aws_sdk_cloudwatch::operation::describe_alarms::DescribeAlarmsOutput;
use aws_sdk_cloudwatch::types::{MetricAlarm, StateValue};
use aws_smithy_mocks::{MockResponseInterceptor, Rule, RuleMode, create_mock_http_client, mock};

use super::*;
use crate::aws::{CloudFormation, CloudWatch, StackState};
use crate::event::Reporter;
use crate::hint::{exit, hint};
use crate::provision::target::LargeTemplates;
use crate::provision::{DIGEST, Options, stack};
use crate::template::{DataConsent, Template};

const BAKE: &str = "5m";

/// Clients of both services that answer by these rules, whichever of them matches.
macro_rules! client {
    ($sdk:ident, $rules:expr) => {{
        let answers = $rules.iter().fold(
            MockResponseInterceptor::new().rule_mode(RuleMode::MatchAny),
            |answers, rule| answers.with_rule(rule),
        );
        let config = $sdk::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .http_client(create_mock_http_client())
            .interceptor(answers)
            .build();
        $sdk::Client::from_conf(config)
    }};
}

#[derive(Default)]
struct Said(Mutex<Vec<String>>);

impl Reporter for Said {
    fn report(&self, event: Event) {
        let line = match event {
            Event::Warning(text) => format!("warning: {text}"),
            Event::Note(text) => text,
            Event::TaskProgress { detail, .. } => detail,
            _ => return,
        };
        self.0.lock().unwrap().push(line);
    }
}

/// A template with alarms of these names.
fn template(alarms: &[&str]) -> Template {
    let rows = alarms
        .iter()
        .map(|name| format!("  {name}:\n    Type: {KIND}\n"));
    let body = format!("Resources:\n{}", rows.collect::<String>());
    Template::parse(Path::new("templates/api.yaml"), body).unwrap()
}

/// The stack holds alarms of these names, whose names in CloudWatch begin with `demo-`.
fn deployed(alarms: &'static [&'static str]) -> Rule {
    mock!(Client::list_stack_resources).then_output(move || {
        let rows = alarms.iter().map(|name| {
            StackResourceSummary::builder()
                .logical_resource_id(*name)
                .physical_resource_id(format!("demo-{name}"))
                .resource_type(KIND)
                .last_updated_timestamp(aws_sdk_cloudformation::primitives::DateTime::from_secs(0))
                .resource_status(ResourceStatus::CreateComplete)
                .build()
        });
        ListStackResourcesOutput::builder()
            .set_stack_resource_summaries(Some(rows.collect()))
            .build()
    })
}

/// Every alarm that is asked for is there. Those of `firing` are in ALARM, from this call on.
fn watched(firing: &'static [&'static str], from: usize) -> Rule {
    let asked = AtomicUsize::new(0);
    mock!(aws_sdk_cloudwatch::Client::describe_alarms).then_compute_output(move |request| {
        let call = asked.fetch_add(1, Ordering::Relaxed);
        let alarms = request.alarm_names().iter().map(|name| {
            let fires = call >= from && firing.iter().any(|other| name.ends_with(other));
            let state = if fires {
                StateValue::Alarm
            } else {
                StateValue::Ok
            };
            MetricAlarm::builder()
                .alarm_name(name)
                .alarm_arn(format!("arn:aws:cloudwatch:us-east-1:1:alarm:{name}"))
                .alarm_description("The API answers with 5xx.")
                .state_value(state)
                .build()
        });
        DescribeAlarmsOutput::builder()
            .set_metric_alarms(Some(alarms.collect()))
            .build()
    })
}

static NO_TAGS: BTreeMap<String, String> = BTreeMap::new();

fn stack(has_rollback_triggers: bool) -> Stack {
    Stack {
        id: "arn:aws:cloudformation:us-east-1:1:stack/demo-api/1".to_owned(),
        state: StackState::Ready,
        status: "UPDATE_COMPLETE".to_owned(),
        parameters: BTreeMap::new(),
        outputs: BTreeMap::new(),
        tags: BTreeMap::new(),
        updated: String::new(),
        termination_protection: false,
        has_rollback_triggers,
        change_set: None,
    }
}

fn target<'a>(
    client: &'a CloudFormation,
    template: &'a Template,
    consent: &'a DataConsent,
    alarms: &'a CloudWatch,
    said: &'a Said,
) -> StackTarget<'a> {
    StackTarget {
        client,
        name: "demo-api",
        template,
        tags: &NO_TAGS,
        task: "stack api",
        consent,
        large: LargeTemplates::Refused,
        alarms: Some(alarms),
        ec2: None,
        reporter: said,
    }
}

/// Returns what is handed to CloudFormation, and what is said.
async fn ask(
    declared: &[&str],
    (cloudformation, cloudwatch): (&[&Rule], &[&Rule]),
    bake: BakeTime,
    stack: &Stack,
) -> (Option<RollbackTriggers>, String) {
    let client = CloudFormation::new(client!(aws_sdk_cloudformation, cloudformation));
    let alarms = CloudWatch::new(client!(aws_sdk_cloudwatch, cloudwatch));
    let (template, said, consent) = (template(declared), Said::default(), DataConsent::default());
    let target = target(&client, &template, &consent, &alarms, &said);
    let triggers = triggers(&target, stack, bake).await.unwrap();
    let said = said.0.into_inner().unwrap().join("\n");
    (triggers, said)
}

const SEVEN: [&str; 7] = [
    "Errors",
    "Down",
    "Slow",
    "Late",
    "Full",
    "Throttles",
    "Parked",
];

#[tokio::test]
async fn alarms_that_are_there_and_quiet_are_handed_over_in_the_order_of_the_template() {
    let deployed = deployed(&[
        "Parked",
        "Throttles",
        "Full",
        "Late",
        "Slow",
        "Down",
        "Errors",
        "Gone",
    ]);
    let watched = watched(&["Down"], 0);
    let bake = BAKE.parse().unwrap();
    let rules: (&[&Rule], &[&Rule]) = (&[&deployed], &[&watched]);
    let (triggers, said) = ask(&SEVEN, rules, bake, &stack(false)).await;
    let triggers = triggers.unwrap();
    let names: Vec<_> = triggers
        .alarms
        .iter()
        .filter_map(|arn| name_of(arn))
        .collect();
    assert_eq!(
        names,
        [
            "demo-Errors",
            "demo-Slow",
            "demo-Late",
            "demo-Full",
            "demo-Throttles"
        ]
    );
    assert_eq!(triggers.minutes, 5);
    insta::assert_snapshot!(said, @r"
warning: in ALARM already, so not watched while stack `demo-api` changes: Down
CloudFormation watches 5 alarms at most while stack `demo-api` changes: the first ones of its template, without Parked
");
}

#[tokio::test]
async fn without_a_bake_nothing_is_asked_and_the_watching_of_the_last_one_ends() {
    let rules: (&[&Rule], &[&Rule]) = (&[], &[]);
    let none = BakeTime::default();
    let (triggers, said) = ask(&SEVEN, rules, none, &stack(false)).await;
    assert_eq!((triggers, said.as_str()), (None, ""));
    let (triggers, _) = ask(&SEVEN, rules, none, &stack(true)).await;
    assert_eq!(triggers, Some(RollbackTriggers::default()));
}

#[tokio::test]
async fn a_stack_without_alarms_is_changed_as_ever() {
    let rules: (&[&Rule], &[&Rule]) = (&[], &[]);
    let (triggers, _) = ask(&[], rules, BAKE.parse().unwrap(), &stack(false)).await;
    assert_eq!(triggers, None);
}

/// The stack is there; after the change it has been rolled back.
fn described() -> Rule {
    let asked = AtomicUsize::new(0);
    mock!(Client::describe_stacks).then_compute_output(move |_| {
        let status = match asked.fetch_add(1, Ordering::Relaxed) {
            0 => StackStatus::UpdateComplete,
            _ => StackStatus::UpdateRollbackComplete,
        };
        let stack = aws_sdk_cloudformation::types::Stack::builder()
            .stack_id("demo-api")
            .stack_name("demo-api")
            .creation_time(aws_sdk_cloudformation::primitives::DateTime::from_secs(0))
            .stack_status(status);
        DescribeStacksOutput::builder()
            .stacks(stack.build())
            .build()
    })
}

/// No past; after the execution, the end of the rollback.
fn events() -> Rule {
    let asked = AtomicUsize::new(0);
    mock!(Client::describe_stack_events).then_compute_output(move |_| {
        let ended = SdkEvent::builder()
            .event_id("1")
            .stack_id("demo-api")
            .stack_name("demo-api")
            .physical_resource_id("demo-api")
            .timestamp(aws_sdk_cloudformation::primitives::DateTime::from_secs(1))
            .resource_status(ResourceStatus::UpdateRollbackComplete)
            .build();
        let new = asked.fetch_add(1, Ordering::Relaxed) > 0;
        let events = new.then_some(ended).into_iter().collect();
        DescribeStackEventsOutput::builder()
            .set_stack_events(Some(events))
            .build()
    })
}

fn is_watched(rollback: Option<&RollbackConfiguration>) -> bool {
    rollback.is_some_and(|rollback| {
        let triggers = rollback.rollback_triggers();
        let arns: Vec<_> = triggers
            .iter()
            .filter_map(|trigger| trigger.arn())
            .collect();
        arns == ["arn:aws:cloudwatch:us-east-1:1:alarm:demo-Errors"]
            && rollback.monitoring_time_in_minutes() == Some(5)
    })
}

#[tokio::test]
async fn an_alarm_that_fires_while_a_stack_changes_is_named() {
    let created = mock!(Client::create_change_set)
        .match_requests(|request| is_watched(request.rollback_configuration()))
        .then_output(|| {
            CreateChangeSetOutput::builder()
                .id("arn")
                .stack_id("demo-api")
                .build()
        });
    let ready = mock!(Client::describe_change_set).then_output(|| {
        DescribeChangeSetOutput::builder()
            .status(ChangeSetStatus::CreateComplete)
            .build()
    });
    let executed =
        mock!(Client::execute_change_set).then_output(|| ExecuteChangeSetOutput::builder().build());
    let (described, events, deployed) = (described(), events(), deployed(&["Errors"]));
    let rules = [&described, &events, &deployed, &created, &ready, &executed];
    let client = CloudFormation::new(client!(aws_sdk_cloudformation, rules));
    let watched = watched(&["Errors"], 1);
    let alarms = CloudWatch::new(client!(aws_sdk_cloudwatch, [&watched]));
    let (template, said, consent) = (
        template(&["Errors"]),
        Said::default(),
        DataConsent::default(),
    );
    let target = target(&client, &template, &consent, &alarms, &said);
    let parameters = BTreeMap::from([(DIGEST.to_owned(), "new".to_owned())]);
    let options = Options {
        bake: BAKE.parse().unwrap(),
        ..Options::default()
    };
    let error = stack::ensure(&target, &parameters, options)
        .await
        .unwrap_err();
    assert_eq!(created.num_calls(), 1);
    let said = said.0.into_inner().unwrap().join("\n");
    let (hint, exit) = (hint(&error).unwrap(), exit(&error));
    let text = format!("{said}\nerror: {error:#}\nhint: {hint}\n{exit:?}");
    insta::assert_snapshot!(text, @r"
CloudFormation watches 1 of its alarms, also for 5 min after the change
error: stack `demo-api` failed: in ALARM while CloudFormation watched the change: alarm `demo-Errors` (The API answers with 5xx.)
hint: `factory-tree logs --since 30m` shows what the release did. Then run the same command again; what this run had changed of this stack is rolled back
Failure
");
}
