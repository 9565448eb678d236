//! The report of each command: `Display` for people, `Serialize` for `--output json`. The
//! fields are an interface that scripts rely on; new ones may be added, none is ever renamed.

mod build;
mod cancel;
mod changes;
mod dead_letters;
mod diff;
mod expired;
mod invoke;
mod outputs;
mod page;
mod releases;
mod rollback;
mod servers;
mod status;
mod users;
mod validation;

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::check::Check;
use crate::inventory::Inventory;
use crate::logs::LogLine;
use crate::plain::plain;
use crate::provision::Outcome;
use crate::release::Pruned;
use crate::seed::Seeded;
use crate::status::Observations;
use crate::urls::Urls;
pub use build::{ArtifactRow, BuildReport, SiteRow};
pub use cancel::{CancelReport, CancelRow};
pub use changes::changes;
pub use dead_letters::{DeadLettersReport, ReplayReport};
pub use diff::{ChangeRow, DiffReport, SiteDifference};
pub use expired::{ExpiredReport, ExpiredRow, UnexpiredRow};
pub use invoke::InvokeReport;
pub use outputs::{OutputsReport, public_outputs};
pub use page::{Page, Paged};
pub use releases::{ReleaseRow, ReleasesReport};
pub use rollback::RollbackReport;
pub use servers::{ServerProcess, ServerRow, ServersReport, SiteAddress};
pub use users::{UserOutcome, UserReport, UserRow, UsersReport};
pub use validation::ValidationReport;

/// The result of `deploy`.
#[derive(Clone, Debug, Serialize)]
pub struct DeployReport {
    /// The stage.
    pub stage: String,
    /// `deployed`, or `unchanged` when there was nothing to do.
    pub outcome: &'static str,
    /// The content id of what was built.
    pub build: String,
    /// The id of the release, for `diff` and `rollback`; `None` where nothing was released or recorded.
    pub release: Option<String>,
    /// The time that all of it took.
    pub seconds: f64,
    /// Where it answers.
    pub urls: Urls,
    /// Every stack.
    pub stacks: Vec<StackRow>,
    /// The site files and servers that were switched over after the stacks were ready.
    pub released: Released,
    /// The files that `--prune-now` has deleted; `None` where that was not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pruned: Option<Pruned>,
    /// What became of the factories of `--seed`; `None` where there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seeded: Option<Seeded>,
    /// Every step.
    pub steps: Vec<StepRow>,
}

/// The changes of a release beside the stacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Released {
    /// The number of the site's files that were sent.
    pub site_files: usize,
    /// Whether the server or the way to it is another one. Not in AWS, where that is an update of a stack.
    pub server: bool,
}

impl Released {
    /// Returns whether anything was.
    pub fn has_changed(self) -> bool {
        self != Self::default()
    }
}

/// The result of a deploy for one stack.
#[derive(Clone, Debug, Serialize)]
pub struct StackRow {
    /// Short name.
    pub name: String,
    /// `created`, `updated` or `unchanged`.
    pub outcome: Outcome,
    /// The time that it took.
    pub seconds: f64,
}

/// The time that a step took.
#[derive(Clone, Debug, Serialize)]
pub struct StepRow {
    /// The step.
    pub name: &'static str,
    /// The time that it took.
    pub seconds: f64,
}

/// The state of a stage.
#[derive(Clone, Debug, Serialize)]
pub struct StatusReport {
    /// The stage.
    pub stage: String,
    /// `healthy`, `degraded` or `absent`.
    pub health: Health,
    /// Where it answers, or would.
    pub urls: Option<Urls>,
    /// Every stack that is there.
    pub stacks: Vec<StackStatusRow>,
    /// Everything that was asked.
    pub checks: Vec<Check>,
    /// Further observations.
    #[serde(flatten)]
    pub seen: Observations,
}

/// The state of a stage, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Every stack is there and every check passes.
    Healthy,
    /// Something is there, but not all is well.
    Degraded,
    /// Nothing of it is there.
    Absent,
}

/// The state of a stack.
#[derive(Clone, Debug, Serialize)]
pub struct StackStatusRow {
    /// Short name.
    pub name: String,
    /// CloudFormation's status, or `absent`.
    pub state: String,
    /// The number of its resources.
    pub resources: usize,
    /// When it was last changed (RFC 3339, UTC).
    pub updated: String,
}

/// The log lines of a stage.
#[derive(Clone, Debug, Serialize)]
pub struct LogsReport {
    /// The stage.
    pub stage: String,
    /// The lines, oldest first.
    pub lines: Vec<LogLine>,
}

/// The result of `teardown`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct TeardownReport {
    /// The stage.
    pub stage: String,
    /// `removed`, or `absent` when there was nothing.
    pub outcome: &'static str,
    /// The contents of the stage before its teardown.
    pub before: Inventory,
    /// The things that were removed.
    pub removed: Vec<String>,
    /// The things that were retained, and why.
    pub kept: Vec<String>,
    /// The things that could not be removed, and why.
    pub failed: Vec<String>,
}

/// The result of `recover`.
#[derive(Clone, Debug, Serialize)]
pub struct RecoverReport {
    /// The stage.
    pub stage: String,
    /// Every stack that needed it.
    pub stacks: Vec<RecoverRow>,
}

/// The result of `recover` for one stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RecoverRow {
    /// Short name.
    pub name: String,
    /// CloudFormation's status before.
    pub was: String,
    /// CloudFormation's status now.
    pub now: String,
    /// Whether `deploy` takes it from here.
    pub recovered: bool,
}

/// Returns a duration in seconds, to the millisecond.
pub fn seconds(elapsed: Duration) -> f64 {
    elapsed.as_millis() as f64 / 1000.0
}

/// Says which stacks have changed, and how many have not.
fn stack_lines(stacks: &[StackRow]) -> String {
    let changed = stacks
        .iter()
        .filter(|row| row.outcome != Outcome::Unchanged);
    let changed: Vec<String> = changed
        .map(|row| {
            format!(
                "  stack {} {} in {:.1} s\n",
                row.name,
                row.outcome.name(),
                row.seconds
            )
        })
        .collect();
    let unchanged = stacks.len() - changed.len();
    let all = stacks.len();
    format!(
        "{}  {unchanged} of {all} stacks unchanged\n",
        changed.concat()
    )
}

/// Says what answers no more, and what that costs.
fn pruned_lines(pruned: &Pruned) -> String {
    let Pruned {
        files,
        lost_releases,
    } = pruned;
    let mut text = format!("  site files deleted at once: {}\n", files.len());
    text.extend(files.iter().map(|path| format!("    {}\n", plain(path))));
    if !lost_releases.is_empty() {
        let lost = lost_releases.join(", ");
        text += &format!("  can no longer be restored by a rollback: {lost}\n");
    }
    text
}

impl fmt::Display for DeployReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            stage,
            outcome,
            build,
            release,
            seconds,
            urls,
            ..
        } = self;
        write!(
            formatter,
            "stage {stage}: {outcome} in {seconds:.1} s, build {build}"
        )?;
        if let Some(release) = release {
            write!(formatter, ", release {release}")?;
        }
        writeln!(formatter)?;
        writeln!(formatter, "\n{}", urls.lines())?;
        write!(formatter, "{}", stack_lines(&self.stacks))?;
        if self.released.site_files > 0 {
            writeln!(formatter, "  site files sent: {}", self.released.site_files)?;
        }
        if self.released.server {
            writeln!(formatter, "  server started")?;
        }
        if let Some(pruned) = &self.pruned {
            write!(formatter, "{}", pruned_lines(pruned))?;
        }
        if let Some(Seeded { created, present }) = self.seeded {
            writeln!(
                formatter,
                "  factories created: {created}, already there: {present}"
            )?;
        }
        let steps: Vec<String> = self
            .steps
            .iter()
            .map(|row| format!("{} {:.1} s", row.name, row.seconds))
            .collect();
        write!(formatter, "  {}", steps.join(" · "))
    }
}

impl fmt::Display for RecoverReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.stacks.is_empty() {
            return write!(formatter, "stage {}: nothing to recover", self.stage);
        }
        write!(
            formatter,
            "stage {}: recovered as far as possible",
            self.stage
        )?;
        for RecoverRow {
            name,
            was,
            now,
            recovered,
        } in &self.stacks
        {
            let word = if *recovered { "ok  " } else { "FAIL" };
            write!(formatter, "\n  {word} stack {name:<22} {was} -> {now}")?;
        }
        Ok(())
    }
}

/// A commit as people know it: the first twelve digits.
fn short(commit: &str) -> String {
    commit.chars().take(12).collect()
}

impl fmt::Display for TeardownReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "stage {}: {}", self.stage, self.outcome)?;
        for (title, rows) in [
            ("removed", &self.removed),
            ("kept", &self.kept),
            ("FAILED", &self.failed),
        ] {
            for row in rows {
                write!(formatter, "\n  {title:<8} {row}")?;
            }
        }
        Ok(())
    }
}
