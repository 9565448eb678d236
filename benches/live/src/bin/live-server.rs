//! The server as it is shipped, without AWS: a line on the standard input is a message of its queue.
//!
//! `live-server FACTORIES`: the number of factories in its tree.

use std::io::BufRead;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use live_bench::served;
use mimalloc::MiMalloc;
use websocket::inbox::Inbox;
use websocket::listener::SocketOptions;
use websocket::serve::serve;
use websocket::server::Server;

/// As in the server's own entry point.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> Result<()> {
    let factories = std::env::args().nth(1).context("a number of factories")?;
    let server = served::server(factories.parse()?)?;
    let listener = SocketOptions::default().listen(([127, 0, 0, 1], 0).into())?;
    announce(listener.local_addr()?.port());
    let receiver = Arc::clone(&server);
    std::thread::spawn(move || receive(&receiver));
    serve(listener, std::future::pending(), server).await;
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the load waits for this line")]
fn announce(port: u16) {
    println!("listening {port}");
}

fn receive(server: &Server) {
    let inbox = Inbox {
        hub: &server.hub,
        readiness: &server.readiness,
        metrics: &server.metrics,
    };
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        inbox.take(&line, Instant::now());
    }
}
