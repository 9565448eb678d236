//! In: templates. Out: the parts that matter to IAM: resource types with the properties that
//! they set, the services that their roles trust, the transforms that they ask for, and what has to be read to fill
//! them in. Pure.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

use crate::template::{MAX_REQUEST_BYTES, Template};

/// The types and services that a set of templates uses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TemplateInventory {
    /// Resource types, each with every property name that is set anywhere in one of its resources.
    pub types: BTreeMap<String, BTreeSet<String>>,
    /// The services that the templates' roles trust: a role may be passed to these.
    pub trusted_services: BTreeSet<String>,
    /// Transforms without their `AWS::`, such as `LanguageExtensions`.
    pub transforms: BTreeSet<String>,
    /// The actions by which CloudFormation reads what a template names, also for a change set that is never executed.
    pub reads: BTreeSet<String>,
    /// Whether a template is too large for a request, so that it goes by way of the artifact bucket.
    pub has_large_template: bool,
}

/// What CloudFormation asks of IAM where a template says this. Zones are those in which the account has default subnets.
/// Sources: CloudFormation Template Reference, "Fn::GetAZs", IAM permissions; CloudFormation User Guide, "Get a plaintext
/// value from Systems Manager Parameter Store".
const READS: [(&str, &[&str]); 2] = [
    (
        "GetAZs",
        &[
            "ec2:DescribeAccountAttributes",
            "ec2:DescribeAvailabilityZones",
            "ec2:DescribeSubnets",
        ],
    ),
    ("{{resolve:ssm:", &["ssm:GetParameters"]),
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Sections {
    #[serde(default)]
    transform: Value,
    pub(super) resources: BTreeMap<String, TemplateResource>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TemplateResource {
    pub(super) r#type: String,
    #[serde(default)]
    properties: Value,
}

/// Looks through templates.
///
/// # Errors
/// A template has no resources where they belong; its file is named.
pub fn take<'a>(templates: impl IntoIterator<Item = &'a Template>) -> Result<TemplateInventory> {
    let mut inventory = TemplateInventory::default();
    for template in templates {
        // Tags such as `!Ref` are dropped: `!Ref Table` reads as "Table".
        let sections: Sections = serde_yaml::from_str(&template.body).with_context(|| {
            let file = template.file.display();
            format!("failed to read the resources of template `{file}`")
        })?;
        let read = READS
            .iter()
            .filter(|(mark, _)| template.body.contains(mark));
        let actions = read.flat_map(|(_, actions)| *actions);
        inventory.reads.extend(actions.map(ToString::to_string));
        inventory.has_large_template |= template.body.len() > MAX_REQUEST_BYTES;
        inventory.add(&sections);
    }
    Ok(inventory)
}

impl TemplateInventory {
    /// Returns whether users sign in.
    pub(super) fn has_users(&self) -> bool {
        self.types.contains_key("AWS::Cognito::UserPool")
    }

    fn add(&mut self, sections: &Sections) {
        let transforms = texts(&sections.transform).into_iter();
        let transforms = transforms.map(|name| name.trim_start_matches("AWS::").to_owned());
        self.transforms.extend(transforms);
        for resource in sections.resources.values() {
            let properties = self.types.entry(resource.r#type.clone()).or_default();
            collect_names(&resource.properties, properties);
            self.trusted_services.extend(trusted(&resource.properties));
        }
    }
}

/// Collects the names of all properties, at any depth.
fn collect_names(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| {
            names.insert(name.clone());
            collect_names(value, names);
        }),
        Value::Array(values) => values.iter().for_each(|value| collect_names(value, names)),
        _ => {}
    }
}

/// Returns the services named in the trust policy of a role.
fn trusted(properties: &Value) -> Vec<String> {
    let statements = &properties["AssumeRolePolicyDocument"]["Statement"];
    let statements = statements.as_array().into_iter().flatten();
    statements
        .flat_map(|statement| texts(&statement["Principal"]["Service"]))
        .collect()
}

/// Reads one text or a list of them.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(values) => values.iter().flat_map(texts).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn types_properties_trust_and_transforms_are_found() {
        let body = "
Transform: AWS::LanguageExtensions
Resources:
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Statement:
          - Principal: { Service: [lambda.amazonaws.com, ec2.amazonaws.com] }
  Queue:
    Type: AWS::SQS::Queue
    Metadata:
      Zone: !Select [0, !GetAZs '']
      Image: '{{resolve:ssm:/aws/service/image}}'
";
        let template = Template::parse(Path::new("t.yaml"), body.to_owned()).unwrap();
        let inventory = take([&template]).unwrap();
        insta::assert_debug_snapshot!(inventory, @r#"
        TemplateInventory {
            types: {
                "AWS::IAM::Role": {
                    "AssumeRolePolicyDocument",
                    "Principal",
                    "Service",
                    "Statement",
                },
                "AWS::SQS::Queue": {},
            },
            trusted_services: {
                "ec2.amazonaws.com",
                "lambda.amazonaws.com",
            },
            transforms: {
                "LanguageExtensions",
            },
            reads: {
                "ec2:DescribeAccountAttributes",
                "ec2:DescribeAvailabilityZones",
                "ec2:DescribeSubnets",
                "ssm:GetParameters",
            },
            has_large_template: false,
        }
        "#);
    }

    #[test]
    fn a_template_without_resources_is_named() {
        let template = Template::parse(Path::new("t.yaml"), "Outputs: {}\n".to_owned()).unwrap();
        let error = take([&template]).unwrap_err();
        insta::assert_snapshot!(error, @"failed to read the resources of template `t.yaml`");
    }
}
