//! The WebSocket server: sends every change of the tree to every connected browser.
//!
//! In: changes from the server's own queue, which is subscribed to the topic, and the table, which the
//! server reads at start and periodically. Out: the messages of the live channel. The server never
//! writes to the table, and a new connection does not read it: the server keeps the tree in memory.
//!
//! ```text
//! topic ─▶ queue ─▶ feed ─┐                                       ┌─▶ connection ─▶ browser
//!                 table ──┴─▶ hub (tree, history) ─▶ broadcaster ─┼─▶ connection ─▶ browser
//!                                                                 └─▶ …
//! ```
//!
//! | module | content |
//! |---|---|
//! | [`config`] | the settings from the environment |
//! | [`hub`] | the tree, and the one order of its changes |
//! | [`connection`] | one connection, from its first message to its close |
//! | [`reader`], [`writer`] | the two halves of a connection |
//! | [`liveness`] | when a client is pinged, and whether it still answers |
//! | [`text_frame`], [`compressed_frame`], [`frame_head`] | the frames that all connections share |
//! | [`broadcaster`] | sending every change to every connection |
//! | [`listener`], [`serve`], [`routes`], [`handshake`] | accepting connections, and closing them at the end |
//! | [`connection_limits`], [`rate_limiter`], [`metered`], [`bucket`] | limiting what one address and one client may do |
//! | [`server`] | the state that requests and connections share |
//! | [`feed`], [`inbox`], [`upkeep`], [`tree_loader`] | receiving changes, and keeping the subscription alive |
//! | [`heartbeat`], [`fallback`], [`feed_timing`] | finding out that no changes come, and reading the table meanwhile |
//! | [`queues`], [`topic`], [`table`] | the clients for SQS, SNS and DynamoDB |
//! | [`janitor`] | deleting the queues of servers that crashed |
//! | [`readiness`], [`metrics`], [`systemd`] | reporting the server's state |
//! | [`clock`], [`random`], [`backoff`] | time, randomness and waits |

pub mod backoff;
pub mod broadcaster;
pub mod bucket;
pub mod clock;
pub mod compressed_frame;
pub mod config;
pub mod connection;
pub mod connection_limits;
#[cfg(test)]
mod fake;
pub mod fallback;
pub mod feed;
pub mod feed_timing;
pub mod frame_head;
pub mod handshake;
pub mod heartbeat;
pub mod hub;
pub mod inbox;
pub mod janitor;
pub mod listener;
pub mod liveness;
pub mod metered;
pub mod metrics;
pub mod queues;
pub mod random;
pub mod rate_limiter;
pub mod reader;
pub mod readiness;
pub mod routes;
pub mod serve;
pub mod server;
pub mod systemd;
pub mod table;
pub mod text_frame;
pub mod topic;
pub mod tree_loader;
pub mod upkeep;
pub mod writer;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::watch;

use crate::config::Config;
use crate::feed::Feed;
use crate::feed_timing::FeedTiming;
use crate::listener::SocketOptions;
use crate::queues::Queues;
use crate::server::Server;
use crate::table::Table;
use crate::topic::Topic;
use crate::tree_loader::TreeLoader;

/// The time limit for deleting the queue at the end.
const QUEUE_DELETION_LIMIT: Duration = Duration::from_secs(10);

/// Serves until SIGINT or SIGTERM, then closes every connection and deletes the server's queue.
///
/// # Errors
/// Returns an error if a variable is missing or the listener cannot be bound.
pub async fn run() -> Result<()> {
    let config = Config::from_env()?;
    let listener = SocketOptions::default()
        .listen(config.listen)
        .with_context(|| format!("failed to listen on `{}`", config.listen))?;
    let server = Arc::new(Server::new(&config, &random::hex()));
    tracing::info!(address = %config.listen, server = server.name, build = config.build, "listening");

    let aws = startup::aws_config_loader().load().await;
    let (stop, stopped) = watch::channel(());
    let loader = TreeLoader {
        table: Table::new(aws_sdk_dynamodb::Client::new(&aws), config.table.clone()),
        hub: Arc::clone(&server.hub),
        metrics: Arc::clone(&server.metrics),
        readiness: Arc::clone(&server.readiness),
        turn: Arc::default(),
    };
    let feed = Feed {
        server: server.name.clone(),
        timing: FeedTiming::default(),
        queues: Queues::connect(&aws, &config),
        topic: Topic::new(aws_sdk_sns::Client::new(&aws), config.topic.clone()),
        loader,
        hub: Arc::clone(&server.hub),
        readiness: Arc::clone(&server.readiness),
        metrics: Arc::clone(&server.metrics),
    };
    let feed = tokio::spawn(async move { feed.run(stopped).await });
    tokio::spawn(systemd::notify_states(Arc::clone(&server.readiness)));

    serve::serve(listener, systemd::wait_for_stop_signal(), server).await;

    drop(stop);
    // The janitor of another server deletes the queue if this server cannot.
    if tokio::time::timeout(QUEUE_DELETION_LIMIT, feed)
        .await
        .is_err()
    {
        tracing::warn!("the queue could not be deleted in time");
    }
    tracing::info!("stopped");
    Ok(())
}
