//! Clients that read slowly, send without end, or connect again and again: what they get, and what they cost.

use std::sync::atomic::Ordering;
use std::time::Duration;

use domain::message::LiveMessage;
use domain::{FactoryChange, FactoryId};
use futures_util::SinkExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::test_server::{HANDSHAKE, ORIGIN, TestServer, changed, start, start_with};

#[tokio::test]
async fn a_client_that_reads_late_gets_the_newest_and_not_everything() {
    const CHANGES: u64 = 4_000;
    let test = start().await;
    let mut client = test.connect_with_little_room().await;

    for revision in 1..=CHANGES {
        let id = u8::try_from(revision % 8).unwrap();
        test.server.hub.apply(changed(id, revision));
        if revision % 64 == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    let mut received = 0;
    loop {
        received += 1;
        let LiveMessage::Changed { factory, .. } = client.next_message().await else {
            panic!("no change")
        };
        if factory.revision == CHANGES {
            break;
        }
    }

    let coalesced = test.server.metrics.coalesced.load(Ordering::Relaxed);
    assert!(
        coalesced > 2_000 && received < 2_000,
        "{coalesced} were replaced by newer ones, and {received} were sent"
    );
}

/// Connects with a handshake by hand, and takes the response and the first messages.
pub(crate) async fn connect_by_hand(test: &TestServer) -> TcpStream {
    let mut stream = TcpStream::connect(test.address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream.write_all(HANDSHAKE.as_bytes()).await.unwrap();
    let mut taken = Vec::new();
    while !taken.ends_with(br#""last":true,"position":0}"#) {
        taken.push(stream.read_u8().await.unwrap());
    }
    stream
}

/// Reads to the end, and returns the code of the last frame, which closes the connection.
async fn close_code(mut stream: impl tokio::io::AsyncRead + Unpin) -> u16 {
    let mut rest = Vec::new();
    // The server may reset the connection behind its last frame.
    let _ = stream.read_to_end(&mut rest).await;
    assert_eq!(rest[0], 0x88, "a frame that closes: {rest:?}");
    u16::from_be_bytes([rest[2], rest[3]])
}

#[tokio::test]
async fn the_parts_of_a_message_without_end_are_cut_off() {
    let test = start().await;
    let (reading, mut writing) = connect_by_hand(&test).await.into_split();
    let first = [0x01, 0x81, 0, 0, 0, 0, b'x'];
    let empty = [0x00, 0x80, 0, 0, 0, 0];
    let flood = tokio::spawn(async move {
        writing.write_all(&first).await?;
        for _ in 0..1_000 {
            writing.write_all(&empty.repeat(200)).await?;
        }
        std::io::Result::Ok(writing)
    });

    let code = tokio::time::timeout(Duration::from_secs(5), close_code(reading)).await;

    assert_eq!(code.expect("it is closed"), 1008);
    flood.abort();
}

#[tokio::test]
async fn a_client_that_broke_a_rule_is_not_read_any_more() {
    let test = start().await;
    let mut client = test.connect_past_initial_messages().await;

    for _ in 0..11 {
        client.0.send("x".into()).await.unwrap();
    }
    // The client neither replies to the close frame nor closes.
    let ended = tokio::time::timeout(
        Duration::from_secs(2),
        test.server.limits.wait_until_empty(),
    );

    assert!(ended.await.is_ok(), "the server still reads");
    assert_eq!(client.next_close().await.0, 1008);
}

#[tokio::test]
async fn an_address_that_connects_again_and_again_is_slowed_down() {
    let test = start_with(&[("MAX_CONNECTIONS_PER_ADDRESS", "8")], |_| {}).await;
    let from = |hop: &'static str| [("origin", ORIGIN), ("x-forwarded-for", hop)];

    let mut admitted = 0;
    let refused = loop {
        match test.try_connect("", &from("192.0.2.1")).await {
            Ok(client) => drop(client),
            Err(refused) => break refused,
        }
        admitted += 1;
        let closed = test.server.limits.wait_until_empty();
        closed.await;
        assert!(admitted < 50, "nothing slows it down");
    };

    assert!((8..=10).contains(&admitted), "{admitted}");
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("retry-after"));
    assert!(test.try_connect("", &from("192.0.2.2")).await.is_ok());
}

#[tokio::test]
async fn an_address_that_draws_the_tree_again_and_again_is_slowed_down() {
    let test = start_with(&[("MAX_CONNECTIONS_PER_ADDRESS", "2")], |_| {}).await;
    for number in 0..15_000_u32 {
        let FactoryChange::Changed { mut factory } = changed(1, 1) else {
            unreachable!()
        };
        factory.id = FactoryId::from_random(number.into());
        test.server.hub.apply(FactoryChange::Changed { factory });
    }
    let from = |hop: &'static str| [("origin", ORIGIN), ("x-forwarded-for", hop)];

    // Each draws 1.6 MB, and two may draw 2 MiB.
    for _ in 0..2 {
        let mut client = test.try_connect("", &from("192.0.2.1")).await.unwrap();
        client.next_message().await;
        drop(client);
        test.server.limits.wait_until_empty().await;
    }
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let refused = test.try_connect("", &from("192.0.2.1")).await;

    assert_eq!(refused.err().expect("refused").status(), 429);
    assert!(test.try_connect("", &from("192.0.2.2")).await.is_ok());
}

#[tokio::test]
async fn a_head_without_end_is_cut_off() {
    let test = start().await;
    let stream = TcpStream::connect(test.address).await.unwrap();
    let (mut reading, mut writing) = stream.into_split();
    let flood = tokio::spawn(async move {
        writing.write_all(b"GET / HTTP/1.1\r\n").await?;
        for number in 0..100_000 {
            let line = format!("x-{number}: {}\r\n", "x".repeat(100));
            writing.write_all(line.as_bytes()).await?;
        }
        std::io::Result::Ok(())
    });

    let mut answer = Vec::new();
    // The server may reset the connection behind its answer.
    let read = tokio::time::timeout(Duration::from_secs(4), reading.read_to_end(&mut answer));

    assert!(read.await.is_ok(), "it is read without end");
    assert!(flood.await.unwrap().is_err(), "ten megabytes were taken");
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431 "),
        "{answer}"
    );
}

/// Sends bytes that mean nothing, as fast as they are taken, until the server closes.
async fn flood(test: &TestServer) {
    let mut stream = connect_by_hand(test).await;
    while stream.write_all(&[0xa5; 512]).await.is_ok() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_hostile_clients() {
    /// The time within which everybody is served: less than a half-open handshake lives.
    const BOUND: Duration = Duration::from_secs(4);
    let test = start().await;
    let mut honest = test.connect_past_initial_messages().await;
    let mut half_open = Vec::new();
    for _ in 0..1_000 {
        let mut stream = TcpStream::connect(test.address).await.unwrap();
        stream
            .write_all(b"GET / HTTP/1.1\r\nhost: t")
            .await
            .unwrap();
        half_open.push(stream);
    }
    for _ in 0..50 {
        flood(&test).await;
    }

    test.server.hub.apply(changed(1, 1));
    let change = tokio::time::timeout(BOUND, honest.next_message()).await;
    let newcomer = tokio::time::timeout(BOUND, test.connect("")).await;
    let mut newcomer = newcomer.expect("a newcomer is let in");

    assert!(
        matches!(change, Ok(LiveMessage::Changed { .. })),
        "{change:?}"
    );
    assert!(matches!(
        newcomer.next_message().await,
        LiveMessage::Hello { .. }
    ));
}
