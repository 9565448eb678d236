//! The result of `validate`.

use std::fmt;

use serde::Serialize;

/// The result of `validate`: without a fault, or the command has failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ValidationReport {
    /// The stage.
    pub stage: String,
    /// The stacks whose templates were checked.
    pub stacks: Vec<String>,
    /// Files of templates that no stack uses.
    pub unused: Vec<String>,
}

impl fmt::Display for ValidationReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "stage {}: the templates of {} stacks are without a fault that shows without AWS",
            self.stage,
            self.stacks.len()
        )?;
        for file in &self.unused {
            write!(formatter, "\n  no stack uses {file}")?;
        }
        Ok(())
    }
}
