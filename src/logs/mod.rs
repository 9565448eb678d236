//! The logs of a stage, merged by time. In: the stage's log groups and log files, and a time. Out: the
//! lines from there on, oldest first, and each of them once. Nothing is printed here.

mod file;
mod filter;
mod group;
mod line;
mod since;

use std::path::PathBuf;
use std::time::SystemTime;

use futures_util::future::join_all;
use serde::Serialize;

use crate::aws::CloudWatchLogs;
use crate::provision::FoundStack;
pub use filter::{Level, LogFilter, Pattern};
pub use line::LogLine;
pub use since::{InvalidSince, Since};

/// The writer of a log
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogSource {
    /// The api Lambda
    Api,
    /// The publisher Lambda
    Publisher,
    /// The HTTP API: one line a request
    Access,
    /// The WebSocket servers
    Server,
}

/// The resource of each source's log group, by its name in the template.
const GROUPS: [(&str, LogSource); 4] = [
    ("ApiLog", LogSource::Api),
    ("PublisherLog", LogSource::Publisher),
    ("AccessLog", LogSource::Access),
    ("ServerLog", LogSource::Server),
];

const KIND: &str = "AWS::Logs::LogGroup";

impl LogSource {
    /// Returns the word that people and scripts see.
    pub fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Publisher => "publisher",
            Self::Access => "access",
            Self::Server => "server",
        }
    }
}

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
        let is_wanted = |source: LogSource| sources.is_empty() || sources.contains(&source);
        let groups = groups(found).into_iter();
        let files = files.into_iter();
        Self {
            groups: groups
                .filter(|(source, _)| is_wanted(*source))
                .map(|(source, name)| group::Tail::new(source, name, since))
                .collect(),
            files: files
                .filter(|(source, _)| is_wanted(*source))
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

fn groups(found: &[FoundStack]) -> Vec<(LogSource, String)> {
    let groups = found.iter().flat_map(|stack| stack.of_kind(KIND));
    let known = groups.filter_map(|resource| {
        let (_, source) = GROUPS
            .iter()
            .find(|(name, _)| *name == resource.logical_id)?;
        Some((*source, resource.physical_id.clone()))
    });
    known.collect()
}
