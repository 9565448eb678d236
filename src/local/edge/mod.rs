//! The one loopback port of a local stage. In: requests for the stage's hosts. Out: the answers of what
//! each host's record stands for: CloudFront's distributions and API Gateway's domain in the emulator,
//! and the server behind the load balancer. It decides nothing but the way, and keeps nothing but the answers that a
//! distribution keeps by its cache policy.

mod answer;
mod cache;
mod claim;
mod forward;
mod headers;
mod table;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::control::own_program;
use super::parts::{Part, Stop};
use super::state::StateFolder;
use super::supervisor::own_build;
use super::{probe, routes};
pub(super) use claim::Claim;
use forward::Edge;

/// Where the edge answers for itself, on `localhost` and `127.0.0.1`.
const READY: &str = "/_edge/ready";

/// The longest time that a client may take to send a request's head.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(15);

/// The longest time that answers that are under way may take when the edge is asked to stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// Returns how the edge is started.
pub(super) fn part(folder: &StateFolder, port: u16, run: String) -> Result<Part> {
    let args = [
        "local",
        "edge",
        &folder.path().display().to_string(),
        "--port",
        &port.to_string(),
    ];
    let environment = [(
        "TMPDIR".to_owned(),
        folder.temporary().display().to_string(),
    )];
    Ok(Part {
        program: own_program()?,
        args: args.map(str::to_owned).into(),
        environment: BTreeMap::from(environment),
        inputs: vec![format!("build {}", own_build()?)],
        stop: Stop::Ask,
        run,
    })
}

/// Asks once whether it is ready.
pub(super) async fn check(port: u16, timeout: Duration) -> Result<(), String> {
    probe::check_ok(port, READY, timeout).await
}

/// Waits until it is ready.
pub(super) async fn wait(port: u16, timeout: Duration) -> Result<(), String> {
    probe::wait_until_ok(port, READY, timeout).await
}

/// Serves a stage's hosts until SIGTERM.
pub(super) async fn run_until_signal(folder: &StateFolder, port: u16) -> Result<()> {
    let (sender, stop) = watch::channel(false);
    let mut terminate = signal(SignalKind::terminate())?;
    let listeners = listen(port).await?;
    tokio::spawn(async move {
        terminate.recv().await;
        sender.send_replace(true);
    });
    serve(listeners, Edge::new(folder.clone(), port), stop).await;
    Ok(())
}

/// Listens on both loopback addresses, as `localhost` names mean both; on one where there is no IPv6.
async fn listen(port: u16) -> Result<Vec<TcpListener>> {
    let v4 = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await;
    let v4 = v4.with_context(|| format!("failed to listen on 127.0.0.1:{port}"))?;
    let v6 = TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, port))).await;
    Ok([Some(v4), v6.ok()].into_iter().flatten().collect())
}

async fn serve(listeners: Vec<TcpListener>, edge: Edge, mut stop: watch::Receiver<bool>) {
    let edge = Arc::new(edge);
    let mut connections = JoinSet::new();
    for listener in listeners {
        connections.spawn(accept(listener, Arc::clone(&edge), stop.clone()));
    }
    stopped(&mut stop).await;
    let finish = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(STOP_TIMEOUT, finish).await;
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // Its sender is gone only when the process ends.
    let _ = stop.wait_for(|stop| *stop).await;
}

async fn accept(listener: TcpListener, edge: Arc<Edge>, mut stop: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, client)) = listener.accept() => {
                connections.spawn(serve_connection(stream, client, Arc::clone(&edge), stop.clone()));
            }
            Some(_) = connections.join_next() => {}
            () = stopped(&mut stop) => break,
            // Accepting has failed: the process has too many files open. Some will be closed.
            else => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn serve_connection(
    stream: TcpStream,
    client: SocketAddr,
    edge: Arc<Edge>,
    mut stop: watch::Receiver<bool>,
) {
    // Small answers are not to wait for a full packet.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let edge = Arc::clone(&edge);
        async move { Ok::<_, Infallible>(edge.answer(request, client.ip()).await) }
    });
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_TIMEOUT);
    let connection = builder
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    // An error here is the client's: it has been answered, or the client has closed the connection.
    tokio::select! {
        _ = &mut connection => {}
        () = stopped(&mut stop) => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

#[cfg(test)]
mod cache_tests;
#[cfg(test)]
mod test_edge;
#[cfg(test)]
mod tests;
