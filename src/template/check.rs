//! In: a template's text. Out: its faults that can be seen without CloudFormation: what is no template, names that nothing
//! has, and what no stack of ours may say. A template without a fault here may still be refused for what a property means.

use std::collections::BTreeSet;

use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::document::document;

/// A fault of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateFault {
    /// The line, from 1; the first one where the whole file is meant.
    pub line: usize,
    /// The fault, with the name or value.
    pub message: String,
    /// The cure.
    pub cure: String,
}

/// Names that CloudFormation itself gives a value.
/// Source: AWS CloudFormation Template Reference, "Pseudo parameters reference".
const PSEUDO_PARAMETERS: [&str; 8] = [
    "AWS::AccountId",
    "AWS::NoValue",
    "AWS::NotificationARNs",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
];

/// The transform that a template may have: it adds functions, and lets them stand where names must stand without it.
const LANGUAGE_EXTENSIONS: &str = "AWS::LanguageExtensions";

/// The functions of a template, those of the language extensions among them.
/// Source: AWS CloudFormation Template Reference, "Intrinsic function reference".
const FUNCTIONS: [&str; 18] = [
    "Fn::And",
    "Fn::Base64",
    "Fn::Cidr",
    "Fn::Equals",
    "Fn::FindInMap",
    "Fn::GetAZs",
    "Fn::GetAtt",
    "Fn::If",
    "Fn::ImportValue",
    "Fn::Join",
    "Fn::Length",
    "Fn::Not",
    "Fn::Or",
    "Fn::Select",
    "Fn::Split",
    "Fn::Sub",
    "Fn::ToJsonString",
    "Fn::GetStackOutput",
];

/// The sections of a template.
/// Source: AWS CloudFormation User Guide, "CloudFormation template sections".
const SECTIONS: [&str; 9] = [
    "AWSTemplateFormatVersion",
    "Conditions",
    "Description",
    "Mappings",
    "Metadata",
    "Outputs",
    "Parameters",
    "Resources",
    "Rules",
];

/// Finds the faults of a template.
pub fn faults(body: &str) -> Vec<TemplateFault> {
    if let Err(fault) = check_text(body) {
        return vec![fault];
    }
    let said = match document(body) {
        Ok(said) => said,
        Err(error) => return vec![whole(&format!("it is no YAML: {error}"), NO_YAML)],
    };
    let Some(sections) = said.as_object() else {
        return vec![whole("it is empty, or no mapping", NO_TEMPLATE)];
    };
    let mut check = Check::of(body, sections);
    check.sections(sections);
    check.resources(sections);
    for section in ["Conditions", "Outputs"] {
        for (name, entry) in entries(sections, section) {
            check.enter(name);
            if let Some(condition) = entry.get("Condition").filter(|_| section == "Outputs") {
                check.condition(condition);
            }
            check.value(entry, section == "Conditions");
        }
    }
    check.found
}

const NO_YAML: &str = "correct the YAML";
const NO_TEMPLATE: &str = "write a mapping with a section `Resources`, or remove the file";

fn whole(message: &str, cure: &str) -> TemplateFault {
    TemplateFault {
        line: 1,
        message: message.to_owned(),
        cure: cure.to_owned(),
    }
}

/// CloudFormation takes YAML without anchors, aliases and merge keys (AWS CloudFormation User Guide, "CloudFormation
/// template format": "YAML aliases" are not supported), and a key stands once.
fn check_text(body: &str) -> Result<(), TemplateFault> {
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

/// The entries of a section, by name.
fn entries<'a>(
    sections: &'a Map<String, Value>,
    section: &str,
) -> impl Iterator<Item = (&'a String, &'a Value)> {
    let entries = sections.get(section).and_then(Value::as_object);
    entries.into_iter().flatten()
}

fn names(sections: &Map<String, Value>, section: &str) -> BTreeSet<String> {
    entries(sections, section)
        .map(|(name, _)| name.clone())
        .collect()
}

/// A walk through a template.
struct Check<'a> {
    lines: Vec<&'a str>,
    parameters: BTreeSet<String>,
    resources: BTreeSet<String>,
    conditions: BTreeSet<String>,
    mappings: BTreeSet<String>,
    /// The line, from 0, on which the resource, condition or output begins that is walked through.
    from: usize,
    found: Vec<TemplateFault>,
}

impl<'a> Check<'a> {
    fn of(body: &'a str, sections: &Map<String, Value>) -> Self {
        Self {
            lines: body.lines().collect(),
            parameters: names(sections, "Parameters"),
            resources: names(sections, "Resources"),
            conditions: names(sections, "Conditions"),
            mappings: names(sections, "Mappings"),
            from: 0,
            found: Vec::new(),
        }
    }

    /// Goes to an entry of a section: faults are looked for from its line on.
    fn enter(&mut self, name: &str) {
        let is_head = |line: &&str| {
            let line = line.trim_start().trim_start_matches(['"', '\'']);
            let rest = line.strip_prefix(name).unwrap_or_default();
            rest.trim_start_matches(['"', '\'']).starts_with(':')
        };
        self.from = self.lines.iter().position(is_head).unwrap_or_default();
    }

    /// Notes a fault at the first line, from the present entry on, that says a name.
    fn note(&mut self, name: &str, message: String, cure: &str) {
        let says = |line: &&str| {
            let code = line.split(" #").next().unwrap_or_default();
            !code.trim_start().starts_with('#') && says_word(code, name)
        };
        let after = self.lines.iter().skip(self.from).position(says);
        let line = after.map_or(self.from, |after| self.from + after) + 1;
        let fault = TemplateFault {
            line,
            message,
            cure: cure.to_owned(),
        };
        if !self.found.contains(&fault) {
            self.found.push(fault);
        }
    }

    fn sections(&mut self, sections: &Map<String, Value>) {
        for (name, value) in sections {
            if name == "Transform" {
                if value != LANGUAGE_EXTENSIONS {
                    let message = format!(
                        "it has a `Transform` other than `{LANGUAGE_EXTENSIONS}`: what comes of it is known to AWS only"
                    );
                    self.note(name, message, "write the resources out");
                }
            } else if !SECTIONS.contains(&name.as_str()) {
                let message = format!("`{name}` is no section of a template");
                self.note(
                    name,
                    message,
                    &format!("use one of {}", SECTIONS.join(", ")),
                );
            }
        }
        match sections.get("Resources").map(Value::as_object) {
            Some(Some(resources)) if !resources.is_empty() => {}
            _ => self.found.push(whole(
                "it has no resources",
                "declare one below `Resources`, or remove the file",
            )),
        }
    }

    fn resources(&mut self, sections: &Map<String, Value>) {
        for (name, resource) in entries(sections, "Resources") {
            self.enter(name);
            if name.starts_with("Fn::") {
                self.loop_or_transform(name);
                continue;
            }
            let kind = resource.get("Type").and_then(Value::as_str);
            if kind.is_none_or(str::is_empty) {
                let message = if resource.is_object() {
                    format!("resource `{name}` has no type")
                } else {
                    format!("resource `{name}` is empty, or no mapping")
                };
                let cure = "give it a `Type`, such as `AWS::SNS::Topic`, or remove it";
                self.note(name, message, cure);
                continue;
            }
            if let Some(condition) = resource.get("Condition") {
                self.condition(condition);
            }
            self.dependencies(resource.get("DependsOn"));
            for (attribute, value) in resource.as_object().into_iter().flatten() {
                if !["Condition", "DependsOn", "Type"].contains(&attribute.as_str()) {
                    self.value(value, false);
                }
            }
        }
    }

    fn dependencies(&mut self, needed: Option<&Value>) {
        let needed = match needed {
            Some(Value::Array(needed)) => needed.iter().collect(),
            Some(needed) => vec![needed],
            None => Vec::new(),
        };
        for name in needed {
            match name.as_str() {
                Some(name) if self.resources.contains(name) => {}
                Some(name) => {
                    let message =
                        format!("`DependsOn` names `{name}`, but there is no such resource");
                    self.note(name, message, "name a resource of this template");
                }
                None => self.note(
                    "DependsOn",
                    "`DependsOn` is no name".to_owned(),
                    "name resources of this template",
                ),
            }
        }
    }

    fn condition(&mut self, named: &Value) {
        let Some(name) = named.as_str() else {
            let message = "`Condition` is no name".to_owned();
            return self.note("Condition", message, "name a condition of this template");
        };
        if !self.conditions.contains(name) {
            let message = format!("there is no condition `{name}`");
            self.note(
                name,
                message,
                "declare it below `Conditions`, or correct the name",
            );
        }
    }

    /// Walks through a value; `in_condition` says whether `Condition` is a function there, and no property.
    fn value(&mut self, value: &Value, in_condition: bool) {
        match value {
            Value::Array(values) => values
                .iter()
                .for_each(|value| self.value(value, in_condition)),
            Value::Object(entries) if entries.len() == 1 => {
                for (name, value) in entries {
                    self.function(name, value, in_condition);
                }
            }
            Value::Object(entries) => {
                for (name, value) in entries {
                    if name.starts_with("Fn::") {
                        self.function(name, value, in_condition);
                    } else {
                        self.value(value, in_condition);
                    }
                }
            }
            _ => {}
        }
    }

    fn function(&mut self, name: &str, value: &Value, in_condition: bool) {
        match (name, value) {
            ("Ref", Value::String(target)) => self.reference(target),
            ("Fn::GetAtt", Value::Array(parts)) => {
                if let Some(resource) = parts.first().and_then(Value::as_str) {
                    self.attribute(resource);
                }
            }
            ("Fn::GetAtt", Value::String(resource)) => self.attribute(resource),
            ("Fn::Sub", Value::String(text)) => self.substitution(text, &Map::new()),
            ("Fn::Sub", Value::Array(parts)) => {
                let nothing = Map::new();
                let own = parts.get(1).and_then(Value::as_object).unwrap_or(&nothing);
                if let Some(text) = parts.first().and_then(Value::as_str) {
                    self.substitution(text, own);
                }
                own.values()
                    .for_each(|value| self.value(value, in_condition));
            }
            ("Fn::If", Value::Array(parts)) => {
                if let Some(condition) = parts.first() {
                    self.condition(condition);
                }
                parts
                    .iter()
                    .skip(1)
                    .for_each(|value| self.value(value, in_condition));
            }
            ("Fn::FindInMap", Value::Array(parts)) => {
                if let Some(map) = parts.first().and_then(Value::as_str)
                    && !self.mappings.contains(map)
                {
                    let message = format!("there is no mapping `{map}`");
                    self.note(
                        map,
                        message,
                        "declare it below `Mappings`, or correct the name",
                    );
                }
                parts
                    .iter()
                    .for_each(|value| self.value(value, in_condition));
            }
            ("Condition", named) if in_condition => self.condition(named),
            (name, _) if name == "Fn::Transform" || name.starts_with("Fn::ForEach") => {
                self.loop_or_transform(name);
            }
            (name, value) => {
                if name.starts_with("Fn::") && !FUNCTIONS.contains(&name) {
                    let short = name.trim_start_matches("Fn::").to_owned();
                    let message = format!("there is no function `{name}`");
                    self.note(&short, message, "use one of CloudFormation's functions");
                }
                self.value(value, in_condition);
            }
        }
    }

    fn loop_or_transform(&mut self, name: &str) {
        let short = name.split("::").nth(1).unwrap_or(name).to_owned();
        let message = format!(
            "it uses `{name}`, which needs a transform: what comes of it is known to AWS only"
        );
        self.note(&short, message, "write out what it stands for");
    }

    fn reference(&mut self, target: &str) {
        let is_known = self.parameters.contains(target)
            || self.resources.contains(target)
            || PSEUDO_PARAMETERS.contains(&target);
        if !is_known {
            let message = format!(
                "`{target}` is referred to, but no parameter and no resource has that name"
            );
            self.note(target, message, "declare it, or correct the name");
        }
    }

    fn attribute(&mut self, resource: &str) {
        let resource = resource.split('.').next().unwrap_or_default();
        if !self.resources.contains(resource) {
            let message =
                format!("an attribute of `{resource}` is used, but there is no such resource");
            self.note(resource, message, "declare it, or correct the name");
        }
    }

    /// Looks at `${A}` and `${A.Arn}` of a text; `${!A}` is the text `${A}` itself.
    fn substitution(&mut self, text: &str, own: &Map<String, Value>) {
        for piece in text.split("${").skip(1) {
            let Some((name, _)) = piece.split_once('}') else {
                continue;
            };
            let name = name.trim();
            if name.starts_with('!') || own.contains_key(name) {
                continue;
            }
            match name.split_once('.') {
                Some((resource, _)) => self.attribute(resource),
                None => self.reference(name),
            }
        }
    }
}

/// Returns whether a line says a name, and not only as a part of a longer one.
fn says_word(line: &str, name: &str) -> bool {
    let is_part =
        |letter: char| letter.is_ascii_alphanumeric() || letter == ':' && name.contains(':');
    line.match_indices(name).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + name.len()..].chars().next();
        !before.is_some_and(is_part) && !after.is_some_and(is_part)
    })
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
