//! The declarations of parameters: the types that there are, and the values that a declaration takes.

use regex::Regex;
use serde_json::{Map, Value};

use super::{Check, entries, one_of};
use crate::template::text;

/// What a declaration may say.
/// Source: AWS CloudFormation User Guide, "CloudFormation template Parameters syntax".
const ATTRIBUTES: [&str; 11] = [
    "AllowedPattern",
    "AllowedValues",
    "ConstraintDescription",
    "Default",
    "Description",
    "MaxLength",
    "MaxValue",
    "MinLength",
    "MinValue",
    "NoEcho",
    "Type",
];

/// The types that are no type of AWS.
const TYPES: [&str; 4] = ["CommaDelimitedList", "List<Number>", "Number", "String"];

impl Check<'_> {
    pub(super) fn parameters(&mut self, sections: &Map<String, Value>) {
        for (name, declaration) in entries(sections, "Parameters") {
            self.enter("Parameters", name);
            let Some(said) = declaration.as_object() else {
                let message = format!("parameter `{name}` is empty, or no mapping");
                self.note(
                    name,
                    message,
                    "give it a `Type`, such as `String`, or remove it",
                );
                continue;
            };
            for attribute in said
                .keys()
                .filter(|key| !ATTRIBUTES.contains(&key.as_str()))
            {
                let message =
                    format!("parameter `{name}` has `{attribute}`, which no parameter has");
                self.note(attribute, message, &one_of(attribute, ATTRIBUTES));
            }
            self.parameter_type(name, said);
            if let Some(default) = said.get("Default").and_then(text)
                && let Some((problem, cure)) = refused_value(declaration, &default)
            {
                let message = format!("parameter `{name}` has the default `{default}`, {problem}");
                self.note("Default", message, &cure);
            }
        }
    }

    fn parameter_type(&mut self, name: &str, said: &Map<String, Value>) {
        let Some(kind) = said.get("Type").and_then(Value::as_str) else {
            let message = format!("parameter `{name}` has no type");
            return self.note(name, message, "give it a `Type`, such as `String`");
        };
        let of_aws = kind.starts_with("AWS::") || kind.starts_with("List<AWS::");
        if !of_aws && !TYPES.contains(&kind) {
            let message = format!("parameter `{name}` has type `{kind}`, which there is not");
            self.note(kind, message, &one_of(kind, TYPES));
        }
    }
}

/// Returns what is wrong with a value of a parameter, and the cure, where its declaration does not take it.
pub fn refused_value(declaration: &Value, value: &str) -> Option<(String, String)> {
    let kind = declaration["Type"].as_str().unwrap_or_default();
    let is_list = kind == "CommaDelimitedList" || kind.starts_with("List<");
    let items: Vec<&str> = if is_list {
        value.split(',').map(str::trim).collect()
    } else {
        vec![value]
    };
    items
        .into_iter()
        .find_map(|item| refused_item(declaration, kind, item))
}

fn refused_item(declaration: &Value, kind: &str, value: &str) -> Option<(String, String)> {
    if let Some(allowed) = declaration["AllowedValues"].as_array() {
        let allowed: Vec<String> = allowed.iter().filter_map(text).collect();
        if !allowed.iter().any(|known| known == value) {
            let cure = one_of(value, allowed.iter().map(String::as_str));
            return Some(("which is none of its `AllowedValues`".to_owned(), cure));
        }
    }
    if let Some(pattern) = declaration["AllowedPattern"].as_str()
        && !matches(pattern, value)
    {
        let problem = "which its `AllowedPattern` does not match".to_owned();
        return Some((
            problem,
            format!("write a value that matches `{pattern}` from end to end"),
        ));
    }
    let limit = |name: &str| text(&declaration[name])?.parse::<f64>().ok();
    let (what, number, least, most) = if kind.contains("Number") {
        let Ok(number) = value.parse() else {
            return Some(("which is no number".to_owned(), "write a number".to_owned()));
        };
        ("a number", number, limit("MinValue"), limit("MaxValue"))
    } else {
        let length = value.chars().count() as f64;
        ("a length", length, limit("MinLength"), limit("MaxLength"))
    };
    let is_within =
        least.is_none_or(|least| least <= number) && most.is_none_or(|most| number <= most);
    let bound = |limit: Option<f64>, word: &str| {
        limit.map_or_else(String::new, |limit| format!(" {word} {limit}"))
    };
    let range = format!("{}{}", bound(least, "from"), bound(most, "up to"));
    (!is_within).then(|| {
        (
            "which is out of its bounds".to_owned(),
            format!("use {what}{range}"),
        )
    })
}

/// A pattern must match the whole value. One in a dialect that we do not read is left to CloudFormation.
fn matches(pattern: &str, value: &str) -> bool {
    let whole = Regex::new(&format!("^(?:{pattern})$"));
    whole.map_or(true, |whole| whole.is_match(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(declaration: &str, value: &str) -> String {
        let declaration: Value = serde_yaml::from_str(declaration).unwrap();
        refused_value(&declaration, value)
            .map_or_else(String::new, |(problem, cure)| format!("{problem}: {cure}"))
    }

    #[test]
    fn a_value_that_its_declaration_does_not_take_is_refused_with_those_that_it_takes() {
        let rows = [
            ("{ Type: String, AllowedValues: [dev, prod] }", "prd"),
            ("{ Type: String, AllowedPattern: '[a-z]+' }", "a1"),
            ("{ Type: String, MinLength: 1 }", ""),
            ("{ Type: String, MaxLength: 2 }", "abc"),
            ("{ Type: Number, MinValue: 1, MaxValue: 3 }", "4"),
            ("{ Type: Number }", "many"),
            ("{ Type: List<Number> }", "1, x"),
            ("{ Type: CommaDelimitedList, AllowedValues: [a, b] }", "a,c"),
        ];
        let said: Vec<String> = rows
            .iter()
            .map(|(declaration, value)| problem(declaration, value))
            .collect();
        insta::assert_snapshot!(said.join("\n"), @r"
        which is none of its `AllowedValues`: write `prod`; there are dev, prod
        which its `AllowedPattern` does not match: write a value that matches `[a-z]+` from end to end
        which is out of its bounds: use a length from 1
        which is out of its bounds: use a length up to 2
        which is out of its bounds: use a number from 1 up to 3
        which is no number: write a number
        which is no number: write a number
        which is none of its `AllowedValues`: use one of a, b
        ");
        for (declaration, value) in [
            ("{ Type: String, AllowedValues: [1, true] }", "true"),
            ("{ Type: String, AllowedPattern: 'a|b' }", "b"),
            ("{ Type: String, AllowedPattern: '(?!x)a' }", "anything"),
            ("{ Type: Number, MinValue: '1' }", "1"),
            ("{ Type: CommaDelimitedList }", ""),
        ] {
            assert_eq!(problem(declaration, value), "", "{declaration}");
        }
    }
}
