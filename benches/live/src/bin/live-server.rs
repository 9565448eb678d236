//! The server as it is shipped, without AWS: a line on the standard input is a message of its queue.
//!
//! `live-server FACTORIES`: the number of factories in its tree.

use std::collections::HashMap;
use std::io::BufRead;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use domain::{Bounds, Factory, FactoryChange, FactoryId};
use startup::Variables;
use websocket::config::Config;
use websocket::hub::TableContent;
use websocket::inbox::Inbox;
use websocket::listener::SocketOptions;
use websocket::serve::serve;
use websocket::server::Server;

#[tokio::main]
async fn main() -> Result<()> {
    let factories: u128 = std::env::args()
        .nth(1)
        .context("a number of factories")?
        .parse()?;
    let server = Arc::new(Server::new(&config()?, "run"));
    let content = TableContent {
        changes: (0..factories).map(changed).collect::<Result<_>>()?,
        ..TableContent::default()
    };
    server.hub.reconcile(&HashMap::new(), content);
    server.readiness.set_subscribed(Instant::now());
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

fn changed(number: u128) -> Result<FactoryChange> {
    let factory = Factory::new(
        FactoryId::from_random(number),
        format!("factory {number}").parse()?,
        Bounds::new(-1_000, 1_000)?,
        (0..15).map(|place| place * 37 - 200).collect(),
        1,
    );
    Ok(FactoryChange::Changed { factory: factory? })
}

fn config() -> Result<Config> {
    let variables = Variables::new(|variable| {
        let value = match variable {
            "TOPIC_ARN" => "arn:aws:sns:eu-central-1:000000000000:changes",
            "ALLOWED_ORIGIN" => "http://bench",
            "TABLE_NAME" | "QUEUE_PREFIX" | "BUILD" | "SERVER_ID" => "bench",
            _ => return None,
        };
        Some(value.to_owned())
    });
    Ok(Config::read(&variables)?)
}
