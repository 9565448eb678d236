//! Writing to stdout and stderr where that may fail: a full disk, a reader that has gone, a closed terminal. In: text. Out:
//! an error for the answer, which somebody waits for; nothing for the conversation, which must not stop the work. Never
//! panics, as `println!` would.

use std::fmt::Display;
use std::io::Write;

use anyhow::Result;

use crate::error::UserError;

/// Writes the answer to stdout, as a whole.
///
/// # Errors
/// `UserError::AnswerNotWritten`.
pub(super) fn answer(text: impl Display) -> Result<()> {
    let mut stdout = anstream::stdout().lock();
    answered(writeln!(stdout, "{text}").and_then(|()| stdout.flush()))
}

/// Names the result of writing an answer.
///
/// # Errors
/// `UserError::AnswerNotWritten`.
pub(super) fn answered(written: std::io::Result<()>) -> Result<()> {
    Ok(written.map_err(UserError::AnswerNotWritten)?)
}

/// Writes a line to stderr.
pub(super) fn say(line: impl Display) {
    // Nobody is left to read a message.
    let _ = writeln!(anstream::stderr().lock(), "{line}");
}
