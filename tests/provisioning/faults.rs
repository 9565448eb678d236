//! Throttling, lost networks, expired credentials: none of them decides the result.

use std::time::Duration;

use factory_tree::provision::Outcome;

use super::{provision_data, reported};
use crate::support::fake_account::{FakeCloudFormation, Fault};

#[tokio::test]
async fn a_storm_of_throttling_does_not_decide_the_result() {
    let fake = FakeCloudFormation::start();
    fake.account()
        .declare("data", &[("Table", "AWS::DynamoDB::Table", 50)]);
    let throttled = Fault::Error(400, "Throttling".to_owned(), "Rate exceeded".to_owned());
    for action in [
        "DescribeStackEvents",
        "DescribeChangeSet",
        "CreateChangeSet",
        "ExecuteChangeSet",
        "DescribeStacks",
    ] {
        for _ in 0..4 {
            fake.account().fail_next(action, throttled.clone());
        }
    }
    let (result, said) = provision_data(&fake).await;
    assert_eq!(result.unwrap(), Outcome::Created);
    assert!(
        said.contains("Rate exceeded") && said.contains("AWS answers again"),
        "{said}"
    );
    assert_eq!(
        fake.account().status("demo-data").unwrap(),
        "CREATE_COMPLETE"
    );
}

#[tokio::test]
async fn a_network_that_is_lost_for_a_while_does_not_decide_the_result() {
    let fake = FakeCloudFormation::start();
    fake.account()
        .declare("data", &[("Table", "AWS::DynamoDB::Table", 300)]);
    let lose = async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        let lost = Fault::Silence(Duration::from_millis(100));
        fake.account().fail_all_for(Duration::from_secs(4), lost);
    };
    let ((result, said), ()) = tokio::join!(provision_data(&fake), lose);
    assert_eq!(result.unwrap(), Outcome::Created);
    assert!(said.contains("AWS answers again"), "{said}");
    assert_eq!(
        fake.account().count("CreateChangeSet"),
        1,
        "nothing is done twice"
    );
}

#[tokio::test]
async fn credentials_that_expire_in_the_middle_end_the_watching_and_not_the_work() {
    let fake = FakeCloudFormation::start();
    fake.account()
        .declare("data", &[("Table", "AWS::DynamoDB::Table", 300)]);
    let expire = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let expired = Fault::Error(
            403,
            "ExpiredToken".to_owned(),
            "The security token included in the request is expired".to_owned(),
        );
        fake.account()
            .fail_all_for(Duration::from_millis(200), expired);
    };
    let ((result, _), ()) = tokio::join!(provision_data(&fake), expire);
    let text = reported(&result.unwrap_err())
        .replace(&*fake.account().status("demo-data").unwrap(), "[status]");
    insta::assert_snapshot!(text.replace(
        "arn:aws:cloudformation:us-east-1:123456789012:stack/demo-data/1-0",
        "[stack]"
    ));

    // Signed in again, the next run finds its own operation and follows it to its end.
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert!(matches!(
        provision_data(&fake).await.0.unwrap(),
        Outcome::Created | Outcome::Unchanged
    ));
    assert_eq!(fake.account().count("ExecuteChangeSet"), 1);
}

#[tokio::test]
async fn without_leave_to_see_events_the_result_is_seen_all_the_same() {
    let fake = FakeCloudFormation::start();
    fake.account()
        .declare("data", &[("Table", "AWS::DynamoDB::Table", 50)]);
    let denied = Fault::Error(
        403,
        "AccessDenied".to_owned(),
        "not authorized to perform: cloudformation:DescribeStackEvents".to_owned(),
    );
    fake.account().fail_next("DescribeStackEvents", denied);
    let (result, said) = provision_data(&fake).await;
    assert_eq!(result.unwrap(), Outcome::Created);
    assert!(
        said.contains("grant `cloudformation:DescribeStackEvents`"),
        "{said}"
    );
}
