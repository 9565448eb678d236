//! In: a stage's `Config`, and what this machine, AWS and public DNS answer. Out: `Finding`s: what was
//! looked at, how it is, and what cures it. Reads only; what gives no answer in time is unknown, never
//! a failure. Nothing is mended here.

mod clock;
mod dns;
mod domain;
mod machine;
mod quota;
mod taken;

use std::fmt;
use std::time::Duration;

use serde::Serialize;

pub use clock::judge_clock;
pub use dns::{Dns, DnsAnswer};
pub use domain::{check_caa, check_delegation, knows_public_names};
pub use machine::{check_disk, check_python, check_tools, judge_port};
pub use quota::{
    CONCURRENCY_CODE, NEEDED_VCPUS_CODE, VPCS_CODE, judge_concurrency, judge_vcpus, judge_vpcs,
};
pub use taken::{STACKS_WITH_RECORDS, judge_aliases, judge_records};

use crate::plain::plain;

/// The longest time that AWS and public DNS may take for one answer.
pub const TIMEOUT: Duration = Duration::from_secs(3);

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The name of the check.
    pub name: String,
    /// Whether it is as it should be; `None` when that is not known.
    pub ok: Option<bool>,
    /// The result, in words.
    pub detail: String,
    /// The cure.
    pub cure: Option<String>,
}

impl Finding {
    fn of(name: &str, ok: Option<bool>, detail: impl fmt::Display, cure: Option<String>) -> Self {
        Self {
            name: name.to_owned(),
            ok,
            // Much of it was said by others.
            detail: plain(&detail.to_string()),
            cure,
        }
    }

    /// Makes a finding of something that is as it should be.
    pub fn good(name: &str, detail: impl fmt::Display) -> Self {
        Self::of(name, Some(true), detail, None)
    }

    /// Makes a finding of something that must be cured.
    pub fn bad(name: &str, detail: impl fmt::Display, cure: impl Into<String>) -> Self {
        Self::of(name, Some(false), detail, Some(cure.into()))
    }

    /// Makes a finding of something that is not known.
    pub fn unknown(name: &str, detail: impl fmt::Display) -> Self {
        Self::of(name, None, detail, None)
    }

    /// Makes a finding of something that the stage does without.
    pub fn not_needed(name: &str) -> Self {
        Self::good(name, "not needed")
    }
}

/// Waits for an answer, but not for long.
///
/// # Errors
/// A finding that says that none came.
pub async fn in_time<T>(name: &str, question: impl Future<Output = T>) -> Result<T, Finding> {
    let answer = tokio::time::timeout(TIMEOUT, question).await;
    let silence = format!("no answer within {} s", TIMEOUT.as_secs());
    answer.map_err(|_| Finding::unknown(name, silence))
}

/// The result of `doctor`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DoctorReport {
    /// The stage.
    pub stage: String,
    /// Whether nothing fails. What is unknown does not count.
    pub healthy: bool,
    /// Everything that was looked at.
    pub checks: Vec<Finding>,
}

impl DoctorReport {
    /// Sums findings up.
    pub fn new(stage: String, checks: Vec<Finding>) -> Self {
        let healthy = checks.iter().all(|finding| finding.ok != Some(false));
        Self {
            stage,
            healthy,
            checks,
        }
    }
}

impl fmt::Display for DoctorReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failing = self
            .checks
            .iter()
            .filter(|finding| finding.ok == Some(false));
        match failing.count() {
            0 => write!(formatter, "stage {}: nothing fails", self.stage)?,
            1 => write!(formatter, "stage {}: 1 check fails", self.stage)?,
            many => write!(formatter, "stage {}: {many} checks fail", self.stage)?,
        }
        writeln!(formatter)?;
        for Finding {
            name,
            ok,
            detail,
            cure,
        } in &self.checks
        {
            let mark = match ok {
                Some(true) => "ok",
                Some(false) => "FAIL",
                None => "unknown",
            };
            write!(formatter, "\n  {mark:<7} {name:<12} {detail}")?;
            if let Some(cure) = cure {
                write!(formatter, "\n          cure: {cure}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_reads_each_finding_and_its_cure() {
        let checks = vec![
            Finding::good("node", "20.19.0"),
            Finding::bad("caa", "says \u{1b}[2Jno", "add a record"),
            Finding::unknown("clock", "no answer within 3 s"),
        ];
        let report = DoctorReport::new("prod".to_owned(), checks);
        assert!(!report.healthy);
        insta::assert_snapshot!(report, @r"
stage prod: 1 check fails

  ok      node         20.19.0
  FAIL    caa          says \u{1b}[2Jno
          cure: add a record
  unknown clock        no answer within 3 s
");
    }

    #[test]
    fn what_is_unknown_fails_nothing() {
        let checks = vec![Finding::unknown("clock", "no answer within 3 s")];
        assert!(DoctorReport::new("prod".to_owned(), checks).healthy);
    }
}
