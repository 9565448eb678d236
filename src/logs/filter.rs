//! The lines of a log that somebody wants to see. In: a line. Out: whether it is shown. Nothing is read here.

use std::str::FromStr;

use regex::Regex;
use serde_json::Value;

use super::{LogLine, LogSource};

/// The least level of the lines that are shown
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Level {
    /// What went wrong
    Error,
    /// And what may go wrong
    Warn,
    /// And what was done
    Info,
    /// Everything
    Debug,
}

/// A regular expression that clap takes. Its error shows where the fault is.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl FromStr for Pattern {
    type Err = regex::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Regex::new(text).map(Self)
    }
}

/// The lines that are shown; by default, all but those of Lambda itself.
#[derive(Clone, Debug, Default)]
pub struct LogFilter {
    /// Whether lines are shown in which Lambda says that it starts, ends and bills an invocation.
    pub platform: bool,
    /// The least level.
    pub level: Option<Level>,
    /// What a line must match.
    pub grep: Option<Pattern>,
}

impl LogFilter {
    /// Returns whether a line is shown. A line without a level (a panic, for example) has every one.
    pub fn shows(&self, line: &LogLine) -> bool {
        let is_loud = |wanted: Level| level(line).is_none_or(|level| level <= wanted);
        let matches = |Pattern(pattern): &Pattern| pattern.is_match(&line.said());
        (self.platform || !is_of_platform(line))
            && self.level.is_none_or(is_loud)
            && self.grep.as_ref().is_none_or(matches)
    }
}

/// Returns a line's level: its own, or that of the status that the API has answered with.
fn level(line: &LogLine) -> Option<Level> {
    let status = || match line.fields.get("status")? {
        Value::String(text) => text.parse::<u16>().ok(),
        number => number.as_u64()?.try_into().ok(),
    };
    match line.level.as_deref() {
        Some("ERROR" | "FATAL" | "CRITICAL") => Some(Level::Error),
        Some("WARN" | "WARNING") => Some(Level::Warn),
        Some("INFO") => Some(Level::Info),
        Some("DEBUG" | "TRACE") => Some(Level::Debug),
        Some(_) => None,
        None if line.source == LogSource::ACCESS => Some(match status()? {
            500.. => Level::Error,
            400..500 => Level::Warn,
            _ => Level::Info,
        }),
        None => None,
    }
}

/// The beginnings of the lines that Lambda writes around each invocation.
/// Source: Lambda Developer Guide, "Log and monitor Lambda functions", and "Using Lambda advanced logging controls".
const PLATFORM: [&str; 6] = [
    "END RequestId: ",
    "EXTENSION Name: ",
    "INIT_REPORT ",
    "INIT_START ",
    "REPORT RequestId: ",
    "START RequestId: ",
];

/// A line of Lambda itself that says nothing but that all went well.
fn is_of_platform(line: &LogLine) -> bool {
    if [LogSource::ACCESS, LogSource::EVENTS, LogSource::SERVER].contains(&line.source) {
        return false;
    }
    let record = line.fields.get("record");
    let status = record.and_then(|record| record.get("status")?.as_str());
    let is_event =
        line.message.starts_with("platform.") && status.is_none_or(|status| status == "success");
    let is_text = PLATFORM.iter().any(|begin| line.message.starts_with(begin))
        && !line.message.contains("Status: ");
    is_event || line.fields.is_empty() && is_text
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    const LINES: [(LogSource, &str); 14] = [
        (
            LogSource::API,
            "INIT_START Runtime Version: provided:al2023.v1\tRuntime Version ARN: arn",
        ),
        (LogSource::API, "START RequestId: 8f5 Version: $LATEST"),
        (
            LogSource::API,
            r#"{"level":"INFO","message":"request","status":200}"#,
        ),
        (LogSource::API, r#"{"level":"DEBUG","message":"table"}"#),
        (LogSource::API, "END RequestId: 8f5"),
        (LogSource::API, "REPORT RequestId: 8f5\tDuration: 66 ms"),
        (
            LogSource::API,
            "REPORT RequestId: 8f6\tDuration: 3000 ms\tStatus: timeout",
        ),
        (
            LogSource::PUBLISHER,
            r#"{"type":"platform.start","record":{"requestId":"8f5"}}"#,
        ),
        (
            LogSource::PUBLISHER,
            r#"{"type":"platform.report","record":{"status":"success"}}"#,
        ),
        (
            LogSource::PUBLISHER,
            r#"{"type":"platform.report","record":{"status":"timeout"}}"#,
        ),
        (LogSource::ACCESS, r#"{"status":"200","path":"/a"}"#),
        (LogSource::ACCESS, r#"{"status":"502","path":"/b"}"#),
        (LogSource::SERVER, r#"{"level":"WARN","message":"slow"}"#),
        (LogSource::SERVER, "thread 'main' panicked"),
    ];

    fn shown(filter: &LogFilter) -> Vec<usize> {
        let lines = LINES.iter().enumerate().filter(|(_, (source, text))| {
            filter.shows(&LogLine::read(SystemTime::UNIX_EPOCH, source.clone(), text))
        });
        lines.map(|(number, _)| number).collect()
    }

    #[test]
    fn lines_of_lambda_itself_are_shown_when_asked_for_or_when_they_tell_a_failure() {
        let all: Vec<usize> = (0..LINES.len()).collect();
        let with_platform = LogFilter {
            platform: true,
            ..LogFilter::default()
        };
        assert_eq!(shown(&with_platform), all);
        assert_eq!(shown(&LogFilter::default()), [2, 3, 6, 9, 10, 11, 12, 13]);
    }

    #[test]
    fn a_level_shows_it_and_what_is_worse_and_lines_that_have_none() {
        let of = |level| LogFilter {
            level: Some(level),
            ..LogFilter::default()
        };
        assert_eq!(shown(&of(Level::Error)), [6, 9, 11, 13]);
        assert_eq!(shown(&of(Level::Warn)), [6, 9, 11, 12, 13]);
        assert_eq!(shown(&of(Level::Info)), [2, 6, 9, 10, 11, 12, 13]);
        assert_eq!(shown(&of(Level::Debug)), [2, 3, 6, 9, 10, 11, 12, 13]);
    }

    #[test]
    fn a_pattern_is_looked_for_in_message_and_fields() {
        let of = |text: &str| LogFilter {
            grep: Some(text.parse().unwrap()),
            ..LogFilter::default()
        };
        assert_eq!(shown(&of("^request status=2")), [2]);
        assert_eq!(shown(&of("(?i)PANICKED|path=/b")), [11, 13]);
        assert_eq!(
            shown(&of("1970")),
            [0; 0],
            "the time is no part of what a line says"
        );
        let error = "a(b".parse::<Pattern>().unwrap_err().to_string();
        insta::assert_snapshot!(error, @r"
        regex parse error:
            a(b
             ^
        error: unclosed group
        ");
    }
}
