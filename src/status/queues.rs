//! The messages in the queues: a dead-letter queue that is not empty makes the stage degraded. The queues
//! that the servers made for themselves are counted; what waits in them is read the next moment.

use anyhow::Result;
use futures_util::future::try_join_all;
use serde::Serialize;

use crate::aws::{Aws, Depth};
use crate::check::Check;
use crate::provision::FoundStack;

const KIND: &str = "AWS::SQS::Queue";

/// The stack whose name the servers' queues begin with: its `ServerEnvironment` says `QUEUE_PREFIX`.
const SERVERS: &str = "websocket";

/// The purpose of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum QueuePurpose {
    /// Holds what could not be carried on.
    DeadLetters,
    /// A server's own.
    Server,
    /// Any other.
    Other,
}

/// A queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QueueRow {
    /// Its name in the template, or in SQS if a server made it.
    pub name: String,
    /// Its purpose.
    pub purpose: QueuePurpose,
    /// The number of messages in it.
    #[serde(flatten)]
    pub depth: Depth,
}

pub(super) async fn of_stacks(aws: &Aws, found: &[FoundStack]) -> Result<Vec<QueueRow>> {
    let queues = found.iter().flat_map(|stack| stack.of_kind(KIND));
    let rows = queues.map(|queue| {
        // A queue's physical id is its URL; what it is for, its template says in its name.
        let is_dead = queue.logical_id.starts_with("DeadLetter");
        let purpose = if is_dead {
            QueuePurpose::DeadLetters
        } else {
            QueuePurpose::Other
        };
        row(aws, &queue.logical_id, &queue.physical_id, purpose)
    });
    Ok(try_join_all(rows).await?.into_iter().flatten().collect())
}

pub(super) async fn of_servers(aws: &Aws, found: &[FoundStack]) -> Result<Vec<QueueRow>> {
    let Some(servers) = found
        .iter()
        .find(|stack| stack.plan.name == SERVERS && stack.stack.is_some())
    else {
        return Ok(Vec::new());
    };
    let urls = aws
        .sqs
        .list_queues(&format!("{}-", servers.plan.stack))
        .await?;
    let rows = urls.iter().map(|url| {
        let name = url.rsplit('/').next().unwrap_or(url);
        row(aws, name, url, QueuePurpose::Server)
    });
    Ok(try_join_all(rows).await?.into_iter().flatten().collect())
}

async fn row(aws: &Aws, name: &str, url: &str, purpose: QueuePurpose) -> Result<Option<QueueRow>> {
    let depth = aws.sqs.find_depth(url).await?;
    Ok(depth.map(|depth| QueueRow {
        name: name.to_owned(),
        purpose,
        depth,
    }))
}

/// A check for each queue of the stacks, and one for all of the servers.
pub(super) fn checks(rows: &[QueueRow]) -> Vec<Check> {
    let (servers, others): (Vec<&QueueRow>, Vec<&QueueRow>) = rows
        .iter()
        .partition(|row| row.purpose == QueuePurpose::Server);
    let mut checks: Vec<Check> = others.into_iter().map(check).collect();
    let waiting: u64 = servers.iter().map(|row| row.depth.waiting).sum();
    if !servers.is_empty() {
        let detail = format!(
            "{} of servers, {}",
            count(servers.len() as u64, "queue"),
            lies(waiting)
        );
        checks.push(Check {
            name: "server queues".to_owned(),
            ok: true,
            detail,
        });
    }
    checks
}

fn check(row: &QueueRow) -> Check {
    let Depth { waiting, in_flight } = row.depth;
    let is_empty = waiting + in_flight == 0;
    let detail = match (row.purpose, is_empty) {
        (_, true) => "empty".to_owned(),
        (QueuePurpose::DeadLetters, false) => {
            format!(
                "{} that could not be carried on",
                count(waiting + in_flight, "record")
            )
        }
        (_, false) => lies(waiting),
    };
    Check {
        name: format!("queue {}", row.name),
        ok: is_empty || row.purpose != QueuePurpose::DeadLetters,
        detail,
    }
}

fn lies(waiting: u64) -> String {
    match waiting {
        0 => "nothing waits".to_owned(),
        1 => "1 message waits".to_owned(),
        waiting => format!("{waiting} messages wait"),
    }
}

fn count(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}
