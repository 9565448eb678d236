//! Systems Manager: the parameters that AWS publishes for everybody.

use anyhow::{Context, Result};
use aws_config::SdkConfig;
use aws_smithy_types::error::ErrorMetadata;
use serde_json::{Value, json};

use super::direct::{Call, Direct};
use super::fault::Fault;

/// The client to Systems Manager.
#[derive(Clone, Debug)]
pub struct Ssm {
    direct: Direct,
}

impl Ssm {
    pub(super) fn new(config: &SdkConfig) -> Self {
        Self {
            direct: Direct::new(config, "ssm", error),
        }
    }

    /// Returns the value of a parameter, or `None` if there is no such parameter.
    ///
    /// # Errors
    /// Systems Manager is not reached or refuses (`ssm:GetParameter`).
    pub async fn find_parameter(&self, name: &str) -> Result<Option<String>> {
        let call = Call {
            permission: "ssm:GetParameter",
            method: "POST",
            path: "/".to_owned(),
            headers: vec![
                ("content-type", "application/x-amz-json-1.1".to_owned()),
                ("x-amz-target", "AmazonSSM.GetParameter".to_owned()),
            ],
            body: json!({ "Name": name }).to_string(),
        };
        let text = match self.direct.send(call).await {
            Err(error) if is_missing(&error) => return Ok(None),
            answer => answer.with_context(|| format!("failed to read parameter `{name}`"))?,
        };
        let answer: Value = serde_json::from_str(&text)
            .with_context(|| format!("the answer about parameter `{name}` is not readable"))?;
        let value = answer["Parameter"]["Value"].as_str();
        Ok(value.map(str::to_owned))
    }
}

/// Source: Systems Manager API Reference, `GetParameter`, "Errors".
fn is_missing(error: &anyhow::Error) -> bool {
    let code = Fault::of(error).and_then(|fault| fault.code.as_deref());
    code == Some("ParameterNotFound")
}

/// Reads code and message of an answer in JSON that is an error. The code may have a namespace before it, up to `#`.
pub(super) fn error(text: &str) -> ErrorMetadata {
    let answer: Value = serde_json::from_str(text).unwrap_or_default();
    let mut error = ErrorMetadata::builder();
    if let Some(code) = answer["__type"].as_str() {
        error = error.code(code.rsplit('#').next().unwrap_or(code));
    }
    let message = answer["message"].as_str().or(answer["Message"].as_str());
    if let Some(message) = message {
        error = error.message(message);
    }
    error.build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::direct::fake_config;

    #[tokio::test]
    async fn a_parameter_has_its_value_and_a_missing_one_has_none() {
        let found = fake_config(|_| 200, r#"{"Parameter": {"Value": "ami-1"}}"#);
        let found = Ssm::new(&found).find_parameter("/a").await.unwrap();
        assert_eq!(found.as_deref(), Some("ami-1"));
        let missing = r#"{"__type": "com.amazonaws.ssm#ParameterNotFound"}"#;
        let missing = fake_config(|_| 400, missing);
        let missing = Ssm::new(&missing).find_parameter("/a").await.unwrap();
        assert_eq!(missing, None);
    }

    #[tokio::test]
    async fn a_refusal_names_the_permission() {
        let denied = fake_config(
            |_| 400,
            r#"{"__type": "AccessDeniedException", "Message": "no"}"#,
        );
        let error = Ssm::new(&denied).find_parameter("/a").await.unwrap_err();
        let permission = crate::aws::missing_permission(&error);
        assert_eq!(permission, Some("ssm:GetParameter"));
    }
}
