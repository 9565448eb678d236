//! Publishes the changes of the table's stream: to the topic of the servers, or to the channel of an Event API.
//!
//! In: batches of stream records, by Lambda's event source mapping. Out: one message per record at the
//! destination, whole factories each, and the sequence numbers of the records that failed. The record of a heartbeat becomes a
//! message that names this publisher's build, so that who listens can tell that the whole way works, and through which build.
//! The crate `domain` defines the meaning of a record; this crate does not know the subscribers.
//!
//! # When a record fails
//!
//! Lambda continues from the *lowest* sequence number that a batch reports, and sends that record and all
//! later ones again. So the publisher handles a failing record in two ways:
//!
//! - It reports the record, and still publishes the later ones. Lambda isolates an unreadable record by
//!   bisection and moves it to the dead-letter queue, and no message of the batch waits for that.
//! - It may publish a message again on a retry, which is harmless: a message has the whole factory with
//!   its revision, and receivers apply it only if it is newer than the revision that they know.
//!
//! | module | content |
//! |---|---|
//! | [`config`] | the settings from the environment |
//! | [`batch`] | reading a batch of records into messages (pure) |
//! | [`destination`] | where messages go |
//! | [`publish`] | the trait of both ways |
//! | [`topic`] | sending messages to SNS |
//! | [`channel`] | sending messages to an Event API of AppSync |
//! | [`handler`] | reading and sending one batch, and reporting its failures |

pub mod batch;
pub mod channel;
pub mod config;
pub mod destination;
pub mod handler;
pub mod publish;
pub mod topic;

use anyhow::{Result, anyhow};
use lambda_runtime::{LambdaEvent, service_fn};

use crate::config::Config;
use crate::destination::Destination;
use crate::handler::publish_changes;

/// Handles batches until Lambda ends the process.
///
/// # Errors
/// Returns an error if a variable is missing, there are no credentials, or Lambda's runtime interface fails.
pub async fn run() -> Result<()> {
    let config = Config::from_env()?;
    let destination = Destination::connect(&config.destination).await?;
    tracing::info!(build = config.build, "started");
    let handler = service_fn(|event: LambdaEvent<_>| async {
        Ok::<_, std::convert::Infallible>(
            publish_changes(&destination, &config.build, event.payload).await,
        )
    });
    lambda_runtime::run(handler)
        .await
        .map_err(|error| anyhow!("the Lambda runtime failed: {error}"))
}
