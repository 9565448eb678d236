//! The name of a factory: text of any script, emoji included, without characters that control a terminal or the
//! direction of text.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::field::{FieldError, is_forbidden, is_invisible};

/// The fewest characters (Unicode scalar values) that a name holds after trimming.
pub const MIN_CHARACTERS: usize = 1;

/// The most characters (Unicode scalar values) that a name holds after trimming.
pub const MAX_CHARACTERS: usize = 64;

/// The name of a factory. Two factories can have the same name.
///
/// Invariant: [`MIN_CHARACTERS`] to [`MAX_CHARACTERS`] Unicode scalar values, no white space at either end, no
/// control character and no character that overrides or isolates the direction of text, and at least one that can be
/// seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Returns whether browsers trim this character: they also trim the byte-order mark, which is not white space in
/// Unicode.
fn is_space(character: char) -> bool {
    character.is_whitespace() || character == '\u{feff}'
}

impl FromStr for Name {
    type Err = FieldError;

    /// Trims the text and checks it.
    ///
    /// # Errors
    /// Returns a [`FieldError`] for the field `name` if the trimmed text breaks the invariant.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let name = text.trim_matches(is_space);
        let characters = name.chars().count();
        if characters < MIN_CHARACTERS {
            return Err(FieldError::text("name", name, allowed_length()));
        }
        if characters > MAX_CHARACTERS {
            let shown = format!("{characters} characters long");
            return Err(FieldError::described("name", shown, allowed_length()));
        }
        if name.contains(is_forbidden) {
            let allowed = "text without control characters and without characters that override \
                           or isolate the direction of text";
            return Err(FieldError::text("name", name, allowed));
        }
        if name.chars().all(is_invisible) {
            let allowed = "text with at least one character that can be seen";
            return Err(FieldError::described("name", spelled(name), allowed));
        }
        Ok(Self(name.to_owned()))
    }
}

/// Spells a text that nobody could see.
fn spelled(name: &str) -> String {
    format!("\"{}\"", name.escape_unicode())
}

fn allowed_length() -> String {
    format!("{MIN_CHARACTERS} to {MAX_CHARACTERS} characters after trimming")
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl TryFrom<String> for Name {
    type Error = FieldError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> String {
        text.parse::<Name>().unwrap().to_string()
    }

    #[test]
    fn white_space_around_a_name_is_trimmed() {
        assert_eq!(parsed(" \t\u{feff}mill one\u{3000}\n"), "mill one");
    }

    #[test]
    fn any_script_and_joined_emoji_are_names() {
        for text in [
            "Fabrik Nº 5",
            "工場",
            "مصنع",
            "👩‍👩‍👧‍👦",
            "<img src=x>",
            "a\u{200f}b",
        ] {
            assert_eq!(parsed(text), text);
        }
    }

    #[test]
    fn characters_are_counted_not_bytes() {
        assert_eq!(parsed(&"🏭".repeat(64)).chars().count(), 64);

        let error = "🏭".repeat(65).parse::<Name>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`name` is 65 characters long; allowed: 1 to 64 characters after trimming"
        );
    }

    #[test]
    fn an_empty_name_is_refused() {
        for text in ["", "   ", "\u{feff}"] {
            assert_eq!(
                text.parse::<Name>().unwrap_err().to_string(),
                "`name` is \"\"; allowed: 1 to 64 characters after trimming"
            );
        }
    }

    #[test]
    fn a_name_has_something_to_see() {
        for text in [
            "\u{200b}",
            "\u{ad}\u{2800}",
            "\u{3164} \u{115f}",
            "\u{fe0f}\u{e0041}",
        ] {
            let error = text.parse::<Name>().unwrap_err();
            assert!(
                error
                    .to_string()
                    .ends_with("at least one character that can be seen"),
                "{error}"
            );
        }
        for text in ["a\u{200b}", "\u{301}", ".", "\u{1f3f4}\u{e0067}\u{e007f}"] {
            assert_eq!(parsed(text), text);
        }
    }

    #[test]
    fn control_and_direction_characters_are_refused() {
        for forbidden in [
            '\0', '\u{7}', '\u{1b}', '\u{7f}', '\u{9b}', '\u{202e}', '\u{2066}',
        ] {
            let error = format!("a{forbidden}b").parse::<Name>().unwrap_err();
            assert!(!error.to_string().contains(forbidden), "{error}");
        }
    }

    proptest! {
        #[test]
        fn a_parsed_name_parses_to_itself(text in "\\PC{0,80}") {
            if let Ok(name) = text.parse::<Name>() {
                prop_assert_eq!(name.as_str().parse::<Name>().unwrap(), name);
            }
        }

        #[test]
        fn a_name_keeps_its_invariant(text: String) {
            if let Ok(name) = text.parse::<Name>() {
                let characters = name.as_str().chars().count();
                prop_assert!((MIN_CHARACTERS..=MAX_CHARACTERS).contains(&characters));
                prop_assert!(!name.as_str().contains(is_forbidden));
                prop_assert_eq!(name.as_str().trim(), name.as_str());
            }
        }
    }
}
