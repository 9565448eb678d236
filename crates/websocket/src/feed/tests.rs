//! The effects of the feed, and its recovery from faults.

use std::time::Instant;

use domain::{Bounds, Factory, FactoryId};
use tokio::task::JoinHandle;

use super::*;
use crate::fake::Fake;
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
    let change = Change::Changed {
        factory: factory(id, revision),
    };
    serde_json::to_string(&change).unwrap()
}

struct Running {
    cloud: Fake,
    hub: Arc<Hub>,
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
    stop: watch::Sender<()>,
    end: JoinHandle<()>,
}

fn start(cloud: &Fake) -> Running {
    let loader = TreeLoader {
        table: cloud.table(),
        hub: Arc::new(Hub::new("build", "server")),
        metrics: Arc::default(),
    };
    let feed = Feed {
        queues: cloud.queues(),
        topic: cloud.topic(),
        hub: Arc::clone(&loader.hub),
        metrics: Arc::clone(&loader.metrics),
        loader,
        readiness: Arc::default(),
    };
    let (stop, stopped) = watch::channel(());
    Running {
        cloud: cloud.clone(),
        hub: Arc::clone(&feed.hub),
        metrics: Arc::clone(&feed.metrics),
        readiness: Arc::clone(&feed.readiness),
        stop,
        end: tokio::spawn(feed.run(stopped)),
    }
}

impl Running {
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

    /// Whether a client that connects now is told of this revision of a factory.
    fn tells(&self, id: u8, revision: u64) -> bool {
        let welcome = self.hub.welcome(None);
        let Backlog::Next { texts, .. } = self.hub.after(welcome.position) else {
            return false;
        };
        let json = serde_json::to_string(&factory(id, revision)).unwrap();
        let mut told = welcome.texts.iter().chain(&texts);
        told.any(|text| text.contains(&json))
    }

    async fn stop(self) -> Fake {
        drop(self.stop);
        self.end.await.unwrap();
        self.cloud
    }
}

#[tokio::test]
async fn the_table_and_the_queue_together_make_the_tree() {
    let cloud = Fake::default();
    cloud.lock().factories = vec![factory(1, 3), factory(2, 1)];
    cloud.lock().messages = [
        message(1, 2),
        message(2, 2),
        "nonsense".to_owned(),
        message(3, 1),
    ]
    .into();

    let running = start(&cloud);
    running
        .until(|running| running.cloud.lock().deleted_messages == 4)
        .await;

    let metrics = running.metrics.render(crate::metrics::Gauges::default());
    assert_eq!(running.hub.factories(), 3);
    assert_eq!(
        running.hub.watch_position().borrow().to_owned(),
        2,
        "an older one tells nothing"
    );
    assert!(
        metrics.contains("_stale_total 1\n") && metrics.contains("_unreadable_total 1\n"),
        "{metrics}"
    );
    assert_eq!(running.readiness.check(Instant::now()), Ok(()));
}

#[tokio::test]
async fn at_the_end_nothing_is_left() {
    let cloud = Fake::default();
    let running = start(&cloud);
    running
        .until(|running| running.readiness.check(Instant::now()).is_ok())
        .await;
    assert_eq!(cloud.counts(), (1, 1));

    running.stop().await;

    assert_eq!(cloud.counts(), (0, 0));
}

#[tokio::test]
async fn a_vanished_queue_is_replaced_and_the_table_read_again() {
    let cloud = Fake::default();
    cloud.lock().factories = vec![factory(1, 1), factory(2, 1)];
    let running = start(&cloud);
    running.until(|running| running.hub.factories() == 2).await;

    let vanished = {
        let mut cloud = cloud.lock();
        cloud.factories = vec![factory(1, 2)];
        cloud.queues.pop_first().unwrap().0
    };
    running.until(|running| running.tells(1, 2)).await;

    running
        .until(|running| running.readiness.check(Instant::now()).is_ok())
        .await;
    assert_eq!(
        running.hub.factories(),
        1,
        "what left the table meanwhile is gone"
    );
    assert_eq!(cloud.counts(), (1, 1));
    assert!(!cloud.lock().queues.contains_key(&vanished));
    assert!(!cloud.lock().subscriptions[0].ends_with(&vanished));
    running.stop().await;
}

#[tokio::test]
async fn a_server_that_died_and_came_back_deletes_its_earlier_queue_and_no_other() {
    let cloud = Fake::default();
    for name in [
        "stage-i-1-00000001",
        "stage-i-1-2-00000001",
        "stage-i-2-00000001",
    ] {
        cloud.lock().queues.insert(name.to_owned(), None);
        cloud
            .lock()
            .subscriptions
            .push(format!("arn:aws:sqs:eu-central-1:000000000000:{name}"));
    }

    let running = start(&cloud);
    running
        .until(|running| running.readiness.check(Instant::now()).is_ok())
        .await;
    running.stop().await;

    let left: Vec<_> = cloud.lock().queues.keys().cloned().collect();
    assert_eq!(left, ["stage-i-1-2-00000001", "stage-i-2-00000001"]);
    assert_eq!(cloud.lock().subscriptions.len(), 2);
}

#[tokio::test]
async fn the_table_is_not_read_before_the_topic_names_the_subscription() {
    let cloud = Fake::default();
    cloud.lock().names_nobody = true;
    let running = start(&cloud);
    running
        .until(|running| running.cloud.counts() == (1, 1))
        .await;

    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(cloud.lock().reads, 0);
    assert_eq!(
        running.readiness.check(Instant::now()),
        Err(NotReady::Loading)
    );

    cloud.lock().names_nobody = false;
    running
        .until(|running| running.readiness.check(Instant::now()).is_ok())
        .await;
    assert_eq!(cloud.lock().reads, 1);
}
