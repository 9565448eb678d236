//! The progress where nothing can be drawn over: a log, a pipe, a CI system. In: events. Out: one
//! line for each change, to be searched by `stack data: Table`, and a sign of life when there has been
//! none for a while, also when no event comes.

use std::io::Write;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::board::{Board, Clock, Task};
use super::github;
use super::words::{about, elapsed, tool_output};
use super::{ERROR, frame};
use crate::event::{Event, Reporter, ResourceState, ResourceStep};
use crate::plain::plain;

/// CI systems take a silent job for a dead one.
const HEARTBEAT: Duration = Duration::from_secs(30);

/// The interval at which the need for a heartbeat is checked.
const LOOK: Duration = Duration::from_secs(1);

/// The reader of the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// A person, or a log.
    Plain,
    /// The runner of GitHub Actions, which takes some lines for commands.
    Github,
}

/// One line for each change.
pub(super) struct Lines {
    page: Arc<Page>,
    pulse: Option<Pulse>,
}

/// The destination of the lines, and the state of the tasks.
struct Page {
    dialect: Dialect,
    clock: Clock,
    state: Mutex<LinesState>,
}

struct LinesState {
    board: Board,
    /// When the last line was written.
    last: Instant,
    out: Box<dyn Write + Send>,
    is_in_group: bool,
}

/// The thread that gives signs of life; it ends with its sender.
struct Pulse {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Lines {
    /// Begins with nothing going on, and with a pulse.
    pub(super) fn new(out: Box<dyn Write + Send>, dialect: Dialect, clock: Clock) -> Self {
        let mut lines = Self::still(out, dialect, clock);
        lines.pulse = Some(Pulse::start(Arc::clone(&lines.page)));
        lines
    }

    /// Begins with nothing going on, and without a pulse: where nothing is said, nothing is to be said.
    pub(super) fn still(out: Box<dyn Write + Send>, dialect: Dialect, clock: Clock) -> Self {
        let state = LinesState {
            board: Board::default(),
            last: clock(),
            out,
            is_in_group: false,
        };
        let page = Arc::new(Page {
            dialect,
            clock,
            state: Mutex::new(state),
        });
        Self { page, pulse: None }
    }
}

impl Reporter for Lines {
    fn report(&self, event: Event) {
        self.page.take(&event);
    }
}

impl Drop for Lines {
    /// An interrupted run must not leave its group open.
    fn drop(&mut self) {
        if let Some(Pulse { stop, thread }) = self.pulse.take() {
            drop(stop);
            // A pulse that died of a panic has printed its own message.
            let _ = thread.join();
        }
        let mut state = self.page.lock();
        let end = state.leave_group();
        state.write(end, (self.page.clock)());
    }
}

impl Pulse {
    fn start(page: Arc<Page>) -> Self {
        let (stop, stopped) = channel();
        let thread = std::thread::spawn(move || {
            while stopped.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                page.beat();
            }
        });
        Self { stop, thread }
    }
}

impl Page {
    fn lock(&self) -> std::sync::MutexGuard<'_, LinesState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, event: &Event) {
        let now = (self.clock)();
        let mut state = self.lock();
        let lines = match self.dialect {
            Dialect::Plain => line(event, &state.board, now).into_iter().collect(),
            Dialect::Github => state.github_lines(event, now),
        };
        state.board.take(event, now);
        state.write(lines, now);
    }

    /// Writes a sign of life if one is due.
    fn beat(&self) {
        let now = (self.clock)();
        let mut state = self.lock();
        if now.saturating_duration_since(state.last) >= HEARTBEAT {
            let sign = heartbeat(&state.board, now);
            state.write(sign.into_iter().collect(), now);
        }
    }
}

impl LinesState {
    fn write(&mut self, lines: Vec<String>, now: Instant) {
        if lines.is_empty() {
            return;
        }
        self.last = now;
        // Nobody is left to read a message.
        let _ = writeln!(self.out, "{}", lines.join("\n"));
        let _ = self.out.flush();
    }

    /// Each step is a group that can be folded. Groups cannot hold groups.
    fn github_lines(&mut self, event: &Event, now: Instant) -> Vec<String> {
        let line = line(event, &self.board, now);
        match event {
            Event::StepStarted(step) => {
                let mut lines = self.leave_group();
                self.is_in_group = true;
                lines.push(github::command("group", &[], step.name()));
                lines
            }
            Event::StepDone(..) => line.into_iter().chain(self.leave_group()).collect(),
            Event::UndoStarted { cause, release } => {
                let mut lines = self.leave_group();
                let text = super::words::undo(cause, release);
                lines.push(github::command("warning", &[], &text));
                lines
            }
            Event::Warning(text) => vec![github::command("warning", &[], text)],
            _ => line
                .map(|line| github::harmless(&line))
                .into_iter()
                .collect(),
        }
    }

    fn leave_group(&mut self) -> Vec<String> {
        let end = github::command("endgroup", &[], "");
        std::mem::take(&mut self.is_in_group)
            .then_some(end)
            .into_iter()
            .collect()
    }
}

/// Returns an event as a line, if it is news. The board does not know of it yet.
fn line(event: &Event, board: &Board, now: Instant) -> Option<String> {
    match event {
        Event::StepStarted(step) => Some(step.name().to_owned()),
        Event::StepDone(step, time) => Some(format!("{}: done {}", step.name(), seconds(*time))),
        Event::TaskStarted { task } => Some(format!("{}: started", plain(task))),
        Event::TaskSized {
            task,
            resources,
            expected,
        } => Some(size(task, *resources, *expected)),
        Event::Resource { task, resource } => moved(task, resource, board, now),
        Event::TaskDone {
            task,
            outcome,
            elapsed,
        } => Some(format!(
            "{}: {} {}",
            plain(task),
            super::outcome(outcome),
            seconds(*elapsed)
        )),
        Event::UndoStarted { cause, release } => {
            Some(super::warning(&super::words::undo(cause, release)))
        }
        Event::Note(text) | Event::Explanation(text) => Some(plain(text)),
        Event::Warning(text) => Some(super::warning(text)),
        Event::ToolOutput(text) => Some(tool_output(text)),
        Event::TaskProgress { .. } => None,
    }
}

/// In a log, times are to be compared: always in seconds.
fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

fn size(task: &str, resources: usize, expected: Option<Duration>) -> String {
    let noun = if resources == 1 {
        "resource"
    } else {
        "resources"
    };
    let expected = expected.filter(|expected| !expected.is_zero());
    let expected = expected.map(|expected| format!(", {}", about(expected)));
    let expected = expected.unwrap_or_default();
    format!("{}: {resources} {noun}{expected}", plain(task))
}

/// CloudFormation reports twice that a creation is in progress; that is news only once.
fn moved(task: &str, step: &ResourceStep, board: &Board, now: Instant) -> Option<String> {
    let known = board
        .find(task)
        .and_then(|task| task.find(&step.logical_id));
    if known.is_some_and(|row| row.now.status == step.status) {
        return None;
    }
    let mut text = format!("{}: {} ", plain(task), plain(&step.logical_id));
    let status = plain(&step.status);
    match step.state {
        ResourceState::Failed => text += &format!("{ERROR}{status}{ERROR:#}"),
        _ => text += &status,
    }
    if let Some(row) = known.filter(|_| step.state != ResourceState::Working) {
        text += &format!(" {}", seconds(now.saturating_duration_since(row.since)));
    }
    if let (ResourceState::Failed, Some(reason)) = (step.state, &step.reason) {
        text += &format!(": {}", plain(reason));
    }
    Some(text)
}

/// Returns what is going on in one line, or nothing if nothing is.
fn heartbeat(board: &Board, now: Instant) -> Option<String> {
    let (step, since) = board.step?;
    let since = elapsed(now.saturating_duration_since(since));
    let tasks: Vec<String> = board.tasks.iter().map(|task| busy(task, now)).collect();
    let left = frame::left(board, now);
    let text = format!(
        "still in {}, {since}{left}: {}",
        step.name(),
        tasks.join("; ")
    );
    Some(text.trim_end_matches([':', ' ']).to_owned())
}

/// Returns what a task is at: `stack data 3/8 41 s of about 2 min (Table CREATE_IN_PROGRESS 35 s)`.
fn busy(task: &Task, now: Instant) -> String {
    let mut words = vec![plain(&task.name)];
    words.extend(task.count());
    words.push(frame::time(task, now));
    let at_work: Vec<String> = task
        .working()
        .iter()
        .map(|row| {
            let since = elapsed(now.saturating_duration_since(row.since));
            let (id, status) = (plain(&row.now.logical_id), plain(&row.now.status));
            format!("{id} {status} {since}")
        })
        .collect();
    if !at_work.is_empty() {
        words.push(format!("({})", at_work.join(", ")));
    } else if let Some(detail) = &task.detail {
        words.push(format!("({})", plain(detail)));
    }
    words.join(" ")
}

#[cfg(test)]
#[path = "lines_tests.rs"]
mod tests;
