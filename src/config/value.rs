//! The checked types of the configuration. A private text, and one constructor: `FromStr`. The error of
//! that constructor is worded as the cure.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::Deserialize;

macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $field:literal, $cure:literal, $valid:expr) => {
        checked_text!($(#[$doc])* $name, $field, $cure, $valid, |_| None);
    };
    ($(#[$doc:meta])* $name:ident, $field:literal, $cure:literal, $valid:expr, $meant:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, JsonSchema)]
        #[serde(try_from = "String")]
        #[schemars(with = "String")]
        pub struct $name(String);

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(format!("`{text}` is no {}: use {}", $field, Self::cure(text)))
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }

        impl $name {
            fn cure(text: &str) -> String {
                let meant: fn(&str) -> Option<String> = $meant;
                meant(text).unwrap_or_else(|| $cure.to_owned())
            }

            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    };
}

checked_text!(
    /// Prefix of all stack names: 1 to 32 lower-case letters, digits or hyphens, starting with a letter.
    StackPrefix,
    "name of a project",
    "1 to 32 lower-case letters, digits or hyphens, starting with a letter",
    |text| is_label(text, 32) && text.starts_with(|first: char| first.is_ascii_lowercase())
);

checked_text!(
    /// A stage's name: 1 to 16 lower-case letters, digits or hyphens, starting with a letter.
    StageName,
    "name of a stage",
    "1 to 16 lower-case letters, digits or hyphens, starting with a letter",
    |text| is_label(text, 16) && text.starts_with(|first: char| first.is_ascii_lowercase()),
    |text| text.contains('*').then(|| "the name of one stage: a pattern stands for many".to_owned())
);

checked_text!(
    /// The name of an availability zone: its region and a letter.
    ZoneName,
    "name of an availability zone",
    "the name of a region and a letter, such as `us-east-1a`",
    |text| {
        let letter = text.chars().next_back();
        letter.is_some_and(|letter| letter.is_ascii_lowercase())
            && text[..text.len() - 1].parse::<Region>().is_ok()
    }
);

checked_text!(
    /// A domain name without `www.` and without a dot at the end (RFC 1035, lower case).
    DomainName,
    "domain",
    "a lower-case name of two or more labels and at most 64 characters without `www.`, a scheme or a port, such as `factory-tree.com`",
    is_domain,
    punycode
);

checked_text!(
    /// A domain as the file has it: `{stage}` in it is the name of the stage.
    DomainSetting,
    "domain",
    "a lower-case name of two or more labels and at most 64 characters without `www.`, a scheme or a port, such as `factory-tree.com`; `{stage}` in it is the name of the stage",
    |text| is_domain(&text.replace(STAGE, "a")),
    punycode
);

checked_text!(
    /// An AWS region's name, such as `eu-central-1`.
    Region,
    "region",
    "a region's name such as `eu-central-1`",
    |text| {
        let parts: Vec<&str> = text.split('-').collect();
        parts.len() >= 3
            && parts.last().is_some_and(|last| !last.is_empty() && last.chars().all(|c| c.is_ascii_digit()))
            && parts.iter().all(|part| is_label(part, 16))
    }
);

checked_text!(
    /// An AWS account: twelve digits. Quote it in YAML, a leading zero counts.
    AccountId,
    "AWS account",
    "its twelve digits in quotes",
    |text| text.len() == 12 && text.chars().all(|c| c.is_ascii_digit())
);

checked_text!(
    /// The id of a Route 53 hosted zone, such as `Z0123456789ABCDEFGHIJ`.
    HostedZoneId,
    "hosted zone id",
    "the id that Route 53 shows, such as `Z0123456789ABCDEFGHIJ`",
    |text| text.starts_with('Z') && text.len() <= 32 && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
);

/// The place of the stage's name in a setting.
const STAGE: &str = "{stage}";

/// Puts the name of a stage, or a pattern, into a setting.
pub(super) fn with_stage(setting: &str, stage: impl fmt::Display) -> String {
    setting.replace(STAGE, &stage.to_string())
}

impl DomainSetting {
    /// Returns whether it differs from stage to stage.
    pub(super) fn names_stage(&self) -> bool {
        self.0.contains(STAGE)
    }
}

impl StackPrefix {
    /// Returns how the names of a stage's stacks begin.
    pub fn of_stage(&self, stage: &StageName) -> String {
        format!("{self}-{stage}-")
    }
}

impl Default for StackPrefix {
    fn default() -> Self {
        Self("factory-tree".to_owned())
    }
}

impl Region {
    /// Returns the region of the certificates that CloudFront takes, whatever the region of the rest.
    pub fn of_cloudfront() -> Self {
        Self(super::CLOUDFRONT_REGION.to_owned())
    }
}

impl Default for StageName {
    fn default() -> Self {
        Self("local".to_owned())
    }
}

/// A certificate is for one name of this length at most, in characters; its other names may be longer.
/// Source: ACM API Reference, `RequestCertificate`, `DomainName`.
const LONGEST_DOMAIN: usize = 64;

fn is_domain(text: &str) -> bool {
    let labels: Vec<&str> = text.split('.').collect();
    labels.len() >= 2
        && text.len() <= LONGEST_DOMAIN
        && !text.starts_with("www.")
        && labels.iter().all(|label| is_label(label, 63))
}

/// Returns the form in which DNS knows a domain with letters beyond ASCII (UTS 46).
fn punycode(text: &str) -> Option<String> {
    let bare = text.strip_prefix("www.").unwrap_or(text);
    let ascii = idna::domain_to_ascii_strict(bare).ok()?;
    let is_other = !text.is_ascii() && is_domain(&ascii);
    is_other.then(|| format!("its punycode form, as DNS knows it: `{ascii}`"))
}

fn is_label(text: &str, longest: usize) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=longest).contains(&text.len())
        && text.chars().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}
