//! The logs of a stage, merged by time. In: the stage's log groups and log files, and a time. Out: the
//! lines from there on, oldest first, and each of them once. Nothing is printed here.

mod file;
mod filter;
mod group;
mod line;
mod since;
mod source;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::SystemTime;

use futures_util::future::join_all;

use crate::aws::CloudWatchLogs;
use crate::plan::STAGE_TAG;
use crate::provision::FoundStack;
pub use filter::{Level, LogFilter, Pattern};
pub use line::LogLine;
pub use since::{InvalidSince, Since};
pub use source::{InvalidSource, LogSource};

/// The writers of logs that the deployer's own templates have, each with its log group's name in its template.
const GROUPS: [(&str, LogSource); 5] = [
    ("ApiLog", LogSource::API),
    ("PublisherLog", LogSource::PUBLISHER),
    ("AccessLog", LogSource::ACCESS),
    ("ServerLog", LogSource::SERVER),
    ("EventLog", LogSource::EVENTS),
];

const KIND: &str = "AWS::Logs::LogGroup";

/// The logs of a stage, and how far each has been read.
#[derive(Debug)]
pub struct Logs {
    groups: Vec<group::Tail>,
    files: Vec<file::Tail>,
}

/// The lines that one read has found.
#[derive(Debug, Default)]
pub struct LogBatch {
    /// The lines, oldest first.
    pub lines: Vec<LogLine>,
    /// Why a log could not be read, one each.
    pub problems: Vec<anyhow::Error>,
    /// The number of logs that could be read.
    pub readable: usize,
}

impl Logs {
    /// Chooses the logs of these sources, of all if none is named, to be read from a time on.
    pub fn of(
        found: &[FoundStack],
        files: Vec<(LogSource, PathBuf)>,
        sources: &[LogSource],
        since: SystemTime,
    ) -> Self {
        let is_wanted = |source: &LogSource| sources.is_empty() || sources.contains(source);
        let groups = groups(found).into_iter();
        let files = files.into_iter();
        Self {
            groups: groups
                .filter(|(source, _)| is_wanted(source))
                .map(|(source, name)| group::Tail::new(source, name, since))
                .collect(),
            files: files
                .filter(|(source, _)| is_wanted(source))
                .map(|(source, path)| file::Tail::new(source, path, since))
                .collect(),
        }
    }

    /// Reads what is new in every log, all at the same time.
    pub async fn read(&mut self, client: Option<&CloudWatchLogs>) -> LogBatch {
        let mut answers: Vec<anyhow::Result<Vec<LogLine>>> =
            self.files.iter_mut().map(file::Tail::read).collect();
        if let Some(client) = client {
            answers.extend(join_all(self.groups.iter_mut().map(|tail| tail.read(client))).await);
        }
        let mut batch = LogBatch::default();
        for answer in answers {
            match answer {
                Ok(lines) => {
                    batch.readable += 1;
                    batch.lines.extend(lines);
                }
                Err(error) => batch.problems.push(error),
            }
        }
        // Lines of the same time stay in the order in which their log has them.
        batch.lines.sort_by_key(|line| line.at);
        batch
    }
}

/// Returns the writers whose logs a stage can have: those of every stage, and the stacks of own templates that have log groups.
pub fn known_sources(found: &[FoundStack]) -> BTreeSet<LogSource> {
    let own = groups(found).into_iter().map(|(source, _)| source);
    GROUPS
        .into_iter()
        .map(|(_, source)| source)
        .chain(own)
        .collect()
}

/// Returns the log groups of a stage. Those of an own template have its name for their source.
fn groups(found: &[FoundStack]) -> Vec<(LogSource, String)> {
    let all = found.iter().flat_map(|stack| {
        let is_own = stack.plan.tags.contains_key(STAGE_TAG);
        stack
            .of_kind(KIND)
            .map(move |resource| (is_own, stack, resource))
    });
    let named = all.filter_map(|(is_own, stack, resource)| {
        let fixed = GROUPS.iter().find(|(name, _)| *name == resource.logical_id);
        let source = match fixed {
            _ if is_own => LogSource::of_stack(&stack.plan.name),
            Some((_, source)) => source.clone(),
            None => return None,
        };
        Some((source, resource.physical_id.clone()))
    });
    named.collect()
}
