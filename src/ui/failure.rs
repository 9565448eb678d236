//! An error as a document for programs. In: the error and how the process ends with it. Out: its fields, the same on a
//! line of `--output ndjson` and below `error` of `--output json`.

use clap::error::Error as UsageError;
use serde::Serialize;

use crate::error::{Exit, Place, Undo, UserError, user_error};

/// The fields of an error.
#[derive(Serialize)]
pub(super) struct Failure {
    message: String,
    hint: Option<String>,
    exit: u8,
    code: String,
    place: Option<Place>,
    #[serde(skip_serializing_if = "Option::is_none")]
    undo: Option<Box<Undo>>,
}

/// The document of `--output json`.
#[derive(Serialize)]
pub(super) struct Document {
    pub(super) error: Failure,
}

impl Failure {
    /// Describes the error of a command.
    pub(super) fn new(error: &anyhow::Error, hint: Option<&str>, exit: Exit) -> Self {
        Self {
            message: format!("{error:#}"),
            hint: hint.map(str::to_owned),
            exit: exit as u8,
            code: exit.name(),
            place: user_error(error).and_then(UserError::place),
            undo: user_error(error)
                .and_then(UserError::undo)
                .cloned()
                .map(Box::new),
        }
    }

    /// Describes a fault in the command line. What clap says after the fault is its cure.
    pub(super) fn of_usage(error: &UsageError, exit: Exit) -> Self {
        let text = error.render().to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        let (message, hint) = text.split_once("\n\n").unwrap_or((text, ""));
        Self {
            message: message.trim().to_owned(),
            hint: Some(hint.trim().to_owned()).filter(|hint| !hint.is_empty()),
            exit: exit as u8,
            code: exit.name(),
            place: None,
            undo: None,
        }
    }
}
