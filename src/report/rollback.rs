//! The report of `rollback`.

use std::fmt;

use serde::Serialize;

use super::{StackRow, StepRow};
use crate::urls::Urls;

/// The result of `rollback`.
#[derive(Clone, Debug, Serialize)]
pub struct RollbackReport {
    /// The stage.
    pub stage: String,
    /// `rolled back`, or `unchanged` when that release ran already.
    pub outcome: &'static str,
    /// The id of the restored release.
    pub rolled_back_to: String,
    /// The content id of the restored release.
    pub build: String,
    /// The id of this rollback, which is a release itself; `None` where nothing was done or recorded.
    pub release: Option<String>,
    /// The time that all of it took.
    pub seconds: f64,
    /// Where it answers.
    pub urls: Urls,
    /// The parts that were restored: `site`, `api`, `publisher`, `server`.
    pub moved: Vec<String>,
    /// Every stack that had to be updated for it.
    pub stacks: Vec<StackRow>,
    /// Every step.
    pub steps: Vec<StepRow>,
}

impl fmt::Display for RollbackReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            stage,
            outcome,
            rolled_back_to: to,
            build,
            seconds,
            urls,
            ..
        } = self;
        match self.moved.as_slice() {
            [] => write!(
                formatter,
                "stage {stage}: {outcome}, release {to} runs; {seconds:.1} s, build {build}"
            )?,
            _ => write!(
                formatter,
                "stage {stage}: {outcome} to {to} in {seconds:.1} s, build {build}"
            )?,
        }
        if let Some(release) = &self.release {
            write!(formatter, ", release {release}")?;
        }
        writeln!(formatter, "\n\n{}", urls.lines())?;
        if !self.moved.is_empty() {
            writeln!(formatter, "  restored: {}", self.moved.join(", "))?;
        }
        for StackRow {
            name,
            outcome,
            seconds,
        } in &self.stacks
        {
            let outcome = outcome.name();
            writeln!(
                formatter,
                "  stack {name} {outcome} in {seconds:.1} s, by its template of now"
            )?;
        }
        writeln!(
            formatter,
            "  data, its stack and all other stacks are as they were"
        )?;
        let steps = self.steps.iter();
        let steps = steps.map(|row| format!("{} {:.1} s", row.name, row.seconds));
        write!(formatter, "  {}", steps.collect::<Vec<_>>().join(" · "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provision::Outcome;

    fn report(outcome: &'static str) -> RollbackReport {
        RollbackReport {
            stage: "prod".to_owned(),
            outcome,
            rolled_back_to: "3f2a91c0".to_owned(),
            build: "c519f9b95509".to_owned(),
            release: None,
            seconds: 9.41,
            urls: Urls {
                site: "https://factory-tree.com".to_owned(),
                api: "https://api.factory-tree.com".to_owned(),
                socket: "wss://ws.factory-tree.com".to_owned(),
                sign_in: None,
            },
            moved: Vec::new(),
            stacks: Vec::new(),
            steps: vec![StepRow {
                name: "release",
                seconds: 0.31,
            }],
        }
    }

    #[test]
    fn what_came_back_is_reported_and_what_did_not() {
        let report = RollbackReport {
            release: Some("77d01e4b".to_owned()),
            moved: vec!["site".to_owned(), "api".to_owned()],
            stacks: vec![StackRow {
                name: "api".to_owned(),
                outcome: Outcome::Updated,
                seconds: 8.2,
            }],
            ..report("rolled back")
        };
        insta::assert_snapshot!(report);
    }

    #[test]
    fn what_ran_already_is_reported() {
        insta::assert_snapshot!(report("unchanged"));
    }
}
