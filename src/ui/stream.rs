//! `--output ndjson`: one JSON object a line on stdout. In: events, then a report or an error. Out: the
//! lines. Every line has `type` and `time` (RFC 3339, UTC, milliseconds); durations are in seconds.
//!
//! | `type` | other fields |
//! |---|---|
//! | `hello`, the first | `version` of this format: a new minor adds fields or types, a new major takes some away; `program`, `program_version` |
//! | `step_started` | `step` |
//! | `step_done` | `step`, `seconds` |
//! | `task_started` | `task`, unique among the running ones |
//! | `task_sized` | `task`, `resources` (how many will move), `expected_seconds` (or null) |
//! | `resource` | `task`, `logical_id`, `kind`, `state` (`working`, `done`, `skipped`, `failed`), `status` in CloudFormation's word, `reason` (or null) |
//! | `task_progress` | `task`, `detail` |
//! | `task_done` | `task`, `outcome`, `seconds` |
//! | `undo_started` | `cause`, why the deploy failed; `release`, the id of the release that is restored |
//! | `note`, `warning`, `tool_output` | `text` |
//! | `log` | `line`: what `logs --follow --output json` prints |
//! | `report`, the last | `report`: the document that `--output json` prints; with `--watch`, one for each change |
//! | `error`, the last instead | `message`, `hint` (or null), `exit` (the exit code), `code` (its name), `place` (`file`, `line`, `column`, or null), `undo` (of a deploy that was to be undone) |

use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use anyhow::Result;
use serde::Serialize;

use super::failure::Failure;
use super::write::answered;
use crate::clock::rfc3339_millis;
use crate::event::{Event, Reporter, ResourceStep, Step};
use crate::logs::LogLine;
use crate::report::seconds;

/// The version of this format.
const VERSION: &str = "1.2";

/// Events as lines.
pub(super) struct EventStream {
    out: Mutex<Box<dyn Write + Send>>,
    now: fn() -> SystemTime,
}

/// One line.
#[derive(Serialize)]
struct Line<'a, R: Serialize> {
    time: String,
    #[serde(flatten)]
    fact: Fact<'a, R>,
}

/// The content of a line.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Fact<'a, R: Serialize> {
    Hello {
        version: &'static str,
        program: &'static str,
        program_version: &'static str,
    },
    StepStarted {
        step: Step,
    },
    StepDone {
        step: Step,
        seconds: f64,
    },
    TaskStarted {
        task: &'a str,
    },
    TaskSized {
        task: &'a str,
        resources: usize,
        expected_seconds: Option<f64>,
    },
    Resource {
        task: &'a str,
        #[serde(flatten)]
        resource: &'a ResourceStep,
    },
    TaskProgress {
        task: &'a str,
        detail: &'a str,
    },
    TaskDone {
        task: &'a str,
        outcome: &'a str,
        seconds: f64,
    },
    UndoStarted {
        cause: &'a str,
        release: &'a str,
    },
    Note {
        text: &'a str,
    },
    Warning {
        text: &'a str,
    },
    ToolOutput {
        text: &'a str,
    },
    Log {
        line: &'a LogLine,
    },
    Report {
        report: R,
    },
    Error(Failure),
}

impl EventStream {
    /// Writes lines to `out`.
    pub(super) fn new(out: Box<dyn Write + Send>, now: fn() -> SystemTime) -> Self {
        let out = Mutex::new(out);
        Self { out, now }
    }

    /// Says what this is: the first line.
    pub(super) fn hello(&self) -> Result<()> {
        self.write::<()>(Fact::Hello {
            version: VERSION,
            program: env!("CARGO_PKG_NAME"),
            program_version: env!("CARGO_PKG_VERSION"),
        })
    }

    /// Says how it ended: the last line.
    pub(super) fn report(&self, report: &impl Serialize) -> Result<()> {
        self.write(Fact::Report { report })
    }

    /// Says what a log says.
    pub(super) fn log(&self, line: &LogLine) -> Result<()> {
        self.write::<()>(Fact::Log { line })
    }

    /// Says why it did not end well: the last line.
    pub(super) fn error(&self, failure: Failure) -> Result<()> {
        self.write::<()>(Fact::Error(failure))
    }

    fn write<R: Serialize>(&self, fact: Fact<'_, R>) -> Result<()> {
        let time = rfc3339_millis((self.now)());
        let text = serde_json::to_string(&Line { time, fact })?;
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        answered(writeln!(out, "{text}").and_then(|()| out.flush()))
    }
}

impl Reporter for EventStream {
    fn report(&self, event: Event) {
        // A reader that has closed stdout must not stop the work.
        let _ = self.write(fact(&event));
    }
}

fn fact(event: &Event) -> Fact<'_, ()> {
    match event {
        Event::StepStarted(step) => Fact::StepStarted { step: *step },
        Event::StepDone(step, elapsed) => Fact::StepDone {
            step: *step,
            seconds: seconds(*elapsed),
        },
        Event::TaskStarted { task } => Fact::TaskStarted { task },
        Event::TaskSized {
            task,
            resources,
            expected,
        } => Fact::TaskSized {
            task,
            resources: *resources,
            expected_seconds: expected.map(seconds),
        },
        Event::Resource { task, resource } => Fact::Resource { task, resource },
        Event::TaskProgress { task, detail } => Fact::TaskProgress { task, detail },
        Event::TaskDone {
            task,
            outcome,
            elapsed,
        } => Fact::TaskDone {
            task,
            outcome,
            seconds: seconds(*elapsed),
        },
        Event::UndoStarted { cause, release } => Fact::UndoStarted { cause, release },
        Event::Note(text) | Event::Explanation(text) => Fact::Note { text },
        Event::Warning(text) => Fact::Warning { text },
        Event::ToolOutput(text) => Fact::ToolOutput { text },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::script::{Paper, done, progress, resource, sized, started};
    use super::*;
    use crate::error::{Exit, UserError};

    /// A time that everybody can check: 2026-11-24T08:05:09.042Z.
    fn then() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_507_509_042)
    }

    fn stream() -> (Paper, EventStream) {
        let paper = Paper::default();
        let stream = EventStream::new(Box::new(paper.clone()), then);
        (paper, stream)
    }

    #[test]
    fn each_fact_is_one_line_with_documented_fields() {
        let (paper, stream) = stream();
        stream.hello().unwrap();
        let task = "stack data";
        let events = [
            Event::StepStarted(Step::Provision),
            started(task),
            sized(task, 8, Some(Duration::from_millis(120_500))),
            sized(task, 8, None),
            resource(task, "Table", "CREATE_IN_PROGRESS"),
            progress(task, "two\nlines"),
            done(task, "created", 41.25),
            Event::UndoStarted {
                cause: "api answers 500".to_owned(),
                release: "3f2a91c0".to_owned(),
            },
            Event::Note("the port is taken".to_owned()),
            Event::Warning("it \"waits\"\u{1b}[2J".to_owned()),
            Event::ToolOutput("error: no".to_owned()),
            Event::StepDone(Step::Provision, Duration::from_millis(42_001)),
        ];
        for event in events {
            Reporter::report(&stream, event);
        }
        let report = serde_json::json!({ "outcome": "deployed", "stage": "prod" });
        stream.report(&report).unwrap();
        let version = env!("CARGO_PKG_VERSION");
        insta::assert_snapshot!(paper.text().replace(version, "[version]"), @r#"
{"time":"2026-11-24T08:05:09.042Z","type":"hello","version":"1.2","program":"factory-tree","program_version":"[version]"}
{"time":"2026-11-24T08:05:09.042Z","type":"step_started","step":"provision"}
{"time":"2026-11-24T08:05:09.042Z","type":"task_started","task":"stack data"}
{"time":"2026-11-24T08:05:09.042Z","type":"task_sized","task":"stack data","resources":8,"expected_seconds":120.5}
{"time":"2026-11-24T08:05:09.042Z","type":"task_sized","task":"stack data","resources":8,"expected_seconds":null}
{"time":"2026-11-24T08:05:09.042Z","type":"resource","task":"stack data","logical_id":"Table","kind":"AWS::DynamoDB::Table","state":"working","status":"CREATE_IN_PROGRESS","reason":null}
{"time":"2026-11-24T08:05:09.042Z","type":"task_progress","task":"stack data","detail":"two\nlines"}
{"time":"2026-11-24T08:05:09.042Z","type":"task_done","task":"stack data","outcome":"created","seconds":41.25}
{"time":"2026-11-24T08:05:09.042Z","type":"undo_started","cause":"api answers 500","release":"3f2a91c0"}
{"time":"2026-11-24T08:05:09.042Z","type":"note","text":"the port is taken"}
{"time":"2026-11-24T08:05:09.042Z","type":"warning","text":"it \"waits\"\u001b[2J"}
{"time":"2026-11-24T08:05:09.042Z","type":"tool_output","text":"error: no"}
{"time":"2026-11-24T08:05:09.042Z","type":"step_done","step":"provision","seconds":42.001}
{"time":"2026-11-24T08:05:09.042Z","type":"report","report":{"outcome":"deployed","stage":"prod"}}
"#);
    }

    #[test]
    fn an_error_is_the_last_line_with_its_cure_and_exit_code() {
        let (paper, stream) = stream();
        let error = UserError::NotConfirmed("prod".to_owned());
        stream
            .error(Failure::new(
                &error.into(),
                Some("look first"),
                Exit::NeedsConfirmation,
            ))
            .unwrap();
        let error = anyhow::anyhow!("no route to host");
        stream
            .error(Failure::new(&error, None, Exit::Failure))
            .unwrap();
        insta::assert_snapshot!(paper.text(), @r#"
{"time":"2026-11-24T08:05:09.042Z","type":"error","message":"teardown of stage `prod` was not confirmed; nothing was touched","hint":"look first","exit":3,"code":"needs-confirmation","place":null}
{"time":"2026-11-24T08:05:09.042Z","type":"error","message":"no route to host","hint":null,"exit":1,"code":"failure","place":null}
"#);
    }
}
