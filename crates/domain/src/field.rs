//! The one error of this crate: which field is wrong, what it holds, and what it may hold.

use std::borrow::Cow;

/// Characters of an offending value that a message repeats, before it is cut.
const SHOWN_CHARACTERS: usize = 80;

/// A value that breaks a rule.
///
/// Its `Display` is one sentence for the person who typed the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` is {value}; allowed: {allowed}")]
pub struct FieldError {
    /// The field's name in JSON.
    pub field: &'static str,
    /// The value as it can be shown: cut when long, with control characters escaped.
    pub value: String,
    /// The values that are allowed instead.
    pub allowed: Cow<'static, str>,
}

impl FieldError {
    /// Returns the error for a value that is text.
    pub fn text(field: &'static str, value: &str, allowed: impl Into<Cow<'static, str>>) -> Self {
        Self::shown(field, quoted(value), allowed)
    }

    /// Returns the error for a value that `value` already describes, like a number or "missing".
    pub fn shown(
        field: &'static str,
        value: impl Into<String>,
        allowed: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            field,
            value: value.into(),
            allowed: allowed.into(),
        }
    }
}

/// Quotes text for a message: cut after 80 characters, and nothing in it can steer a terminal.
pub fn quoted(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .take(SHOWN_CHARACTERS)
        .flat_map(escaped)
        .collect();
    if text.chars().nth(SHOWN_CHARACTERS).is_some() {
        shown.push('…');
    }
    format!("\"{shown}\"")
}

/// Returns whether a name must not contain this character; messages show it escaped.
///
/// These are the control characters (`Cc`) and the bidirectional embeddings, overrides and isolates
/// (U+202A to U+202E, U+2066 to U+2069), with which a name could disguise the text around it.
/// The joiner of emoji (U+200D) and the marks of right-to-left scripts are allowed.
pub fn is_forbidden(character: char) -> bool {
    character.is_control() || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn escaped(character: char) -> impl Iterator<Item = char> {
    let plain = !is_forbidden(character);
    let (kept, spelled) = if plain {
        (Some(character), None)
    } else {
        (None, Some(character.escape_unicode()))
    };
    kept.into_iter().chain(spelled.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_names_field_value_and_allowed_range() {
        let error = FieldError::shown("count", "16", "a whole number from 0 to 15");

        assert_eq!(
            error.to_string(),
            "`count` is 16; allowed: a whole number from 0 to 15"
        );
    }

    #[test]
    fn a_shown_value_cannot_steer_the_terminal() {
        let error = FieldError::text("name", "a\u{1b}[2J\u{202e}b", "text");

        assert_eq!(error.value, "\"a\\u{1b}[2J\\u{202e}b\"");
    }

    #[test]
    fn a_long_value_is_cut() {
        let error = FieldError::text("name", &"x".repeat(81), "text");

        assert_eq!(error.value, format!("\"{}…\"", "x".repeat(80)));
    }
}
