//! Work that a signal ends. In: a future. Out: its result, or the error of the signal.

use std::convert::Infallible;
use std::io::ErrorKind;

use anyhow::Result;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::{Exit, UserError, user_error};
use crate::event::Journal;

/// The signals that ask the process to stop.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// Of a terminal that was closed; none where whoever started the process has it ignored.
    hang_up: Option<Signal>,
}

impl Signals {
    fn listen() -> Result<Self> {
        let hang_up = (!is_hang_up_ignored()).then(|| signal(SignalKind::hangup()));
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: hang_up.transpose()?,
        })
    }

    /// Waits for a signal, and returns its name and how the process ends with it.
    async fn next(&mut self) -> (&'static str, Exit) {
        let Self {
            interrupt,
            terminate,
            hang_up,
        } = self;
        let hang_up = async {
            match hang_up {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = interrupt.recv() => ("SIGINT", Exit::Interrupted),
            _ = terminate.recv() => ("SIGTERM", Exit::Terminated),
            _ = hang_up => ("SIGHUP", Exit::HungUp),
        }
    }
}

/// `nohup` starts a process with SIGHUP ignored, and a handler would undo that.
/// Source: proc_pid_status(5), `SigIgn`: a mask in hex, whose lowest bit is signal 1.
fn is_hang_up_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 == 1)
}

/// Runs a piece of work until it is done or a signal comes; then says what was going on.
pub(super) async fn unless_interrupted<T>(
    stage: &str,
    journal: &Journal,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let mut signals = Signals::listen()?;
    let (signal, exit) = tokio::select! {
        result = work => return result,
        stop = signals.next() => stop,
    };
    Err(UserError::Interrupted {
        signal,
        stage: stage.to_owned(),
        doing: journal.doing(),
        touched: journal.has_touched(),
        undoing: journal.is_undoing(),
        exit,
    }
    .into())
}

/// Runs what never ends by itself until a signal comes: that is how it is meant to end.
pub(super) async fn until_signal(work: impl Future<Output = Result<Infallible>>) -> Result<Exit> {
    let mut signals = Signals::listen()?;
    tokio::select! {
        ended = work => quietly_closed(ended.map(|never| match never {})),
        (_, exit) = signals.next() => Ok(exit),
    }
}

/// The reader of stdout may close it early: `logs | head`.
pub(super) fn quietly_closed(result: Result<()>) -> Result<Exit> {
    let is_closed = |error: &anyhow::Error| match user_error(error) {
        Some(UserError::AnswerNotWritten(cause)) => cause.kind() == ErrorKind::BrokenPipe,
        _ => false,
    };
    match result {
        Err(error) if !is_closed(&error) => Err(error),
        _ => Ok(Exit::Success),
    }
}
