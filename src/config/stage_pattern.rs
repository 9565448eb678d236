//! The keys below `stages`: the name of one stage, or a pattern that stands for many. In: a key, or the name that a person
//! typed. Out: the checked key, and the key whose settings a name has. What the settings say is not read here.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{StackPrefix, StageName};

/// The character that stands for the rest of a stage's name.
const REST: char = '*';

/// A pattern of stage names: how they begin, and a star for the rest, such as `preview-*`.
///
/// Invariant: what stands before the star begins the name of a stage, and leaves room for one more character. The star is
/// the last character: of two patterns that cover one name the longer one is then always the more exact one, and a policy
/// reaches exactly the stages of a pattern by what their names begin with.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StagePattern(String);

impl FromStr for StagePattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let prefix = text.strip_suffix(REST).unwrap_or_default();
        // The shortest name that the pattern covers.
        if format!("{prefix}0").parse::<StageName>().is_ok() && !prefix.is_empty() {
            Ok(Self(prefix.to_owned()))
        } else {
            Err(format!(
                "`{text}` is no pattern of stages: use one `*` as its last character, behind 1 to 15 lower-case letters, \
                 digits or hyphens that start with a letter, such as `preview-*`"
            ))
        }
    }
}

impl fmt::Display for StagePattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{REST}", self.0)
    }
}

impl StagePattern {
    /// Returns how the names of its stages begin.
    pub fn prefix(&self) -> &str {
        &self.0
    }

    /// Returns how the names of the stacks of all its stages begin.
    pub fn stack_prefix(&self, project: &StackPrefix) -> String {
        format!("{project}-{}", self.0)
    }

    /// Returns its name where no star may stand: `preview` of `preview-*`.
    pub fn bare(&self) -> &str {
        self.0.trim_end_matches('-')
    }

    /// Returns whether it covers a name: the star stands for at least one character.
    pub fn covers(&self, name: &str) -> bool {
        name.len() > self.0.len() && name.starts_with(&self.0)
    }

    /// Returns a stage that it covers, to show what a name may look like.
    pub fn example(&self) -> String {
        format!("{}1", self.0)
    }
}

/// A key below `stages`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
pub(super) enum StageKey {
    /// One stage.
    Name(StageName),
    /// Every stage whose name begins so.
    Pattern(StagePattern),
}

impl TryFrom<String> for StageKey {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.contains(REST) {
            text.parse().map(Self::Pattern)
        } else {
            text.parse().map(Self::Name)
        }
    }
}

impl fmt::Display for StageKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(formatter),
            Self::Pattern(pattern) => pattern.fmt(formatter),
        }
    }
}

impl StageKey {
    /// Returns how the names of the key's stages begin, up to the hyphen before the names of their stacks.
    pub(super) fn stack_prefix(&self, project: &StackPrefix) -> String {
        match self {
            Self::Name(name) => project.of_stage(name),
            Self::Pattern(pattern) => pattern.stack_prefix(project),
        }
    }

    /// Returns the pattern, where it is one.
    pub(super) fn pattern(&self) -> Option<&StagePattern> {
        match self {
            Self::Name(_) => None,
            Self::Pattern(pattern) => Some(pattern),
        }
    }
}

/// Returns the key whose settings a stage has: its own name before any pattern, and of patterns the one that says most of
/// the name. No two patterns of a file say equally much: they would be the same key.
pub(super) fn key_of<'a>(
    keys: impl Iterator<Item = &'a StageKey> + Clone,
    name: &str,
) -> Option<&'a StageKey> {
    let is_exact = |key: &&StageKey| matches!(key, StageKey::Name(own) if own.as_str() == name);
    let said = |key: &&StageKey| key.pattern().map_or(0, |pattern| pattern.prefix().len());
    let exact = keys.clone().find(is_exact);
    exact.or_else(|| {
        keys.filter(|key| key.pattern().is_some_and(|pattern| pattern.covers(name)))
            .max_by_key(said)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_the_beginning_of_a_name_and_a_star() {
        for text in ["preview-*", "p*", "a23456789012345*"] {
            assert_eq!(text.parse::<StagePattern>().unwrap().to_string(), text);
        }
        for text in [
            "*",
            "-*",
            "1*",
            "Preview-*",
            "pre_view-*",
            "*-preview",
            "a-*-b",
            "preview-**",
            "a234567890123456*",
            "preview",
            "preview*-",
        ] {
            let refused = text.parse::<StagePattern>().unwrap_err();
            assert!(refused.starts_with(&format!("`{text}` is no pattern")));
        }
    }

    #[test]
    fn a_star_stands_for_one_character_or_more() {
        let pattern: StagePattern = "preview-*".parse().unwrap();
        assert!(pattern.covers("preview-4") && pattern.covers("preview-main-2"));
        assert!(!pattern.covers("preview-") && !pattern.covers("preview") && !pattern.covers("p"));
        assert_eq!(
            (pattern.bare(), pattern.example()),
            ("preview", "preview-1".to_owned())
        );
    }

    #[test]
    fn the_most_exact_key_has_a_name_in_whatever_order_they_stand() {
        let keys = ["p*", "preview-*", "preview-main", "preview-m*", "prod"];
        let keys = keys.map(|key| StageKey::try_from(key.to_owned()).unwrap());
        let reversed: Vec<StageKey> = keys.iter().rev().cloned().collect();
        for (name, wanted) in [
            ("preview-42", Some("preview-*")),
            ("preview-main", Some("preview-main")),
            ("preview-main2", Some("preview-m*")),
            ("prod", Some("prod")),
            ("prod2", Some("p*")),
            ("local", None),
        ] {
            for keys in [&keys[..], &reversed] {
                let found = key_of(keys.iter(), name).map(ToString::to_string);
                assert_eq!(found.as_deref(), wanted, "{name}");
            }
        }
    }
}
