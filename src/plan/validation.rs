//! In: the stacks of a stage, and the templates. Out: every fault that would end a deploy and can be seen without AWS: of each
//! template by itself, and of what stacks hand to each other. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::{ParameterSource, StageStack};
use crate::error::{SourceFault, UserError};
use crate::nearest::nearest;
use crate::template::{
    AFTER_DEPLOY, MAX_OBJECT_BYTES, MAX_REQUEST_BYTES, Template, TemplateFault, Templates, circles,
    faults_with,
};

/// The parameter of every template that says what was deployed; the provisioning fills it.
const DIGEST: &str = "Digest";

/// Outputs that the deployer itself needs after a stack is made: stack and output.
const NEEDED: [(&str, &str); 6] = [
    ("foundation", "ArtifactBucket"),
    ("dns", "HostedZoneId"),
    ("websocket", "ServerEnvironment"),
    ("websocket", "ServerPolicyArn"),
    ("site", "BucketName"),
    ("site", "DistributionId"),
];

/// Checks the templates of a stage's stacks.
///
/// # Errors
/// `UserError::Templates` with every fault.
pub fn validate(stacks: &[StageStack], templates: &Templates) -> Result<(), UserError> {
    let names: BTreeSet<&str> = stacks.iter().map(|stack| stack.template).collect();
    let faults: Vec<SourceFault> = names
        .iter()
        .flat_map(|name| {
            let found = templates.faults(name, size_limit(name)).into_iter();
            found.map(|fault| placed(templates, name, fault))
        })
        .collect();
    let faults = if faults.is_empty() {
        faults_between(stacks, templates)
    } else {
        faults
    };
    if faults.is_empty() {
        return Ok(());
    }
    Err(UserError::Templates { faults })
}

/// The foundation holds the bucket that larger templates go by.
fn size_limit(template: &str) -> usize {
    if template == "foundation" {
        MAX_REQUEST_BYTES
    } else {
        MAX_OBJECT_BYTES
    }
}

/// Returns the files of templates that no stack of the stage uses.
pub fn unused_templates(stacks: &[StageStack], templates: &Templates) -> Vec<PathBuf> {
    let used: Vec<&str> = stacks.iter().map(|stack| stack.template).collect();
    templates.unused(&used)
}

fn placed(templates: &Templates, name: &str, fault: TemplateFault) -> SourceFault {
    SourceFault {
        file: templates.file(name),
        line: fault.line,
        message: fault.message,
        cure: fault.cure,
    }
}

/// Compares what the stacks are given and hand on with what their templates declare.
fn faults_between(stacks: &[StageStack], templates: &Templates) -> Vec<SourceFault> {
    let read = |stack: &StageStack| {
        let template = templates.get(stack.template).ok()?;
        Some((stack.name.clone(), template))
    };
    let by_stack: BTreeMap<String, Template> = stacks.iter().filter_map(read).collect();
    let mut faults = Vec::new();
    for stack in stacks {
        if let Some(template) = by_stack.get(&stack.name) {
            faults.extend(faults_of_parameters(stack, template));
            let found = faults_with(&template.body, &known_values(stack)).into_iter();
            faults.extend(found.map(|fault| placed(templates, stack.template, fault)));
        }
        for (parameter, source) in &stack.parameters {
            if let ParameterSource::Output {
                stack: from,
                output,
            } = source
            {
                let user = format!("parameter `{parameter}` of stack `{}`", stack.name);
                faults.extend(missing_output(&by_stack, from, output, &user));
            }
        }
    }
    faults.extend(stacks_in_circles(stacks, &by_stack));
    for (stack, output) in NEEDED {
        faults.extend(missing_output(&by_stack, stack, output, "the deploy"));
    }
    faults.sort();
    faults.dedup();
    faults
}

/// The values that a stack's parameters have before anything is deployed.
fn known_values(stack: &StageStack) -> BTreeMap<String, String> {
    let values = stack.parameters.iter().map(|(name, source)| {
        let value = match source {
            ParameterSource::Value(text) => text.clone(),
            ParameterSource::Output { .. } | ParameterSource::Artifact(_) => {
                AFTER_DEPLOY.to_owned()
            }
        };
        ((*name).to_owned(), value)
    });
    values.collect()
}

/// Stacks that need each other's outputs can never be made. The fault is at the parameter of the first that needs the next.
fn stacks_in_circles(
    stacks: &[StageStack],
    by_stack: &BTreeMap<String, Template>,
) -> Vec<SourceFault> {
    let needs = |stack: &StageStack| stack.needs().into_iter().map(str::to_owned).collect();
    let graph = stacks
        .iter()
        .map(|stack| (stack.name.clone(), needs(stack)));
    let found = circles(&graph.collect()).into_iter();
    let faults = found.filter_map(|circle| {
        let (first, next) = (circle.first()?, circle.get(1).or(circle.first())?);
        let template = by_stack.get(first)?;
        let stack = stacks.iter().find(|stack| &stack.name == first)?;
        let parameter = stack
            .parameters
            .iter()
            .find_map(|(name, source)| match source {
                ParameterSource::Output { stack, .. } if stack == next => Some(*name),
                _ => None,
            });
        let names: Vec<String> = circle
            .iter()
            .chain([first])
            .map(|name| format!("`{name}`"))
            .collect();
        Some(SourceFault {
            file: template.file.clone(),
            line: parameter
                .and_then(|name| template.line_of(name))
                .unwrap_or(1),
            message: format!(
                "stacks need each other's outputs in a circle: {}",
                names.join(" → ")
            ),
            cure: "move what both need into a third template".to_owned(),
        })
    });
    faults.collect()
}

fn faults_of_parameters(stack: &StageStack, template: &Template) -> Vec<SourceFault> {
    let known = |name: &str| name == DIGEST || stack.parameters.contains_key(name);
    let mut faults = Vec::new();
    for (name, default) in &template.parameters {
        if default.is_none() && !known(name) {
            faults.push(SourceFault {
                file: template.file.clone(),
                line: template.line_of(name).unwrap_or(1),
                message: format!("parameter `{name}` has no value: the deployer knows none, and there is no default"),
                cure: unknown_parameter(name, stack),
            });
        }
    }
    let given = stack.parameters.keys().copied().chain([DIGEST]);
    for name in given.filter(|name| !template.parameters.contains_key(*name)) {
        faults.push(SourceFault {
            file: template.file.clone(),
            line: 1,
            message: format!("it declares no parameter `{name}`, which the deployer fills"),
            cure: "declare it below `Parameters`".to_owned(),
        });
    }
    faults
}

fn unknown_parameter(name: &str, stack: &StageStack) -> String {
    match nearest(name, stack.parameters.keys().copied()) {
        Some(meant) => {
            format!("call it `{meant}`, which the deployer fills, or give it a `Default`")
        }
        None => "give it a `Default`, or remove it".to_owned(),
    }
}

fn missing_output(
    by_stack: &BTreeMap<String, Template>,
    stack: &str,
    output: &str,
    user: &str,
) -> Option<SourceFault> {
    let template = by_stack.get(stack)?;
    let is_there = template.outputs.iter().any(|name| name == output);
    (!is_there).then(|| SourceFault {
        file: template.file.clone(),
        line: 1,
        message: format!("it has no output `{output}`, which {user} needs"),
        cure: "declare it below `Outputs`".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(name: &'static str, needs: &str) -> StageStack {
        let need = ParameterSource::Output {
            stack: needs.to_owned(),
            output: "Id",
        };
        StageStack {
            name: name.to_owned(),
            stack: format!("demo-{name}"),
            region: "us-east-1".parse().unwrap(),
            template: name,
            parameters: BTreeMap::from([("Other", need)]),
            protected: false,
        }
    }

    #[test]
    fn stacks_that_need_each_others_outputs_in_a_circle_are_told_with_the_parameter() {
        let folder = tempfile::tempdir().unwrap();
        let text = "Parameters:\n  Digest: { Type: String }\n  Other:\n    Type: String\nResources:\n  Topic:\n    Type: AWS::SNS::Topic\nOutputs:\n  Id:\n    Value: !Ref Topic\n";
        for name in ["one", "two", "three"] {
            std::fs::write(folder.path().join(format!("{name}.yaml")), text).unwrap();
        }
        let templates = Templates::read(folder.path()).unwrap();
        let stacks = [
            stack("one", "two"),
            stack("two", "one"),
            stack("three", "one"),
        ];
        let error = validate(&stacks, &templates).unwrap_err().to_string();
        let error = error.replace(&folder.path().display().to_string(), "[templates]");
        insta::assert_snapshot!(error, @r"
        the templates cannot be deployed:
          [templates]/one.yaml:3: stacks need each other's outputs in a circle: `one` → `two` → `one`
            cure: move what both need into a third template
        ");
    }
}
