//! Work that a signal ends. In: a future. Out: its result, or the error of the signal.

use std::convert::Infallible;
use std::io::ErrorKind;

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::Config;
use crate::error::{Exit, UserError};
use crate::event::Journal;

/// Runs a piece of work until it is done or a signal comes; then says what was going on.
pub(super) async fn unless_interrupted<T>(
    config: &Config,
    journal: &Journal,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (signal, exit) = tokio::select! {
        result = work => return result,
        _ = interrupt.recv() => ("SIGINT", Exit::Interrupted),
        _ = terminate.recv() => ("SIGTERM", Exit::Terminated),
    };
    Err(UserError::Interrupted {
        signal,
        stage: config.stage.to_string(),
        doing: journal.doing(),
        exit,
    }
    .into())
}

/// Runs what never ends by itself until a signal comes: that is how it is meant to end.
pub(super) async fn until_signal(work: impl Future<Output = Result<Infallible>>) -> Result<Exit> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        ended = work => quietly_closed(ended.map(|never| match never {})),
        _ = interrupt.recv() => Ok(Exit::Interrupted),
        _ = terminate.recv() => Ok(Exit::Terminated),
    }
}

/// The reader of stdout may close it early: `logs | head`.
pub(super) fn quietly_closed(result: Result<()>) -> Result<Exit> {
    let is_closed = |error: &anyhow::Error| {
        let cause = error.downcast_ref::<std::io::Error>();
        cause.is_some_and(|cause| cause.kind() == ErrorKind::BrokenPipe)
    };
    match result {
        Err(error) if !is_closed(&error) => Err(error),
        _ => Ok(Exit::Success),
    }
}
