//! The report of `invoke`: the response of a Lambda outside Lambda.

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::config::Config;
use crate::invoke::{Function, FunctionResponse};

/// The result of `invoke`.
#[derive(Clone, Debug, Serialize)]
pub struct InvokeReport {
    /// The stage whose table and topic were worked on.
    pub stage: String,
    /// `api`, `publisher`, or the name of an own Lambda.
    pub function: String,
    /// The response of the Lambda.
    pub answer: Value,
    /// From its start to its first poll of the runtime API.
    pub init_ms: f64,
    /// From the event to the answer.
    pub duration_ms: f64,
    /// The most memory that it held, where the system reports it.
    pub peak_memory_bytes: Option<u64>,
}

impl InvokeReport {
    /// Says what came of a call.
    pub fn of(config: &Config, function: &Function, answer: FunctionResponse) -> Self {
        Self {
            stage: config.stage.to_string(),
            function: function.name().to_owned(),
            answer: answer.answer,
            init_ms: milliseconds(answer.init),
            duration_ms: milliseconds(answer.duration),
            peak_memory_bytes: answer.peak_memory,
        }
    }

    /// Returns what it took, in a line for people.
    pub fn times(&self) -> String {
        let Self {
            init_ms,
            duration_ms,
            ..
        } = self;
        let memory = self
            .peak_memory_bytes
            .map(|bytes| bytes as f64 / f64::from(1 << 20));
        let memory = memory.map(|mebibytes| format!(", memory {mebibytes:.1} MiB"));
        let memory = memory.unwrap_or_default();
        format!("init {init_ms:.1} ms, duration {duration_ms:.1} ms{memory}")
    }
}

/// To the hundredth: what a loopback port adds is more.
fn milliseconds(elapsed: Duration) -> f64 {
    (elapsed.as_secs_f64() * 100_000.0).round() / 100.0
}

impl fmt::Display for InvokeReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:#}", self.answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_reported_as_json_and_what_it_took_in_a_line() {
        let report = InvokeReport {
            stage: "local".to_owned(),
            function: "api".to_owned(),
            answer: serde_json::json!({ "statusCode": 200 }),
            init_ms: milliseconds(Duration::from_micros(6_204)),
            duration_ms: 41.0,
            peak_memory_bytes: Some(19 << 20),
        };
        insta::assert_snapshot!(format!("{report}\n{}", report.times()), @r#"
{
  "statusCode": 200
}
init 6.2 ms, duration 41.0 ms, memory 19.0 MiB
"#);
    }
}
