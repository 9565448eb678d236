//! A WebSocket to a stage, opened as its page does.

use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use tokio_tungstenite::tungstenite::{self, client::IntoClientRequest, handshake::client::Request};

/// The time limit for each read of a handshake.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(20);

/// The time after which a read returns without a message.
const READ_LIMIT: Duration = Duration::from_millis(250);

pub(crate) fn is_timeout(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
    )
}

pub(crate) type Socket = tungstenite::WebSocket<TcpStream>;

/// Opens a socket as a page of the stage does; a read returns after a quarter of a second at the latest.
pub(crate) fn open_socket(report: &Value) -> Result<Socket, String> {
    open_socket_from(report, "127.0.0.1")
}

/// The same from another address of this machine: the server counts handshakes by address.
pub(crate) fn open_socket_from(report: &Value, client: &str) -> Result<Socket, String> {
    let url = report["urls"]["socket"].as_str().unwrap();
    let mut request = url
        .into_client_request()
        .map_err(|error| error.to_string())?;
    let origin = report["urls"]["site"].as_str().unwrap();
    request
        .headers_mut()
        .insert("Origin", origin.parse().unwrap());
    let stream = connect_from(client, url.trim_start_matches("ws://"));
    upgrade(request, stream)
}

/// Makes a WebSocket of a connection. The server may take as long for the handshake as a busy machine lets it; from then on, a
/// read returns after a quarter of a second at the latest.
pub(super) fn upgrade(request: Request, stream: TcpStream) -> Result<Socket, String> {
    stream.set_read_timeout(Some(HANDSHAKE_LIMIT)).unwrap();
    let (socket, _) = tungstenite::client(request, stream).map_err(|error| error.to_string())?;
    socket.get_ref().set_read_timeout(Some(READ_LIMIT)).unwrap();
    Ok(socket)
}

fn connect_from(client: &str, address: &str) -> TcpStream {
    let port = address.rsplit(':').next().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(format!("{client}:0").parse().unwrap()).unwrap();
        let stream = socket
            .connect(format!("127.0.0.1:{port}").parse().unwrap())
            .await
            .unwrap();
        let stream = stream.into_std().unwrap();
        stream.set_nonblocking(false).unwrap();
        stream
    })
}

#[test]
fn a_handshake_may_take_longer_than_a_read() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let server = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        std::thread::sleep(2 * READ_LIMIT);
        tungstenite::accept(stream).unwrap()
    });

    let mut socket = upgrade(url.into_client_request().unwrap(), stream).unwrap();
    let error = socket.read().unwrap_err();
    assert!(matches!(error, tungstenite::Error::Io(error) if is_timeout(&error)));
    drop(server.join().unwrap());
}
