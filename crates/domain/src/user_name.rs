//! The name of a user, as the identity provider has it: the user that changed a factory last.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::field::{FieldError, is_forbidden, is_invisible};

/// The most characters (Unicode scalar values) of a user's name.
/// Source: Amazon Cognito user pools API Reference, `AdminCreateUser`, `Username`.
pub const MAX_CHARACTERS: usize = 128;

/// The name of a user. Two users of one pool never have the same name.
///
/// Invariant: 1 to [`MAX_CHARACTERS`] Unicode scalar values, no white space, no control character and no character that
/// overrides or isolates the direction of text, and at least one that can be seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserName(String);

impl UserName {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UserName {
    type Err = FieldError;

    /// Checks the text, and trims nothing: the identity provider tells names apart by every character.
    ///
    /// # Errors
    /// Returns a [`FieldError`] for the field `changed_by` if the text breaks the invariant.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let characters = text.chars().count();
        let is_refused = |character: char| {
            // Browsers take the byte-order mark for white space.
            is_forbidden(character) || character.is_whitespace() || character == '\u{feff}'
        };
        if characters == 0
            || characters > MAX_CHARACTERS
            || text.contains(is_refused)
            || text.chars().all(is_invisible)
        {
            return Err(FieldError::text("changed_by", text, allowed_values()));
        }
        Ok(Self(text.to_owned()))
    }
}

fn allowed_values() -> String {
    format!(
        "1 to {MAX_CHARACTERS} characters without white space, without control characters and without characters that \
         override or isolate the direction of text, at least one of which can be seen"
    )
}

impl fmt::Display for UserName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for UserName {
    type Error = FieldError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<UserName> for String {
    fn from(name: UserName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_any_script_is_kept_as_it_is() {
        for text in [
            "ada",
            "ada@example.com",
            "Ádá-1",
            "工場長",
            &"🏭".repeat(128),
        ] {
            assert_eq!(text.parse::<UserName>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn a_name_that_could_disguise_itself_or_flood_a_page_is_refused() {
        for text in [
            "",
            " ",
            "a b",
            "ada\n",
            "a\u{1b}[2J",
            "a\u{202e}b",
            "\u{2066}a",
            "\u{200b}",
            &"x".repeat(129),
        ] {
            let error = text.parse::<UserName>().unwrap_err();
            assert_eq!(error.field, "changed_by", "{text:?}");
            assert!(!error.to_string().contains(['\u{1b}', '\u{202e}', '\n']));
        }
    }
}
