//! A question to a running stage or one of its parts, and the answer. Nothing is asked here.

use serde::Serialize;

/// One question to the running system, and its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The name of the check.
    pub name: String,
    /// Whether the answer is as it should be.
    pub ok: bool,
    /// The answer in words.
    pub detail: String,
}
