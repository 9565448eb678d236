//! The only module that writes to the terminal, and reads from it. stdout is the answer, stderr the
//! conversation: a live tree on a terminal (`tree`), plain lines elsewhere (`lines`), with GitHub's
//! commands where its runner reads them (`github`, `summary`), or one JSON object a line on stdout for
//! programs (`stream`). Text from outside is shown with its control characters written out. Colour is
//! never the only signal.

mod board;
mod failure;
mod frame;
mod github;
mod lines;
mod paint;
mod quiet;
#[cfg(test)]
mod script;
mod stream;
mod summary;
mod tree;
mod watch;
mod words;
mod write;

use std::fmt::Display;
use std::io::{BufRead, IsTerminal, Write, stdout};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use anstream::ColorChoice;
use anstyle::{AnsiColor, Style};
use anyhow::Result;
use serde::Serialize;

use crate::cli::Output;
use crate::config::terminal::{Color, Github, Progress, Terminal};
use crate::error::{Exit, UserError, user_error};
use crate::event::{Event, Reporter};
use crate::logs::LogLine;
use crate::plain::plain;
use crate::report::{DeployReport, LogsReport, Page, Paged, TeardownReport};
use failure::{Document, Failure};
use lines::{Dialect, Lines};
use quiet::Quiet;
use stream::EventStream;
use tree::Tree;
pub use watch::Watcher;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const FAINT: Style = Style::new().dimmed();

/// Makes stdout and stderr ready for this command: settles colour, and announces the format to a program.
///
/// # Errors
/// stdout cannot be written.
pub fn open(output: Output, terminal: &Terminal) -> Result<()> {
    match terminal.color {
        Color::Auto => {}
        Color::Always => ColorChoice::Always.write_global(),
        Color::Never => ColorChoice::Never.write_global(),
    }
    match output {
        Output::Ndjson => stream().hello(),
        Output::Text | Output::Json => Ok(()),
    }
}

/// Prints a command's answer on stdout.
///
/// # Errors
/// It cannot be written, or not as JSON.
pub fn print_report(report: &(impl Display + Serialize), output: Output) -> Result<()> {
    match output {
        Output::Text => print_page(&report.to_string()),
        Output::Json => print_json(report),
        Output::Ndjson => stream().report(report),
    }
}

/// Prints a command's answer on stdout, as it fits the terminal on which it is read.
///
/// # Errors
/// It cannot be written, or not as JSON.
pub fn print_paged(report: &(impl Paged + Serialize), output: Output) -> Result<()> {
    match output {
        Output::Text => print_page(&report.text(page(SystemTime::now()).as_ref())),
        Output::Json => print_json(report),
        Output::Ndjson => stream().report(report),
    }
}

/// Prints a command's answer on stdout as it is, because it is a document that somebody copies.
///
/// # Errors
/// It cannot be written, or not as JSON.
pub fn print_document(report: &(impl Display + Serialize), output: Output) -> Result<()> {
    match output {
        Output::Text => write::answer(words::lines(&report.to_string())),
        _ => print_report(report, output),
    }
}

fn print_page(text: &str) -> Result<()> {
    write::answer(paint::page(&words::lines(text), columns()))
}

/// The terminal on which stdout is read now, if it is one.
fn page(now: SystemTime) -> Option<Page> {
    columns().map(|columns| Page { columns, now })
}

/// The width of the terminal on which stdout is read.
fn columns() -> Option<usize> {
    let terminal = console::Term::stdout();
    let size = terminal.is_term().then(|| terminal.size_checked());
    size.flatten().map(|(_, columns)| columns.into())
}

/// Prints text of our own on stdout.
///
/// # Errors
/// It cannot be written.
pub fn print_text(text: &str) -> Result<()> {
    write::answer(text)
}

/// Prints one JSON document on stdout.
///
/// # Errors
/// It cannot be written as JSON.
pub fn print_json(document: &impl Serialize) -> Result<()> {
    write::answer(serde_json::to_string_pretty(document)?)
}

/// Prints lines on stdout as they are; on a terminal, with nothing in them that would steer it.
///
/// # Errors
/// Nobody reads them any more.
pub fn print_lines(lines: &str) -> Result<()> {
    let mut stdout = stdout().lock();
    let written = if stdout.is_terminal() {
        writeln!(stdout, "{}", words::lines(lines))
    } else {
        stdout.write_all(lines.as_bytes())
    };
    write::answered(written.and_then(|()| stdout.flush()))
}

/// Prints the lines of logs on stdout: a line each, or one JSON document for all.
///
/// # Errors
/// stdout is closed.
pub fn print_logs(report: &LogsReport, output: Output) -> Result<()> {
    match output {
        Output::Text => report
            .lines
            .iter()
            .try_for_each(|line| print_log_line(line, output)),
        Output::Json => print_json(report),
        Output::Ndjson => stream().report(report),
    }
}

/// Prints one line of a log on stdout, at once. As JSON it is a document in one line.
///
/// # Errors
/// stdout is closed.
pub fn print_log_line(line: &LogLine, output: Output) -> Result<()> {
    match output {
        Output::Text => {
            let level = line.level.as_deref();
            write::answer(paint::log(&line.to_string(), level, columns()))
        }
        Output::Json => write::answer(serde_json::to_string(line)?),
        Output::Ndjson => stream().log(line),
    }
}

/// Tells GitHub, where it runs us, what a deploy did: in the step's summary and as its outputs.
pub fn conclude_deploy(report: &DeployReport, terminal: &Terminal) {
    conclude(terminal, |github| {
        let urls = &report.urls;
        let outputs = [
            ("outcome", report.outcome),
            ("site", &urls.site),
            ("api", &urls.api),
            ("socket", &urls.socket),
            ("build", &report.build),
        ];
        github::set_outputs(github, &outputs)?;
        github::append_summary(github, &summary::deploy(report))
    });
}

/// Tells GitHub, where it runs us, what a teardown did: in the step's summary and as its outcome.
pub fn conclude_teardown(report: &TeardownReport, terminal: &Terminal) {
    conclude(terminal, |github| {
        github::set_outputs(github, &[("outcome", report.outcome)])?;
        github::append_summary(github, &summary::teardown(report))
    });
}

/// Prints an error and, where there is one, its cure; reports it to programs and GitHub as well. `exit` is how
/// the process ends with it.
pub fn print_error(
    error: &anyhow::Error,
    hint: Option<&str>,
    exit: Exit,
    output: Output,
    terminal: &Terminal,
) {
    let text = words::lines(&format!("{error:#}"));
    write::say(format_args!("{ERROR}error:{ERROR:#} {text}"));
    if let Some(hint) = hint {
        write::say(format_args!("\nhint: {}", words::lines(hint)));
    }
    if !is_about_the_answer(error) {
        print_failure(Failure::new(error, hint, exit), output);
    }
    conclude(terminal, |github| {
        write::say(github::annotations(error, hint, github));
        github::set_outputs(github, &[("outcome", "failed")])?;
        github::append_summary(github, &summary::error(error, hint))
    });
}

/// Whether a command line asks for help or for the version, so that the refusal of clap is its answer.
pub fn is_help(refusal: &clap::Error) -> bool {
    !refusal.use_stderr()
}

/// Prints the help or the version that was asked for, on stdout.
///
/// # Errors
/// It cannot be written.
pub fn print_help(help: &clap::Error) -> Result<()> {
    let text = help.render().ansi().to_string();
    write::answer(text.trim_end_matches('\n'))
}

/// Prints a fault in the command line with its cure, in clap's words; reports it to programs as well.
pub fn print_usage(error: &clap::Error, exit: Exit, output: Output) {
    let text = error.render().ansi().to_string();
    write::say(text.trim_end_matches('\n'));
    print_failure(Failure::of_usage(error, exit), output);
}

/// Whoever has closed stdout has been informed on stderr.
fn print_failure(error: Failure, output: Output) {
    let _ = match output {
        Output::Text => Ok(()),
        // In one line, as every document is where there may be more than one.
        Output::Json => serde_json::to_string(&Document { error })
            .map_err(Into::into)
            .and_then(write::answer),
        Output::Ndjson => stream().error(error),
    };
}

/// Where the answer cannot be written, neither can the error.
fn is_about_the_answer(error: &anyhow::Error) -> bool {
    matches!(user_error(error), Some(UserError::AnswerNotWritten(_)))
}

/// The command has done its work, also where GitHub's files cannot be written.
fn conclude(terminal: &Terminal, publish: impl FnOnce(&Github) -> Result<()>) {
    let reported = terminal.github.as_ref().map(publish);
    if let Some(Err(error)) = reported {
        write::say(warning(&format!("{error:#}")));
    }
}

/// Asks a question and returns the line that was typed, or `None` when there is nobody to ask.
///
/// # Errors
/// The terminal cannot be read.
pub fn ask(question: &str) -> Result<Option<String>> {
    quiet::say_held();
    let stdin = std::io::stdin();
    if !stdin.is_terminal() || !std::io::stderr().is_terminal() {
        return Ok(None);
    }
    tree::without_picture(|| {
        let mut stderr = anstream::stderr().lock();
        write!(stderr, "{} ", words::lines(question))?;
        stderr.flush()?;
        drop(stderr);
        let mut answer = String::new();
        stdin.lock().read_line(&mut answer)?;
        Ok(Some(answer.trim().to_owned()))
    })
}

/// Returns whether somebody reads stdout on a terminal.
pub fn is_watched() -> bool {
    stdout().is_terminal()
}

/// Returns the reporter of events: to a program, to a person at a terminal, or to a log.
pub fn reporter(output: Output, terminal: &Terminal) -> Box<dyn Reporter> {
    let clock: board::Clock = Arc::new(Instant::now);
    let dialect = match terminal.github {
        Some(_) => Dialect::Github,
        None => Dialect::Plain,
    };
    match output {
        Output::Ndjson => Box::new(stream()),
        Output::Text | Output::Json if terminal.progress != Progress::Everything => {
            let lines = Lines::still(Box::new(anstream::stderr()), dialect, clock);
            Box::new(Quiet::new(lines, terminal.progress))
        }
        Output::Text | Output::Json if terminal.live && std::io::stderr().is_terminal() => {
            Box::new(Tree::new(clock))
        }
        Output::Text | Output::Json => {
            Box::new(Lines::new(Box::new(anstream::stderr()), dialect, clock))
        }
    }
}

fn stream() -> EventStream {
    EventStream::new(Box::new(stdout()), SystemTime::now)
}

/// Returns the line that stays on a terminal after an event, if it is worth one.
fn lasting_line(event: &Event) -> Option<String> {
    match event {
        Event::StepStarted(step) => Some(step.name().to_owned()),
        Event::TaskDone {
            task,
            outcome: word,
            elapsed,
        } => {
            let (task, time) = (plain(task), words::elapsed(*elapsed));
            Some(format!(
                "  {task:<24} {} {FAINT}{time}{FAINT:#}",
                outcome(word)
            ))
        }
        Event::UndoStarted { cause, release } => Some(warning(&words::undo(cause, release))),
        Event::Note(text) | Event::Explanation(text) => Some(format!("  {}", plain(text))),
        Event::Warning(text) => Some(warning(text)),
        Event::ToolOutput(text) => Some(words::tool_output(text)),
        Event::StepDone(..)
        | Event::TaskStarted { .. }
        | Event::TaskSized { .. }
        | Event::Resource { .. }
        | Event::TaskProgress { .. } => None,
    }
}

fn warning(text: &str) -> String {
    format!("{WARNING}warning:{WARNING:#} {}", plain(text))
}

/// Returns how a task has ended; a failure is seen at once.
fn outcome(word: &str) -> String {
    match word {
        "failed" => format!("{ERROR}failed{ERROR:#}"),
        word => plain(word),
    }
}

#[cfg(test)]
mod tests {
    use super::script::{done, progress, started};
    use super::*;
    use crate::event::Step;
    use std::time::Duration;

    #[test]
    fn what_has_ended_stays_as_a_line() {
        let events = [
            Event::StepStarted(Step::Provision),
            started("stack data"),
            progress("stack data", "Table"),
            done("stack data", "created", 1.234),
            done("stack api", "failed", 125.0),
            Event::Note("waiting for api\u{1b}[2J".to_owned()),
            Event::Warning("not started:\nsite".to_owned()),
            Event::ToolOutput("\u{1b}[31merror\u{1b}[0m\n  at main".to_owned()),
            Event::StepDone(Step::Provision, Duration::from_secs(2)),
        ];
        let lines: Vec<String> = events.iter().filter_map(lasting_line).collect();
        let plain = anstream::adapter::strip_str(&lines.join("\n")).to_string();
        insta::assert_snapshot!(plain, @r"
provision
  stack data               created 1.2 s
  stack api                failed 2 min 5 s
  waiting for api\u{1b}[2J
warning: not started:\nsite
error
  at main
");
    }
}
