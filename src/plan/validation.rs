//! In: the stacks of a stage, and the templates. Out: every fault that would end a deploy and can be seen without AWS: of each
//! template by itself, and of what stacks hand to each other. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::{ParameterSource, StageStack};
use crate::error::{SourceFault, UserError};
use crate::template::{Template, TemplateFault, Templates};

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
            let found = templates.faults(name).into_iter();
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
    for (stack, output) in NEEDED {
        faults.extend(missing_output(&by_stack, stack, output, "the deploy"));
    }
    faults.sort();
    faults.dedup();
    faults
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
                cure: "give it a `Default`, or correct its name".to_owned(),
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
