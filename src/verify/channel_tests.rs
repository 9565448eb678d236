use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::ws::{Message as ServerMessage, WebSocket, WebSocketUpgrade};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::any;

use super::*;

/// An Event API that takes one key, and sends these events to whoever has subscribed.
async fn serve(events: &'static [&'static str]) -> (Urls, EventChannel) {
    let router = Router::new().route(
        "/event/realtime",
        any(
            move |upgrade: WebSocketUpgrade, headers: HeaderMap| async move {
                let protocols = headers["sec-websocket-protocol"]
                    .to_str()
                    .unwrap()
                    .to_owned();
                let answer: Response = upgrade
                    .protocols(["aws-appsync-event-ws"])
                    .on_upgrade(move |socket| talk(socket, protocols, events));
                answer
            },
        ),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let urls = Urls::loopback(&"tree.localhost".parse().unwrap(), port);
    let channel = EventChannel {
        host: format!("ws.tree.localhost:{port}"),
        key: "da2-good".to_owned(),
        channel: "/tree/main".to_owned(),
    };
    (urls, channel)
}

async fn talk(mut socket: WebSocket, protocols: String, events: &'static [&'static str]) {
    let encoded = protocols.split("header-").nth(1).unwrap();
    let decoded = URL_SAFE_NO_PAD.decode(encoded).unwrap();
    let authorization: Value = serde_json::from_slice(&decoded).unwrap();
    let good = authorization["x-api-key"] == "da2-good";
    while let Some(Ok(ServerMessage::Text(text))) = socket.recv().await {
        let message: Value = serde_json::from_str(&text).unwrap();
        let refusal = json!([{ "errorType": "UnauthorizedException", "message": "no such key" }]);
        let answers = match message["type"].as_str().unwrap() {
            "connection_init" => {
                vec![json!({ "type": "connection_ack", "connectionTimeoutMs": 300_000 })]
            }
            "subscribe" if !good => {
                vec![json!({ "type": "subscribe_error", "id": message["id"], "errors": refusal })]
            }
            "subscribe" => {
                let data = events
                    .iter()
                    .map(|event| json!({ "type": "data", "id": message["id"], "event": event }));
                let success = json!({ "type": "subscribe_success", "id": message["id"] });
                [success, json!({ "type": "ka" })]
                    .into_iter()
                    .chain(data)
                    .collect()
            }
            other => panic!("{other}"),
        };
        for answer in answers {
            socket
                .send(ServerMessage::Text(answer.to_string().into()))
                .await
                .unwrap();
        }
    }
}

struct Table {
    writes: AtomicUsize,
    refuses: bool,
}

impl Table {
    fn new(refuses: bool) -> Self {
        let writes = AtomicUsize::new(0);
        Self { writes, refuses }
    }
}

impl WriteHeartbeat for Table {
    fn write(&self, writer: &'static str, written_at: u128) -> Written<'_> {
        assert!(writer == "verify" && written_at > 0);
        self.writes.fetch_add(1, Ordering::Relaxed);
        let refusal = Err("AccessDenied".to_owned());
        let result = if self.refuses { refusal } else { Ok(()) };
        Box::pin(async move { result })
    }
}

async fn checked(
    events: &'static [&'static str],
    table: &Table,
    publisher: Option<&str>,
) -> Result<String, String> {
    let (urls, channel) = serve(events).await;
    check_heartbeat(&channel, table, publisher, (&urls, &Network::default())).await
}

const CHANGE: &str = r#"{"type":"removed","id":"a","revision":2}"#;
const HEARTBEAT: &str = r#"{"type":"heartbeat","server":"verify","publisher":"p1"}"#;

#[tokio::test]
async fn a_heartbeat_of_this_publisher_proves_the_way() {
    let table = Table::new(false);
    let seen = checked(&["no JSON", CHANGE, HEARTBEAT], &table, Some("p1"))
        .await
        .unwrap();
    assert!(
        seen.ends_with("ms from the table to the channel, through publisher p1"),
        "{seen}"
    );
    assert_eq!(table.writes.load(Ordering::Relaxed), 1);
    assert!(checked(&[HEARTBEAT], &table, None).await.is_ok());
}

#[tokio::test]
async fn the_hop_that_fails_is_named() {
    let good = Table::new(false);
    let other = checked(&[HEARTBEAT], &good, Some("p2")).await.unwrap_err();
    assert_eq!(other, "the last one came through publisher p1, not p2");
    let lost = checked(&[CHANGE], &good, Some("p1")).await.unwrap_err();
    assert!(
        lost.starts_with("it is written into the table, and it does not come out"),
        "{lost}"
    );
    let refused = checked(&[HEARTBEAT], &Table::new(true), Some("p1"))
        .await
        .unwrap_err();
    assert_eq!(refused, "it is not written into the table: AccessDenied");
}

#[tokio::test]
async fn a_key_that_is_refused_is_told_with_the_reason() {
    let (urls, channel) = serve(&[]).await;
    assert!(
        subscribe(&channel, &urls, &Network::default())
            .await
            .is_ok()
    );
    let stale = EventChannel {
        key: "da2-stale".to_owned(),
        ..channel
    };
    let refused = subscribe(&stale, &urls, &Network::default()).await;
    assert_eq!(
        refused.err().unwrap(),
        "subscribe_error in place of subscribe_success: UnauthorizedException: no such key"
    );
}
