//! The one error type of this crate: it names the invalid field, its value and the allowed values.

use std::borrow::Cow;

/// The number of characters after which a message truncates an invalid value.
const SHOWN_CHARACTERS: usize = 80;

/// An invalid value of a field.
///
/// `Display` writes one sentence for the person who typed the value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` is {value}; allowed: {allowed}")]
pub struct FieldError {
    /// The field's name in JSON.
    pub field: &'static str,
    /// The value as a message shows it: truncated if it is long, and with control characters escaped.
    pub value: String,
    /// The values that are allowed instead.
    pub allowed: Cow<'static, str>,
}

impl FieldError {
    /// Returns the error for a text value, which it quotes.
    pub fn text(field: &'static str, value: &str, allowed: impl Into<Cow<'static, str>>) -> Self {
        Self::described(field, quoted(value), allowed)
    }

    /// Returns the error for a value that the caller describes, like a number or "missing".
    pub fn described(
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

/// Quotes text for a message: truncates it after 80 characters and escapes control characters, so that the
/// text cannot control a terminal.
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

/// Returns whether a character is forbidden in names and escaped in messages.
///
/// The forbidden characters are the control characters (`Cc`) and the bidirectional embeddings,
/// overrides and isolates (U+202A to U+202E, U+2066 to U+2069), with which a text could disguise the
/// text around it. The joiner of emoji (U+200D) and the marks of right-to-left scripts are allowed.
pub fn is_forbidden(character: char) -> bool {
    character.is_control() || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns whether a character shows nothing by itself: white space, the characters that Unicode lets programs ignore
/// (`Default_Ignorable_Code_Point`), and the blanks of Braille and of musical notation.
pub fn is_invisible(character: char) -> bool {
    character.is_whitespace()
        || matches!(
            character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d159}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
        )
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
        let error = FieldError::described("count", "16", "a whole number from 0 to 15");

        assert_eq!(
            error.to_string(),
            "`count` is 16; allowed: a whole number from 0 to 15"
        );
    }

    #[test]
    fn a_shown_value_cannot_control_the_terminal() {
        let error = FieldError::text("name", "a\u{1b}[2J\u{202e}b", "text");

        assert_eq!(error.value, "\"a\\u{1b}[2J\\u{202e}b\"");
    }

    #[test]
    fn a_long_value_is_truncated() {
        let error = FieldError::text("name", &"x".repeat(81), "text");

        assert_eq!(error.value, format!("\"{}…\"", "x".repeat(80)));
    }
}
