//! A configuration file that cannot be read. In: its text, and what the reader of YAML says. Out: the error with the place, the
//! setting and its value, and the line that would be right.

use std::path::Path;

use serde_yaml::Error;

use crate::error::UserError;
use crate::nearest::nearest;

const REFERENCE: &str = "docs/configuration.md lists every setting";
const SHAPE: &str = "write `KEY: VALUE` with a space after the colon, indent with spaces, and begin the lines of one mapping in the same \
                     column; what stands above this line may be unfinished";

/// A line for each setting, as it may stand in the file.
const EXAMPLES: [(&str, &str); 29] = [
    ("account", "account: \"123456789012\""),
    ("alarm_email", "alarm_email: ops@example.com"),
    ("architecture", "architecture: arm64"),
    ("bake_minutes", "bake_minutes: 5"),
    ("default_stage", "default_stage: local"),
    ("domain", "domain: example.com"),
    ("expires_after", "expires_after: 3d"),
    ("hosted_zone_id", "hosted_zone_id: Z0123456789ABCDEFGHIJ"),
    ("hosting", "hosting: local"),
    ("instance_type", "instance_type: t3.small"),
    ("keep_releases", "keep_releases: 10"),
    ("live", "live: appsync"),
    ("log_retention_days", "log_retention_days: 30"),
    ("max", "max: 4"),
    ("min", "min: 2"),
    ("network", "network: private"),
    ("session_manager", "session_manager: false"),
    ("zones", "zones: [us-east-1a, us-east-1b]"),
    ("name", "name: factory-tree"),
    ("parameters", "parameters: { BatchSize: 10 }"),
    ("port", "port: 8080"),
    ("profile", "profile: release"),
    ("protected", "protected: true"),
    ("region", "region: eu-central-1"),
    ("servers", "servers: { min: 2, max: 4 }"),
    ("sign_in", "sign_in: true"),
    ("source", "source: ."),
    (
        "stages",
        "stages: { local: { hosting: local, domain: factory-tree.localhost, region: us-east-1 } }",
    ),
    ("undo_on_failure", "undo_on_failure: true"),
];

/// Returns the error of a file that the reader of YAML refuses.
pub(super) fn misread(file: &Path, text: &str, error: &Error) -> UserError {
    let error = error.without_snippet();
    let (line, column) = error
        .location()
        .map_or((1, 1), |place| (place.line(), place.column()));
    let (message, hint) = explain(error, text, line, column);
    UserError::Config {
        file: file.to_owned(),
        line,
        column,
        message,
        hint,
    }
}

fn explain(error: &Error, text: &str, line: u64, column: u64) -> (String, String) {
    match error {
        Error::SerdeUnknownField {
            field, expected, ..
        } => unknown_key(field, expected),
        Error::SerdeUnknownVariant {
            variant, expected, ..
        } => {
            let key = setting_at(text, line, column);
            (said(key, variant), one_of(variant, expected))
        }
        Error::SerdeMissingField { field, .. } => (
            format!("`{field}` is missing"),
            format!("add a line such as `{}`; {REFERENCE}", example(field)),
        ),
        Error::DuplicateMappingKey { key, .. } => (
            format!("`{}` stands twice", key.as_deref().unwrap_or_default()),
            "keep one of the two lines".to_owned(),
        ),
        Error::InvalidScalar { ty, .. } => wrong_type(text, line, column, ty),
        Error::SerdeInvalidType { expected, .. } | Error::SerdeInvalidValue { expected, .. } => {
            wrong_type(text, line, column, expected)
        }
        Error::Unexpected { expected, .. } => wrong_type(text, line, column, expected),
        Error::NullIntoString { .. } => wrong_type(text, line, column, "text"),
        Error::ExternallyTaggedEnumExpectedScalarOrMapping { .. } => {
            wrong_type(text, line, column, "one of its words")
        }
        Error::Eof { .. } if text.trim().is_empty() => (
            "the file is empty".to_owned(),
            format!(
                "begin with a line such as `{}`; {REFERENCE}",
                example("stages")
            ),
        ),
        other => refused(&first_line(&other.to_string())),
    }
}

fn unknown_key(field: &str, known: &[&str]) -> (String, String) {
    let message = format!("`{field}` is no setting here");
    let list = known.join(", ");
    let hint = match nearest(field, known.iter().copied()) {
        Some(meant) => format!("write `{meant}`; the settings here are {list}"),
        None => format!("remove it; the settings here are {list}"),
    };
    (message, hint)
}

fn one_of(value: &str, known: &[&str]) -> String {
    let list = known.join(" or ");
    match nearest(value, known.iter().copied()) {
        Some(meant) => format!("write `{meant}`; it may be {list}"),
        None => format!("write {list}"),
    }
}

fn said(key: Option<&str>, value: &str) -> String {
    match key {
        Some(key) => format!("`{key}` is `{value}`, which it cannot be"),
        None => format!("`{value}` cannot stand here"),
    }
}

/// A value of another type. Without a setting before it, the text is no YAML of the right shape.
fn wrong_type(text: &str, line: u64, column: u64, expected: &str) -> (String, String) {
    let is_mapping = words(expected) == "a mapping";
    let key = setting_at(text, line, column)
        .or_else(|| key_from(text, line, column).filter(|_| !is_mapping));
    let Some(key) = key else {
        return (
            format!("{} is expected here", words(expected)),
            SHAPE.to_owned(),
        );
    };
    let written = value_after(text, key, line);
    if written.starts_with("{stage}") {
        let cure =
            format!("put it in quotes, because a brace begins a mapping: `{key}: '{written}'`");
        return (format!("`{key}` is `{written}`, and must be text"), cure);
    }
    let value = match written {
        "" => "has no value".to_owned(),
        value => format!("is `{value}`"),
    };
    let message = format!("`{key}` {value}, and must be {}", words(expected));
    let known = EXAMPLES.iter().any(|(name, _)| *name == key);
    let line = if known || !is_mapping {
        example(key)
    } else {
        // The key of a mapping that is no setting is the name of a stage.
        format!("{key}: {{ domain: example.com, region: eu-central-1 }}")
    };
    (message, format!("write it as in `{line}`; {REFERENCE}"))
}

/// Puts a type of the reader into words of this file.
fn words(expected: &str) -> String {
    match expected {
        "bool" | "boolean" | "a boolean" => "true or false".to_owned(),
        "string" | "string scalar" | "a string" | "path string" => "text".to_owned(),
        "u16" => "a whole number up to 65535".to_owned(),
        text if text.starts_with(['u', 'i']) && text.ends_with(char::is_numeric) => {
            "a whole number".to_owned()
        }
        text if text.contains("nonzero") => "a whole number from 1 to 65535".to_owned(),
        text if text.contains("mapping") || text.contains("struct") || text.contains("map") => {
            "a mapping".to_owned()
        }
        text => text.to_owned(),
    }
}

fn example(key: &str) -> String {
    let line = EXAMPLES.iter().find(|(name, _)| *name == key);
    line.map_or_else(|| format!("{key}: VALUE"), |(_, line)| (*line).to_owned())
}

/// A message that carries its own cure (`value`), or one of the reader's.
fn refused(message: &str) -> (String, String) {
    match message.split_once(": use ") {
        Some((problem, cure)) => (problem.to_owned(), format!("use {cure}")),
        None => (message.to_owned(), SHAPE.to_owned()),
    }
}

/// The reader ends some messages with advice for programs, or with the place, which the error begins with.
fn first_line(message: &str) -> String {
    let message = message.lines().next().unwrap_or_default();
    let message = message.split(", set ").next().unwrap_or_default();
    let message = message.split(" at line ").next().unwrap_or_default();
    message.to_owned()
}

/// Returns the key before a place: on the same line, or at the end of the one above.
fn setting_at(text: &str, line: u64, column: u64) -> Option<&str> {
    let line = usize::try_from(line).ok()?.checked_sub(1)?;
    let column = usize::try_from(column).ok()?.checked_sub(1)?;
    let here = text.lines().nth(line)?;
    let at = here
        .char_indices()
        .nth(column)
        .map_or(here.len(), |(at, _)| at);
    // A value that is not there is placed at the colon.
    let at = if here[at..].starts_with(':') {
        at + 1
    } else {
        at
    };
    let before = here[..at].trim_end();
    let before = if before.is_empty() {
        let above = text.lines().take(line);
        above
            .filter(|line| !line.trim().is_empty())
            .last()?
            .trim_end()
    } else {
        before
    };
    let key = before.strip_suffix(':')?;
    let key = key.rsplit([' ', '{', ',']).next()?;
    Some(key).filter(|key| !key.is_empty())
}

/// Returns the value of a key on a line or the one above, as it is written there.
fn value_after<'a>(text: &'a str, key: &str, line: u64) -> &'a str {
    let last = usize::try_from(line).unwrap_or_default();
    let lines: Vec<&str> = text.lines().take(last).collect();
    let said = lines
        .iter()
        .rev()
        .take(2)
        .find_map(|line| line.split_once(&format!("{key}:")));
    let Some((_, value)) = said else { return "" };
    let value = value.split(" #").next().unwrap_or_default().trim();
    if value.starts_with(['[', '{']) {
        value
    } else {
        value.split([',', '}']).next().unwrap_or_default().trim()
    }
}

/// Returns the key that a place begins with.
fn key_from(text: &str, line: u64, column: u64) -> Option<&str> {
    let line = text
        .lines()
        .nth(usize::try_from(line).ok()?.checked_sub(1)?)?;
    let at = usize::try_from(column).ok()?.checked_sub(1)?;
    let (key, _) = line.get(at..)?.split_once(':')?;
    Some(key).filter(|key| !key.is_empty() && !key.contains(' '))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Project;

    fn complaint(text: &str) -> String {
        let error = serde_yaml::from_str::<Project>(text).unwrap_err();
        let error = misread(Path::new("factory-tree.yaml"), text, &error);
        format!("{error}\nhint: {}", error.hint())
    }

    fn of_stage(settings: &str) -> String {
        complaint(&format!(
            "stages:\n  prod:\n    domain: example.com\n    region: us-east-1\n    {settings}\n"
        ))
    }

    #[test]
    fn each_kind_of_fault_is_told_with_what_is_right() {
        let complaints = [
            of_stage("protect: true"),
            of_stage("colour: green"),
            of_stage("hosting: cloud"),
            of_stage("architecture: arm"),
            of_stage("profile: []"),
            of_stage("protected: maybe"),
            of_stage("port: http"),
            of_stage("port: 70000"),
            of_stage("port: 0"),
            of_stage("servers: two"),
            of_stage("servers: { min: one }"),
            of_stage("servers:\n      min: one"),
            of_stage("alarm_email: [a]"),
            of_stage("account: 12"),
            of_stage("domain: example.org"),
            complaint("stages:\n  prod: { domain: example.com, region: mars }\n"),
            complaint("stages:\n  Prod: { domain: example.com, region: us-east-1 }\n"),
            complaint("stages:\n  prod: { region: us-east-1 }\n"),
            complaint("stages:\n  prod: { domain: example.com }\n"),
            complaint("name: demo\n"),
            complaint("stages: []\n"),
            complaint("stages:\n  prod: yes\n"),
            complaint("stages:\n  prod: [\n"),
            complaint("stages:\n  prod: { domain: a\n"),
            complaint("stages\n"),
            complaint("name: [a]\nstages: {}\n"),
            complaint("stages:\n  prod:\n  domain: example.com\n"),
            complaint("stages:\n\tprod: {}\n"),
            complaint(""),
        ];
        insta::assert_snapshot!(complaints.join("\n\n"));
    }

    #[test]
    fn every_setting_has_an_example_that_is_right() {
        let known = |text: &str| match serde_yaml::from_str::<Project>(text)
            .unwrap_err()
            .without_snippet()
        {
            Error::SerdeUnknownField { expected, .. } => expected.clone(),
            other => panic!("{other}"),
        };
        let stage = "stages:\n  prod:\n    ";
        let settings = [
            ("", known("nope: 1\n")),
            (stage, known(&format!("{stage}nope: 1\n"))),
            (
                "servers",
                known(&format!("{stage}servers: {{ nope: 1 }}\n")),
            ),
        ];
        for (place, names) in settings {
            for name in names {
                // These have no limits that an example would show.
                if ["templates", "verify_seconds"].contains(&name) {
                    continue;
                }
                let line = example(name);
                assert!(!line.ends_with("VALUE"), "{name}");
                let required = [
                    ("domain", "domain: a.example"),
                    ("region", "region: us-east-1"),
                ];
                let others = required.iter().filter(|(other, _)| *other != name);
                let others: String = others.map(|(_, line)| format!("    {line}\n")).collect();
                let text = match place {
                    "" if name == "stages" => line,
                    "" => format!("{line}\nstages: {{}}\n"),
                    "servers" => format!("{stage}servers: {{ {line} }}\n{others}"),
                    _ => format!("{stage}{line}\n{others}"),
                };
                serde_yaml::from_str::<Project>(&text).unwrap();
            }
        }
    }
}
