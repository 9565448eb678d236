//! A running server, and clients for it.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::message::Message;
use domain::{Bounds, Change, Factory, FactoryId};
use futures_util::StreamExt;
use startup::Variables;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite;
use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::client::Response;
use websocket::config::Config;
use websocket::hub::TableContent;
use websocket::serve::serve as run_server;
use websocket::server::Server;

/// The origin that the tests' server lets in.
pub(crate) const ORIGIN: &str = "https://factory-tree.com";

/// The longest time that anything may take in a test.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server on a port of its own.
pub(crate) struct Running {
    pub(crate) server: Arc<Server>,
    pub(crate) address: SocketAddr,
    stop: oneshot::Sender<()>,
    end: JoinHandle<()>,
}

/// A client's end of a connection.
pub(crate) struct Client(pub(crate) WebSocketStream<TcpStream>);

/// Starts a server whose table holds nothing.
pub(crate) async fn start() -> Running {
    start_with(&[], |_| {}).await
}

/// Starts a server with these variables and changes to its parts.
pub(crate) async fn start_with(
    variables: &[(&str, &str)],
    change: impl FnOnce(&mut Server),
) -> Running {
    let mut server = Server::new(&config(variables), "run");
    change(&mut server);
    let server = Arc::new(server);
    server
        .hub
        .reconcile(HashSet::new(), TableContent::default());
    server.readiness.subscribed(Instant::now());
    serve(server).await
}

/// Serves on a port of the system's choice.
pub(crate) async fn serve(server: Arc<Server>) -> Running {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let shutdown = async { stopped.await.unwrap_or(()) };
    let end = tokio::spawn(run_server(listener, shutdown, Arc::clone(&server)));
    Running {
        server,
        address,
        stop,
        end,
    }
}

/// The settings of a server.
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

impl Running {
    /// Connects from the allowed origin, with this query.
    pub(crate) async fn connect(&self, query: &str) -> Client {
        let headers = [("origin", ORIGIN)];
        let connected = self.try_connect(query, &headers).await;
        connected.expect("let in")
    }

    /// Connects and takes `hello` and an empty or whole snapshot of one piece.
    pub(crate) async fn connect_and_take_welcome(&self) -> Client {
        let mut client = self.connect("").await;
        assert!(matches!(client.hear().await, Message::Hello { .. }));
        assert!(matches!(
            client.hear().await,
            Message::Snapshot { last: true, .. }
        ));
        client
    }

    /// Tries to connect with these headers; a refusal is the answer of the server.
    pub(crate) async fn try_connect(
        &self,
        query: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Client, Box<Response>> {
        let url = format!("ws://{}/{query}", self.address);
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        let stream = TcpStream::connect(self.address).await.unwrap();
        match tokio_tungstenite::client_async(request, stream).await {
            Ok((socket, _)) => Ok(Client(socket)),
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

    /// Tells the server to stop, and waits until it did.
    pub(crate) async fn stop(self) {
        self.tell_to_stop().await.unwrap();
    }

    /// Tells the server to stop.
    pub(crate) fn tell_to_stop(self) -> JoinHandle<()> {
        self.stop.send(()).unwrap();
        self.end
    }
}

impl Client {
    /// Returns the next frame that is no ping.
    pub(crate) async fn next(
        &mut self,
    ) -> Option<Result<tungstenite::Message, tungstenite::Error>> {
        loop {
            let next = tokio::time::timeout(PATIENCE, self.0.next()).await;
            match next.expect("in time") {
                Some(Ok(tungstenite::Message::Ping(_))) => {}
                other => return other,
            }
        }
    }

    /// Returns the next message.
    pub(crate) async fn hear(&mut self) -> Message {
        let text = self.next().await.expect("a message").expect("a message");
        serde_json::from_str(text.to_text().unwrap()).expect("a message of the live channel")
    }

    /// Reads to the end, and returns the close code and reason.
    pub(crate) async fn hear_close(&mut self) -> (u16, String) {
        loop {
            match self.next().await {
                Some(Ok(tungstenite::Message::Close(Some(frame)))) => {
                    // Polled to the end, so that the server gets our own close frame.
                    while self.next().await.is_some_and(|next| next.is_ok()) {}
                    return (frame.code.into(), frame.reason.to_string());
                }
                Some(Ok(_)) => {}
                other => panic!("closed without a reason: {other:?}"),
            }
        }
    }
}

/// A change of one of a few factories.
pub(crate) fn changed(id: u8, revision: u64) -> Change {
    let factory = Factory::new(
        FactoryId::from_random(u128::from(id)),
        "mill".parse().unwrap(),
        Bounds::new(0, 9).unwrap(),
        vec![4],
        revision,
    );
    Change::Changed {
        factory: factory.unwrap(),
    }
}

impl Client {
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
            Ok(_) => panic!("let in"),
        }
    }
}
