//! Heartbeats: when they are written, and the work of a feed that hears none.

use super::*;

#[tokio::test]
async fn a_heartbeat_that_comes_back_needs_no_read_of_the_table() {
    let account = FakeAccount::default();
    let running = start_with(&account, quick());
    ready(&running).await;

    running
        .until(|running| running.metrics.heartbeats.load(Ordering::Relaxed) >= 5)
        .await;

    assert_eq!(running.hub.factories(), 0, "it is shown to nobody");
    assert_eq!(running.metrics.unreadable.load(Ordering::Relaxed), 0);
    assert_eq!(running.metrics.fallback_reads.load(Ordering::Relaxed), 0);
    running.stop().await;
}

#[tokio::test]
async fn a_heartbeat_is_written_for_a_new_queue_and_for_whoever_asks_but_not_at_any_pace() {
    for (spacing, written) in [(Duration::from_secs(600), 1), (Duration::ZERO, 2)] {
        let account = FakeAccount::default();
        let timing = FeedTiming {
            beat: Duration::from_secs(600),
            spacing,
            ..quick()
        };
        let running = start_with(&account, timing);
        running
            .until(|running| running.readiness.last_heard().is_some())
            .await;

        running.readiness.want_heartbeat();
        running
            .until(|running| {
                let heard = running.metrics.heartbeats.load(Ordering::Relaxed);
                heard == written
            })
            .await;
        tokio::time::sleep(Duration::from_millis(50)).await;

        assert_eq!(account.lock().heartbeats, usize::try_from(written).unwrap());
        let heard = running.readiness.last_heard().unwrap();
        assert_eq!(heard.publisher, "publisher");
        assert_eq!(running.hub.factories(), 0, "it is shown to nobody");
        running.stop().await;
    }
}

#[tokio::test]
async fn messages_that_are_lost_come_from_the_table() {
    let account = FakeAccount::default();
    account.lock().factories = vec![factory(1, 1)];
    let running = start_with(&account, quick());
    ready(&running).await;
    tokio::time::sleep(Duration::from_millis(100)).await;

    account.lock().loses_messages = true;
    account.lock().factories = vec![factory(1, 2)];

    running.until(|running| running.sends(1, 2)).await;
    assert!(running.metrics.fallback_reads.load(Ordering::Relaxed) > 0);
    let later = Instant::now() + Duration::from_secs(59);
    assert_eq!(running.readiness.check(later), Ok(()));
    running.stop().await;
}

#[tokio::test]
async fn a_server_that_hears_nothing_makes_a_new_queue_again_and_again() {
    let account = FakeAccount::default();
    account.lock().loses_messages = true;
    let timing = FeedTiming {
        deaf: Duration::from_millis(200),
        ..quick()
    };
    let running = start_with(&account, timing);
    for _ in 0..2 {
        let queue = ready(&running).await;
        running
            .until(|running| !running.account.lock().queues.contains_key(&queue))
            .await;
        running
            .until(|running| running.account.counts() == (1, 1))
            .await;
    }
    running.stop().await;
}
