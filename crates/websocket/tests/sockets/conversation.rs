//! The messages that a connected client receives.

use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::Change;
use domain::message::Message;
use futures_util::SinkExt;
use tokio_tungstenite::tungstenite;
use websocket::hub::history::CAPACITY;
use websocket::server::Server;

use crate::running::{changed, start, start_with};

#[tokio::test]
async fn a_client_is_greeted_shown_the_tree_and_told_every_change() {
    let running = start().await;
    running.server.hub.apply(changed(1, 1));
    let mut client = running.connect("").await;

    let hello = Message::Hello {
        build: "build-1".to_owned(),
        server: "i-1-run".to_owned(),
    };
    assert_eq!(client.hear().await, hello);
    let Change::Changed { factory } = changed(1, 1) else {
        unreachable!()
    };
    let snapshot = Message::Snapshot {
        factories: vec![factory],
        last: true,
        position: 1,
    };
    assert_eq!(client.hear().await, snapshot);
    for revision in 2..=50 {
        running.server.hub.apply(changed(1, revision));
    }
    for revision in 2..=50 {
        assert_eq!(
            client.hear().await,
            Message::of(changed(1, revision), revision)
        );
    }
}

#[tokio::test]
async fn a_client_that_comes_back_gets_only_what_it_missed() {
    let running = start().await;
    for revision in 1..=5 {
        running.server.hub.apply(changed(1, revision));
    }

    let mut client = running.connect("?server=i-1-run&position=3").await;

    assert!(matches!(client.hear().await, Message::Hello { .. }));
    assert_eq!(client.hear().await, Message::of(changed(1, 4), 4));
    assert_eq!(client.hear().await, Message::of(changed(1, 5), 5));

    for query in [
        "?server=i-1-old&position=3",
        "?server=i-1-run&position=6",
        "?server=i-1-run&position=x",
    ] {
        let mut client = running.connect(query).await;
        client.hear().await;
        assert!(
            matches!(client.hear().await, Message::Snapshot { last: true, .. }),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_pages_ping_is_answered() {
    let running = start().await;
    let mut client = running.connect_and_take_welcome().await;

    client.0.send(r#"{"type":"ping"}"#.into()).await.unwrap();

    let pong = client.next().await.unwrap().unwrap();
    assert_eq!(pong.to_text().unwrap(), r#"{"type":"pong"}"#);
}

#[tokio::test]
async fn a_large_message_is_refused_with_a_reason() {
    let running = start().await;
    let mut small = running.connect_and_take_welcome().await;
    let mut large = running.connect_and_take_welcome().await;

    small.0.send("x".repeat(4_096).into()).await.unwrap();
    large.0.send("x".repeat(4_097).into()).await.unwrap();

    assert_eq!(
        large.hear_close().await,
        (1009, "messages have at most 4 KiB".to_owned())
    );
    running.server.hub.apply(changed(1, 1));
    assert_eq!(small.hear().await, Message::of(changed(1, 1), 1));
}

#[tokio::test]
async fn a_client_that_talks_too_much_is_closed_with_a_reason() {
    let running = start().await;
    let mut client = running.connect_and_take_welcome().await;

    for _ in 0..11 {
        client.0.send("x".into()).await.unwrap();
    }

    assert_eq!(
        client.hear_close().await,
        (1008, "too many messages".to_owned())
    );
}

#[tokio::test]
async fn a_client_is_pinged_and_dropped_when_it_gives_no_sign_of_life() {
    let running = start_with(&[], |server| server.timing.ping = Duration::from_millis(50)).await;
    let answering = running.connect_and_take_welcome().await;
    // Never polled, so its pongs never leave.
    let silent = running.connect_and_take_welcome().await;
    let listening = tokio::spawn(async move {
        let mut client = answering;
        loop {
            if client.next().await.is_none() {
                return;
            }
        }
    });

    tokio::time::sleep(Duration::from_millis(600)).await;

    assert_eq!(
        running.server.limits.open(),
        1,
        "the silent one is gone, the other is not"
    );
    assert!(!listening.is_finished());
    listening.abort();
    drop(silent);
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_dropped_and_the_others_hear_everything() {
    let running = start_with(&[], |server| {
        server.timing.write = Duration::from_millis(200)
    })
    .await;
    let mut quick = running.connect_and_take_welcome().await;
    let stuck = running.connect_and_take_welcome().await;

    // More than the socket's buffers and the history hold together.
    let mut heard = 0;
    for revision in 1..=60_000_u64 {
        running
            .server
            .hub
            .apply(changed(u8::try_from(revision % 251).unwrap(), revision));
        if revision % 64 == 0 {
            while heard < revision {
                let Message::Changed { position, .. } = quick.hear().await else {
                    panic!("no change")
                };
                assert_eq!(position, heard + 1);
                heard = position;
            }
        }
        if running.server.limits.open() == 1 {
            break;
        }
    }
    tokio::time::sleep(Duration::from_millis(400)).await;

    assert_eq!(running.server.limits.open(), 1);
    let metrics = running.get("/metrics", "x: x").await.1;
    assert!(
        metrics.contains("\nfactory_tree_websocket_slow_closes_total 1\n"),
        "{metrics}"
    );
    drop(stuck);
}

#[tokio::test]
async fn a_client_that_lost_the_thread_is_closed_with_a_reason() {
    let patient = |server: &mut Server| server.timing.write = Duration::from_secs(60);
    let running = start_with(&[], patient).await;
    let mut client = running.connect_and_take_welcome().await;
    let hub = &running.server.hub;
    let delivered = || running.server.metrics.deliveries.load(Ordering::Relaxed);

    // Until the sockets between are full, as the client does not read; then beyond the history.
    let mut revision = 0;
    let welcome = delivered();
    let mut tell = |times: usize| {
        for _ in 0..times {
            revision += 1;
            hub.apply(changed(1, revision));
        }
        revision
    };
    let taken = async |revision| {
        while delivered() < welcome + revision {
            tokio::task::yield_now().await;
        }
    };
    while tokio::time::timeout(Duration::from_millis(300), taken(tell(50)))
        .await
        .is_ok()
    {}
    tell(CAPACITY + 50);

    let reason = "you are too far behind; connect again".to_owned();
    assert_eq!(client.hear_close().await, (1013, reason));
}

#[tokio::test]
async fn a_close_is_answered_with_a_close() {
    let running = start().await;
    let mut client = running.connect_and_take_welcome().await;

    client.0.close(None).await.unwrap();

    assert!(matches!(
        client.next().await,
        Some(Ok(tungstenite::Message::Close(_))) | None
    ));
    tokio::time::timeout(Duration::from_secs(5), running.server.limits.empty())
        .await
        .unwrap();
}
