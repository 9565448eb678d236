//! The YAML of a template: what CloudFormation does not take of it, and what is no YAML at all.

use serde::de::IgnoredAny;

use super::TemplateFault;

/// The cure of a text that is no YAML.
pub(super) const NO_YAML: &str = "indent the lines of one mapping or list to the same column with spaces, write `KEY: VALUE` with a space \
                                  after the colon, and close every quote and bracket";

/// CloudFormation takes YAML without anchors, aliases and merge keys (AWS CloudFormation User Guide, "CloudFormation
/// template format": "YAML aliases" are not supported), and a key stands once.
pub(super) fn check_text(body: &str) -> Result<(), TemplateFault> {
    let strict = serde_yaml::options! {
        budget: serde_yaml::budget! { max_anchors: 0, max_aliases: 0 },
        merge_keys: serde_yaml::options::MergeKeyPolicy::Error,
    };
    let read: Result<serde_yaml::Tagged<IgnoredAny>, _> =
        serde_yaml::from_str_with_options(body, strict);
    let Err(error) = read else { return Ok(()) };
    let line = error
        .location()
        .map_or(1, |place| usize::try_from(place.line()).unwrap_or(1));
    let said = error.without_snippet().to_string();
    let (message, cure) = words(&said);
    Err(TemplateFault {
        line,
        message,
        cure: cure.to_owned(),
    })
}

/// Puts what the reader of YAML says into words of templates.
fn words(said: &str) -> (String, &'static str) {
    let lower = said.to_lowercase();
    if lower.contains("merge") {
        let message = "it has a merge key (`<<`), which CloudFormation does not take";
        return (message.to_owned(), "write the keys out");
    }
    if lower.contains("alias") || lower.contains("anchor") {
        let message =
            "it has an anchor (`&`) or an alias (`*`), which CloudFormation does not take";
        return (message.to_owned(), "write the value out where it is used");
    }
    let first = said.lines().next().unwrap_or_default();
    let first = first.split(", set ").next().unwrap_or_default();
    let first = first.split(" at line ").next().unwrap_or_default();
    let first = first.trim_start_matches("error: ");
    let first = first
        .strip_prefix("line ")
        .and_then(|rest| rest.split_once(": "))
        .map_or(first, |(_, message)| message);
    (first.to_owned(), NO_YAML)
}
