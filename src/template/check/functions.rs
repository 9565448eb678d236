//! The functions of a template: what they refer to is there, and they are given what they take.

use serde_json::{Map, Value};

use super::{Check, declare, meant, one_of};

/// The place of a value in its template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Within {
    /// In a condition, where `Condition` is a function.
    Conditions,
    /// In a resource or an output.
    Values,
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

impl Check<'_> {
    /// Walks through a value.
    pub(super) fn value(&mut self, value: &Value, within: Within) {
        match value {
            Value::Array(values) => values.iter().for_each(|value| self.value(value, within)),
            Value::Object(entries) if entries.len() == 1 => {
                for (name, value) in entries {
                    self.function(name, value, within);
                }
            }
            Value::Object(entries) => {
                for (name, value) in entries {
                    if name.starts_with("Fn::") {
                        self.function(name, value, within);
                    } else {
                        self.value(value, within);
                    }
                }
            }
            _ => {}
        }
    }

    fn function(&mut self, name: &str, value: &Value, within: Within) {
        match (name, value) {
            ("Ref", Value::String(target)) => self.reference(target, within),
            ("Fn::GetAtt", Value::Array(parts)) => {
                if let Some(resource) = parts.first().and_then(Value::as_str) {
                    self.attribute(resource, within);
                }
            }
            ("Fn::GetAtt", Value::String(resource)) => self.whole_attribute(resource, within),
            ("Fn::Sub", Value::String(text)) => self.substitution(text, &Map::new(), within),
            ("Fn::Sub", Value::Array(parts)) => {
                let nothing = Map::new();
                let own = parts.get(1).and_then(Value::as_object).unwrap_or(&nothing);
                if let Some(text) = parts.first().and_then(Value::as_str) {
                    self.substitution(text, own, within);
                }
                own.values().for_each(|value| self.value(value, within));
            }
            ("Fn::If", Value::Array(parts)) => {
                if parts.len() != 3 {
                    let message = format!("`!If` has {} parts", parts.len());
                    let cure = "write `!If [CONDITION, VALUE_IF_TRUE, VALUE_IF_FALSE]`; `!Ref AWS::NoValue` is no value";
                    self.note("If", message, cure);
                }
                if let Some(condition) = parts.first() {
                    self.condition(condition);
                }
                parts
                    .iter()
                    .skip(1)
                    .for_each(|value| self.value(value, within));
            }
            ("Fn::FindInMap", Value::Array(parts)) => {
                self.look_up(parts);
                parts.iter().for_each(|value| self.value(value, within));
            }
            ("Condition", named) if within == Within::Conditions => self.condition(named),
            (name, _) if name == "Fn::Transform" || name.starts_with("Fn::ForEach") => {
                self.loop_or_transform(name);
            }
            (name, value) => {
                if name.starts_with("Fn::") && !FUNCTIONS.contains(&name) {
                    let short = name.trim_start_matches("Fn::").to_owned();
                    let message = format!("there is no function `{name}`");
                    let cure = one_of(name, FUNCTIONS);
                    self.note(&short, message, &cure);
                }
                self.value(value, within);
            }
        }
    }

    pub(super) fn loop_or_transform(&mut self, name: &str) {
        let short = name.split("::").nth(1).unwrap_or(name).to_owned();
        let message = format!(
            "it uses `{name}`, which needs a transform: what comes of it is known to AWS only"
        );
        self.note(&short, message, "write out what it stands for");
    }

    fn reference(&mut self, target: &str, within: Within) {
        let is_value = self.parameters.contains(target) || PSEUDO_PARAMETERS.contains(&target);
        if is_value || self.resources.contains(target) && within == Within::Values {
            return;
        }
        if self.resources.contains(target) {
            return self.resource_in_condition(target);
        }
        let message =
            format!("`{target}` is referred to, but no parameter and no resource has that name");
        let pseudo = PSEUDO_PARAMETERS.map(str::to_owned).into();
        let known = [&self.parameters, &self.resources, &pseudo];
        let declare = "declare it below `Resources` or `Parameters`";
        let cure = meant(target, &known)
            .map_or(declare.to_owned(), |meant| format!("{meant}, or {declare}"));
        self.note(target, message, &cure);
    }

    /// Conditions are decided before there is any resource.
    fn resource_in_condition(&mut self, resource: &str) {
        let message = format!(
            "a condition refers to resource `{resource}`, and conditions are decided before there is any"
        );
        self.note(resource, message, "compare parameters instead");
    }

    fn attribute(&mut self, resource: &str, within: Within) {
        let resource = resource.split('.').next().unwrap_or_default();
        if !self.resources.contains(resource) {
            let message =
                format!("an attribute of `{resource}` is used, but there is no such resource");
            let cure = declare("Resources", resource, &[&self.resources]);
            self.note(resource, message, &cure);
        } else if within == Within::Conditions {
            self.resource_in_condition(resource);
        }
    }

    /// `!GetAtt Table` without an attribute.
    fn whole_attribute(&mut self, resource: &str, within: Within) {
        self.attribute(resource, within);
        if self.resources.contains(resource) {
            let message = format!("`!GetAtt {resource}` names no attribute");
            let cure = format!("write `!GetAtt {resource}.Arn`, or `!Ref {resource}`");
            self.note(resource, message, &cure);
        }
    }

    /// A mapping has the keys that are looked up in it, where they are written out. A fourth part may hold a default.
    fn look_up(&mut self, parts: &[Value]) {
        let names: Vec<Option<&str>> = parts.iter().map(Value::as_str).collect();
        let Some(Some(map)) = names.first() else {
            return;
        };
        let Some(mapping) = self.mappings.get(*map) else {
            let known = self.mappings.keys().cloned().collect();
            let message = format!("there is no mapping `{map}`");
            let cure = declare("Mappings", map, &[&known]);
            return self.note(map, message, &cure);
        };
        let [_, Some(first), second] = names[..] else {
            return;
        };
        let Some(inner) = mapping.get(first) else {
            let message = format!("mapping `{map}` has no key `{first}`");
            let cure = format!("declare it there; it has {}", keys(mapping));
            return self.note(first, message, &cure);
        };
        if let Some(second) = second.filter(|second| inner.get(second).is_none()) {
            let message = format!("`{first}` of mapping `{map}` has no key `{second}`");
            let cure = format!("declare it there; it has {}", keys(inner));
            self.note(second, message, &cure);
        }
    }

    /// Looks at `${A}` and `${A.Arn}` of a text; `${!A}` is the text `${A}` itself.
    fn substitution(&mut self, text: &str, own: &Map<String, Value>, within: Within) {
        for name in names_in(text) {
            if own.contains_key(name) {
                continue;
            }
            match name.split_once('.') {
                Some((resource, _)) => self.attribute(resource, within),
                None => self.reference(name, within),
            }
        }
    }
}

fn keys(mapping: &Value) -> String {
    let keys = mapping
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key.as_str());
    keys.collect::<Vec<_>>().join(", ")
}

/// Returns the names that `Fn::Sub` puts values in for.
pub(super) fn names_in(text: &str) -> impl Iterator<Item = &str> {
    let names = text.split("${").skip(1);
    let names = names.filter_map(|piece| Some(piece.split_once('}')?.0.trim()));
    names.filter(|name| !name.starts_with('!'))
}

/// Collects the conditions that a condition names.
pub(super) fn conditions_of(condition: &Value, names: &mut Vec<String>) {
    match condition {
        Value::Array(values) => values.iter().for_each(|value| conditions_of(value, names)),
        Value::Object(entries) => {
            for (key, value) in entries {
                match value.as_str() {
                    Some(name) if key == "Condition" => names.push(name.to_owned()),
                    _ => conditions_of(value, names),
                }
            }
        }
        _ => {}
    }
}
