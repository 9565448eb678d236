//! Tells the world what changed: from the table's stream to the topic.
//!
//! In: batches of stream records, by Lambda's event source mapping. Out: one message per record on
//! the topic, whole factories each, and the sequence numbers of the records that failed.
//! The meaning of a record is decided in `domain`; the subscribers of the topic are unknown here.
//!
//! # When a record fails
//!
//! Lambda goes on from the *lowest* sequence number that a batch reports, and sends everything from
//! there again, with what came after it. So two things are done with a failing record:
//!
//! - it is reported, and what comes after it is published all the same. A record that can never be
//!   read (a poison record) is bisected out by Lambda and parked in the dead-letter queue, and not
//!   one message of its batch has waited for that;
//! - what is published again on the second try is a repetition, and harmless: a message is the whole
//!   factory with its revision, and readers apply it only if it is newer than what they know.
//!
//! | module | answers |
//! |---|---|
//! | [`config`] | what the environment says |
//! | [`batch`] | which messages a batch of records stands for. Pure |
//! | [`topic`] | how messages are sent |
//! | [`handler`] | both, one after the other |

pub mod batch;
pub mod config;
pub mod handler;
pub mod topic;

use anyhow::{Result, anyhow};
use lambda_runtime::{LambdaEvent, service_fn};

use crate::config::Config;
use crate::handler::publish_changes;
use crate::topic::Topic;

/// Handles batches until Lambda ends the process.
///
/// # Errors
/// Returns an error if a variable is missing or Lambda's runtime interface fails.
pub async fn run() -> Result<()> {
    let config = Config::from_env()?;
    let topic = Topic::connect(&config.topic).await;
    tracing::info!(build = config.build, "started");
    let handler = service_fn(|event: LambdaEvent<_>| async {
        Ok::<_, std::convert::Infallible>(publish_changes(&topic, event.payload).await)
    });
    lambda_runtime::run(handler)
        .await
        .map_err(|error| anyhow!("the Lambda runtime failed: {error}"))
}
