//! Each state of a stack: what a deploy does with it, and what recovers it.

use factory_tree::hint;
use factory_tree::provision::{OnBusy, Options};

use super::{RecordedEvents, connect, provision, stack};
use crate::support::fake_account::{FakeCloudFormation, Resource};

#[tokio::test]
async fn every_status_is_met_as_its_row_says() {
    let mut rows = Vec::new();
    for (status, _) in factory_tree::aws::status_names() {
        let fake = FakeCloudFormation::start();
        fake.account().put("demo-data", status);
        let fail = Options {
            on_busy: OnBusy::Fail,
            ..Options::default()
        };
        let result = provision(
            &fake,
            &[stack("data", &[])],
            fail,
            &RecordedEvents::default(),
        )
        .await;
        let deleted = fake.account().count("DeleteStack");
        rows.push(match result {
            Ok(stacks) => format!("{status}: {}, {deleted} deleted", stacks[0].outcome.name()),
            Err(error) => format!(
                "{status}: exit {}, {deleted} deleted",
                hint::exit(&error) as u8
            ),
        });
    }
    insta::assert_snapshot!(rows.join("\n"));
}

#[tokio::test]
async fn each_failed_stack_is_recovered_by_the_call_that_fits_its_state() {
    let rows = [
        ("ROLLBACK_COMPLETE", "DeleteStack"),
        ("UPDATE_FAILED", "RollbackStack"),
        ("UPDATE_ROLLBACK_FAILED", "ContinueUpdateRollback"),
    ];
    for (status, call) in rows {
        let fake = FakeCloudFormation::start();
        fake.account().put("demo-data", status);
        let client = connect(&fake).await.cloudformation;
        let stack = client.find_stack("demo-data").await.unwrap().unwrap();
        let skip = ["Table".to_owned()];
        let heard = RecordedEvents::default();
        let done = provision::recover_stack(&client, stack, &skip, &heard, |_| {})
            .await
            .unwrap();
        assert!(done.recovered, "{status}: {done:?}");
        assert_eq!(fake.account().count(call), 1, "{status}");
        let deleted = fake.account().count("DeleteStack") > 0;
        assert_eq!(
            deleted,
            call == "DeleteStack",
            "{status}: a stack that ever worked is not deleted"
        );
        if call == "ContinueUpdateRollback" {
            assert_eq!(fake.account().skipped, skip);
        }
    }
}

#[tokio::test]
async fn what_could_not_be_deleted_is_named_with_its_id() {
    let fake = FakeCloudFormation::start();
    fake.account().put("demo-data", "CREATE_COMPLETE");
    let bucket = Resource {
        kind: "AWS::S3::Bucket".to_owned(),
        fails: Some("The bucket you tried to delete is not empty".to_owned()),
        physical_id: "demo-data-bucket-1".to_owned(),
        ..Resource::default()
    };
    fake.account().refused_deletion = Some(("Bucket".to_owned(), bucket));
    let client = connect(&fake).await.cloudformation;
    let heard = RecordedEvents::default();
    let refused = provision::delete_stack(&client, "demo-data", &heard, |_| {})
        .await
        .unwrap_err();
    insta::assert_snapshot!(format!("{refused:#}"));
    assert_eq!(fake.account().status("demo-data").unwrap(), "DELETE_FAILED");
    provision::delete_stack(&client, "demo-data", &heard, |_| {})
        .await
        .unwrap();
    assert_eq!(
        fake.account().status("demo-data").unwrap(),
        "DELETE_COMPLETE"
    );
}
