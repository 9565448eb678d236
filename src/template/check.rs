//! In: a template's text. Out: its faults that can be seen without CloudFormation: what is no template, names that nothing
//! has, and what no stack of ours may say. A template without a fault here may still be refused for what a property means.

mod circle;
mod declarations;
mod functions;
mod parameters;
mod rendered;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::Body;
use crate::nearest::nearest;
pub use circle::circles;
use functions::Within;
pub use parameters::refused_value;
pub use rendered::faults_with;
use text::{NO_YAML, check_text};

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

/// The transform that a template may have: it adds functions, and lets them stand where names must stand without it.
const LANGUAGE_EXTENSIONS: &str = "AWS::LanguageExtensions";

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
pub fn faults(body: &Body) -> Vec<TemplateFault> {
    if let Err(fault) = check_text(body) {
        return vec![fault];
    }
    let said = match body.document() {
        Ok(said) => said,
        Err(error) => return vec![whole(&format!("it is no YAML: {error}"), NO_YAML)],
    };
    let Some(sections) = said.as_object() else {
        return vec![whole("it is empty, or no mapping", NO_TEMPLATE)];
    };
    let mut check = Check::of(body, sections);
    check.sections(sections);
    check.declarations(sections);
    check.resources(sections);
    for (name, condition) in entries(sections, "Conditions") {
        check.enter("Conditions", name);
        check.value(condition, Within::Conditions);
    }
    check.conditions_in_circles(sections);
    for (name, output) in entries(sections, "Outputs") {
        check.enter("Outputs", name);
        if let Some(condition) = output.get("Condition") {
            check.condition(condition);
        }
        check.value(output, Within::Values);
    }
    check.found
}

const NO_TEMPLATE: &str = "write a mapping with a section `Resources`, or remove the file";

fn whole(message: &str, cure: &str) -> TemplateFault {
    TemplateFault {
        line: 1,
        message: message.to_owned(),
        cure: cure.to_owned(),
    }
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
    mappings: BTreeMap<String, Value>,
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
            mappings: entries(sections, "Mappings")
                .map(|(name, mapping)| (name.clone(), mapping.clone()))
                .collect(),
            from: 0,
            found: Vec::new(),
        }
    }

    /// Goes to an entry of a section: faults are looked for from its line on.
    fn enter(&mut self, section: &str, name: &str) {
        let is_head = |line: &&str, name: &str| {
            let line = line.trim_start().trim_start_matches(['"', '\'', '{']);
            let rest = line.strip_prefix(name).unwrap_or_default();
            rest.trim_start_matches(['"', '\'']).starts_with(':')
        };
        let section = self.lines.iter().position(|line| is_head(line, section));
        let section = section.unwrap_or_default();
        let mut below = self.lines.iter().skip(section);
        let entry = below.position(|line| is_head(line, name));
        self.from = section + entry.unwrap_or_default();
    }

    /// Notes a fault at the first line, from the present entry on, that says a name.
    fn note(&mut self, name: &str, message: String, cure: &str) {
        let says = |line: &&str| {
            let code = line.split(" #").next().unwrap_or_default();
            // A type may say the name of a resource, too.
            let is_type = code.trim_start().starts_with("Type:") && code.contains("::");
            !code.trim_start().starts_with('#')
                && (!is_type || name.contains(':'))
                && says_word(code, name)
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
                let cure = one_of(name, SECTIONS);
                self.note(name, message, &cure);
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
            self.enter("Resources", name);
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
            self.attributes(name, resource);
            for (attribute, value) in resource.as_object().into_iter().flatten() {
                if !["Condition", "DependsOn", "Type"].contains(&attribute.as_str()) {
                    self.value(value, Within::Values);
                }
            }
        }
    }

    /// Conditions may name conditions, and none itself.
    fn conditions_in_circles(&mut self, sections: &Map<String, Value>) {
        let named = |condition: &Value| {
            let mut names = Vec::new();
            functions::conditions_of(condition, &mut names);
            names
        };
        let graph: BTreeMap<String, Vec<String>> = entries(sections, "Conditions")
            .map(|(name, condition)| (name.clone(), named(condition)))
            .collect();
        for circle in circles(&graph) {
            let Some(first) = circle.first() else {
                continue;
            };
            self.enter("Conditions", first);
            let message = format!("conditions need each other in a circle: {}", chain(&circle));
            self.note(first, message, "let one of them do without the others");
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
                    let cure = meant(name, &[&self.resources]).unwrap_or_else(|| {
                        "remove it, or name a resource of this template".to_owned()
                    });
                    self.note(name, message, &cure);
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
            let cure = declare("Conditions", name, &[&self.conditions]);
            self.note(name, message, &cure);
        }
    }
}

/// `A → B → A`.
fn chain(circle: &[String]) -> String {
    let back = circle.first().into_iter();
    let names: Vec<String> = circle
        .iter()
        .chain(back)
        .map(|name| format!("`{name}`"))
        .collect();
    names.join(" → ")
}

/// Returns the cure of a name that nothing has: the nearest one that there is.
fn meant(name: &str, known: &[&BTreeSet<String>]) -> Option<String> {
    let known = known.iter().copied().flatten().map(String::as_str);
    nearest(name, known).map(|meant| format!("write `{meant}`"))
}

/// Returns the cure of a name that is to be declared, or that is another one.
fn declare(section: &str, name: &str, known: &[&BTreeSet<String>]) -> String {
    let declare = format!("declare `{name}` below `{section}`");
    match meant(name, known) {
        Some(meant) => format!("{meant}, or {declare}"),
        None => declare,
    }
}

/// Returns the cure of a word that is none of those that there are.
fn one_of<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let list = known.join(", ");
    match nearest(word, known) {
        Some(meant) => format!("write `{meant}`; there are {list}"),
        None => format!("use one of {list}"),
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
mod tests;
