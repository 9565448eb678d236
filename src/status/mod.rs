//! Observations of a stage beyond the state of its stacks and the answers of its addresses. In: the
//! stacks as they were found. Out: `Observations`, and the `Check`s that they come to. Every question
//! has its file: asking is apart from deciding, which is pure. All are asked at the same time and have a
//! deadline, and they can only add: an answer that does not come is unknown, and nobody is the worse
//! for it. Nothing is changed here.

mod alarms;
mod certificates;
mod deployed;
mod drift;
mod instances;
mod lost_heartbeat;
mod page_key;
mod queues;
mod streams;

use std::fmt;
use std::time::{Duration, SystemTime};

use anyhow::Result;
use serde::Serialize;

use crate::aws::{Aws, missing_permission};
use crate::check::Check;
use crate::clock::rfc3339;
use crate::plain::plain;
use crate::provision::FoundStack;
use crate::release::ReleaseRecord;
pub use alarms::AlarmRow;
pub use certificates::CertificateRow;
pub use drift::{DriftRow, DriftState};
pub use instances::InstanceRow;
pub use lost_heartbeat::find_losing_hop;
pub use page_key::{PageKeyRow, judge_page_key};
pub use queues::QueueRow;
pub use streams::StreamRow;

/// The longest time that one question may take; `status` answers within it.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Whether drift is looked for: it takes CloudFormation a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusScope {
    /// No.
    Quick,
    /// Yes.
    WithDrift,
}

/// The observations of a stage.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Observations {
    /// The last deploy that changed something.
    pub release: Option<ReleaseRecord>,
    /// Every alarm.
    pub alarms: Vec<AlarmRow>,
    /// Every certificate.
    pub certificates: Vec<CertificateRow>,
    /// Every instance of the groups of servers.
    pub instances: Vec<InstanceRow>,
    /// The event source mappings, by which streams reach their functions.
    pub streams: Vec<StreamRow>,
    /// The queues of the stacks, and those that the servers made.
    pub queues: Vec<QueueRow>,
    /// The keys with which pages reach an Event API. Servers need none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub page_keys: Vec<PageKeyRow>,
    /// The resources that differ from their templates; only where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<Vec<DriftRow>>,
    /// The questions to which no answer came.
    pub unknown: Vec<Unknown>,
}

/// A question to which no answer came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unknown {
    /// The name of the question.
    pub name: String,
    /// Why there is no answer, or what would bring it.
    pub detail: String,
}

/// Asks everything at the same time.
pub async fn observe(aws: &Aws, found: &[FoundStack], scope: StatusScope) -> Observations {
    let drift = async {
        match scope {
            StatusScope::Quick => None,
            StatusScope::WithDrift => Some(drift::ask(aws, found).await),
        }
    };
    let (release, alarms, certificates, instances, streams, queues, of_servers, drift) = tokio::join!(
        ask("last deploy", TIMEOUT, deployed::ask(aws, found)),
        ask("alarms", TIMEOUT, alarms::ask(aws, found)),
        ask("certificates", TIMEOUT, certificates::ask(aws, found)),
        ask("instances", TIMEOUT, instances::ask(aws, found)),
        ask("streams", TIMEOUT, streams::ask(aws, found)),
        ask("queues", TIMEOUT, queues::of_stacks(aws, found)),
        ask("server queues", TIMEOUT, queues::of_servers(aws, found)),
        drift,
    );
    let mut unknown = Vec::new();
    let drift = drift.map(|(rows, missing)| {
        unknown.extend(missing);
        rows
    });
    let queues = [queues, of_servers]
        .map(|answer| answer_or_unknown(answer, &mut unknown).unwrap_or_default());
    Observations {
        release: answer_or_unknown(release, &mut unknown).flatten(),
        alarms: answer_or_unknown(alarms, &mut unknown).unwrap_or_default(),
        certificates: answer_or_unknown(certificates, &mut unknown).unwrap_or_default(),
        instances: answer_or_unknown(instances, &mut unknown).unwrap_or_default(),
        streams: answer_or_unknown(streams, &mut unknown).unwrap_or_default(),
        queues: queues.concat(),
        page_keys: page_key::of(found),
        drift,
        unknown,
    }
}

/// Asks one question, within its deadline.
async fn ask<T>(
    name: &str,
    patience: Duration,
    question: impl Future<Output = Result<T>>,
) -> Result<T, Unknown> {
    let answer = tokio::time::timeout(patience, question).await;
    let detail = match answer {
        Ok(Ok(answer)) => return Ok(answer),
        Ok(Err(error)) => reason_without_answer(&error),
        Err(_) => format!("no answer within {} s", patience.as_secs()),
    };
    Err(Unknown {
        name: name.to_owned(),
        detail,
    })
}

fn reason_without_answer(error: &anyhow::Error) -> String {
    match missing_permission(error) {
        Some(permission) => format!("add permission {permission} to see it"),
        None => format!("{error:#}"),
    }
}

fn answer_or_unknown<T>(answer: Result<T, Unknown>, unknown: &mut Vec<Unknown>) -> Option<T> {
    answer.map_err(|missing| unknown.push(missing)).ok()
}

impl Observations {
    /// Returns what the observations come to, at a time: a check each, that passes or fails. What is
    /// unknown, and what has drifted, is no check.
    pub fn checks(&self, now: SystemTime) -> Vec<Check> {
        let mut checks = alarms::checks(&self.alarms);
        checks.extend(
            self.certificates
                .iter()
                .map(|row| certificates::check(row, now)),
        );
        checks.extend(instances::checks(&self.instances));
        checks.extend(streams::checks(&self.streams));
        checks.extend(queues::checks(&self.queues));
        checks.extend(self.page_keys.iter().map(|row| page_key::check(row, now)));
        checks
    }
}

/// The lines beneath the checks.
impl fmt::Display for Observations {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Unknown { name, detail } in &self.unknown {
            write!(formatter, "\n  ?    {name:<22} unknown: {}", plain(detail))?;
        }
        for row in self.drift.iter().flatten() {
            write!(formatter, "\n{row}")?;
        }
        match &self.drift {
            Some(rows) if rows.is_empty() => formatter.write_str("\n\n  no drift was found"),
            _ => Ok(()),
        }
    }
}

fn text(time: Option<SystemTime>) -> Option<String> {
    time.map(rfc3339)
}

#[cfg(test)]
mod tests;
