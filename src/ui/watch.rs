//! A stage that is watched. On a terminal the whole report, drawn in place; elsewhere a line for each
//! change; as JSON one document a line, for each change, and in a stream one report.

use std::io::{IsTerminal, Write, stdout};
use std::time::SystemTime;

use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};
use anyhow::Result;

use super::write::answered;
use super::{columns, page, paint, words};
use crate::cli::Output;
use crate::clock::rfc3339;
use crate::config::terminal::Terminal;
use crate::report::{Paged, StatusReport, changes};

/// Goes to the first line and clears the screen from there: Control Sequence Introducer `H` and `J`
/// (ECMA-48, sections 8.3.21 and 8.3.39). Colour has no part in it, so NO_COLOR changes nothing.
const CLEAR: &str = "\u{1b}[H\u{1b}[J";

/// Shows one report after the other.
pub struct Watcher {
    form: WatchFormat,
    before: Option<StatusReport>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WatchFormat {
    InPlace,
    Lines,
    Documents,
    EventStream,
}

impl Watcher {
    /// Begins with nothing seen.
    pub fn new(output: Output, terminal: &Terminal) -> Self {
        let form = match output {
            Output::Json => WatchFormat::Documents,
            Output::Ndjson => WatchFormat::EventStream,
            Output::Text if terminal.live && stdout().is_terminal() => WatchFormat::InPlace,
            Output::Text => WatchFormat::Lines,
        };
        Self { form, before: None }
    }

    /// Shows a report, or what is new in it.
    ///
    /// # Errors
    /// stdout is closed.
    pub fn show(&mut self, report: StatusReport) -> Result<()> {
        let changed = changes(self.before.as_ref(), &report);
        if self.form == WatchFormat::EventStream && !changed.is_empty() {
            super::stream().report(&report)?;
        }
        let text = shown(self.form, &report, &changed, SystemTime::now())?;
        let is_plain = AutoStream::choice(&stdout()) == ColorChoice::Never;
        let text = match self.form {
            WatchFormat::InPlace if is_plain => format!("{CLEAR}{}", strip_str(&text)),
            _ => text,
        };
        self.before = Some(report);
        let mut stdout = stdout().lock();
        answered(
            stdout
                .write_all(text.as_bytes())
                .and_then(|()| stdout.flush()),
        )
    }
}

fn shown(
    form: WatchFormat,
    report: &StatusReport,
    changed: &[String],
    now: SystemTime,
) -> Result<String> {
    let seen = page(now);
    let now = rfc3339(now);
    Ok(match form {
        WatchFormat::InPlace => {
            let text = words::lines(&report.text(seen.as_ref()));
            let text = paint::page(&text, columns());
            format!("{CLEAR}{text}\n\n  {now}, Ctrl-C ends\n")
        }
        WatchFormat::Lines => changed
            .iter()
            .map(|line| format!("{now} {line}\n"))
            .collect(),
        WatchFormat::EventStream => String::new(),
        WatchFormat::Documents if changed.is_empty() => String::new(),
        WatchFormat::Documents => format!("{}\n", serde_json::to_string(report)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Check;
    use crate::report::Health;
    use crate::status::Observations;

    fn report(ok: bool) -> StatusReport {
        let (name, detail) = ("site".to_owned(), "build 5175".to_owned());
        StatusReport {
            stage: "prod".to_owned(),
            health: if ok {
                Health::Healthy
            } else {
                Health::Degraded
            },
            urls: None,
            stacks: Vec::new(),
            checks: vec![Check { name, ok, detail }],
            seen: Observations::default(),
        }
    }

    fn shows(form: WatchFormat, reports: &[StatusReport]) -> String {
        let mut before = None;
        let mut all = String::new();
        for report in reports {
            let changed = changes(before, report);
            all += &shown(form, report, &changed, SystemTime::UNIX_EPOCH).unwrap();
            before = Some(report);
        }
        all
    }

    #[test]
    fn away_from_a_terminal_only_changes_are_reported_a_line_each() {
        let reported = shows(
            WatchFormat::Lines,
            &[report(true), report(true), report(false)],
        );
        insta::assert_snapshot!(reported, @r"
        1970-01-01T00:00:00Z stage prod is healthy
        1970-01-01T00:00:00Z site: ok build 5175
        1970-01-01T00:00:00Z stage prod is degraded
        1970-01-01T00:00:00Z site: FAIL build 5175
        ");
    }

    #[test]
    fn a_program_gets_one_document_for_each_change() {
        let reported = shows(
            WatchFormat::Documents,
            &[report(true), report(true), report(false)],
        );
        let documents: Vec<serde_json::Value> = reported
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let health: Vec<&str> = documents
            .iter()
            .map(|document| document["health"].as_str().unwrap())
            .collect();
        assert_eq!(health, ["healthy", "degraded"]);
    }

    #[test]
    fn on_a_terminal_every_look_is_drawn_over_the_last() {
        let reported = shows(WatchFormat::InPlace, &[report(true), report(true)]);
        assert_eq!(reported.matches(CLEAR).count(), 2);
        let reported = strip_str(&reported).to_string();
        assert!(reported.contains("stage prod: healthy"), "{reported}");
    }
}
