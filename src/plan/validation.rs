//! In: the stacks of a stage, and the templates. Out: the stacks with their templates, or every fault of a template that would
//! end a deploy and can be seen without AWS. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::own::name_fault;
use super::{ParameterSource, StackPlan, StageStack};
use crate::config::Config;
use crate::error::{SourceFault, UserError};
use crate::template::{
    AFTER_DEPLOY, MAX_OBJECT_BYTES, MAX_REQUEST_BYTES, Template, TemplateFault, Templates,
    faults_with,
};

/// Outputs that the deployer itself needs after a stack is made: stack and output.
const NEEDED: [(&str, &str); 10] = [
    ("auth", "SignInClient"),
    ("auth", "UserPoolId"),
    ("foundation", "ArtifactBucket"),
    ("dns", "HostedZoneId"),
    ("live-appsync", "Channel"),
    ("live-appsync", "PageKey"),
    ("websocket", "ServerEnvironment"),
    ("websocket", "ServerPolicyArn"),
    ("site", "BucketName"),
    ("site", "DistributionId"),
];

/// Returns the names of the templates that stacks have.
pub(super) fn names(stacks: &[StageStack]) -> BTreeSet<&str> {
    stacks.iter().map(|stack| stack.template.as_str()).collect()
}

/// Gives every stack its template. `own` are the project's own among the templates.
pub(super) fn read(
    config: &Config,
    stacks: Vec<StageStack>,
    templates: &Templates,
    own: &[String],
) -> Result<Vec<StackPlan>, UserError> {
    let of_names = own.iter().filter_map(|name| {
        let (message, cure) = name_fault(config, name)?;
        let line = 1;
        Some(placed(
            templates,
            name,
            TemplateFault {
                line,
                message,
                cure,
            },
        ))
    });
    let mut faults: Vec<SourceFault> = of_names.collect();
    for name in names(&stacks) {
        let found = templates.faults(name, size_limit(name)).into_iter();
        faults.extend(found.map(|fault| placed(templates, name, fault)));
    }
    let mut described = Vec::new();
    for stack in stacks.into_iter().filter(|_| faults.is_empty()) {
        match templates.get(&stack.template) {
            Ok(template) => described.push(stack.with_template(template)),
            Err(error) => {
                let fault = TemplateFault {
                    line: 1,
                    message: format!("{:#}", error.root_cause()),
                    cure: "correct the template".to_owned(),
                };
                return Err(UserError::Templates {
                    faults: vec![placed(templates, &stack.template, fault)],
                });
            }
        }
    }
    if faults.is_empty() {
        return Ok(described);
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

fn placed(templates: &Templates, name: &str, fault: TemplateFault) -> SourceFault {
    SourceFault {
        file: templates.file(name),
        line: fault.line,
        message: fault.message,
        cure: fault.cure,
    }
}

/// Finds what is wrong with the values that stacks are given, and what they, or the deployer, miss in the outputs of others.
pub(super) fn faults_between(stacks: &[StackPlan]) -> Vec<SourceFault> {
    let by_stack: BTreeMap<&str, &Template> = stacks
        .iter()
        .map(|stack| (stack.name.as_str(), &stack.template))
        .collect();
    let mut faults = Vec::new();
    for stack in stacks {
        let with_values = faults_with(&stack.template.body, &known_values(stack));
        faults.extend(with_values.into_iter().map(|fault| SourceFault {
            file: stack.template.file.clone(),
            line: stack.template.line_in_file(fault.line),
            message: fault.message,
            cure: fault.cure,
        }));
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
    faults
}

/// The values that a stack's parameters have before anything is deployed.
fn known_values(stack: &StackPlan) -> BTreeMap<String, String> {
    let values = stack.parameters.iter().map(|(name, source)| {
        let value = match source {
            ParameterSource::Value(text) => text.clone(),
            ParameterSource::Output { .. }
            | ParameterSource::Artifact(_)
            | ParameterSource::Placement(_)
            | ParameterSource::KeyExpiry => AFTER_DEPLOY.to_owned(),
        };
        (name.clone(), value)
    });
    values.collect()
}

fn missing_output(
    by_stack: &BTreeMap<&str, &Template>,
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
