//! In: a template (as `document` reads it) and its parameters. Out: its resources and outputs as they
//! would be made, as far as that is known before anything is: parameters and conditions are put in, and
//! what only CloudFormation knows (names of resources, their attributes, account and region) stays a
//! function. Two templates that say the same in other words come out equal.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// The placeholder of a value that exists only after another stack is made.
pub const AFTER_DEPLOY: &str = "(known after deploy)";

/// The placeholder of a parameter whose value is secret.
const HIDDEN: &str = "****";

/// A template with its parameters put in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rendered {
    /// The resources whose condition holds, or may hold, by logical id.
    pub resources: BTreeMap<String, Value>,
    /// The outputs' values by name.
    pub outputs: BTreeMap<String, Value>,
}

/// Puts parameters into a template. One that is not given has its default.
pub fn render(document: &Value, parameters: &BTreeMap<String, String>) -> Rendered {
    let scope = Scope {
        parameters: with_defaults(document, parameters),
        conditions: &document["Conditions"],
    };
    let entries = |section: &str| {
        let section = document[section].as_object();
        section.into_iter().flatten()
    };
    let kept = entries("Resources").filter(|(_, resource)| {
        let condition = resource["Condition"].as_str();
        condition.and_then(|name| scope.condition(name, DEPTH)) != Some(false)
    });
    let outputs = entries("Outputs")
        .filter_map(|(name, output)| Some((name.clone(), scope.value(&output["Value"])?)));
    Rendered {
        resources: kept
            .filter_map(|(id, resource)| Some((id.clone(), scope.value(resource)?)))
            .collect(),
        outputs: outputs.collect(),
    }
}

fn with_defaults(
    document: &Value,
    parameters: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let declared = document["Parameters"].as_object().into_iter().flatten();
    let values = declared.filter_map(|(name, declaration)| {
        if is_true(&declaration["NoEcho"]) {
            return Some((name.clone(), HIDDEN.to_owned()));
        }
        let given = parameters.get(name).cloned();
        let value = given.or_else(|| text(&declaration["Default"]))?;
        Some((name.clone(), value))
    });
    values.collect()
}

/// Conditions that name each other deeper than this name themselves.
const DEPTH: usize = 32;

struct Scope<'a> {
    parameters: BTreeMap<String, String>,
    conditions: &'a Value,
}

impl Scope<'_> {
    /// Returns a value with everything put in that is known, or `None` for `AWS::NoValue`.
    fn value(&self, value: &Value) -> Option<Value> {
        match value {
            Value::Array(items) => Some(items.iter().filter_map(|item| self.value(item)).collect()),
            Value::Object(entries) => match function(entries) {
                Some((name, argument)) => self.function(name, argument),
                None => Some(self.object(entries)),
            },
            scalar => Some(scalar.clone()),
        }
    }

    fn object(&self, entries: &Map<String, Value>) -> Value {
        let known = entries
            .iter()
            .filter_map(|(key, value)| Some((key.clone(), self.value(value)?)));
        Value::Object(known.collect())
    }

    fn function(&self, name: &str, argument: &Value) -> Option<Value> {
        match (name, argument) {
            ("Ref", Value::String(target)) if target == "AWS::NoValue" => None,
            ("Ref", Value::String(target)) => Some(match self.parameters.get(target) {
                Some(value) => value.as_str().into(),
                None => json!({ "Ref": target }),
            }),
            ("Fn::If", Value::Array(parts)) if parts.len() == 3 => self.branch(parts),
            ("Fn::Sub", Value::String(pattern)) => Some(self.substitute(pattern, &Map::new())),
            ("Fn::Sub", Value::Array(parts)) => {
                let pattern = parts.first()?.as_str()?;
                let names = self.value(parts.get(1)?)?;
                Some(self.substitute(pattern, names.as_object()?))
            }
            ("Fn::Join", Value::Array(parts)) => self.join(parts),
            _ => Some(json!({ name: self.value(argument)? })),
        }
    }

    fn branch(&self, parts: &[Value]) -> Option<Value> {
        let name = parts[0].as_str().unwrap_or_default();
        match self.condition(name, DEPTH) {
            Some(true) => self.value(&parts[1]),
            Some(false) => self.value(&parts[2]),
            None => Some(json!({ "Fn::If": [name, self.value(&parts[1]), self.value(&parts[2])] })),
        }
    }

    /// Puts names into `${…}`. What is not known stays, with the value that the function itself gives it, and `${!Literal}` is
    /// left to CloudFormation.
    fn substitute(&self, pattern: &str, names: &Map<String, Value>) -> Value {
        let mut open = Map::new();
        let mut parts = pattern.split("${");
        let mut known = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('}').unwrap_or((part, ""));
            let value = names.get(name).and_then(text);
            match value.or_else(|| self.parameters.get(name).cloned()) {
                Some(value) => known.push_str(&value),
                None => {
                    known.push_str(&format!("${{{name}}}"));
                    open.extend(
                        names
                            .get(name)
                            .map(|value| (name.to_owned(), value.clone())),
                    );
                }
            }
            known.push_str(rest);
        }
        if !open.is_empty() {
            json!({ "Fn::Sub": [known, open] })
        } else if known.contains("${") {
            json!({ "Fn::Sub": known })
        } else {
            known.into()
        }
    }

    fn join(&self, parts: &[Value]) -> Option<Value> {
        let separator = parts.first()?.as_str()?;
        let items = self.value(parts.get(1)?)?;
        let texts: Option<Vec<String>> = items.as_array()?.iter().map(text).collect();
        Some(match texts {
            Some(texts) => texts.join(separator).into(),
            None => json!({ "Fn::Join": [separator, items] }),
        })
    }

    /// Returns whether a condition holds, or `None` if that is not known.
    fn condition(&self, name: &str, depth: usize) -> Option<bool> {
        self.holds(self.conditions.get(name)?, depth.checked_sub(1)?)
    }

    fn holds(&self, condition: &Value, depth: usize) -> Option<bool> {
        let (name, argument) = function(condition.as_object()?)?;
        let all = || {
            argument
                .as_array()
                .into_iter()
                .flatten()
                .map(|part| self.holds(part, depth))
        };
        match name {
            "Condition" => self.condition(argument.as_str()?, depth),
            "Fn::Equals" => self.equal(argument.as_array()?),
            "Fn::Not" => all().next()?.map(|holds| !holds),
            "Fn::And" if all().any(|part| part == Some(false)) => Some(false),
            "Fn::And" => all().collect::<Option<Vec<_>>>().map(|_| true),
            "Fn::Or" if all().any(|part| part == Some(true)) => Some(true),
            "Fn::Or" => all().collect::<Option<Vec<_>>>().map(|_| false),
            _ => None,
        }
    }

    fn equal(&self, sides: &[Value]) -> Option<bool> {
        let side = |index: usize| {
            let known = text(&self.value(sides.get(index)?)?)?;
            (!known.contains(AFTER_DEPLOY)).then_some(known)
        };
        Some(side(0)? == side(1)?)
    }
}

/// Returns name and argument of an object that is a function's call.
pub fn function(entries: &Map<String, Value>) -> Option<(&str, &Value)> {
    let (name, argument) = entries.iter().next().filter(|_| entries.len() == 1)?;
    let is_function = name == "Ref" || name.starts_with("Fn::");
    // `Condition` is a function among conditions; elsewhere it is a policy's own word.
    (is_function || (name == "Condition" && argument.is_string()))
        .then_some((name.as_str(), argument))
}

/// Returns a scalar as text: to CloudFormation `true` and `'true'` are the same.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    }
}

/// Returns a value as people read it: text as it is, what a resource will be called as `${Topic}` and
/// what it will have as `${Topic.Arn}`, everything else as JSON in one line.
pub fn shown(value: &Value) -> String {
    let part = |name: &str| {
        value
            .get(name)
            .filter(|_| value.as_object().is_some_and(|all| all.len() == 1))
    };
    if let Some(Value::String(target)) = part("Ref") {
        return format!("${{{target}}}");
    }
    if let Some(Value::String(pattern)) = part("Fn::Sub") {
        return pattern.clone();
    }
    if let Some(Value::Array(parts)) = part("Fn::GetAtt") {
        let parts: Vec<&str> = parts.iter().filter_map(Value::as_str).collect();
        return format!("${{{}}}", parts.join("."));
    }
    text(value).unwrap_or_else(|| value.to_string())
}

pub(super) fn is_true(value: &Value) -> bool {
    text(value).as_deref() == Some("true")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::document;

    const TEMPLATE: &str = "
Parameters:
  Protected: { Type: String }
  Name: { Type: String, Default: tree }
  Secret: { Type: String, NoEcho: true }
Conditions:
  IsProtected: !Equals [!Ref Protected, 'true']
  IsFree: !Not [!Condition IsProtected]
  Both: !And [!Condition IsProtected, !Condition IsFree]
  Either: !Or [!Condition IsProtected, !Condition IsFree]
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: !If [IsProtected, Retain, Delete]
    Properties:
      Name: !Sub ${Name}-${AWS::Region}
      Plain: !Sub [\"${Name}/${Part}\", { Part: !Ref Protected }]
      Joined: !Join ['-', [!Ref Name, x]]
      Held: !Join ['-', [!Ref Name, !GetAtt Other.Arn]]
      Nothing: !If [Both, 1, !Ref AWS::NoValue]
      Something: !If [Either, 1, 2]
      Secret: !Ref Secret
  Free:
    Type: AWS::SNS::Topic
    Condition: IsFree
Outputs:
  Name: { Value: !Ref Name }
";

    fn rendered(protected: &str) -> Rendered {
        let parameters =
            [("Protected", protected)].map(|(name, value)| (name.to_owned(), value.to_owned()));
        render(&document(TEMPLATE).unwrap(), &parameters.into())
    }

    #[test]
    fn parameters_and_conditions_are_put_in_and_the_rest_stays() {
        let table = &rendered("true").resources["Table"];
        assert_eq!(table["DeletionPolicy"], "Retain");
        assert_eq!(
            table["Properties"],
            json!({
                "Name": { "Fn::Sub": "tree-${AWS::Region}" },
                "Plain": "tree/true",
                "Joined": "tree-x",
                "Held": { "Fn::Join": ["-", ["tree", { "Fn::GetAtt": ["Other", "Arn"] }]] },
                "Something": 1,
                "Secret": "****",
            })
        );
        assert_eq!(rendered("true").outputs["Name"], "tree");
    }

    #[test]
    fn a_resource_is_there_unless_its_condition_fails() {
        let has = |protected| rendered(protected).resources.contains_key("Free");
        assert_eq!(
            (has("true"), has("false"), has(AFTER_DEPLOY)),
            (false, true, true)
        );
    }

    #[test]
    fn a_condition_on_what_is_not_known_yet_keeps_both_branches() {
        let table = &rendered(AFTER_DEPLOY).resources["Table"];
        assert_eq!(
            table["DeletionPolicy"],
            json!({ "Fn::If": ["IsProtected", "Retain", "Delete"] })
        );
    }

    #[test]
    fn a_condition_that_names_itself_is_not_known() {
        let document = document(
            "Conditions: { A: !Not [!Condition A] }\nResources: { R: { Condition: A } }\n",
        );
        let rendered = render(&document.unwrap(), &BTreeMap::new());
        assert!(rendered.resources.contains_key("R"));
    }
}
