//! The settings that a template gives a Lambda: variables, memory, timeout. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::template;

/// One of the Lambdas
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Function {
    /// HTTP requests to the table
    Api,
    /// Batches of the table's stream to the topic
    Publisher,
}

impl Function {
    /// Returns the name of its program.
    pub fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Publisher => "publisher",
        }
    }

    /// Returns its name in the template `api`.
    fn logical_id(self) -> &'static str {
        match self {
            Self::Api => "ApiFunction",
            Self::Publisher => "PublisherFunction",
        }
    }
}

/// The settings that a template gives a Lambda.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Its own environment variables.
    pub variables: BTreeMap<String, String>,
    /// Its memory, in MiB.
    pub memory: u64,
    /// The longest time that it may take for an event.
    pub timeout: Duration,
}

/// Reads the settings of a Lambda from the template of its stack and the deployed parameters.
///
/// # Errors
/// The template does not have that Lambda, or what it is given is known only inside CloudFormation.
pub fn settings(
    function: Function,
    template: &str,
    parameters: &BTreeMap<String, String>,
) -> Result<Settings> {
    let rendered = template::render(&template::document(template)?, parameters);
    let id = function.logical_id();
    let resource = rendered.resources.get(id);
    let properties =
        &resource.with_context(|| format!("the template has no `{id}`"))?["Properties"];
    let number = |name: &str| {
        let value = properties[name].as_u64();
        value.with_context(|| format!("`{id}` has no number `{name}`"))
    };
    Ok(Settings {
        variables: variables(&properties["Environment"]["Variables"])?,
        memory: number("MemorySize")?,
        timeout: Duration::from_secs(number("Timeout")?),
    })
}

fn variables(section: &Value) -> Result<BTreeMap<String, String>> {
    let rows = section.as_object().into_iter().flatten();
    let known = rows.map(|(name, value)| {
        let text = value.as_str().map(str::to_owned);
        let text = text.with_context(|| format!("variable `{name}` is no text but {value}"))?;
        Ok((name.clone(), text))
    });
    known.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template() -> String {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/templates/api.yaml");
        std::fs::read_to_string(file).unwrap()
    }

    fn deployed(rows: &[(&str, &str)]) -> BTreeMap<String, String> {
        let rows = rows.iter();
        rows.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn each_lambda_is_given_what_its_stack_was_deployed_with() {
        let parameters = deployed(&[
            ("TableName", "factories"),
            ("SiteOrigin", "https://factory-tree.com"),
            ("ApiBuild", "b4f298cd77db"),
            ("TopicArn", "arn:aws:sns:us-east-1:1:changes"),
            ("PublisherBuild", "0123456789ab"),
        ]);
        let api = settings(Function::Api, &template(), &parameters).unwrap();
        let wanted = deployed(&[
            ("ALLOWED_ORIGIN", "https://factory-tree.com"),
            ("BUILD", "b4f298cd77db"),
            ("TABLE_NAME", "factories"),
        ]);
        assert_eq!(api.variables, wanted);
        assert_eq!((api.memory, api.timeout), (512, Duration::from_secs(10)));
        let publisher = settings(Function::Publisher, &template(), &parameters).unwrap();
        assert_eq!(
            publisher.variables["TOPIC_ARN"],
            "arn:aws:sns:us-east-1:1:changes"
        );
    }

    #[test]
    fn what_only_cloudformation_knows_is_named() {
        let error = settings(Function::Api, &template(), &BTreeMap::new()).unwrap_err();
        assert!(error.to_string().contains("is no text but"), "{error}");
    }
}
