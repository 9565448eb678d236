//! A template with the parameters of a stage put in. In: its text, and the values that are known before a deploy. Out: faults that
//! depend on them: a value that its declaration does not take, resources that need each other in a circle, and what refers to a
//! resource that the conditions leave out.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::functions::names_in;
use super::{Check, TemplateFault, chain, circles, entries, refused_value};
use crate::template::Body;
use crate::template::render::{AFTER_DEPLOY, function, is_true, render};

/// Finds the faults of a template with these values. Values that other stacks put out are `AFTER_DEPLOY`.
pub fn faults_with(body: &Body, parameters: &BTreeMap<String, String>) -> Vec<TemplateFault> {
    let Ok(document) = body.document() else {
        return Vec::new();
    };
    let Some(sections) = document.as_object() else {
        return Vec::new();
    };
    let mut check = Check::of(body, sections);
    for (name, declaration) in entries(sections, "Parameters") {
        let value = parameters
            .get(name)
            .filter(|value| !value.contains(AFTER_DEPLOY));
        if let Some(value) = value
            && let Some((problem, cure)) = refused_value(declaration, value)
        {
            check.enter("Parameters", name);
            let shown = if is_true(&declaration["NoEcho"]) {
                "a value that is hidden".to_owned()
            } else {
                format!("`{value}`")
            };
            let message = format!("parameter `{name}` gets {shown}, {problem}");
            check.note(
                name,
                message,
                &format!("{cure}, or let the declaration take it"),
            );
        }
    }
    let rendered = render(document, parameters);
    let mut graph = BTreeMap::new();
    for (name, resource) in &rendered.resources {
        let mut needs = BTreeSet::new();
        collect(resource, &mut needs);
        check.enter("Resources", name);
        check.absent(&needs, &rendered.resources);
        depends_on(resource, &mut needs);
        let needs = needs
            .into_iter()
            .filter(|need| rendered.resources.contains_key(need));
        graph.insert(name.clone(), needs.collect());
    }
    for (name, output) in entries(sections, "Outputs") {
        if let Some(value) = rendered
            .outputs
            .get(name)
            .filter(|_| output.get("Condition").is_none())
        {
            let mut needs = BTreeSet::new();
            collect(value, &mut needs);
            check.enter("Outputs", name);
            check.absent(&needs, &rendered.resources);
        }
    }
    check.resources_in_circles(&graph);
    check.found
}

impl Check<'_> {
    /// Notes the names that the template has and the conditions leave out. `DependsOn` may name such a resource.
    fn absent(&mut self, needs: &BTreeSet<String>, there: &BTreeMap<String, Value>) {
        for name in needs {
            if self.resources.contains(name) && !there.contains_key(name) {
                let message = format!(
                    "it needs resource `{name}`, whose `Condition` does not hold with the values of this stage"
                );
                let cure = "give what needs it the same `Condition`, or put the reference into `!If [CONDITION, …, !Ref AWS::NoValue]`";
                self.note(name, message, cure);
            }
        }
    }

    fn resources_in_circles(&mut self, graph: &BTreeMap<String, Vec<String>>) {
        for circle in circles(graph) {
            let Some(first) = circle.first() else {
                continue;
            };
            self.enter("Resources", first);
            let (message, cure) = if circle.len() == 1 {
                let message = format!("resource `{first}` refers to itself");
                (
                    message,
                    "move what needs its name or attribute into a resource of its own",
                )
            } else {
                let message = format!("resources need each other in a circle: {}", chain(&circle));
                (
                    message,
                    "take one of these references out, or move it into a resource of its own that needs both",
                )
            };
            self.note(first, message, cure);
        }
    }
}

/// Collects the names that a value refers to. What stands in an `Fn::If` that is not decided may be left out.
fn collect(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| collect(value, names)),
        Value::Object(entries) => match function(entries) {
            Some(("Fn::If", _)) => {}
            Some(("Ref", Value::String(name))) => _ = names.insert(name.clone()),
            Some(("Fn::GetAtt", Value::Array(parts))) => {
                names.extend(parts.first().and_then(Value::as_str).map(str::to_owned));
            }
            Some(("Fn::Sub", argument)) => substituted(argument, names),
            _ => entries.values().for_each(|value| collect(value, names)),
        },
        _ => {}
    }
}

fn substituted(argument: &Value, names: &mut BTreeSet<String>) {
    let (pattern, own) = match argument {
        Value::Array(parts) => (parts.first(), parts.get(1)),
        pattern => (Some(pattern), None),
    };
    let pattern = pattern.and_then(Value::as_str).unwrap_or_default();
    let is_own = |name: &str| own.is_some_and(|own| own.get(name).is_some());
    let referred = names_in(pattern).filter(|name| !is_own(name));
    let resources = referred.map(|name| name.split('.').next().unwrap_or(name).to_owned());
    names.extend(resources);
    own.into_iter().for_each(|own| collect(own, names));
}

fn depends_on(resource: &Value, names: &mut BTreeSet<String>) {
    match &resource["DependsOn"] {
        Value::String(name) => _ = names.insert(name.clone()),
        Value::Array(all) => names.extend(all.iter().filter_map(Value::as_str).map(str::to_owned)),
        _ => {}
    }
}
