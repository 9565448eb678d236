//! A stack with something that refuses to be deleted: that comes last, so that a failed creation can be undone.

use std::time::Duration;

use factory_tree::plan::{DELETION_PROTECTION, ParameterSource, RETAINED_PROTECTION, StackPlan};
use factory_tree::provision::{OnBusy, Options, Outcome};

use super::{RecordedEvents, provision, stack};
use crate::support::fake_account::FakeCloudFormation;

fn protected(parameter: &str) -> StackPlan {
    let mut plan = stack("websocket", &[]);
    let on = ParameterSource::Value("true".to_owned());
    plan.parameters.insert(parameter.to_owned(), on);
    plan
}

/// Provisions the protected stack; whatever somebody else is at ends it.
async fn provision_protected(
    fake: &FakeCloudFormation,
    parameter: &str,
) -> anyhow::Result<Outcome> {
    let options = Options {
        on_busy: OnBusy::Fail,
        ..Options::default()
    };
    let stacks = provision(
        fake,
        &[protected(parameter)],
        options,
        &RecordedEvents::default(),
    )
    .await?;
    Ok(stacks[0].outcome)
}

fn protection(fake: &FakeCloudFormation, parameter: &str) -> Option<String> {
    fake.account().parameter("demo-websocket", parameter)
}

const BALANCER: &str = "AWS::ElasticLoadBalancingV2::LoadBalancer";

/// A load balancer goes with its stack, a table outlives it: after a failed creation, both must go.
#[tokio::test]
async fn what_a_failed_creation_leaves_can_be_deleted() {
    for parameter in [DELETION_PROTECTION, RETAINED_PROTECTION] {
        fails_once(parameter).await;
    }
}

async fn fails_once(parameter: &str) {
    let fake = FakeCloudFormation::start();
    let rows = [
        ("Balancer", BALANCER, 10),
        ("Group", "AWS::AutoScaling::AutoScalingGroup", 40),
    ];
    fake.account().declare("websocket", &rows);
    let quota = "You have reached your quota of instances";
    fake.account()
        .fail_resource("websocket", "Group", Some(quota));
    provision_protected(&fake, parameter).await.unwrap_err();
    assert_eq!(protection(&fake, parameter).as_deref(), Some("false"));

    fake.account().fail_resource("websocket", "Group", None);
    assert_eq!(
        provision_protected(&fake, parameter).await.unwrap(),
        Outcome::Created
    );
    assert_eq!(protection(&fake, parameter).as_deref(), Some("true"));
    fake.account().calls.clear();
    assert_eq!(
        provision_protected(&fake, parameter).await.unwrap(),
        Outcome::Unchanged
    );
    assert_eq!(fake.account().calls, ["DescribeStacks"]);
}

#[tokio::test]
async fn a_creation_that_was_cut_short_is_protected_by_the_next_run() {
    let fake = FakeCloudFormation::start();
    fake.account()
        .declare("websocket", &[("Balancer", BALANCER, 600)]);
    let cut = tokio::time::timeout(
        Duration::from_millis(250),
        provision_protected(&fake, DELETION_PROTECTION),
    )
    .await;
    assert!(cut.is_err());
    assert_eq!(
        fake.account().status("demo-websocket").unwrap(),
        "CREATE_IN_PROGRESS"
    );

    assert_eq!(
        provision_protected(&fake, DELETION_PROTECTION)
            .await
            .unwrap(),
        Outcome::Created
    );
    assert_eq!(
        protection(&fake, DELETION_PROTECTION).as_deref(),
        Some("true")
    );
    assert_eq!(fake.account().count("ExecuteChangeSet"), 2);
}
