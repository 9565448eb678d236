//! What the sections of a template declare: how many, under which names, and with which attributes.

use serde_json::{Map, Value};

use super::{Check, entries, one_of};

/// How many entries a section may have.
/// Source: AWS CloudFormation User Guide, "CloudFormation quotas".
const MOST: [(&str, usize); 4] = [
    ("Mappings", 200),
    ("Outputs", 200),
    ("Parameters", 200),
    ("Resources", 500),
];

/// The longest name, in characters. Source: as above.
const LONGEST_NAME: usize = 255;

/// The longest description of a template, in bytes. Source: as above.
const LONGEST_DESCRIPTION: usize = 1024;

/// What a resource may say.
/// Source: AWS CloudFormation Template Reference, "Resource attribute reference".
const RESOURCE: [&str; 9] = [
    "Condition",
    "CreationPolicy",
    "DeletionPolicy",
    "DependsOn",
    "Metadata",
    "Properties",
    "Type",
    "UpdatePolicy",
    "UpdateReplacePolicy",
];

/// What an output may say.
/// Source: AWS CloudFormation User Guide, "CloudFormation template Outputs syntax".
const OUTPUT: [&str; 4] = ["Condition", "Description", "Export", "Value"];

/// Source: AWS CloudFormation Template Reference, "DeletionPolicy attribute" and "UpdateReplacePolicy attribute".
const DELETION: [&str; 4] = ["Delete", "Retain", "RetainExceptOnCreate", "Snapshot"];
const REPLACEMENT: [&str; 3] = ["Delete", "Retain", "Snapshot"];

impl Check<'_> {
    /// Checks what the sections declare, but for resources' own words.
    pub(super) fn declarations(&mut self, sections: &Map<String, Value>) {
        self.head(sections);
        for (section, most) in MOST {
            let count = entries(sections, section).count();
            if count > most {
                self.from = 0;
                let message = format!(
                    "it has {count} entries below `{section}`, and CloudFormation takes {most}"
                );
                self.note(section, message, "move some of them to another template");
            }
        }
        for section in [
            "Conditions",
            "Mappings",
            "Outputs",
            "Parameters",
            "Resources",
        ] {
            for (name, _) in entries(sections, section) {
                self.name(section, name);
            }
        }
        self.parameters(sections);
        self.outputs(sections);
    }

    fn head(&mut self, sections: &Map<String, Value>) {
        let version = sections.get("AWSTemplateFormatVersion");
        if version.is_some_and(|version| version != "2010-09-09") {
            let message = "`AWSTemplateFormatVersion` is none that there is".to_owned();
            let cure = "write `AWSTemplateFormatVersion: '2010-09-09'`, the only one";
            self.note("AWSTemplateFormatVersion", message, cure);
        }
        let description = sections.get("Description").and_then(Value::as_str);
        if description.is_some_and(|text| text.len() > LONGEST_DESCRIPTION) {
            let message = format!("its `Description` is longer than {LONGEST_DESCRIPTION} bytes");
            self.note(
                "Description",
                message,
                "shorten it, or make a comment of it",
            );
        }
    }

    /// Names are letters and digits. A loop (`Fn::ForEach`) is told elsewhere.
    fn name(&mut self, section: &str, name: &str) {
        let is_loop = name.starts_with("Fn::");
        let is_plain = name.chars().all(|letter| letter.is_ascii_alphanumeric());
        let is_taken = is_plain && (1..=LONGEST_NAME).contains(&name.len());
        if !is_loop && !is_taken {
            self.enter(section, name);
            let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
            let message =
                format!("`{name}` below `{section}` is no name that CloudFormation takes");
            let cure = format!("use 1 to {LONGEST_NAME} letters and digits, such as `{plain}`");
            self.note(name, message, &cure);
        }
        if section == "Parameters" && self.resources.contains(name) {
            self.enter("Resources", name);
            let message = format!("`{name}` is the name of a parameter and of a resource");
            self.note(name, message, "give one of them another name");
        }
    }

    fn outputs(&mut self, sections: &Map<String, Value>) {
        for (name, output) in entries(sections, "Outputs") {
            self.enter("Outputs", name);
            if output.get("Value").is_none_or(Value::is_null) {
                let message = format!("output `{name}` has no value");
                self.note(
                    name,
                    message,
                    "give it a `Value`, such as `!Ref Topic`, or remove it",
                );
            }
            self.known("output", name, output, &OUTPUT);
        }
    }

    /// Checks what a resource says beside its properties.
    pub(super) fn attributes(&mut self, name: &str, resource: &Value) {
        self.known("resource", name, resource, &RESOURCE);
        let policies = [
            ("DeletionPolicy", &DELETION[..]),
            ("UpdateReplacePolicy", &REPLACEMENT[..]),
        ];
        for (attribute, allowed) in policies {
            if let Some(said) = resource.get(attribute).and_then(Value::as_str)
                && !allowed.contains(&said)
            {
                let message = format!("`{attribute}` of `{name}` is `{said}`, which it cannot be");
                self.note(attribute, message, &one_of(said, allowed.iter().copied()));
            }
        }
    }

    fn known(&mut self, kind: &str, name: &str, entry: &Value, known: &[&str]) {
        let said = entry.as_object().into_iter().flatten().map(|(key, _)| key);
        for key in said.filter(|key| !known.contains(&key.as_str()) && !key.starts_with("Fn::")) {
            let message = format!("{kind} `{name}` has `{key}`, which no {kind} has");
            self.note(key, message, &one_of(key, known.iter().copied()));
        }
    }
}
