//! The only file that writes to the terminal, and reads from it. stdout is the answer, stderr the
//! conversation: live bars on a terminal, plain lines elsewhere. Colour follows NO_COLOR and the
//! terminal, and is never the only signal.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{BufRead, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anstream::{eprint, eprintln, println};
use anstyle::{AnsiColor, Style};
use anyhow::Result;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::cli::Output;
use crate::error::hint;
use crate::event::{Event, Reporter, ResourceStep};

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const FAINT: Style = Style::new().dimmed();

/// Prints a command's answer on stdout.
///
/// # Errors
/// It cannot be written as JSON.
pub fn print_report(report: &(impl Display + Serialize), output: Output) -> Result<()> {
    match output {
        Output::Text => println!("{report}"),
        Output::Json => print_json(report)?,
    }
    Ok(())
}

/// Prints one JSON document on stdout.
///
/// # Errors
/// It cannot be written as JSON.
pub fn print_json(document: &impl Serialize) -> Result<()> {
    println!("{}", serde_json::to_string_pretty(document)?);
    Ok(())
}

/// Prints lines on stdout as they are; on a terminal, without the characters that would steer it.
///
/// # Errors
/// Nobody reads them any more.
pub fn print_lines(lines: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    if stdout.is_terminal() {
        stdout.write_all(printable(lines).as_bytes())?;
    } else {
        stdout.write_all(lines.as_bytes())?;
    }
    Ok(stdout.flush()?)
}

/// Returns a text of which nothing steers a terminal: control characters other than the end of a line
/// and the tab are replaced.
pub fn printable(text: &str) -> String {
    let steers = |c: char| c.is_control() && c != '\n' && c != '\t';
    text.replace(steers, "\u{fffd}")
}

/// Prints an error and, where there is one, its cure.
pub fn print_error(error: &anyhow::Error) {
    eprintln!("{ERROR}error:{ERROR:#} {error:#}");
    if let Some(hint) = hint(error) {
        eprintln!("\nhint: {hint}");
    }
}

/// Asks a question and returns the line that was typed, or `None` when there is nobody to ask.
///
/// # Errors
/// The terminal cannot be read.
pub fn ask(question: &str) -> Result<Option<String>> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() || !std::io::stderr().is_terminal() {
        return Ok(None);
    }
    eprint!("{question}");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer)?;
    Ok(Some(answer.trim().to_owned()))
}

/// Returns who draws the events: bars on a terminal, lines elsewhere.
pub fn reporter() -> Box<dyn Reporter> {
    if std::io::stderr().is_terminal() {
        Box::new(Bars::default())
    } else {
        Box::new(Lines::default())
    }
}

/// One line for each running task, and one that stays for each that is done.
#[derive(Default)]
struct Bars {
    screen: MultiProgress,
    running: Mutex<BTreeMap<String, ProgressBar>>,
}

/// How often a bar's spinner turns and its time is told anew.
const TICK: Duration = Duration::from_millis(100);

impl Bars {
    fn start(&self, task: String) {
        let bar = self.screen.add(ProgressBar::new_spinner());
        let style =
            ProgressStyle::with_template("  {spinner} {prefix:<24} {elapsed:>4} {wide_msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.set_prefix(task.clone());
        bar.enable_steady_tick(TICK);
        self.lock().insert(task, bar);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, ProgressBar>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, text: &str) {
        self.screen.suspend(|| eprintln!("{text}"));
    }
}

impl Drop for Bars {
    /// What is cut short must not leave half a bar on the screen.
    fn drop(&mut self) {
        self.lock().values().for_each(ProgressBar::finish_and_clear);
    }
}

impl Reporter for Bars {
    fn report(&self, event: Event) {
        match event {
            Event::TaskStarted { task } => self.start(task),
            Event::TaskProgress { task, detail } => {
                if let Some(bar) = self.lock().get(&task) {
                    bar.set_message(detail);
                }
            }
            Event::Resource { task, resource } => {
                if let Some(bar) = self.lock().get(&task) {
                    bar.set_message(moved(&resource));
                }
            }
            Event::TaskDone { ref task, .. } => {
                if let Some(bar) = self.lock().remove(task) {
                    bar.finish_and_clear();
                }
                self.say(&line(&event).unwrap_or_default());
            }
            other => {
                if let Some(text) = line(&other) {
                    self.say(&text);
                }
            }
        }
    }
}

/// One line for each fact, and a sign of life when there has been none for a while.
struct Lines {
    last: Mutex<Instant>,
}

/// CI systems take a silent job for a dead one.
const HEARTBEAT: Duration = Duration::from_secs(30);

impl Default for Lines {
    fn default() -> Self {
        Self {
            last: Mutex::new(Instant::now()),
        }
    }
}

impl Reporter for Lines {
    fn report(&self, event: Event) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let text = match &event {
            Event::TaskProgress { task, detail } if last.elapsed() >= HEARTBEAT => {
                Some(format!("  {task}: {detail}"))
            }
            Event::Resource { task, resource } if last.elapsed() >= HEARTBEAT => {
                Some(format!("  {task}: {}", moved(resource)))
            }
            event => line(event),
        };
        if let Some(text) = text {
            *last = Instant::now();
            eprintln!("{text}");
        }
    }
}

/// Returns an event as a line, if it is worth one.
fn line(event: &Event) -> Option<String> {
    match event {
        Event::StepStarted(step) => Some(step.name().to_owned()),
        Event::TaskDone {
            task,
            outcome,
            elapsed,
        } => {
            let seconds = elapsed.as_secs_f64();
            Some(format!(
                "  {task:<24} {outcome} {FAINT}{seconds:.1} s{FAINT:#}"
            ))
        }
        Event::Note(text) => Some(format!("  {text}")),
        Event::Warning(text) => Some(format!("{WARNING}warning:{WARNING:#} {text}")),
        Event::ToolOutput(text) => Some(text.clone()),
        Event::StepDone(..)
        | Event::TaskStarted { .. }
        | Event::TaskSized { .. }
        | Event::Resource { .. }
        | Event::TaskProgress { .. } => None,
    }
}

/// `Table create in progress`.
fn moved(resource: &ResourceStep) -> String {
    let words = resource.status.to_lowercase().replace('_', " ");
    format!("{} {words}", resource.logical_id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Step;

    #[test]
    fn events_read_as_lines() {
        let events = [
            Event::StepStarted(Step::Provision),
            Event::TaskStarted {
                task: "stack data".to_owned(),
            },
            Event::TaskProgress {
                task: "stack data".to_owned(),
                detail: "Table".to_owned(),
            },
            Event::TaskDone {
                task: "stack data".to_owned(),
                outcome: "created".to_owned(),
                elapsed: Duration::from_millis(1234),
            },
            Event::Note("waiting for api".to_owned()),
            Event::Warning("not started: site".to_owned()),
            Event::StepDone(Step::Provision, Duration::from_secs(2)),
        ];
        let lines: Vec<String> = events.iter().filter_map(line).collect();
        let plain = anstream::adapter::strip_str(&lines.join("\n")).to_string();
        insta::assert_snapshot!(plain, @r"
provision
  stack data               created 1.2 s
  waiting for api
warning: not started: site
");
    }
}
