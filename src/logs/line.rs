//! One line of a log, as it is shown. In: when it was written, by whom, and its text. Out: level,
//! message and fields, taken from the text where it is JSON.

use std::fmt;
use std::time::SystemTime;

use serde::Serialize;
use serde_json::{Map, Value};

use super::LogSource;
use crate::clock::rfc3339_millis;
use crate::plain::plain;

/// One line of a log.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LogLine {
    /// When it was written (RFC 3339, UTC, to the millisecond).
    pub time: String,
    /// The writer of the line.
    pub source: LogSource,
    /// Its level in capitals, where it has one.
    pub level: Option<String>,
    /// The message.
    pub message: String,
    /// The other fields, by name.
    pub fields: Map<String, Value>,
    #[serde(skip)]
    pub(super) at: SystemTime,
}

/// Fields that repeat the time of the line.
const TIMES: [&str; 2] = ["timestamp", "time"];

impl LogLine {
    /// Reads a line.
    pub fn read(at: SystemTime, source: LogSource, text: &str) -> Self {
        let (level, message, fields) = match serde_json::from_str(text) {
            Ok(Value::Object(fields)) => of_object(fields),
            // Lambda's own lines have tabs between their parts.
            _ => (None, text.trim_end().replace('\t', " "), Map::new()),
        };
        Self {
            time: rfc3339_millis(at),
            source,
            level,
            message,
            fields,
            at,
        }
    }
}

/// Our own lines have level and message; those of Lambda itself have a type, such as `platform.start`;
/// those of the API's access log have neither.
fn of_object(fields: Map<String, Value>) -> (Option<String>, String, Map<String, Value>) {
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    let level = text("level").map(str::to_uppercase);
    let named = ["message", "type"]
        .into_iter()
        .find(|name| text(name).is_some());
    let message = named.and_then(text).unwrap_or_default().to_owned();
    let is_reported = |name: &str| {
        TIMES.contains(&name) || Some(name) == named || (name == "level" && level.is_some())
    };
    let rest = fields.iter().filter(|(name, _)| !is_reported(name));
    let rest = rest
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    (level, message, rest)
}

/// `TIME SOURCE LEVEL message key=value …`
impl fmt::Display for LogLine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = self.level.as_deref().unwrap_or("-");
        let (time, source) = (&self.time, self.source.name());
        write!(formatter, "{time} {source:<9} {:<5}", plain(level))?;
        match self.said() {
            said if said.is_empty() => Ok(()),
            said => write!(formatter, " {}", plain(&said)),
        }
    }
}

impl LogLine {
    /// Returns message and fields in a line: `message key=value …`.
    pub(super) fn said(&self) -> String {
        let message = Some(self.message.clone()).filter(|message| !message.is_empty());
        let fields = self.fields.iter();
        let fields = fields.map(|(name, value)| format!("{name}={}", word(value)));
        message
            .into_iter()
            .chain(fields)
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// A text of one word is written as it is; everything else as JSON.
fn word(value: &Value) -> String {
    match value {
        Value::String(text) if is_word(text) => text.clone(),
        other => other.to_string(),
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c == '"' || c == '=')
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read(source: LogSource, text: &str) -> String {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_564_799_042);
        LogLine::read(at, source, text).to_string()
    }

    #[test]
    fn lines_read_alike_whoever_wrote_them() {
        let lines = [
            read(
                LogSource::API,
                r#"{"timestamp":"2026-11-24T23:59:59.042Z","level":"INFO","message":"request","method":"GET","status":200,"route":"/factories/{id}"}"#,
            ),
            read(LogSource::API, "START RequestId: 8f5 Version: $LATEST\n"),
            read(
                LogSource::PUBLISHER,
                r#"{"time":"2026-11-24T23:59:59.042Z","type":"platform.start","record":{"requestId":"8f5"}}"#,
            ),
            read(
                LogSource::ACCESS,
                r#"{"request_id":"a=","status":"200","path":"/a b","integration_error":"-","ip":""}"#,
            ),
            read(
                LogSource::SERVER,
                r#"{"level":"warn","message":{"not":"text"}}"#,
            ),
            read(
                LogSource::SERVER,
                "thread 'main' panicked at \u{1b}[31msrc/main.rs",
            ),
            read(
                LogSource::SERVER,
                r#"{"message":"a\u001b[2Jb","name":"x\ny"}"#,
            ),
            read(LogSource::SERVER, "[1, 2]"),
            read(LogSource::API, "REPORT RequestId: 8f5\tDuration: 66 ms\n"),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r#"
        2026-11-24T23:59:59.042Z api       INFO  request method=GET status=200 route=/factories/{id}
        2026-11-24T23:59:59.042Z api       -     START RequestId: 8f5 Version: $LATEST
        2026-11-24T23:59:59.042Z publisher -     platform.start record={"requestId":"8f5"}
        2026-11-24T23:59:59.042Z access    -     request_id="a=" status=200 path="/a b" integration_error=- ip=""
        2026-11-24T23:59:59.042Z server    WARN  message={"not":"text"}
        2026-11-24T23:59:59.042Z server    -     thread 'main' panicked at \u{1b}[31msrc/main.rs
        2026-11-24T23:59:59.042Z server    -     a\u{1b}[2Jb name="x\ny"
        2026-11-24T23:59:59.042Z server    -     [1, 2]
        2026-11-24T23:59:59.042Z api       -     REPORT RequestId: 8f5 Duration: 66 ms
        "#);
    }
}
