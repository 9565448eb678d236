//! An edge for tests, and the servers behind it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::routes::{RouteTarget, Routes};
use super::*;
use crate::local::state;

/// An edge with its routes, stopped when it goes out of scope.
pub(super) struct TestEdge {
    pub(super) port: u16,
    pub(super) stop: watch::Sender<bool>,
    pub(super) done: tokio::task::JoinHandle<()>,
    folder: tempfile::TempDir,
}

impl TestEdge {
    pub(super) async fn start(emulator: u16, server: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stage = StateFolder::new(folder.path().join("local"));
        stage.create().unwrap();
        let hosts = BTreeMap::from([
            (
                "demo.localhost".to_owned(),
                RouteTarget::Distribution("d1abc".to_owned()),
            ),
            ("api.demo.localhost".to_owned(), RouteTarget::Api),
            ("ws.demo.localhost".to_owned(), RouteTarget::Server),
        ]);
        state::write(
            &stage.routes(),
            &Routes {
                emulator,
                server,
                hosts,
                ..Routes::default()
            },
        )
        .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (stop, stopped) = watch::channel(false);
        let edge = Edge::new(stage, port);
        let done = tokio::spawn(serve(vec![listener], edge, stopped));
        Self {
            port,
            stop,
            done,
            folder,
        }
    }

    pub(super) fn routes(&self) -> PathBuf {
        self.state().routes()
    }

    pub(super) fn state(&self) -> StateFolder {
        StateFolder::new(self.folder.path().join("local"))
    }

    /// Sends a raw request and returns the whole answer.
    pub(super) async fn send(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    pub(super) async fn get(&self, host: &str, path: &str) -> String {
        self.send(&format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        ))
        .await
    }

    /// Returns the body, with the ports that change from run to run out of it.
    pub(super) async fn get_text(&self, host: &str) -> String {
        let answer = self.get(host, "/").await;
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    }
}

/// Serves a router on a free port and returns the port.
pub(super) async fn upstream(router: Router) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, router).await });
    port
}

/// Answers with the head that it got and the body behind it.
pub(super) async fn echo(request: Request) -> String {
    let (head, body) = request.into_parts();
    let mut lines = vec![format!("{} {}", head.method, head.uri)];
    let shown = head
        .headers
        .iter()
        .filter(|(name, _)| *name != "content-length");
    lines.extend(shown.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())));
    lines.sort_unstable_by_key(|line| line.contains(": "));
    let body: Bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    format!("{}\n\n{}", lines.join("\n"), String::from_utf8_lossy(&body))
}

/// Not one of the kernel's choice: that could go to another test.
pub(super) fn closed_port() -> u16 {
    crate::local::port::reserve_inner().unwrap().number
}
