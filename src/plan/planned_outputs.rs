//! The outputs of a stack after a deploy, as far as they are known before it: stacks that need them are
//! planned with that. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::preview::OutputChange;
use super::{ArtifactFact, ParameterSource, StackPlan};
use crate::outputs::Outputs;
use crate::template::{AFTER_DEPLOY, Rendered, function, text};
use crate::template::{ChangeAction, ResourceChange};

/// Returns the parameters that a stack would be given.
pub fn planned_parameters(
    plan: &StackPlan,
    planned: &Outputs,
    artifacts: &BTreeMap<ArtifactFact, String>,
) -> BTreeMap<String, String> {
    let parameters = plan.parameters.iter().map(|(name, source)| {
        let value = match source {
            ParameterSource::Value(text) => Some(text),
            ParameterSource::Output { stack, output } => planned.find(stack, output),
            ParameterSource::Artifact(fact) => artifacts.get(fact),
            ParameterSource::Placement(_) | ParameterSource::KeyExpiry => None,
        };
        let value = value.map_or(AFTER_DEPLOY, String::as_str);
        (name.clone(), value.to_owned())
    });
    parameters.collect()
}

/// Returns the names of the parameters whose value is not known yet.
pub fn unknown_parameters(parameters: &BTreeMap<String, String>) -> Vec<String> {
    let unknown = parameters
        .iter()
        .filter(|(_, value)| *value == AFTER_DEPLOY);
    unknown.map(|(name, _)| name.clone()).collect()
}

/// Puts in what a parameter is now where it is not known what it will be. One that is not there now
/// stays unknown.
pub fn with_deployed_values(
    parameters: &BTreeMap<String, String>,
    deployed: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let filled = parameters.iter().map(|(name, value)| {
        let present = deployed.get(name).filter(|_| value == AFTER_DEPLOY);
        (name.clone(), present.unwrap_or(value).clone())
    });
    filled.collect()
}

/// Returns what a stack will put out. `deployed` are its outputs now.
pub fn planned_outputs(
    deployed: &BTreeMap<String, String>,
    before: &Rendered,
    after: &Rendered,
    changes: &[ResourceChange],
) -> BTreeMap<String, String> {
    let forecast = after.outputs.iter().map(|(name, value)| {
        let now = deployed.get(name);
        let stays = before.outputs.get(name) == Some(value) && !touches(value, changes);
        let known = match now {
            Some(now) if stays => now.clone(),
            _ => text(value).unwrap_or_else(|| AFTER_DEPLOY.to_owned()),
        };
        (name.clone(), known)
    });
    forecast.collect()
}

/// Returns the outputs that the two templates give other values, by name. `deployed` are the values now,
/// `planned_outputs` those that `outputs` has foretold. One that only follows a changed resource is not among them.
pub fn output_changes(
    deployed: &BTreeMap<String, String>,
    planned: &BTreeMap<String, String>,
    before: &Rendered,
    after: &Rendered,
) -> Vec<OutputChange> {
    let names: BTreeSet<&String> = before.outputs.keys().chain(after.outputs.keys()).collect();
    let changed = names
        .into_iter()
        .filter(|name| before.outputs.get(*name) != after.outputs.get(*name));
    let rows = changed.map(|name| OutputChange {
        name: name.clone(),
        before: deployed.get(name).cloned(),
        after: planned.get(name).cloned(),
    });
    rows.collect()
}

/// Returns whether a value is of a resource that will be another one, or may have other attributes. What
/// is changed in place keeps its name and its ARN.
fn touches(value: &Value, changes: &[ResourceChange]) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| touches(item, changes)),
        Value::Object(entries) => match function(entries) {
            Some(("Ref", Value::String(target))) => is_touched(target, None, changes),
            Some(("Fn::GetAtt", Value::Array(parts))) => {
                let part = |index: usize| parts.get(index).and_then(Value::as_str);
                is_touched(part(0).unwrap_or_default(), part(1), changes)
            }
            Some(("Fn::Sub", Value::String(pattern))) => substituted(pattern, changes),
            _ => entries.values().any(|entry| touches(entry, changes)),
        },
        _ => false,
    }
}

fn substituted(pattern: &str, changes: &[ResourceChange]) -> bool {
    let names = pattern.split("${").skip(1);
    let mut names = names.filter_map(|part| Some(part.split_once('}')?.0));
    names.any(|name| match name.split_once('.') {
        Some((resource, attribute)) => is_touched(resource, Some(attribute), changes),
        None => is_touched(name, None, changes),
    })
}

fn is_touched(resource: &str, attribute: Option<&str>, changes: &[ResourceChange]) -> bool {
    let change = changes.iter().find(|change| change.logical_id == resource);
    change.is_some_and(|change| match change.action {
        ChangeAction::Modify => !matches!(attribute, None | Some("Arn")),
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template::ChangeOrigin;
    use crate::template::{document, render};

    const TEMPLATE: &str = "
Resources: { Table: { Type: T } }
Outputs:
  Name: { Value: !Ref Table }
  Arn: { Value: !GetAtt Table.Arn }
  Stream: { Value: !GetAtt Table.StreamArn }
  Both: { Value: !Sub '${AWS::Region}/${Table}' }
  Fixed: { Value: fixed }
";

    fn forecast(action: Option<ChangeAction>) -> String {
        let rendered = render(&document(TEMPLATE).unwrap(), &BTreeMap::new());
        let changes: Vec<ResourceChange> = action
            .into_iter()
            .map(|action| ResourceChange {
                logical_id: "Table".to_owned(),
                kind: "T".to_owned(),
                action,
                seen_by: ChangeOrigin::Both,
                properties: Vec::new(),
                data: None,
                broadens: Vec::new(),
            })
            .collect();
        let deployed = rendered.outputs.keys();
        let deployed = deployed
            .map(|name| (name.clone(), "now".to_owned()))
            .collect();
        let rows = planned_outputs(&deployed, &rendered, &rendered, &changes).into_iter();
        rows.map(|(name, value)| format!("{name} {value}"))
            .collect::<Vec<_>>()
            .join("; ")
    }

    #[test]
    fn what_is_changed_in_place_keeps_its_name_and_what_is_replaced_does_not() {
        insta::assert_snapshot!(forecast(None), @"Arn now; Both now; Fixed now; Name now; Stream now");
        insta::assert_snapshot!(forecast(Some(ChangeAction::Modify)), @"Arn now; Both now; Fixed now; Name now; Stream (known after deploy)");
        insta::assert_snapshot!(forecast(Some(ChangeAction::Replace)), @"Arn (known after deploy); Both (known after deploy); Fixed now; Name (known after deploy); Stream (known after deploy)");
    }

    #[test]
    fn outputs_that_come_go_or_get_another_value_are_reported_and_no_others() {
        let [before, after] = [
            "Outputs: { Gone: { Value: a }, Moved: { Value: b }, Stays: { Value: c } }",
            "Outputs: { Moved: { Value: !Ref Table }, New: { Value: d }, Stays: { Value: c } }",
        ]
        .map(|text| render(&document(text).unwrap(), &BTreeMap::new()));
        let deployed = [("Gone", "a"), ("Moved", "b"), ("Stays", "c")];
        let deployed = deployed
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let planned = planned_outputs(&deployed, &before, &after, &[]);
        let rows = output_changes(&deployed, &planned, &before, &after).into_iter();
        let rows = rows.map(|row| format!("{} {:?} {:?}", row.name, row.before, row.after));
        insta::assert_snapshot!(rows.collect::<Vec<_>>().join("\n"), @r#"
        Gone Some("a") None
        Moved Some("b") Some("(known after deploy)")
        New None Some("d")
        "#);
    }
}
