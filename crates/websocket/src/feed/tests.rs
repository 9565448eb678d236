//! The feed against a fake account: the tree that it builds, the failures that it recovers from, and its cleanup.

mod heartbeats;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use domain::{Bounds, Factory, FactoryChange, FactoryId};
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

/// The rhythm of a feed that is in a hurry.
fn quick() -> FeedTiming {
    let soon = Duration::from_millis(40);
    FeedTiming {
        beat: soon,
        spacing: Duration::from_millis(10),
        quiet: 3 * soon,
        deaf: Duration::from_secs(60),
        fallback: soon,
        settling: soon,
        check: soon,
        // Polls of the fake fail while there are no messages.
        failing: Duration::from_secs(60),
        poll_limit: Duration::from_millis(20),
    }
}

fn start(account: &FakeAccount) -> RunningFeed {
    start_with(account, FeedTiming::default())
}

fn feed(account: &FakeAccount, timing: FeedTiming) -> Feed {
    let loader = TreeLoader {
        table: account.table(),
        hub: Arc::new(Hub::new("build", "server")),
        metrics: Arc::default(),
        readiness: Arc::default(),
        turn: Arc::default(),
    };
    Feed {
        server: "server".to_owned(),
        timing,
        queues: account.queues(),
        topic: account.topic(),
        hub: Arc::clone(&loader.hub),
        metrics: Arc::clone(&loader.metrics),
        readiness: Arc::clone(&loader.readiness),
        loader,
    }
}

fn start_with(account: &FakeAccount, timing: FeedTiming) -> RunningFeed {
    let feed = feed(account, timing);
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
        let mut texts_sent = welcome.texts().into_iter().chain(texts);
        texts_sent.any(|text| text.as_str().contains(&json))
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
    account.lock().loses_messages = true;
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

/// Waits until the feed is ready, and returns the name of its queue.
async fn ready(running: &RunningFeed) -> String {
    running
        .until(|running| running.readiness.check(Instant::now()).is_ok())
        .await;
    let account = running.account.lock();
    account.queues.keys().next().unwrap().clone()
}

#[tokio::test]
async fn a_subscription_that_is_deleted_is_missed_soon() {
    let account = FakeAccount::default();
    let running = start_with(&account, quick());
    let queue = ready(&running).await;
    tokio::time::sleep(Duration::from_millis(150)).await;

    account.lock().subscriptions.clear();

    running
        .until(|running| {
            let account = running.account.lock();
            account.subscriptions.len() == 1 && !account.queues.contains_key(&queue)
        })
        .await;
    running.stop().await;
}

#[tokio::test]
async fn a_queue_whose_errors_do_not_end_is_replaced() {
    let account = FakeAccount::default();
    account.lock().loses_messages = true;
    let timing = FeedTiming {
        failing: Duration::from_millis(200),
        ..quick()
    };
    let running = start_with(&account, timing);
    let queue = ready(&running).await;

    running
        .until(|running| !running.account.lock().queues.contains_key(&queue))
        .await;
    running
        .until(|running| running.account.counts() == (1, 1))
        .await;
    running.stop().await;
}

#[tokio::test]
async fn a_fault_of_the_queue_service_leaves_the_server_ready_and_its_tree_current() {
    let account = FakeAccount::default();
    account.lock().factories = vec![factory(1, 1)];
    let running = start_with(&account, quick());
    ready(&running).await;

    {
        let mut account = account.lock();
        account.has_no_queues = true;
        account.queues.clear();
        account.factories = vec![factory(1, 2)];
    }
    running.until(|running| running.sends(1, 2)).await;
    tokio::time::sleep(Duration::from_millis(300)).await;

    assert_eq!(account.counts().0, 0, "there is no queue");
    let later = Instant::now() + Duration::from_secs(59);
    assert_eq!(running.readiness.check(later), Ok(()));

    account.lock().has_no_queues = false;
    running
        .until(|running| running.account.counts().0 == 1)
        .await;
    running.stop().await;
}

/// A queue that answers each poll after 100 ms with ten messages, and counts the polls at the same time.
async fn slow_queue(most: Arc<AtomicUsize>) -> SocketAddr {
    let under_way = Arc::new(AtomicUsize::new(0));
    let answer = move |body: String| {
        let (under_way, most) = (Arc::clone(&under_way), Arc::clone(&most));
        async move {
            if !body.contains("WaitTimeSeconds") {
                return r#"{"Successful":[],"Failed":[]}"#.to_owned();
            }
            most.fetch_max(
                under_way.fetch_add(1, Ordering::SeqCst) + 1,
                Ordering::SeqCst,
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
            under_way.fetch_sub(1, Ordering::SeqCst);
            let message = r#"{"MessageId":"1","ReceiptHandle":"h","Body":"x","MD5OfBody":"9dd4e461268c8034f5c8564e155c67a6"}"#;
            format!(r#"{{"Messages":[{}]}}"#, [message; 10].join(","))
        }
    };
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new().route("/", axum::routing::post(answer));
    tokio::spawn(axum::serve(listener, router).into_future());
    address
}

#[tokio::test]
async fn a_few_polls_are_under_way_at_the_same_time() {
    let most = Arc::new(AtomicUsize::new(0));
    let address = slow_queue(Arc::clone(&most)).await;
    let aws = startup::aws_config_loader()
        .endpoint_url(format!("http://{address}"))
        .region("eu-central-1")
        .credentials_provider(aws_sdk_sqs::config::Credentials::new(
            "k", "s", None, None, "t",
        ))
        .load()
        .await;
    let feed = Feed {
        queues: Queues::connect(&aws, &FakeAccount::config()),
        ..feed(&FakeAccount::default(), quick())
    };
    let queue = Queue {
        url: format!("http://{address}/"),
        arn: "arn:queue".to_owned(),
    };

    let polling = feed.poll(&queue);
    let _ = tokio::time::timeout(Duration::from_secs(1), polling).await;

    let received = feed.metrics.received.load(Ordering::Relaxed);
    assert_eq!(most.load(Ordering::SeqCst), POLLERS);
    assert!(received > 200, "{received} messages in a second");
}
