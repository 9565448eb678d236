//! Lambda: the way by which a stream reaches a function, and a call of a function.

use anyhow::{Context, Result};
use aws_config::SdkConfig;
use serde_json::Value;

use super::direct::{Call, Direct};
use super::fault::Fault;
use super::ssm::error;

/// The version of the calls, which is the first part of their path.
/// Source: Lambda API Reference, `GetEventSourceMapping`, "Request Syntax".
const VERSION: &str = "2015-03-31";

/// The client to Lambda.
#[derive(Clone, Debug)]
pub struct Lambda {
    direct: Direct,
}

/// An event source mapping: it reads a stream and calls a function.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Mapping {
    /// Lambda's word, for example `Enabled`.
    pub state: String,
    /// Lambda's words on its last call of the function; empty if it says nothing.
    pub last_result: String,
}

impl Mapping {
    /// Returns whether it calls the function, and the last call did not fail.
    ///
    /// On AWS the result of a failed call begins with `PROBLEM` (Lambda Developer Guide, "Troubleshoot event source mapping
    /// issues"); other endpoints say `FAILED`.
    pub fn works(&self) -> bool {
        let is_on = !matches!(self.state.as_str(), "Disabled" | "Disabling" | "Deleting");
        let failed = ["PROBLEM", "FAILED"];
        is_on && !failed.iter().any(|word| self.last_result.starts_with(word))
    }
}

impl Lambda {
    pub(super) fn new(config: &SdkConfig) -> Self {
        Self {
            direct: Direct::new(config, "lambda", error),
        }
    }

    /// Returns an event source mapping by its id, or `None` if there is no such mapping.
    ///
    /// # Errors
    /// Lambda is not reached or refuses (`lambda:GetEventSourceMapping`).
    pub async fn find_mapping(&self, id: &str) -> Result<Option<Mapping>> {
        let call = Call {
            permission: "lambda:GetEventSourceMapping",
            method: "GET",
            path: format!("/{VERSION}/event-source-mappings/{id}"),
            headers: Vec::new(),
            body: String::new(),
        };
        let text = match self.direct.send(call).await {
            Err(error) if is_missing(&error) => return Ok(None),
            answer => {
                answer.with_context(|| format!("failed to look at event source mapping `{id}`"))?
            }
        };
        let answer: Value = serde_json::from_str(&text)
            .with_context(|| format!("the answer about event source mapping `{id}` is not JSON"))?;
        let word = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        Ok(Some(Mapping {
            state: word("State"),
            last_result: word("LastProcessingResult"),
        }))
    }

    /// Calls a function and returns its answer. A function that fails answers too: with `errorMessage` and `errorType`.
    ///
    /// # Errors
    /// Lambda is not reached or refuses (`lambda:InvokeFunction`), or the answer is not JSON.
    pub async fn invoke(&self, function: &str, event: &Value) -> Result<Value> {
        let call = Call {
            permission: "lambda:InvokeFunction",
            method: "POST",
            path: format!("/{VERSION}/functions/{function}/invocations"),
            headers: vec![("content-type", "application/json".to_owned())],
            body: event.to_string(),
        };
        let text = self.direct.send(call).await;
        let text = text.with_context(|| format!("failed to call Lambda `{function}`"))?;
        serde_json::from_str(&text)
            .with_context(|| format!("the answer of Lambda `{function}` is not JSON"))
    }
}

/// Source: Lambda API Reference, `GetEventSourceMapping`, "Errors".
fn is_missing(error: &anyhow::Error) -> bool {
    let code = Fault::of(error).and_then(|fault| fault.code.as_deref());
    code == Some("ResourceNotFoundException")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::direct::fake_config;

    #[tokio::test]
    async fn a_mapping_works_unless_it_is_off_or_its_last_call_failed() {
        for (state, last_result, works) in [
            ("Enabled", "OK", true),
            ("Enabled", "No records processed", true),
            ("Updating", "", true),
            ("Disabled", "OK", false),
            ("Enabled", "PROBLEM: Function call failed", false),
        ] {
            let answer =
                format!(r#"{{"State": "{state}", "LastProcessingResult": "{last_result}"}}"#);
            let config = fake_config(
                |request| {
                    let (method, path) = (request.method().as_str(), request.uri().path());
                    let is_asked =
                        method == "GET" && path == "/2015-03-31/event-source-mappings/1-a";
                    if is_asked { 200 } else { 500 }
                },
                &answer,
            );
            let mapping = Lambda::new(&config).find_mapping("1-a").await.unwrap();
            assert_eq!(mapping.unwrap().works(), works, "{state} {last_result}");
        }
    }

    #[tokio::test]
    async fn a_mapping_that_is_gone_is_none_and_a_refusal_names_the_permission() {
        let gone = fake_config(|_| 404, r#"{"__type": "ResourceNotFoundException"}"#);
        assert_eq!(Lambda::new(&gone).find_mapping("1").await.unwrap(), None);
        let denied = fake_config(|_| 403, r#"{"__type": "AccessDeniedException"}"#);
        let error = Lambda::new(&denied).find_mapping("1").await.unwrap_err();
        let permission = crate::aws::missing_permission(&error);
        assert_eq!(permission, Some("lambda:GetEventSourceMapping"));
    }
}
