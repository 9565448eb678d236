//! Operations that somebody else, or an interrupted earlier run, has begun.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use factory_tree::event::{Event, Reporter};
use factory_tree::hint;
use factory_tree::outputs::Outputs;
use factory_tree::plan::StackPlan;
use factory_tree::provision::{OnBusy, Options, Outcome};

use super::{RecordedEvents, connect, provision, provision_data, reported, stack};
use crate::support::fake_account::FakeCloudFormation;

#[tokio::test]
async fn what_an_earlier_run_has_begun_is_followed_and_not_begun_again() {
    let fake = FakeCloudFormation::start();
    fake.account()
        .declare("data", &[("Table", "AWS::DynamoDB::Table", 600)]);
    // Cut short as a killed process is: its future is dropped in the middle.
    let cut = tokio::time::timeout(Duration::from_millis(250), provision_data(&fake)).await;
    assert!(cut.is_err() && fake.account().status("demo-data").unwrap() == "CREATE_IN_PROGRESS");
    let (result, said) = provision_data(&fake).await;
    assert_eq!(result.unwrap(), Outcome::Created);
    assert!(
        said.contains("an earlier run of this deploy is at work"),
        "{said}"
    );
    assert_eq!(fake.account().count("ExecuteChangeSet"), 1);
}

#[tokio::test]
async fn a_stack_that_somebody_else_changes_is_waited_for_or_refused() {
    let fake = FakeCloudFormation::start();
    fake.account().put("demo-data", "UPDATE_IN_PROGRESS");
    let heard = RecordedEvents::default();
    let fail = Options {
        on_busy: OnBusy::Fail,
        ..Options::default()
    };
    let refused = provision(&fake, &[stack("data", &[])], fail, &heard)
        .await
        .unwrap_err();
    insta::assert_snapshot!(reported(&refused));

    let settle = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        fake.account().put("demo-data", "CREATE_COMPLETE");
    };
    let ((result, said), ()) = tokio::join!(provision_data(&fake), settle);
    assert_eq!(result.unwrap(), Outcome::Updated);
    assert!(said.contains("somebody else is at work"), "{said}");
}

#[tokio::test]
async fn a_teardown_that_runs_is_somebody_elses_though_the_stack_has_our_digest() {
    let fake = FakeCloudFormation::start();
    provision_data(&fake).await.0.unwrap();
    fake.account().put("demo-data", "DELETE_IN_PROGRESS");
    let fail = Options {
        on_busy: OnBusy::Fail,
        ..Options::default()
    };
    let heard = RecordedEvents::default();
    let busy = provision(&fake, &[stack("data", &[])], fail, &heard).await;
    assert_eq!(
        hint::exit(&busy.unwrap_err()),
        factory_tree::error::Exit::Busy
    );
}

/// Cuts the work short after so many events, as a kill does.
struct Cut {
    left: Mutex<usize>,
    now: tokio::sync::Notify,
}

impl Reporter for Cut {
    fn report(&self, _event: Event) {
        let mut left = self.left.lock().unwrap();
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.now.notify_one();
        }
    }
}

/// Provisions until the work is done or was cut short after so many events; says which.
async fn is_done_before_cut(
    fake: &FakeCloudFormation,
    stacks: &[StackPlan],
    events: usize,
) -> bool {
    let cut = Cut {
        left: Mutex::new(events),
        now: tokio::sync::Notify::new(),
    };
    let aws = connect(fake).await;
    let (known, artifacts) = (Outputs::default(), BTreeMap::new());
    let work = provision::provision(&aws, stacks, &known, &artifacts, Options::default(), &cut);
    tokio::select! {
        biased;
        () = cut.now.notified() => false,
        result = work => { result.unwrap(); true }
    }
}

#[tokio::test]
async fn killed_after_any_event_the_next_run_converges_and_does_nothing_twice() {
    let stacks = [
        stack("dns", &[]),
        stack("data", &[]),
        stack("api", &["dns", "data"]),
    ];
    let mut events = 1;
    loop {
        let fake = FakeCloudFormation::start();
        for name in ["dns", "data", "api"] {
            fake.account()
                .declare(name, &[("Table", "AWS::DynamoDB::Table", 30)]);
        }
        let done = is_done_before_cut(&fake, &stacks, events).await;
        provision(
            &fake,
            &stacks,
            Options::default(),
            &RecordedEvents::default(),
        )
        .await
        .unwrap();
        for name in ["demo-dns", "demo-data", "demo-api"] {
            assert_eq!(
                fake.account().status(name).as_deref(),
                Some("CREATE_COMPLETE"),
                "{name}, after {events}"
            );
        }
        assert_eq!(
            fake.account().count("ExecuteChangeSet"),
            stacks.len(),
            "after {events} events"
        );
        if done {
            break;
        }
        events += 1;
    }
    assert!(
        events > 12,
        "only {events} events: too few to be the whole of it"
    );
}
