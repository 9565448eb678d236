//! Measurements, which judge nothing: how far a slow reader is behind, and how long a crowd takes to come in, with the
//! options of the sockets as they are and as the operating system would have them.
//!
//! `cargo test -p websocket --test sockets -- --ignored --nocapture figures`

#![expect(clippy::print_stdout, reason = "the figures are for a person")]

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use domain::message::LiveMessage;
use domain::{FactoryChange, FactoryId};
use futures_util::StreamExt;
use tokio::net::TcpSocket;
use websocket::hub::TableContent;
use websocket::listener::SocketOptions;
use websocket::server::Server;

use crate::test_server::{TestClient, TestServer, changed, config, serve_with};

const SYSTEM: SocketOptions = SocketOptions {
    send_buffer: None,
    unsent: None,
    backlog: 128,
};

/// Returns the change of one of many factories.
fn change(number: u32, revision: u64) -> FactoryChange {
    let FactoryChange::Changed { mut factory } = changed(1, revision) else {
        unreachable!()
    };
    factory.id = FactoryId::from_random(number.into());
    FactoryChange::Changed { factory }
}

/// Starts a server with so many factories.
async fn started(factories: u32, options: SocketOptions) -> TestServer {
    let variables = [
        ("MAX_CONNECTIONS", "20000"),
        ("MAX_CONNECTIONS_PER_ADDRESS", "20000"),
    ];
    let server = Server::new(&config(&variables), "run");
    let content = TableContent {
        changes: (0..factories).map(|number| change(number, 1)).collect(),
        ..TableContent::default()
    };
    server.hub.reconcile(&HashMap::new(), content);
    server.readiness.set_subscribed(Instant::now());
    serve_with(Arc::new(server), options).await
}

/// Applies 250 changes a second to 100 factories for 40 s. One client reads 20 kB a second.
async fn slow_reader(name: &str, options: SocketOptions) {
    const CHANGES: u64 = 10_000;
    let test = started(100, options).await;
    let stream = TcpSocket::new_v4().unwrap();
    stream.set_recv_buffer_size(8 * 1024).unwrap();
    let mut client = test
        .connect_over(stream.connect(test.address).await.unwrap())
        .await;
    let never = test.connect("").await;
    let start = Instant::now();
    let hub = Arc::clone(&test.server.hub);
    let writing = tokio::spawn(async move {
        for revision in 2..CHANGES {
            let number = u32::try_from(revision % 100).unwrap();
            hub.apply(change(number, revision));
            let next = Duration::from_millis(4) * u32::try_from(revision).unwrap();
            tokio::time::sleep_until((start + next).into()).await;
        }
    });

    let (mut read, mut behind, mut messages) = (0, Duration::ZERO, 0);
    while !writing.is_finished() {
        let text = client.next().await.unwrap().unwrap().into_text().unwrap();
        read += text.len();
        messages += 1;
        if let LiveMessage::Changed { factory, .. } = serde_json::from_str(&text).unwrap() {
            let applied = Duration::from_millis(4) * u32::try_from(factory.revision).unwrap();
            behind = start.elapsed().saturating_sub(applied);
        }
        let allowed = Duration::from_secs_f64(f64::from(u32::try_from(read).unwrap()) / 20_000.0);
        tokio::time::sleep_until((start + allowed).into()).await;
    }
    println!(
        "{name:28} {behind:>8.1?} behind after 40 s, {messages} messages, {} coalesced",
        test.server.metrics.coalesced.load(Ordering::Relaxed)
    );
    drop(never);
}

#[tokio::test]
#[ignore = "a measurement of 40 s"]
async fn slow_readers() {
    let only = |send_buffer, unsent| SocketOptions {
        send_buffer,
        unsent,
        backlog: 128,
    };
    tokio::join!(
        slow_reader("as the system has it", SYSTEM),
        slow_reader("send buffer 64 KiB", only(Some(64 * 1024), None)),
        slow_reader("unsent 16 KiB", only(None, Some(16 * 1024))),
        slow_reader("unsent 64 KiB", only(None, Some(64 * 1024))),
        slow_reader("both, as the server has it", SocketOptions::default()),
    );
}

/// Returns how often the kernel turned a connection away because too many waited.
fn overflows() -> u64 {
    let counters = std::fs::read_to_string("/proc/net/netstat").unwrap();
    let mut lines = counters.lines().filter(|line| line.starts_with("TcpExt:"));
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let mut pairs = names.split(' ').zip(values.split(' '));
    let found = pairs.find(|(name, _)| *name == "ListenOverflows").unwrap();
    found.1.parse().unwrap()
}

/// Takes the whole tree.
async fn come_in(test: &TestServer) -> TestClient {
    let stream = tokio::net::TcpStream::connect(test.address).await.unwrap();
    let mut client = test.connect_over(stream).await;
    loop {
        let message = client.0.next().await.unwrap().unwrap();
        if message.into_text().unwrap().contains(r#""last":true"#) {
            return client;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement of a minute"]
async fn crowds() {
    for (name, options) in [
        ("as the system has it", SYSTEM),
        ("as the server has it", SocketOptions::default()),
    ] {
        let test = Arc::new(started(2_000, options).await);
        let (start, before) = (Instant::now(), overflows());
        let crowd = (0..5_000).map(|_| {
            let test = Arc::clone(&test);
            tokio::spawn(async move { come_in(&test).await })
        });
        let crowd: Vec<_> = crowd.collect();
        let mut held = Vec::new();
        for client in crowd {
            held.push(client.await.unwrap());
        }
        println!(
            "{name:28} {} clients with the whole tree after {:.1?}, {} turned away",
            held.len(),
            start.elapsed(),
            overflows() - before
        );
    }
}
