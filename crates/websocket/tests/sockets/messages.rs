//! The messages between the server and a connected client.

use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::FactoryChange;
use domain::message::LiveMessage;
use flate2::read::ZlibDecoder;
use futures_util::SinkExt;
use tokio_tungstenite::tungstenite;
use websocket::hub::history::CAPACITY;
use websocket::server::Server;

use crate::test_server::{changed, start, start_with};

#[tokio::test]
async fn a_client_gets_hello_the_tree_and_every_change() {
    let test = start().await;
    test.server.hub.apply(changed(1, 1));
    let mut client = test.connect("").await;

    let hello = LiveMessage::Hello {
        build: "build-1".to_owned(),
        server: "i-1-run".to_owned(),
    };
    assert_eq!(client.next_message().await, hello);
    let FactoryChange::Changed { factory } = changed(1, 1) else {
        unreachable!()
    };
    let snapshot = LiveMessage::Snapshot {
        factories: vec![factory],
        last: true,
        position: 1,
    };
    assert_eq!(client.next_message().await, snapshot);
    for revision in 2..=50 {
        test.server.hub.apply(changed(1, revision));
    }
    for revision in 2..=50 {
        assert_eq!(
            client.next_message().await,
            LiveMessage::from_change(changed(1, revision), revision)
        );
    }
}

#[tokio::test]
async fn a_client_that_reconnects_gets_only_the_changes_that_it_missed() {
    let test = start().await;
    for revision in 1..=5 {
        test.server.hub.apply(changed(1, revision));
    }

    let mut client = test.connect("?server=i-1-run&position=3").await;

    assert!(matches!(
        client.next_message().await,
        LiveMessage::Hello { .. }
    ));
    assert_eq!(
        client.next_message().await,
        LiveMessage::from_change(changed(1, 4), 4)
    );
    assert_eq!(
        client.next_message().await,
        LiveMessage::from_change(changed(1, 5), 5)
    );

    for query in [
        "?server=i-1-old&position=3",
        "?server=i-1-run&position=6",
        "?server=i-1-run&position=x",
    ] {
        let mut client = test.connect(query).await;
        client.next_message().await;
        assert!(
            matches!(
                client.next_message().await,
                LiveMessage::Snapshot { last: true, .. }
            ),
            "{query}"
        );
    }
}

#[tokio::test]
async fn a_client_that_can_unpack_it_gets_the_tree_compressed_and_the_changes_as_texts() {
    let test = start().await;
    for number in 1..=200 {
        test.server.hub.apply(changed(number, 1));
    }

    let mut plain = test.connect("").await;
    let mut packed = test.connect("?snapshot=deflate").await;
    test.server.hub.apply(changed(1, 2));

    assert_eq!(packed.next_message().await, plain.next_message().await);
    let (mut plain_bytes, mut packed_bytes) = (0, 0);
    loop {
        let text = plain.next().await.unwrap().unwrap().into_text().unwrap();
        let tungstenite::Message::Binary(bytes) = packed.next().await.unwrap().unwrap() else {
            panic!("a piece is not compressed");
        };
        let unpacked = std::io::read_to_string(ZlibDecoder::new(&bytes[..])).unwrap();
        assert_eq!(unpacked, text.as_str());
        plain_bytes += text.len();
        packed_bytes += bytes.len();
        if unpacked.contains(r#""last":true"#) {
            break;
        }
    }
    assert!(
        packed_bytes * 2 < plain_bytes,
        "{packed_bytes} of {plain_bytes}"
    );
    assert_eq!(packed.next_message().await, plain.next_message().await);
}

#[tokio::test]
async fn the_server_replies_to_a_pages_ping() {
    let test = start().await;
    let mut client = test.connect_past_initial_messages().await;

    client.0.send(r#"{"type":"ping"}"#.into()).await.unwrap();

    let pong = client.next().await.unwrap().unwrap();
    assert_eq!(pong.to_text().unwrap(), r#"{"type":"pong"}"#);
}

#[tokio::test]
async fn the_reply_to_a_new_pages_ping_comes_after_the_changes_since_its_snapshot() {
    let test = start().await;
    // This snapshot is kept, so the next client gets an old tree and then the changes since.
    test.connect_past_initial_messages().await;
    for revision in 1..=20 {
        test.server.hub.apply(changed(1, revision));
    }

    let mut client = test.connect_past_initial_messages().await;
    client.0.send(r#"{"type":"ping"}"#.into()).await.unwrap();

    for revision in 1..=20 {
        let change = LiveMessage::from_change(changed(1, revision), revision);
        assert_eq!(client.next_message().await, change);
    }
    let pong = client.next().await.unwrap().unwrap();
    assert_eq!(pong.to_text().unwrap(), r#"{"type":"pong"}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reply_to_a_pages_ping_comes_after_the_changes_that_come_with_it() {
    let test = start().await;
    for revision in 1..=100 {
        let query = format!("?server=i-1-run&position={}", revision - 1);
        let mut client = test.connect(&query).await;
        client.next_message().await;
        // The connection finds both at once, and which of them it looks at first is left to chance.
        let asked = client.0.send(r#"{"type":"ping"}"#.into());
        test.server.hub.apply(changed(1, revision));
        asked.await.unwrap();

        let change = LiveMessage::from_change(changed(1, revision), revision);
        assert_eq!(client.next_message().await, change, "a pong came first");
    }
}

#[tokio::test]
async fn a_large_message_is_refused_with_a_reason() {
    let test = start().await;
    let mut small = test.connect_past_initial_messages().await;
    let mut large = test.connect_past_initial_messages().await;

    small.0.send("x".repeat(4_096).into()).await.unwrap();
    large.0.send("x".repeat(4_097).into()).await.unwrap();

    assert_eq!(
        large.next_close().await,
        (1009, "messages have at most 4 KiB".to_owned())
    );
    test.server.hub.apply(changed(1, 1));
    assert_eq!(
        small.next_message().await,
        LiveMessage::from_change(changed(1, 1), 1)
    );
}

#[tokio::test]
async fn a_client_that_sends_too_many_messages_is_closed_with_a_reason() {
    let test = start().await;
    let mut client = test.connect_past_initial_messages().await;

    for _ in 0..11 {
        client.0.send("x".into()).await.unwrap();
    }

    assert_eq!(
        client.next_close().await,
        (1008, "too many messages".to_owned())
    );
}

#[tokio::test]
async fn a_client_that_replies_to_no_ping_is_dropped() {
    let test = start_with(&[], |server| server.timing.ping = Duration::from_millis(50)).await;
    let answering = test.connect_past_initial_messages().await;
    // This client is never polled, so it never sends its pongs.
    let silent = test.connect_past_initial_messages().await;
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
        test.server.limits.open_connections(),
        1,
        "the silent client is dropped, the other is not"
    );
    assert!(!listening.is_finished());
    listening.abort();
    drop(silent);
}

#[tokio::test]
async fn a_client_that_replies_to_no_ping_is_dropped_while_changes_are_sent_to_it() {
    let test = start_with(&[], |server| server.timing.ping = Duration::from_millis(20)).await;
    // This client is never polled, so it never sends its pongs; the kernel takes what is sent to it.
    let silent = test.connect_past_initial_messages().await;

    let dropped = async {
        for revision in 1.. {
            test.server.hub.apply(changed(1, revision));
            tokio::time::sleep(Duration::from_millis(5)).await;
            if test.server.limits.open_connections() == 0 {
                return;
            }
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(20), dropped).await;
    assert!(in_time.is_ok(), "the silent client stays");
    drop(silent);
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_dropped_and_the_others_get_everything() {
    let test = start_with(&[], |server| {
        server.timing.write = Duration::from_millis(200)
    })
    .await;
    let mut quick = test.connect_past_initial_messages().await;
    let stuck = test.connect_with_little_room().await;

    // These are more changes than the socket's buffers and the history can hold together.
    let mut received = 0;
    for revision in 1..=60_000_u64 {
        test.server
            .hub
            .apply(changed(u8::try_from(revision % 251).unwrap(), revision));
        if revision % 64 == 0 {
            while received < revision {
                let LiveMessage::Changed { position, .. } = quick.next_message().await else {
                    panic!("no change")
                };
                assert_eq!(position, received + 1);
                received = position;
            }
        }
        if test.server.limits.open_connections() == 1 {
            break;
        }
    }
    tokio::time::sleep(Duration::from_millis(400)).await;

    assert_eq!(test.server.limits.open_connections(), 1);
    let metrics = test.get("/metrics", "x: x").await.1;
    assert!(
        metrics.contains("\nfactory_tree_websocket_slow_closes_total 1\n"),
        "{metrics}"
    );
    drop(stuck);
}

#[tokio::test]
async fn a_client_that_is_too_far_behind_is_closed_with_a_reason() {
    let long_write_limit = |server: &mut Server| server.timing.write = Duration::from_secs(60);
    let test = start_with(&[], long_write_limit).await;
    let mut client = test.connect_with_little_room().await;
    let hub = &test.server.hub;
    let delivered = || test.server.metrics.deliveries.load(Ordering::Relaxed);

    // The client does not read: first fill the sockets' buffers, then exceed the history.
    let mut revision = 0;
    let initial = delivered();
    let mut apply = |times: usize| {
        for _ in 0..times {
            revision += 1;
            hub.apply(changed(1, revision));
        }
        revision
    };
    let sent = async |revision| {
        while delivered() < initial + revision {
            tokio::task::yield_now().await;
        }
    };
    while tokio::time::timeout(Duration::from_millis(300), sent(apply(50)))
        .await
        .is_ok()
    {}
    apply(CAPACITY + 50);

    let reason = "you are too far behind; connect again".to_owned();
    assert_eq!(client.next_close().await, (1013, reason));
}

#[tokio::test]
async fn the_server_replies_to_a_close_with_a_close() {
    let test = start().await;
    let mut client = test.connect_past_initial_messages().await;

    client.0.close(None).await.unwrap();

    assert!(matches!(
        client.next().await,
        Some(Ok(tungstenite::Message::Close(_))) | None
    ));
    tokio::time::timeout(
        Duration::from_secs(5),
        test.server.limits.wait_until_empty(),
    )
    .await
    .unwrap();
}
