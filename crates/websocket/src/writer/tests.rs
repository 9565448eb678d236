//! The sending half over a real socket, whose other end reads when a test has it read.

use std::collections::HashMap;
use std::time::Duration;

use domain::{Bounds, Factory, FactoryChange, FactoryId};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpSocket};

use super::*;
use crate::hub::TableContent;

/// Returns a hub with an empty tree, a writer that has sent the first messages, and the client, which has read them.
async fn connected() -> (Arc<Hub>, Writer, TcpStream) {
    let hub = Arc::new(Hub::new("build", "server"));
    hub.reconcile(&HashMap::new(), TableContent::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpSocket::new_v4().unwrap();
    client.set_recv_buffer_size(8 * 1024).unwrap();
    let address = listener.local_addr().unwrap();
    let (client, accepted) = tokio::join!(client.connect(address), listener.accept());
    let (mut client, (stream, _)) = (client.unwrap(), accepted.unwrap());
    let initial = hub.initial_messages(None);
    let first: usize = initial.texts().iter().map(|text| text.bytes().len()).sum();
    let writer = Writer::new(stream, Arc::clone(&hub), Arc::default(), initial);
    assert_eq!(writer.pump(), Progress::Idle);
    client.read_exact(&mut vec![0; first]).await.unwrap();
    (hub, writer, client)
}

/// Applies one more change.
fn change(hub: &Hub) {
    let factory = Factory::new(
        FactoryId::from_random(1),
        "mill".parse().unwrap(),
        Bounds::new(0, 9).unwrap(),
        vec![],
        hub.position() + 1,
    );
    hub.apply(FactoryChange::Changed {
        factory: factory.unwrap(),
    });
}

/// Reads what has come, and returns the positions of the changes in it, and all bytes.
async fn received(client: &mut TcpStream) -> (Vec<u64>, Vec<u8>) {
    let mut bytes = Vec::new();
    while let Ok(Ok(read)) =
        tokio::time::timeout(Duration::from_millis(100), client.read_buf(&mut bytes)).await
        && read > 0
    {}
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let positions = text.split(r#""position":"#).skip(1);
    let positions = positions.map(|rest| rest.split('}').next().unwrap().parse().unwrap());
    (positions.collect(), bytes)
}

#[tokio::test]
async fn a_batch_is_sent_once_and_what_lies_before_it_first() {
    let (hub, writer, mut client) = connected().await;
    for _ in 0..3 {
        change(&hub);
    }
    let (all, late) = (Batch::after(&hub, 0), Batch::after(&hub, 2));
    let (all, late) = (all.unwrap(), late.unwrap());

    writer.push(&late);
    writer.push(&all);
    writer.push(&late);

    assert_eq!(received(&mut client).await.0, [1, 2, 3]);
}

#[tokio::test]
async fn nothing_follows_a_close_frame() {
    let (hub, writer, mut client) = connected().await;
    change(&hub);
    let batch = Batch::after(&hub, 0).unwrap();

    writer.close(Bytes::from_static(b"close"));
    writer.push(&batch);
    writer.pump();

    assert_eq!(received(&mut client).await.1, b"close");
}

#[tokio::test]
async fn a_reply_follows_the_changes_that_it_was_asked_after() {
    let (hub, writer, mut client) = connected().await;
    change(&hub);
    change(&hub);

    writer.reply_after_changes(&"pong".to_owned().into());
    change(&hub);
    writer.pump();

    let (positions, bytes) = received(&mut client).await;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let place = |part: &str| text.find(part).unwrap();
    assert_eq!(positions, [1, 2, 3]);
    assert!(place("pong") > place(r#""position":2"#), "{text}");
}

#[tokio::test]
async fn a_client_that_reads_nothing_costs_one_batch_and_gets_all_when_it_reads() {
    let (hub, writer, mut client) = connected().await;
    let mut position = 0;
    while writer.slow_since().is_none() {
        change(&hub);
        let batch = Batch::after(&hub, position).unwrap();
        writer.push(&batch);
        position = batch.to;
    }

    let attention = writer.wait_for_attention();
    tokio::time::timeout(Duration::from_secs(1), attention)
        .await
        .expect("its task is woken");
    assert!(
        writer.lock().waiting.as_ref().unwrap().rest.len() <= 1024,
        "less than a batch waits"
    );
    change(&hub);
    writer.push(&Batch::after(&hub, position).unwrap());
    let mut positions = Vec::new();
    while positions.last() != Some(&(position + 1)) {
        positions.extend(received(&mut client).await.0);
        writer.pump();
    }
    assert!(positions.is_sorted_by(|one, next| one < next));
    assert_eq!(writer.slow_since(), None);
}

#[tokio::test]
async fn a_client_that_asks_without_end_and_reads_nothing_is_too_far_behind() {
    let (hub, writer, client) = connected().await;
    while writer.slow_since().is_none() {
        change(&hub);
        writer.pump();
    }

    let pong: TextFrame = "pong".to_owned().into();
    let asked = (0..=MAX_REPLIES).map(|_| writer.reply_after_changes(&pong));

    assert_eq!(asked.last(), Some(Progress::TooFarBehind));
    drop(client);
}
