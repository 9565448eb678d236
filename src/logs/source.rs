//! The writer of a log, by the word that people and scripts use for it. In: what a person typed, or a stack's name. Out: the
//! source. Whether a stage has it is not known here.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// The writer of a log: one that every stage can have, or the stack of an own template.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct LogSource(Cow<'static, str>);

impl LogSource {
    /// The api Lambda.
    pub const API: Self = Self(Cow::Borrowed("api"));
    /// The publisher Lambda.
    pub const PUBLISHER: Self = Self(Cow::Borrowed("publisher"));
    /// The HTTP API: one line a request.
    pub const ACCESS: Self = Self(Cow::Borrowed("access"));
    /// The WebSocket servers.
    pub const SERVER: Self = Self(Cow::Borrowed("server"));
    /// The Event API.
    pub const EVENTS: Self = Self(Cow::Borrowed("events"));

    /// Returns the source that is the stack of an own template.
    pub fn of_stack(name: &str) -> Self {
        Self(Cow::Owned(name.to_owned()))
    }

    /// Returns the word that people and scripts see.
    pub fn name(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LogSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A text that names no writer of logs.
#[derive(Debug, thiserror::Error)]
#[error(
    "a source is `api`, `publisher`, `access`, `server`, `events` or the name of an own template"
)]
pub struct InvalidSource;

impl FromStr for LogSource {
    type Err = InvalidSource;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if text.is_empty() || !text.chars().all(is_name) {
            return Err(InvalidSource);
        }
        Ok(Self::of_stack(text))
    }
}
