//! The admission of clients, and the paths that report the server's state.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::message::LiveMessage;
use websocket::server::Server;

use crate::test_server::{HANDSHAKE, ORIGIN, changed, config, serve, start, start_with};

#[tokio::test]
async fn only_pages_of_the_sites_origin_are_admitted() {
    let test = start().await;

    for headers in [
        &[][..],
        &[("origin", "https://evil.example")],
        &[("origin", "https://factory-tree.com.evil.example")],
        &[("origin", "http://factory-tree.com")],
        &[("origin", "null")],
    ] {
        let refused = test.try_connect("", headers).await.err().expect("refused");
        assert_eq!(refused.status(), 403, "{headers:?}");
    }
    assert!(test.try_connect("", &[("origin", ORIGIN)]).await.is_ok());
}

#[tokio::test]
async fn one_address_is_limited() {
    let test = start_with(&[("MAX_CONNECTIONS_PER_ADDRESS", "1")], |_| {}).await;
    let from = |hops: &'static str| [("origin", ORIGIN), ("x-forwarded-for", hops)];

    let held = test.try_connect("", &from("192.0.2.1")).await;
    let second = test.try_connect("", &from("198.51.100.7, 192.0.2.1")).await;
    let other = test.try_connect("", &from("192.0.2.1, 192.0.2.2")).await;

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
async fn a_full_server_admits_nobody_until_a_client_disconnects() {
    let test = start_with(&[("MAX_CONNECTIONS", "1")], |_| {}).await;
    let held = test.connect_past_initial_messages().await;

    let refused = test
        .try_connect("", &[("origin", ORIGIN)])
        .await
        .err()
        .expect("refused");
    assert_eq!(refused.status(), 503);
    drop(held);
    tokio::time::timeout(
        Duration::from_secs(5),
        test.server.limits.wait_until_empty(),
    )
    .await
    .unwrap();
    assert!(test.try_connect("", &[("origin", ORIGIN)]).await.is_ok());
}

#[tokio::test]
async fn a_server_that_has_not_read_the_table_is_alive_but_not_ready() {
    let test = serve(Arc::new(Server::new(&config(&[]), "run"))).await;

    assert_eq!(test.get("/livez", "x: x").await.0, "HTTP/1.1 200 OK");
    let (status, reason) = test.get("/readyz", "x: x").await;
    assert_eq!(status, "HTTP/1.1 503 Service Unavailable");
    assert_eq!(
        reason,
        "the queue is not subscribed or the tree is not loaded yet\n"
    );
    let refused = test
        .try_connect("", &[("origin", ORIGIN)])
        .await
        .err()
        .expect("refused");
    assert_eq!(refused.status(), 503);
}

#[tokio::test]
async fn a_server_that_read_the_table_is_ready_and_counts() {
    let test = start().await;
    let _client = test.connect_past_initial_messages().await;

    assert_eq!(test.get("/readyz", "x: x").await.0, "HTTP/1.1 200 OK");
    let metrics = test.get("/metrics", "x: x").await.1;
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
async fn the_last_heartbeat_is_told_with_the_builds_that_it_came_through() {
    let test = start().await;
    let told = async || {
        let (status, body) = test.get("/heartbeat", "x: x").await;
        assert_eq!(status, "HTTP/1.1 200 OK");
        serde_json::from_str::<serde_json::Value>(&body).unwrap()
    };

    let before = told().await;
    test.server
        .readiness
        .record_heartbeat(Instant::now(), "p1".to_owned());
    test.server.readiness.record_written(Instant::now());
    let after = told().await;

    let nothing = serde_json::json!({
        "server": "i-1-run", "build": "build-1",
        "written_ms_ago": null, "heard_ms_ago": null, "publisher": null,
    });
    assert_eq!(before, nothing);
    assert!(after["written_ms_ago"].is_u64() && after["heard_ms_ago"].is_u64());
    assert_eq!(after["publisher"], "p1");
}

#[tokio::test]
async fn the_metrics_are_hidden_from_requests_through_the_load_balancer() {
    let test = start().await;

    let (status, _) = test.get("/metrics", "x-forwarded-for: 192.0.2.1").await;

    assert_eq!(status, "HTTP/1.1 404 Not Found");
}

#[tokio::test]
async fn a_client_that_never_completes_its_request_is_disconnected() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let test = start().await;
    let mut stream = tokio::net::TcpStream::connect(test.address).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nhost: t")
        .await
        .unwrap();

    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(8), stream.read_to_end(&mut rest)).await;

    assert!(ended.is_ok(), "still open after the time for a handshake");
}

#[tokio::test]
async fn a_request_without_an_upgrade_is_a_bad_request() {
    let test = start().await;

    let (status, _) = test.get("/", &format!("origin: {ORIGIN}")).await;

    assert_eq!(status, "HTTP/1.1 400 Bad Request");
}

/// Returns a handshake with one line in place of another, and one line more.
fn handshake(line: &str, other: &str, more: &str) -> String {
    let lines = HANDSHAKE.trim_end().split("\r\n").chain([more]);
    let lines = lines.map(|own| if own == line { other } else { own });
    let lines = lines.filter(|line| !line.is_empty());
    let lines: Vec<_> = lines.map(|line| format!("{line}\r\n")).collect();
    format!("{}\r\n", lines.concat())
}

#[tokio::test]
async fn a_request_that_is_no_handshake_is_refused() {
    let test = start().await;
    let key = "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==";
    let version = "sec-websocket-version: 13";
    let origin = "origin: https://factory-tree.com";

    for (line, other, more, status) in [
        ("", "", "", "101"),
        (key, "", "", "400"),
        (key, "sec-websocket-key: x", "", "400"),
        (
            key,
            "sec-websocket-key: dGhlIHNhbXBsZSBub25jZWU=",
            "",
            "400",
        ),
        ("", "", key, "400"),
        (version, "sec-websocket-version: 12", "", "426"),
        (version, "", "", "426"),
        ("", "", version, "426"),
        ("", "", origin, "403"),
        ("", "", "origin: https://evil.example", "403"),
    ] {
        let head = test.head(&handshake(line, other, more)).await;
        assert!(
            head.starts_with(&format!("HTTP/1.1 {status} ")),
            "{other}{more}: {head}"
        );
        let names_version = head.contains("sec-websocket-version: 13\r\n");
        assert_eq!(names_version, status == "426", "{head}");
    }
}

#[tokio::test]
async fn parameters_that_occur_twice_lead_to_a_snapshot() {
    let test = start().await;
    for revision in 1..=3 {
        test.server.hub.apply(changed(1, revision));
    }

    for query in [
        "?server=i-1-run&position=1&position=2",
        "?server=i-1-run&server=x&position=1",
    ] {
        let mut client = test.connect(query).await;
        client.next_message().await;
        let next = client.next_message().await;
        assert!(matches!(next, LiveMessage::Snapshot { .. }), "{query}");
    }
}
