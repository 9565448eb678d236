//! Measures what the options of the server's sockets do: how far a slow reader is behind, and how long a crowd takes to
//! come in, with the options as the server has them and as the operating system would have them.
//!
//! `live-sockets slow-readers` takes 40 s, `live-sockets crowds` half a minute. Server and clients share the process.

#![expect(clippy::print_stdout, reason = "the figures are its answer")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures_util::StreamExt;
use live_bench::crowd::Crowd;
use live_bench::served;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::LocalSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use websocket::listener::SocketOptions;
use websocket::serve::serve;
use websocket::server::Server;

/// The changes of a second, to 100 factories.
const CHANGES: u32 = 250;

/// The seconds in which the slow client reads.
const SECONDS: u32 = 40;

/// The clients of a crowd.
const CLIENTS: usize = 5_000;

const SYSTEM: SocketOptions = SocketOptions {
    send_buffer: None,
    unsent: None,
    backlog: 128,
};

#[tokio::main]
async fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("slow-readers") => slow_readers().await,
        Some("crowds") => LocalSet::new().run_until(crowds()).await,
        _ => bail!("slow-readers, or crowds"),
    }
}

/// Starts a server with so many factories.
fn start(factories: u32, options: SocketOptions) -> Result<(Arc<Server>, SocketAddr)> {
    let server = served::server(factories)?;
    let listener = options.listen(([127, 0, 0, 1], 0).into())?;
    let address = listener.local_addr()?;
    tokio::spawn(serve(listener, std::future::pending(), Arc::clone(&server)));
    Ok((server, address))
}

async fn slow_readers() -> Result<()> {
    let only = |send_buffer, unsent| SocketOptions {
        send_buffer,
        unsent,
        backlog: 128,
    };
    tokio::try_join!(
        slow_reader("as the system has it", SYSTEM),
        slow_reader("send buffer 64 KiB", only(Some(64 * 1024), None)),
        slow_reader("unsent 16 KiB", only(None, Some(16 * 1024))),
        slow_reader("unsent 64 KiB", only(None, Some(64 * 1024))),
        slow_reader("both, as the server has it", SocketOptions::default()),
    )?;
    Ok(())
}

/// One client reads 20 kB a second, and another one nothing.
async fn slow_reader(name: &str, options: SocketOptions) -> Result<()> {
    let (server, address) = start(100, options)?;
    let mut client = connect(address).await?;
    let never = connect(address).await?;
    let start = Instant::now();
    let writing = tokio::spawn(change(Arc::clone(&server), start));

    let (mut read, mut behind, mut messages) = (0, Duration::ZERO, 0);
    while !writing.is_finished() {
        let message = client.next().await.context("a message")??;
        let text = message.to_text()?;
        read += u32::try_from(text.len())?;
        messages += 1;
        if let Some(revision) = revision(text) {
            behind = start.elapsed().saturating_sub(time_of(revision));
        }
        let allowed = Duration::from_secs_f64(f64::from(read) / 20_000.0);
        tokio::time::sleep_until((start + allowed).into()).await;
    }
    writing.await??;
    drop(never);
    println!(
        "{name:28} {behind:>8.1?} behind after {SECONDS} s, {messages} messages, {} coalesced",
        server.metrics.coalesced.load(Ordering::Relaxed)
    );
    Ok(())
}

/// Returns when the change with this revision is applied.
fn time_of(revision: u32) -> Duration {
    Duration::from_secs(1) * revision / CHANGES
}

/// Returns the revision that a message tells, unless it is the tree.
fn revision(text: &str) -> Option<u32> {
    let change = text.starts_with(r#"{"type":"changed""#).then_some(text)?;
    let (_, rest) = change.split_once(r#""revision":"#)?;
    rest.split(|other: char| !other.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

async fn change(server: Arc<Server>, start: Instant) -> Result<()> {
    for revision in 2..CHANGES * SECONDS {
        let change = served::changed(revision % 100, revision.into())?;
        server.hub.apply(change);
        tokio::time::sleep_until((start + time_of(revision)).into()).await;
    }
    Ok(())
}

/// Connects with a receive buffer of 8 KiB.
async fn connect(address: SocketAddr) -> Result<WebSocketStream<TcpStream>> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(8 * 1024)?;
    let stream = socket.connect(address).await?;
    let mut request = format!("ws://{address}/").into_client_request()?;
    let origin = "http://bench".parse()?;
    request.headers_mut().append("origin", origin);
    Ok(tokio_tungstenite::client_async(request, stream).await?.0)
}

async fn crowds() -> Result<()> {
    for (name, options) in [
        ("as the system has it", SYSTEM),
        ("as the server has it", SocketOptions::default()),
    ] {
        let (_server, address) = start(2_000, options)?;
        let (start, before) = (Instant::now(), overflows()?);
        let crowd = Crowd::connect(address, 0..CLIENTS, CLIENTS);
        crowd
            .wait_for_trees(CLIENTS, Duration::from_secs(120))
            .await?;
        println!(
            "{name:28} {CLIENTS} clients with the whole tree after {:.1?}, {} turned away",
            start.elapsed(),
            overflows()? - before
        );
    }
    Ok(())
}

/// Returns how often the kernel turned a connection away because too many waited.
fn overflows() -> Result<u64> {
    let counters = std::fs::read_to_string("/proc/net/netstat")?;
    let mut lines = counters.lines().filter(|line| line.starts_with("TcpExt:"));
    let names = lines.next().context("names")?.split(' ');
    let mut pairs = names.zip(lines.next().context("values")?.split(' '));
    let found = pairs.find(|(name, _)| *name == "ListenOverflows");
    Ok(found.context("the counter")?.1.parse()?)
}
