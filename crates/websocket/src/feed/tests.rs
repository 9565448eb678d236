//! The feed against a fake account: the tree that it builds, the failures that it recovers from, and its cleanup.

use std::time::Instant;

use domain::{Bounds, Factory, FactoryId};
use tokio::task::JoinHandle;

use super::*;
use crate::fake::FakeAccount;
use crate::hub::Backlog;
use crate::readiness::NotReady;

fn factory(id: u8, revision: u64) -> Factory {
    let bounds = Bounds::new(0, 9).unwrap();
    let name = "mill".parse().unwrap();
    Factory::new(
        FactoryId::from_random(id.into()),
        name,
        bounds,
        vec![],
        revision,
    )
    .unwrap()
}

fn message(id: u8, revision: u64) -> String {
    let change = FactoryChange::Changed {
        factory: factory(id, revision),
    };
    serde_json::to_string(&change).unwrap()
}

struct RunningFeed {
    account: FakeAccount,
    hub: Arc<Hub>,
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
    stop: watch::Sender<()>,
    end: JoinHandle<()>,
}

fn start(account: &FakeAccount) -> RunningFeed {
    let loader = TreeLoader {
        table: account.table(),
        hub: Arc::new(Hub::new("build", "server")),
        metrics: Arc::default(),
    };
    let feed = Feed {
        queues: account.queues(),
        topic: account.topic(),
        hub: Arc::clone(&loader.hub),
        metrics: Arc::clone(&loader.metrics),
        loader,
        readiness: Arc::default(),
    };
    let (stop, stopped) = watch::channel(());
    RunningFeed {
        account: account.clone(),
        hub: Arc::clone(&feed.hub),
        metrics: Arc::clone(&feed.metrics),
        readiness: Arc::clone(&feed.readiness),
        stop,
        end: tokio::spawn(feed.run(stopped)),
    }
}

impl RunningFeed {
    async fn until(&self, holds: impl Fn(&Self) -> bool) {
        let waiting = async {
            while !holds(self) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), waiting)
            .await
            .expect("in time");
    }

    /// Returns whether a client that connects now receives this revision of a factory.
    fn sends(&self, id: u8, revision: u64) -> bool {
        let welcome = self.hub.initial_messages(None);
        let Backlog::Next { texts, .. } = self.hub.backlog_after(welcome.position) else {
            return false;
        };
        let json = serde_json::to_string(&factory(id, revision)).unwrap();
        let mut texts_sent = welcome.texts.iter().chain(&texts);
        texts_sent.any(|text| text.contains(&json))
    }

    async fn stop(self) -> FakeAccount {
        drop(self.stop);
        self.end.await.unwrap();
        self.account
    }
}

#[tokio::test]
async fn the_tree_combines_the_table_and_the_queue() {
    let account = FakeAccount::default();
    account.lock().factories = vec![factory(1, 3), factory(2, 1)];
    account.lock().messages = [
        message(1, 2),
        message(2, 2),
        "nonsense".to_owned(),
        message(3, 1),
    ]
    .into();

    let running = start(&account);
    running
        .until(|running| running.account.lock().deleted_messages == 4)
        .await;

    let metrics = running.metrics.render(crate::metrics::Gauges::default());
    assert_eq!(running.hub.factories(), 3);
    assert_eq!(
        running.hub.watch_position().borrow().to_owned(),
        2,
        "an older revision is not sent"
    );
    assert!(
        metrics.contains("_stale_total 1\n") && metrics.contains("_unreadable_total 1\n"),
        "{metrics}"
    );
    assert_eq!(running.readiness.check(Instant::now()), Ok(()));
}

#[tokio::test]
async fn a_stopped_feed_leaves_no_queue_and_no_subscription() {
    let account = FakeAccount::default();
    let running = start(&account);
    running
        .until(|running| running.readiness.check(Instant::now()).is_ok())
        .await;
    assert_eq!(account.counts(), (1, 1));

    running.stop().await;

    assert_eq!(account.counts(), (0, 0));
}

#[tokio::test]
async fn a_deleted_queue_is_replaced_and_the_table_is_read_again() {
    let account = FakeAccount::default();
    account.lock().factories = vec![factory(1, 1), factory(2, 1)];
    let running = start(&account);
    running.until(|running| running.hub.factories() == 2).await;

    let deleted_queue = {
        let mut account = account.lock();
        account.factories = vec![factory(1, 2)];
        account.queues.pop_first().unwrap().0
    };
    running.until(|running| running.sends(1, 2)).await;

    running
        .until(|running| running.readiness.check(Instant::now()).is_ok())
        .await;
    assert_eq!(
        running.hub.factories(),
        1,
        "the factory that left the table meanwhile is removed"
    );
    assert_eq!(account.counts(), (1, 1));
    assert!(!account.lock().queues.contains_key(&deleted_queue));
    assert!(!account.lock().subscriptions[0].ends_with(&deleted_queue));
    running.stop().await;
}

#[tokio::test]
async fn a_server_that_restarts_after_a_crash_deletes_its_earlier_queue_and_no_other() {
    let account = FakeAccount::default();
    for name in [
        "stage-i-1-00000001",
        "stage-i-1-2-00000001",
        "stage-i-2-00000001",
    ] {
        account.lock().queues.insert(name.to_owned(), None);
        account
            .lock()
            .subscriptions
            .push(format!("arn:aws:sqs:eu-central-1:000000000000:{name}"));
    }

    let running = start(&account);
    running
        .until(|running| running.readiness.check(Instant::now()).is_ok())
        .await;
    running.stop().await;

    let left: Vec<_> = account.lock().queues.keys().cloned().collect();
    assert_eq!(left, ["stage-i-1-2-00000001", "stage-i-2-00000001"]);
    assert_eq!(account.lock().subscriptions.len(), 2);
}

#[tokio::test]
async fn the_table_is_not_read_before_the_topic_lists_the_subscription() {
    let account = FakeAccount::default();
    account.lock().hides_subscriptions = true;
    let running = start(&account);
    running
        .until(|running| running.account.counts() == (1, 1))
        .await;

    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(account.lock().reads, 0);
    assert_eq!(
        running.readiness.check(Instant::now()),
        Err(NotReady::Loading)
    );

    account.lock().hides_subscriptions = false;
    running
        .until(|running| running.readiness.check(Instant::now()).is_ok())
        .await;
    assert_eq!(account.lock().reads, 1);
}
