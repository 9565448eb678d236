//! `logs`: the logs of the Lambdas, the API and the servers of a stage, merged by time.

use std::time::{Duration, SystemTime};

use anyhow::Result;

use super::status::find_stacks;
use crate::aws::{Aws, CloudWatchLogs};
use crate::config::Config;
use crate::error::UserError;
use crate::event::{Event, Reporter};
use crate::local::{self, Platform};
use crate::logs::{self, LogBatch, LogFilter, LogLine, LogSource, Logs, Since};
use crate::provision::FoundStack;
use crate::report::LogsReport;

/// The pause between two readings: 4 groups every 2 s stay below the account's 5 requests a
/// second. Source: CloudWatch Logs User Guide, "quotas", `FilterLogEvents`.
const REST: Duration = Duration::from_secs(2);

/// The logs of a stage that is there.
pub struct Opened {
    stage: String,
    aws: Option<Aws>,
    logs: Logs,
    filter: LogFilter,
}

/// Finds the logs of a stage.
///
/// # Errors
/// `UserError::StageAbsent`, `UserError::UnknownLogSource`, or there are no credentials.
pub async fn open(
    config: &Config,
    (sources, since): (&[LogSource], Since),
    filter: LogFilter,
    reporter: &dyn Reporter,
) -> Result<Opened> {
    let platform = Platform::of(config);
    let absent = || UserError::StageAbsent(config.stage.to_string());
    let endpoint = platform.find().await?.ok_or_else(absent)?;
    let parts = platform.checks().await;
    let looked = if parts.iter().any(local::is_dead_endpoint) {
        let text = "the emulator is gone, and the logs of the Lambdas with it";
        reporter.report(Event::Warning(text.to_owned()));
        None
    } else {
        Some(find_stacks(config, &endpoint).await?)
    };
    if parts.is_empty() && !is_there(looked.as_ref()) {
        return Err(absent().into());
    }
    if let Some((_, found)) = &looked {
        check_sources(sources, found)?;
    }
    let (aws, found) = looked.unzip();
    let since = SystemTime::now()
        .checked_sub(since.0)
        .unwrap_or(SystemTime::UNIX_EPOCH);
    let logs = Logs::of(
        &found.unwrap_or_default(),
        platform.log_files(),
        sources,
        since,
    );
    Ok(Opened {
        stage: config.stage.to_string(),
        aws,
        logs,
        filter,
    })
}

impl Opened {
    /// Reads what is new, and keeps what is to be shown.
    async fn read(&mut self) -> LogBatch {
        let mut batch = self.logs.read(client(self.aws.as_ref())).await;
        batch.lines.retain(|line| self.filter.shows(line));
        batch
    }
}

fn check_sources(sources: &[LogSource], found: &[FoundStack]) -> Result<(), UserError> {
    let known = logs::known_sources(found);
    match sources.iter().find(|source| !known.contains(*source)) {
        Some(unknown) => Err(UserError::UnknownLogSource {
            source_name: unknown.to_string(),
            known: known.iter().map(ToString::to_string).collect(),
        }),
        None => Ok(()),
    }
}

fn is_there(looked: Option<&(Aws, Vec<FoundStack>)>) -> bool {
    looked.is_some_and(|(_, found)| found.iter().any(|stack| stack.stack.is_some()))
}

/// Returns what was said up to now.
///
/// # Errors
/// No log can be read: why not the first. If some can, the others are warnings.
pub async fn read(opened: &mut Opened, reporter: &dyn Reporter) -> Result<LogsReport> {
    let batch = opened.read().await;
    let mut problems = batch.problems.into_iter();
    if batch.readable == 0
        && let Some(error) = problems.next()
    {
        return Err(error);
    }
    problems.for_each(|error| reporter.report(Event::Warning(format!("{error:#}"))));
    Ok(LogsReport {
        stage: opened.stage.clone(),
        lines: batch.lines,
    })
}

/// Passes every line to `on_line`, also future ones.
///
/// # Errors
/// Of `on_line`. A log that cannot be read is reported once, and tried again.
pub async fn follow(
    opened: &mut Opened,
    reporter: &dyn Reporter,
    mut on_line: impl FnMut(&LogLine) -> Result<()>,
) -> Result<std::convert::Infallible> {
    let mut reported = Vec::new();
    loop {
        let batch = opened.read().await;
        batch.lines.iter().try_for_each(&mut on_line)?;
        let problems: Vec<String> = batch
            .problems
            .iter()
            .map(|error| format!("{error:#}"))
            .collect();
        let new = problems
            .iter()
            .filter(|problem| !reported.contains(*problem));
        new.for_each(|problem| reporter.report(Event::Warning(problem.clone())));
        reported = problems;
        tokio::time::sleep(REST).await;
    }
}

fn client(aws: Option<&Aws>) -> Option<&CloudWatchLogs> {
    aws.map(|aws| &*aws.logs)
}
