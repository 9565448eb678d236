//! Each state of a stack: what a deploy does with it, and what recovers it.

use factory_tree::hint;
use factory_tree::provision::{OnBusy, Options};

use crate::cloudformation::{FakeCloudFormation, Resource};
use crate::{Heard, connect, provision, stack};

#[tokio::test]
async fn every_status_is_met_as_its_row_says() {
    let mut rows = Vec::new();
    for (status, _) in factory_tree::aws::status_names() {
        let fake = FakeCloudFormation::start();
        fake.world().put("demo-data", status);
        let fail = Options {
            on_busy: OnBusy::Fail,
            ..Options::default()
        };
        let result = provision(&fake, &[stack("data", &[])], fail, &Heard::default()).await;
        let deleted = fake.world().count("DeleteStack");
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
        fake.world().put("demo-data", status);
        let client = connect(&fake).await.cloudformation;
        let stack = client.find_stack("demo-data").await.unwrap().unwrap();
        let skip = ["Table".to_owned()];
        let heard = Heard::default();
        let done = provision::recover_stack(&client, stack, &skip, &heard, |_| {})
            .await
            .unwrap();
        assert!(done.recovered, "{status}: {done:?}");
        assert_eq!(fake.world().count(call), 1, "{status}");
        let deleted = fake.world().count("DeleteStack") > 0;
        assert_eq!(
            deleted,
            call == "DeleteStack",
            "{status}: a stack that ever worked is not deleted"
        );
        if call == "ContinueUpdateRollback" {
            assert_eq!(fake.world().skipped, skip);
        }
    }
}

#[tokio::test]
async fn what_could_not_be_deleted_is_named_with_its_id() {
    let fake = FakeCloudFormation::start();
    fake.world().put("demo-data", "CREATE_COMPLETE");
    let bucket = Resource {
        kind: "AWS::S3::Bucket".to_owned(),
        fails: Some("The bucket you tried to delete is not empty".to_owned()),
        physical_id: "demo-data-bucket-1".to_owned(),
        ..Resource::default()
    };
    fake.world().refused_deletion = Some(("Bucket".to_owned(), bucket));
    let client = connect(&fake).await.cloudformation;
    let heard = Heard::default();
    let refused = provision::delete_stack(&client, "demo-data", &heard, |_| {})
        .await
        .unwrap_err();
    insta::assert_snapshot!(format!("{refused:#}"));
    assert_eq!(fake.world().status("demo-data").unwrap(), "DELETE_FAILED");
    provision::delete_stack(&client, "demo-data", &heard, |_| {})
        .await
        .unwrap();
    assert_eq!(fake.world().status("demo-data").unwrap(), "DELETE_COMPLETE");
}
