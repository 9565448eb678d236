//! The settings that a template gives a Lambda: variables, memory, timeout. Pure.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::plan::ArtifactFact;
use crate::template::{self, Body};

/// A Lambda, by the name of its crate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function(String);

impl FromStr for Function {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
        if !text.is_empty() && text.chars().all(fits) {
            return Ok(Self(text.to_owned()));
        }
        Err("use the name of a folder below `lambdas/`".to_owned())
    }
}

impl Function {
    /// Returns the name of its program.
    pub fn name(&self) -> &str {
        &self.0
    }
}

/// Returns whether a template has this Lambda: a function whose archive is the crate's.
pub fn has_function(function: &Function, template: &Body) -> bool {
    let document = template.document();
    document.is_ok_and(|said| logical_id(function, said).is_some())
}

/// Returns the name that a template gives a Lambda: that of the function whose archive is the crate's.
fn logical_id(function: &Function, template: &Value) -> Option<String> {
    let key = ArtifactFact::Key(function.0.clone()).parameter();
    let resources = template["Resources"].as_object()?;
    let (id, _) = resources.iter().find(|(_, resource)| {
        resource["Type"] == "AWS::Lambda::Function"
            && resource["Properties"]["Code"]["S3Key"]["Ref"] == key.as_str()
    })?;
    Some(id.clone())
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
    function: &Function,
    template: &Body,
    parameters: &BTreeMap<String, String>,
) -> Result<Settings> {
    let document = template.document()?;
    let id = logical_id(function, document);
    let id = id.with_context(|| format!("the template has no function of `{}`", function.0))?;
    let rendered = template::render(document, parameters);
    let resource = rendered.resources.get(&id);
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

    fn template() -> Body {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/templates/api.yaml");
        std::fs::read_to_string(file).unwrap().into()
    }

    fn function(name: &str) -> Function {
        name.parse().unwrap()
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
            ("NamespaceArn", ""),
            ("PublisherBuild", "0123456789ab"),
            ("SignInClient", ""),
        ]);
        let api = settings(&function("api"), &template(), &parameters).unwrap();
        let wanted = deployed(&[
            ("ALLOWED_ORIGIN", "https://factory-tree.com"),
            ("BUILD", "b4f298cd77db"),
            ("TABLE_NAME", "factories"),
        ]);
        assert_eq!(api.variables, wanted);
        assert_eq!((api.memory, api.timeout), (512, Duration::from_secs(10)));
        let publisher = settings(&function("publisher"), &template(), &parameters).unwrap();
        assert_eq!(
            publisher.variables["TOPIC_ARN"],
            "arn:aws:sns:us-east-1:1:changes"
        );
        assert!(!publisher.variables.contains_key("EVENT_HOST"));
        let channel = deployed(&[
            (
                "NamespaceArn",
                "arn:aws:appsync:us-east-1:1:apis/a/channelNamespace/tree",
            ),
            ("EventHost", "a.appsync-api.us-east-1.amazonaws.com"),
            ("Channel", "/tree/main"),
        ]);
        let parameters = parameters.into_iter().chain(channel).collect();
        let publisher = settings(&function("publisher"), &template(), &parameters).unwrap();
        let wanted = deployed(&[
            ("BUILD", "0123456789ab"),
            ("EVENT_CHANNEL", "/tree/main"),
            ("EVENT_HOST", "a.appsync-api.us-east-1.amazonaws.com"),
        ]);
        assert_eq!(publisher.variables, wanted);
    }

    #[test]
    fn a_lambda_is_known_by_its_archive() {
        assert!(has_function(&function("api"), &template()));
        assert!(!has_function(&function("counter"), &template()));
        let error = settings(&function("counter"), &template(), &BTreeMap::new()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the template has no function of `counter`"
        );
        assert!("../api".parse::<Function>().is_err());
    }

    #[test]
    fn what_only_cloudformation_knows_is_named() {
        let error = settings(&function("api"), &template(), &BTreeMap::new()).unwrap_err();
        assert!(error.to_string().contains("is no text but"), "{error}");
    }
}
