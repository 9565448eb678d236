//! A running server for tests, and its clients.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::message::LiveMessage;
use domain::{Bounds, Factory, FactoryChange, FactoryId};
use futures_util::StreamExt;
use startup::Variables;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite;
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::client::Response;
use websocket::config::Config;
use websocket::hub::TableContent;
use websocket::listener::SocketOptions;
use websocket::serve::serve as run_server;
use websocket::server::Server;

/// The origin that the test server allows.
pub(crate) const ORIGIN: &str = "https://factory-tree.com";

/// The head of a handshake.
pub(crate) const HANDSHAKE: &str = "GET / HTTP/1.1\r\nhost: test\r\nconnection: upgrade\r\n\
    upgrade: websocket\r\nsec-websocket-version: 13\r\n\
    sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\norigin: https://factory-tree.com\r\n\r\n";

/// The time limit for every wait of a test.
const TEST_LIMIT: Duration = Duration::from_secs(10);

/// A running server on a port of its own.
pub(crate) struct TestServer {
    pub(crate) server: Arc<Server>,
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    end: JoinHandle<()>,
}

/// The client side of a connection.
pub(crate) struct TestClient(pub(crate) WebSocketStream<TcpStream>);

/// Starts a server with an empty table.
pub(crate) async fn start() -> TestServer {
    start_with(&[], |_| {}).await
}

/// Starts a server with these variables and changes to its parts.
pub(crate) async fn start_with(
    variables: &[(&str, &str)],
    change: impl FnOnce(&mut Server),
) -> TestServer {
    let mut server = Server::new(&config(variables), "run");
    change(&mut server);
    let server = Arc::new(server);
    server
        .hub
        .reconcile(&HashMap::new(), TableContent::default());
    server.readiness.set_subscribed(Instant::now());
    serve(server).await
}

/// Starts serving on a port that the operating system chooses.
pub(crate) async fn serve(server: Arc<Server>) -> TestServer {
    let options = SocketOptions::default();
    let listener = options.listen(([127, 0, 0, 1], 0).into()).unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let shutdown = async { stopped.await.unwrap_or(()) };
    let end = tokio::spawn(run_server(listener, shutdown, Arc::clone(&server)));
    TestServer {
        server,
        address,
        stop,
        end,
    }
}

/// Returns the settings of a server, with these variables added.
pub(crate) fn config(variables: &[(&str, &str)]) -> Config {
    let known = [
        variables,
        &[
            ("TABLE_NAME", "t"),
            ("TOPIC_ARN", "arn:aws:sns:eu-central-1:000000000000:changes"),
            ("QUEUE_PREFIX", "q"),
            ("ALLOWED_ORIGIN", ORIGIN),
            ("BUILD", "build-1"),
            ("SERVER_ID", "i-1"),
        ],
    ]
    .concat();
    let find = |variable| known.iter().find(|(name, _)| *name == variable);
    let found = |variable| find(variable).map(|(_, value)| (*value).to_owned());
    Config::read(&Variables::new(found)).unwrap()
}

impl TestServer {
    /// Connects from the allowed origin, with this query.
    pub(crate) async fn connect(&self, query: &str) -> TestClient {
        let headers = [("origin", ORIGIN)];
        let connected = self.try_connect(query, &headers).await;
        connected.expect("admitted")
    }

    /// Connects and takes `hello` and an empty or whole snapshot of one piece.
    pub(crate) async fn connect_past_initial_messages(&self) -> TestClient {
        let mut client = self.connect("").await;
        client.take_initial_messages().await;
        client
    }

    /// The same for a client whose kernel keeps 8 KiB that it has not read: without a size, Linux keeps up to 32 MiB
    /// (`net.ipv4.tcp_rmem`), sooner or later.
    pub(crate) async fn connect_with_little_room(&self) -> TestClient {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(8 * 1024).unwrap();
        let stream = socket.connect(self.address).await.unwrap();
        let mut client = self.connect_over(stream).await;
        client.take_initial_messages().await;
        client
    }

    /// Connects from the allowed origin over a stream.
    async fn connect_over(&self, stream: TcpStream) -> TestClient {
        let url = format!("ws://{}/", self.address);
        let mut request = url.into_client_request().unwrap();
        let origin = ORIGIN.parse().unwrap();
        request.headers_mut().append("origin", origin);
        let (socket, _) = tokio_tungstenite::client_async(request, stream)
            .await
            .unwrap();
        TestClient(socket)
    }

    /// Tries to connect with these headers. Returns the response of the server if it refuses.
    pub(crate) async fn try_connect(
        &self,
        query: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<TestClient, Box<Response>> {
        let url = format!("ws://{}/{query}", self.address);
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        let stream = TcpStream::connect(self.address).await.unwrap();
        match tokio_tungstenite::client_async(request, stream).await {
            Ok((socket, _)) => Ok(TestClient(socket)),
            Err(tungstenite::Error::Http(response)) => Err(Box::new(response.map(|_| None))),
            Err(other) => panic!("{other}"),
        }
    }

    /// Sends a plain HTTP request, and returns status line and body.
    pub(crate) async fn get(&self, path: &str, header: &str) -> (String, String) {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: test\r\n{header}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.lines().next().unwrap().to_owned(), body.to_owned())
    }

    /// Sends the head of a request as it is, and returns the head of the response.
    pub(crate) async fn head(&self, request: &str) -> String {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        String::from_utf8(head).unwrap()
    }

    /// Stops the server, and waits until it has ended.
    pub(crate) async fn stop(self) {
        self.start_stopping().await.unwrap();
    }

    /// Sends the stop signal to the server, and returns its task.
    pub(crate) fn start_stopping(self) -> JoinHandle<()> {
        self.stop.send(()).unwrap();
        self.end
    }
}

impl TestClient {
    async fn take_initial_messages(&mut self) {
        let hello = self.next_message().await;
        assert!(matches!(hello, LiveMessage::Hello { .. }));
        let snapshot = self.next_message().await;
        assert!(matches!(snapshot, LiveMessage::Snapshot { last: true, .. }));
    }

    /// Returns the next frame that is not a ping.
    pub(crate) async fn next(
        &mut self,
    ) -> Option<Result<tungstenite::Message, tungstenite::Error>> {
        loop {
            let next = tokio::time::timeout(TEST_LIMIT, self.0.next()).await;
            match next.expect("in time") {
                Some(Ok(tungstenite::Message::Ping(_))) => {}
                other => return other,
            }
        }
    }

    /// Returns the next message.
    pub(crate) async fn next_message(&mut self) -> LiveMessage {
        let text = self.next().await.expect("a message").expect("a message");
        serde_json::from_str(text.to_text().unwrap()).expect("a message of the live channel")
    }

    /// Reads to the end, and returns the close code and reason.
    pub(crate) async fn next_close(&mut self) -> (u16, String) {
        loop {
            match self.next().await {
                Some(Ok(tungstenite::Message::Close(Some(frame)))) => {
                    // Reads to the end, so that the server gets our own close frame.
                    while self.next().await.is_some_and(|next| next.is_ok()) {}
                    return (frame.code.into(), frame.reason.to_string());
                }
                Some(Ok(_)) => {}
                other => panic!("closed without a reason: {other:?}"),
            }
        }
    }
}

/// Returns a change of a factory.
pub(crate) fn changed(id: u8, revision: u64) -> FactoryChange {
    let factory = Factory::new(
        FactoryId::from_random(u128::from(id)),
        "mill".parse().unwrap(),
        Bounds::new(0, 9).unwrap(),
        vec![4],
        revision,
    );
    FactoryChange::Changed {
        factory: factory.unwrap(),
    }
}

impl TestClient {
    /// Tries to connect, and returns the status of the refusal.
    pub(crate) async fn refused_at(address: SocketAddr, origin: &str) -> u16 {
        let mut request = format!("ws://{address}/").into_client_request().unwrap();
        request
            .headers_mut()
            .append("origin", origin.parse().unwrap());
        let stream = TcpStream::connect(address).await.unwrap();
        match tokio_tungstenite::client_async(request, stream).await {
            Err(tungstenite::Error::Http(response)) => response.status().as_u16(),
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("admitted"),
        }
    }
}
