//! The result of `teardown --expired`: each stage whose time was over, and those whose time is not.

use std::fmt;

use serde::Serialize;

/// The result of `teardown --expired`.
#[derive(Clone, Debug, Serialize)]
pub struct ExpiredReport {
    /// `removed`, or `none` where no stage had expired.
    pub outcome: &'static str,
    /// The stages that had expired.
    pub stages: Vec<ExpiredRow>,
    /// The stages that will expire later.
    pub left: Vec<UnexpiredRow>,
}

/// A stage that had expired.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ExpiredRow {
    /// Its name.
    pub stage: String,
    /// The domain of its site.
    pub domain: String,
    /// The time of its last deploy (RFC 3339, UTC).
    pub last_deploy: String,
    /// The time after which it expires, such as `3d`.
    pub expires_after: String,
    /// Its costs without visitors, in US dollars a month; `None` where they are not known.
    pub monthly: Option<f64>,
    /// `removed`, `failed` where something is left, or `deployed again` where it has a younger deploy than the one listed.
    pub outcome: &'static str,
    /// The things that were removed.
    pub removed: Vec<String>,
    /// The things that were retained, and why.
    pub kept: Vec<String>,
    /// The things that could not be removed, and why.
    pub failed: Vec<String>,
}

/// A stage that expires later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnexpiredRow {
    /// Its name.
    pub stage: String,
    /// The time of its last deploy (RFC 3339, UTC).
    pub last_deploy: String,
    /// The time at which it expires (RFC 3339, UTC).
    pub expires: String,
}

impl ExpiredReport {
    /// Returns whether something is left of a stage that had expired.
    pub fn is_incomplete(&self) -> bool {
        self.stages.iter().any(|row| row.outcome == "failed")
    }
}

impl fmt::Display for ExpiredReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.stages.is_empty() {
            write!(formatter, "no stage has expired")?;
        }
        for (place, row) in self.stages.iter().enumerate() {
            let start = if place == 0 { "" } else { "\n" };
            write!(
                formatter,
                "{start}stage {}: {}, last deploy {}",
                row.stage, row.outcome, row.last_deploy
            )?;
            for (title, rows) in [
                ("removed", &row.removed),
                ("kept", &row.kept),
                ("FAILED", &row.failed),
            ] {
                for row in rows {
                    write!(formatter, "\n  {title:<8} {row}")?;
                }
            }
        }
        for UnexpiredRow { stage, expires, .. } in &self.left {
            write!(formatter, "\nstage {stage}: left, expires {expires}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stage_is_told_with_what_became_of_it() {
        let row = |stage: &str, outcome| ExpiredRow {
            stage: stage.to_owned(),
            last_deploy: "2026-11-20T08:00:00Z".to_owned(),
            outcome,
            ..ExpiredRow::default()
        };
        let mut report = ExpiredReport {
            outcome: "removed",
            stages: vec![row("preview-1", "removed"), row("preview-2", "failed")],
            left: vec![UnexpiredRow {
                stage: "preview-3".to_owned(),
                last_deploy: "2026-11-26T08:00:00Z".to_owned(),
                expires: "2026-11-29T08:00:00Z".to_owned(),
            }],
        };
        report.stages[0].removed.push("stack data".to_owned());
        report.stages[1].failed.push("stack dns: denied".to_owned());
        assert!(report.is_incomplete());
        insta::assert_snapshot!(report, @r"
        stage preview-1: removed, last deploy 2026-11-20T08:00:00Z
          removed  stack data
        stage preview-2: failed, last deploy 2026-11-20T08:00:00Z
          FAILED   stack dns: denied
        stage preview-3: left, expires 2026-11-29T08:00:00Z
        ");
        report.stages.clear();
        assert!(!report.is_incomplete());
        insta::assert_snapshot!(report, @r"
        no stage has expired
        stage preview-3: left, expires 2026-11-29T08:00:00Z
        ");
    }
}
