//! The clients that are accepted, and the endpoints for operators.

use std::sync::Arc;
use std::time::Duration;

use websocket::server::Server;

use crate::running::{ORIGIN, config, serve, start, start_with};

#[tokio::test]
async fn only_pages_of_the_sites_origin_are_let_in() {
    let running = start().await;

    for headers in [
        &[][..],
        &[("origin", "https://evil.example")],
        &[("origin", "https://factory-tree.com.evil.example")],
        &[("origin", "http://factory-tree.com")],
        &[("origin", "null")],
    ] {
        let refused = running
            .try_connect("", headers)
            .await
            .err()
            .expect("refused");
        assert_eq!(refused.status(), 403, "{headers:?}");
    }
    assert!(running.try_connect("", &[("origin", ORIGIN)]).await.is_ok());
}

#[tokio::test]
async fn one_address_has_only_its_share() {
    let running = start_with(&[("MAX_CONNECTIONS_PER_ADDRESS", "1")], |_| {}).await;
    let from = |hops: &'static str| [("origin", ORIGIN), ("x-forwarded-for", hops)];

    let held = running.try_connect("", &from("192.0.2.1")).await;
    let second = running
        .try_connect("", &from("198.51.100.7, 192.0.2.1"))
        .await;
    let other = running.try_connect("", &from("192.0.2.1, 192.0.2.2")).await;

    assert!(held.is_ok() && other.is_ok());
    let refused = second.err().expect("refused");
    assert_eq!(
        (
            refused.status().as_u16(),
            refused.headers()["retry-after"].to_str().unwrap()
        ),
        (429, "5")
    );
}

#[tokio::test]
async fn a_full_server_lets_nobody_in_until_somebody_leaves() {
    let running = start_with(&[("MAX_CONNECTIONS", "1")], |_| {}).await;
    let held = running.connect_and_take_welcome().await;

    let refused = running
        .try_connect("", &[("origin", ORIGIN)])
        .await
        .err()
        .expect("refused");
    assert_eq!(refused.status(), 503);
    drop(held);
    tokio::time::timeout(Duration::from_secs(5), running.server.limits.empty())
        .await
        .unwrap();
    assert!(running.try_connect("", &[("origin", ORIGIN)]).await.is_ok());
}

#[tokio::test]
async fn a_server_that_has_not_read_the_table_is_alive_but_not_ready() {
    let running = serve(Arc::new(Server::new(&config(&[]), "run"))).await;

    assert_eq!(running.get("/livez", "x: x").await.0, "HTTP/1.1 200 OK");
    let (status, reason) = running.get("/readyz", "x: x").await;
    assert_eq!(status, "HTTP/1.1 503 Service Unavailable");
    assert_eq!(
        reason,
        "the queue is not subscribed or the tree is not loaded yet\n"
    );
    let refused = running
        .try_connect("", &[("origin", ORIGIN)])
        .await
        .err()
        .expect("refused");
    assert_eq!(refused.status(), 503);
}

#[tokio::test]
async fn a_server_that_read_the_table_is_ready_and_counts() {
    let running = start().await;
    let _client = running.connect_and_take_welcome().await;

    assert_eq!(running.get("/readyz", "x: x").await.0, "HTTP/1.1 200 OK");
    let metrics = running.get("/metrics", "x: x").await.1;
    assert!(
        metrics.contains("\nfactory_tree_websocket_connections 1\n"),
        "{metrics}"
    );
    assert!(
        metrics.contains("\nfactory_tree_websocket_deliveries_total 2\n"),
        "{metrics}"
    );
}

#[tokio::test]
async fn the_counters_are_not_for_those_who_come_through_the_load_balancer() {
    let running = start().await;

    let (status, _) = running.get("/metrics", "x-forwarded-for: 192.0.2.1").await;

    assert_eq!(status, "HTTP/1.1 404 Not Found");
}

#[tokio::test]
async fn a_client_that_never_ends_its_request_is_cut_off() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let running = start().await;
    let mut stream = tokio::net::TcpStream::connect(running.address)
        .await
        .unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: t")
        .await
        .unwrap();

    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(8), stream.read_to_end(&mut rest)).await;

    assert!(ended.is_ok(), "still open after the time for a handshake");
}

#[tokio::test]
async fn a_request_that_is_no_upgrade_is_told_so() {
    let running = start().await;

    let (status, _) = running.get("/", &format!("origin: {ORIGIN}")).await;

    assert_eq!(status, "HTTP/1.1 400 Bad Request");
}
