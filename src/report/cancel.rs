//! The report of `cancel`.

use std::fmt;

use serde::Serialize;

/// The result of `cancel`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CancelReport {
    /// The stage.
    pub stage: String,
    /// `cancelled`, `not cancelled` where at least one operation could not be, or `idle` where none ran.
    pub outcome: &'static str,
    /// Every stack on which an operation ran.
    pub stacks: Vec<CancelRow>,
}

/// The result of `cancel` for one stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CancelRow {
    /// Short name.
    pub name: String,
    /// CloudFormation's status before.
    pub was: String,
    /// CloudFormation's status now.
    pub now: String,
    /// Whether the stack is as it was before the operation.
    pub cancelled: bool,
    /// Whether no operation runs on it any more.
    pub settled: bool,
}

impl fmt::Display for CancelReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            stage,
            outcome,
            stacks,
        } = self;
        if stacks.is_empty() {
            return write!(formatter, "stage {stage}: no operation runs on its stacks");
        }
        write!(formatter, "stage {stage}: {outcome}")?;
        for CancelRow {
            name,
            was,
            now,
            cancelled,
            ..
        } in stacks
        {
            let word = if *cancelled { "ok  " } else { "FAIL" };
            write!(formatter, "\n  {word} stack {name:<22} {was} -> {now}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stack_is_a_line() {
        let row = |name: &str, was: &str, now: &str, cancelled| CancelRow {
            name: name.to_owned(),
            was: was.to_owned(),
            now: now.to_owned(),
            cancelled,
            settled: was != now,
        };
        let report = CancelReport {
            stage: "prod".to_owned(),
            outcome: "not cancelled",
            stacks: vec![
                row(
                    "api",
                    "UPDATE_IN_PROGRESS",
                    "UPDATE_ROLLBACK_COMPLETE",
                    true,
                ),
                row("site", "CREATE_IN_PROGRESS", "CREATE_IN_PROGRESS", false),
            ],
        };
        insta::assert_snapshot!(report, @r"
stage prod: not cancelled
  ok   stack api                    UPDATE_IN_PROGRESS -> UPDATE_ROLLBACK_COMPLETE
  FAIL stack site                   CREATE_IN_PROGRESS -> CREATE_IN_PROGRESS
");
    }
}
