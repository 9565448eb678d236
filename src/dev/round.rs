//! The report of `dev` on a round: one line when it has ended. In: the saves and the result of their deploy. Out:
//! words. Pure.

use std::time::{Duration, SystemTime};

use super::Saves;
use crate::event::{Event, Reporter};
use crate::provision::Outcome;
use crate::report::DeployReport;

/// Forwards the events of a round that a person must see: the output of compilers, warnings and notes. Its steps are
/// reported in the one line at its end.
pub struct Quiet<'a>(pub &'a dyn Reporter);

impl Reporter for Quiet<'_> {
    fn report(&self, event: Event) {
        if let Event::ToolOutput(_) | Event::Warning(_) | Event::Note(_) = event {
            self.0.report(event);
        }
    }
}

/// Returns the line of a round whose saves are live.
pub fn report_deployed(saves: &Saves, report: &DeployReport, now: SystemTime) -> String {
    let updated: Vec<&str> = report
        .stacks
        .iter()
        .filter(|stack| stack.outcome != Outcome::Unchanged)
        .map(|stack| stack.name.as_str())
        .collect();
    let outcome = match (report.outcome, updated.as_slice()) {
        ("unchanged", _) => "nothing new for the stage".to_owned(),
        (_, []) => "released".to_owned(),
        (_, [stack]) => format!("stack {stack} updated"),
        (_, stacks) => format!("stacks {} updated", stacks.join(", ")),
    };
    let steps: Vec<String> = report
        .steps
        .iter()
        .filter(|step| step.seconds >= 0.05)
        .map(|step| format!("{} {:.1} s", step.name, step.seconds))
        .collect();
    let time = since(saves, now).unwrap_or(Duration::from_secs_f64(report.seconds));
    format!(
        "{}: {outcome}, live {:.1} s after the save ({})",
        files(saves),
        time.as_secs_f64(),
        steps.join(" · ")
    )
}

/// Returns the line of a round that failed.
pub fn report_failure(saves: &Saves, error: &anyhow::Error) -> String {
    format!(
        "{}: {error:#}; the live version is unchanged, and the next save tries again",
        files(saves)
    )
}

fn since(saves: &Saves, now: SystemTime) -> Option<Duration> {
    now.duration_since(saves.last?).ok()
}

/// The number of files that are named; a switch of branches saves hundreds.
const NAMED_FILES: usize = 3;

fn files(saves: &Saves) -> String {
    let named: Vec<String> = saves
        .deployed
        .iter()
        .take(NAMED_FILES)
        .map(|path| path.display().to_string())
        .collect();
    let named = named.join(", ");
    match saves.deployed.len().saturating_sub(NAMED_FILES) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Released, StackRow, StepRow};
    use crate::urls::Urls;

    fn saves(files: &[&str]) -> Saves {
        Saves {
            deployed: files.iter().map(Into::into).collect(),
            last: Some(SystemTime::UNIX_EPOCH),
            ..Saves::default()
        }
    }

    fn report(updated: &[&str]) -> DeployReport {
        let row = |name: &&str| StackRow {
            name: (*name).to_owned(),
            outcome: if updated.contains(name) {
                Outcome::Updated
            } else {
                Outcome::Unchanged
            },
            seconds: 0.5,
        };
        let step = |(name, seconds)| StepRow { name, seconds };
        DeployReport {
            stage: "local".to_owned(),
            outcome: if updated.is_empty() {
                "unchanged"
            } else {
                "deployed"
            },
            build: "b1".to_owned(),
            release: None,
            seconds: 7.0,
            urls: Urls {
                site: String::new(),
                api: String::new(),
                socket: String::new(),
                sign_in: None,
            },
            stacks: ["foundation", "api", "websocket"].iter().map(row).collect(),
            released: Released::default(),
            pruned: None,
            seeded: None,
            steps: [("build", 5.25), ("publish", 0.01), ("provision", 0.9)]
                .map(step)
                .to_vec(),
        }
    }

    #[test]
    fn a_round_is_one_line_with_the_saved_files_the_updated_stacks_and_the_time() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(7_250);
        let many = [
            "lambdas/api/src/main.rs",
            "crates/domain/src/name.rs",
            "a",
            "b",
            "c",
        ];
        let failed = anyhow::anyhow!("`cargo build` failed with exit status: 101");
        let lines = [
            report_deployed(&saves(&["lambdas/api/src/main.rs"]), &report(&["api"]), now),
            report_deployed(&saves(&many), &report(&["api", "websocket"]), now),
            report_deployed(&saves(&["Cargo.lock"]), &report(&[]), now),
            report_failure(&saves(&["lambdas/api/src/main.rs"]), &failed),
        ];
        insta::assert_snapshot!(lines.join("\n"), @"
        lambdas/api/src/main.rs: stack api updated, live 7.2 s after the save (build 5.2 s · provision 0.9 s)
        lambdas/api/src/main.rs, crates/domain/src/name.rs, a and 2 more: stacks api, websocket updated, live 7.2 s after the save (build 5.2 s · provision 0.9 s)
        Cargo.lock: nothing new for the stage, live 7.2 s after the save (build 5.2 s · provision 0.9 s)
        lambdas/api/src/main.rs: `cargo build` failed with exit status: 101; the live version is unchanged, and the next save tries again
        ");
    }
}
