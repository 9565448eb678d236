//! The WebSocket server: tells every connected browser every change of the tree.
//!
//! In: changes, from a queue of its own on the topic, and the table, read on boot and now and then.
//! Out: the live channel. Nothing is written to the table here, and no page load reads it: the tree
//! is in memory.
//!
//! ```text
//! topic ─▶ queue ─▶ feed ─┐                       ┌─▶ peer ─▶ browser
//!                 table ──┴─▶ hub (tree, history) ┼─▶ peer ─▶ browser
//!                                                 └─▶ …
//! ```
//!
//! | module | answers |
//! |---|---|
//! | [`config`] | what the environment says |
//! | [`hub`] | what is the tree, and in which order is it told |
//! | [`peer`] | one connection, from its first message to its last |
//! | [`serve`], [`routes`], [`limits`], [`rate`] | who may connect, and when it ends |
//! | [`server`] | what requests and connections share |
//! | [`feed`], [`upkeep`], [`tree_loader`] | where changes come from, and how that is kept alive |
//! | [`queues`], [`topic`], [`table`] | the doors to SQS, SNS and DynamoDB |
//! | [`janitor`] | who deletes the queues of servers that died |
//! | [`readiness`], [`metrics`], [`systemd`] | how it is |
//! | [`clock`], [`random`], [`backoff`] | time and chance |

pub mod backoff;
pub mod clock;
pub mod config;
#[cfg(test)]
mod fake;
pub mod feed;
pub mod hub;
pub mod janitor;
pub mod limits;
pub mod metrics;
pub mod peer;
pub mod queues;
pub mod random;
pub mod rate;
pub mod readiness;
pub mod routes;
pub mod serve;
pub mod server;
pub mod systemd;
pub mod table;
pub mod topic;
pub mod tree_loader;
pub mod upkeep;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::config::Config;
use crate::feed::Feed;
use crate::queues::Queues;
use crate::server::Server;
use crate::table::Table;
use crate::topic::Topic;
use crate::tree_loader::TreeLoader;

/// The longest time that deleting the queue may take at the end.
const FAREWELL: Duration = Duration::from_secs(10);

/// Serves until SIGINT or SIGTERM, then closes every connection and deletes its own queue.
///
/// # Errors
/// Returns an error if a variable is missing or the listener cannot be bound.
pub async fn run() -> Result<()> {
    let config = Config::from_env()?;
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("failed to listen on `{}`", config.listen))?;
    let server = Arc::new(Server::new(&config, &random::hex()));
    tracing::info!(address = %config.listen, server = server.name, build = config.build, "listening");

    let aws = startup::aws().load().await;
    let (stop, stopped) = watch::channel(());
    let loader = TreeLoader {
        table: Table::new(aws_sdk_dynamodb::Client::new(&aws), config.table.clone()),
        hub: Arc::clone(&server.hub),
        metrics: Arc::clone(&server.metrics),
    };
    let feed = Feed {
        queues: Queues::connect(&aws, &config),
        topic: Topic::new(aws_sdk_sns::Client::new(&aws), config.topic.clone()),
        loader,
        hub: Arc::clone(&server.hub),
        readiness: Arc::clone(&server.readiness),
        metrics: Arc::clone(&server.metrics),
    };
    let feed = tokio::spawn(async move { feed.run(stopped).await });
    tokio::spawn(systemd::report(Arc::clone(&server.readiness)));

    serve::serve(listener, systemd::told_to_stop(), server).await;

    drop(stop);
    // The janitor of another server deletes what cannot be deleted now.
    if tokio::time::timeout(FAREWELL, feed).await.is_err() {
        tracing::warn!("the queue could not be deleted in time");
    }
    tracing::info!("stopped");
    Ok(())
}
