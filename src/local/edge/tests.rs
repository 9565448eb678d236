//! The edge between a real client and real upstreams, on ports that the kernel chooses.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::extract::ws::{Message as ServerMessage, WebSocketUpgrade};
use axum::response::IntoResponse;
use axum::routing::any;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::{self, client::IntoClientRequest};

use super::claim::Claim;
use super::routes::Routes;
use super::test_edge::{TestEdge, closed_port, echo, upstream};
use super::*;
use crate::local::process::ProcessId;
use crate::local::state;

#[tokio::test]
async fn a_distribution_is_asked_by_its_own_domain_as_if_over_https() {
    let edge = TestEdge::start(upstream(Router::new().fallback(echo)).await, closed_port()).await;
    insta::assert_snapshot!(edge.get_text("Demo.localhost:8080").await, @r"
    GET /
    host: d1abc.cloudfront.net
    x-forwarded-for: 127.0.0.1
    x-forwarded-proto: https
    ");
}

#[tokio::test]
async fn while_vite_lives_it_answers_for_the_site_but_not_for_the_deployed_config() {
    let emulator = upstream(Router::new().fallback(|| async { "deployed" })).await;
    let edge = TestEdge::start(emulator, closed_port()).await;
    let body = async |path: &str| {
        let answer = edge.get("demo.localhost:8080", path).await;
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    };
    assert_eq!(body("/src/App.vue").await, "deployed");
    let claim = Claim {
        host: "demo.localhost".to_owned(),
        port: upstream(Router::new().fallback(echo)).await,
        process: ProcessId::own().unwrap(),
    };
    state::write(&edge.state().vite(), &claim).unwrap();
    let seen = body("/src/App.vue?t=1").await;
    insta::assert_snapshot!(seen.replace(&edge.port.to_string(), "[port]"), @r"
    GET /src/App.vue?t=1
    host: demo.localhost:8080
    x-forwarded-for: 127.0.0.1
    x-forwarded-proto: http
    x-forwarded-port: [port]
    ");
    assert_eq!(body("/config.json").await, "deployed");
    std::fs::remove_file(edge.state().vite()).unwrap();
    assert_eq!(body("/src/App.vue").await, "deployed");
}

#[tokio::test]
async fn the_api_is_asked_by_its_own_name_without_the_port_and_bodies_go_through() {
    let edge = TestEdge::start(upstream(Router::new().fallback(echo)).await, closed_port()).await;
    let request = "POST /factories?a=%20b HTTP/1.1\r\nHost: api.demo.localhost:8080\r\nConnection: close\r\n\
                   X-Forwarded-For: 203.0.113.9\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let answer = edge.send(request).await;
    insta::assert_snapshot!(answer.split_once("\r\n\r\n").unwrap().1, @r"
    POST /factories?a=%20b
    host: api.demo.localhost
    x-forwarded-for: 203.0.113.9, 127.0.0.1
    x-forwarded-proto: https
    transfer-encoding: chunked

    hello
    ");
}

#[tokio::test]
async fn a_websocket_goes_through_to_the_server_with_the_load_balancers_headers() {
    let talk = |upgrade: WebSocketUpgrade, request: Request| async move {
        let seen = format!(
            "{:?} {:?}",
            request.headers()["x-forwarded-for"],
            request.headers()["x-forwarded-port"]
        );
        upgrade.on_upgrade(|mut socket| async move {
            socket.send(ServerMessage::Text(seen.into())).await.unwrap();
            while let Some(Ok(message)) = socket.recv().await {
                socket.send(message).await.unwrap();
            }
        })
    };
    let edge = TestEdge::start(
        closed_port(),
        upstream(Router::new().route("/", any(talk))).await,
    )
    .await;
    let mut request = format!("ws://127.0.0.1:{}/", edge.port)
        .into_client_request()
        .unwrap();
    request
        .headers_mut()
        .insert("host", "ws.demo.localhost".parse().unwrap());
    let stream = TcpStream::connect(("127.0.0.1", edge.port)).await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async(request, stream)
        .await
        .unwrap();
    let hello = socket.next().await.unwrap().unwrap();
    assert_eq!(
        hello.to_text().unwrap(),
        format!("\"127.0.0.1\" \"{}\"", edge.port)
    );
    socket
        .send(tungstenite::Message::text("ping me"))
        .await
        .unwrap();
    assert_eq!(
        socket.next().await.unwrap().unwrap().to_text().unwrap(),
        "ping me"
    );
}

#[tokio::test]
async fn a_body_reaches_the_client_while_it_is_still_being_made() {
    let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
    let receiver = std::sync::Arc::new(tokio::sync::Mutex::new(receiver));
    let stream = move || async move {
        let body = futures_util::stream::unfold(receiver, |receiver| async move {
            let piece = receiver.lock().await.recv().await?;
            Some((Ok::<_, std::io::Error>(piece), receiver))
        });
        Body::from_stream(body).into_response()
    };
    let edge = TestEdge::start(
        upstream(Router::new().fallback(stream)).await,
        closed_port(),
    )
    .await;
    let mut client = TcpStream::connect(("127.0.0.1", edge.port)).await.unwrap();
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: demo.localhost\r\n\r\n")
        .await
        .unwrap();
    for piece in ["first", "second"] {
        sender.send(Bytes::from(piece)).await.unwrap();
        let mut seen = String::new();
        while !seen.contains(piece) {
            let mut buffer = [0; 1024];
            let count = client.read(&mut buffer).await.unwrap();
            assert_ne!(count, 0, "{seen}");
            seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
    }
}

#[tokio::test]
async fn what_does_not_answer_is_named_with_the_cure() {
    let (emulator, server) = (closed_port(), closed_port());
    let edge = TestEdge::start(emulator, server).await;
    let text = edge.get("ws.demo.localhost", "/").await;
    assert!(text.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{text}");
    insta::assert_snapshot!(edge.get_text("ws.demo.localhost").await.replace(&server.to_string(), "PORT"), @r"
    The server of stage `local` does not answer on port PORT: connection refused (os error 111).
    `factory-tree status --stage local` shows what is down, `factory-tree deploy --stage local` starts it again.
    ");
    insta::assert_snapshot!(edge.get_text("demo.localhost").await.replace(&emulator.to_string(), "PORT"), @r"
    The emulator of stage `local` does not answer on port PORT: connection refused (os error 111).
    `factory-tree status --stage local` shows what is down, `factory-tree deploy --stage local` starts it again.
    ");
}

#[tokio::test]
async fn a_request_for_an_unknown_host_gets_the_known_hosts() {
    let edge = TestEdge::start(closed_port(), closed_port()).await;
    assert!(
        edge.get("other.localhost", "/")
            .await
            .starts_with("HTTP/1.1 404 Not Found\r\n")
    );
    insta::assert_snapshot!(edge.get_text("other.localhost").await, @r"
    There is no host `other.localhost` here.
    The hosts of stage `local` are: api.demo.localhost, demo.localhost, ws.demo.localhost.
    ");
    state::write(&edge.routes(), &Routes::default()).unwrap();
    insta::assert_snapshot!(edge.get_text("demo.localhost").await, @r"
    There is no host `demo.localhost` here.
    Stage `local` has no hosts yet: run `factory-tree deploy --stage local`.
    ");
}

#[tokio::test]
async fn the_edge_answers_for_itself_only_under_its_own_name() {
    let edge = TestEdge::start(closed_port(), closed_port()).await;
    assert_eq!(check(edge.port, Duration::from_secs(2)).await, Ok(()));
    assert!(
        edge.get("other.localhost", READY)
            .await
            .starts_with("HTTP/1.1 404 ")
    );
}

#[tokio::test]
async fn odd_requests_are_refused_and_the_edge_lives_on() {
    let edge = TestEdge::start(closed_port(), closed_port()).await;
    for (request, status) in [
        ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", "404"),
        (
            "GET / HTTP/1.1\r\nHost: \u{fc}\r\nConnection: close\r\n\r\n",
            "404",
        ),
        (
            "CONNECT demo.localhost:80 HTTP/1.1\r\nHost: demo.localhost\r\nConnection: close\r\n\r\n",
            "400",
        ),
        (
            "OPTIONS * HTTP/1.1\r\nHost: demo.localhost\r\nConnection: close\r\n\r\n",
            "400",
        ),
        (
            "GET http://other.localhost/ HTTP/1.1\r\nHost: demo.localhost\r\nConnection: close\r\n\r\n",
            "404",
        ),
        ("nonsense\r\n\r\n", "400"),
        ("GET / HTTP/1.0\r\n\r\n", "404"),
    ] {
        let answer = edge.send(request).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} "))
                || answer.starts_with(&format!("HTTP/1.0 {status} ")),
            "{request} {answer}"
        );
    }
    assert_eq!(check(edge.port, Duration::from_secs(2)).await, Ok(()));
}

#[tokio::test]
async fn asked_to_stop_it_finishes_running_requests_and_accepts_no_more() {
    let slow = || async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        "done"
    };
    let edge = TestEdge::start(upstream(Router::new().fallback(slow)).await, closed_port()).await;
    let stop = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        edge.stop.send_replace(true);
    };
    let (text, ()) = tokio::join!(edge.get_text("demo.localhost"), stop);
    assert_eq!(text, "done");
    edge.done.await.unwrap();
    assert!(TcpStream::connect(("127.0.0.1", edge.port)).await.is_err());
}
