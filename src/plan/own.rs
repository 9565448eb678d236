//! The stacks that a project's own templates make, beside those that every stage has. In: the name of a template, or a stack
//! as it was found. Out: the stack of the stage that it is. Where a parameter of a deployed stack came from shows in its name
//! and its value, so that no template is needed for it. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::artifact::{ArtifactFact, camel_case};
use super::stage::stage_stack;
use super::{ParameterSource, Parameters, STAGE_TAG, StageStack};
use crate::config::{Config, Hosting, kept};

/// The longest name of a stack.
/// Source: AWS CloudFormation API Reference, `CreateStack`, `StackName`.
const LONGEST_NAME: usize = 128;

/// Names that mean something else to a person who reads or types them: verbs of the command line, and stacks of ours.
pub const RESERVED: [&str; 29] = [
    "build",
    "cancel",
    "certificate-us-east-1",
    "completions",
    "dead-letters",
    "deploy",
    "dev",
    "diff",
    "doctor",
    "help",
    "instance",
    "invoke",
    "local",
    "logs",
    "man",
    "open",
    "outputs",
    "plan",
    "policy",
    "recover",
    "releases",
    "replay",
    "rollback",
    "schema",
    "ssh",
    "status",
    "teardown",
    "users",
    "validate",
];

/// Returns the stack of an own template.
pub(super) fn own_stack(config: &Config, template: &str) -> StageStack {
    let tag = (STAGE_TAG.to_owned(), config.stage.to_string());
    StageStack {
        tags: BTreeMap::from([tag]),
        ..stage_stack(config, template, Parameters::new())
    }
}

/// Returns why a template cannot be called so, and the cure; `None` if it can.
pub(super) fn name_fault(config: &Config, name: &str) -> Option<(String, String)> {
    let stack = config.stack_name(name);
    let is_taken = stack
        .chars()
        .any(|letter| !letter.is_ascii_alphanumeric() && letter != '-');
    if is_taken || name.is_empty() || stack.len() > LONGEST_NAME {
        let message = format!("its stack would be called `{stack}`, which is no name of a stack");
        let cure = format!(
            "name the file with letters, digits and hyphens, so that the stack's name has {LONGEST_NAME} characters at most"
        );
        return Some((message, cure));
    }
    if RESERVED.contains(&name) {
        let message = format!("`{name}` means something else: a verb, or a stack of ours");
        return Some((message, "give the file another name".to_owned()));
    }
    // Only a stage whose name begins with ours takes names out of ours.
    let ours = config.stack_name("");
    let others = config.other_stages.iter();
    let mut others = others.filter(|_| config.settings.hosting == Hosting::Aws);
    let other = others.find(|other| {
        let theirs = &other.stack_prefix;
        theirs.starts_with(&ours) && stack.starts_with(kept(theirs))
    })?;
    let message = format!(
        "its stack would be called `{stack}`, as if it were one of stage `{}`",
        other.name
    );
    Some((message, "give the file another name".to_owned()))
}

/// Returns the stack of an own template that a stack of this name and with these tags is; `None` if it is not of the stage.
pub fn own_stack_found(
    config: &Config,
    stack: &str,
    tags: &BTreeMap<String, String>,
) -> Option<StageStack> {
    let name = stack.strip_prefix(&config.stack_name(""))?;
    let is_ours = tags.get(STAGE_TAG).map(String::as_str) == Some(config.stage.as_str());
    is_ours.then(|| own_stack(config, name))
}

/// A deployed stack, as far as it shows where its parameters came from.
#[derive(Clone, Debug)]
pub struct DeployedFacts {
    /// The stack, with the sources that are known without a look at it.
    pub stack: StageStack,
    /// Its parameters.
    pub parameters: BTreeMap<String, String>,
    /// Its outputs.
    pub outputs: BTreeMap<String, String>,
}

/// Completes the sources of deployed stacks: a parameter that is called like an artifact's, or like the output of another
/// stack whose value it has, carries that.
pub fn with_deployed_sources(mut deployed: Vec<DeployedFacts>) -> Vec<StageStack> {
    let artifacts = artifacts_of(&deployed);
    for place in 0..deployed.len() {
        let unknown: Vec<(String, String)> = deployed[place]
            .parameters
            .iter()
            .filter(|(name, _)| !deployed[place].stack.parameters.contains_key(*name))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        for (name, value) in unknown {
            let source = match artifacts.get(&name) {
                Some(fact) => ParameterSource::Artifact(fact.clone()),
                None => match output_of(&deployed, place, &name, &value) {
                    Some(source) => source,
                    None => continue,
                },
            };
            deployed[place].stack.parameters.insert(name, source);
        }
    }
    deployed.into_iter().map(|facts| facts.stack).collect()
}

/// Returns the facts of the artifacts whose keys stacks were given, by the parameter that carries them.
fn artifacts_of(deployed: &[DeployedFacts]) -> BTreeMap<String, ArtifactFact> {
    let values = deployed.iter().flat_map(|facts| &facts.parameters);
    let named = values.filter_map(|(name, value)| {
        let artifact = value.split('/').nth_back(1)?;
        let facts = ArtifactFact::of(artifact);
        (facts[0].parameter() == *name).then_some(facts)
    });
    let facts = named.flatten();
    facts.map(|fact| (fact.parameter(), fact)).collect()
}

/// Finds the stack whose output a parameter carries. One that needs this stack already is not asked: what was deployed was
/// without a loop.
fn output_of(
    deployed: &[DeployedFacts],
    place: usize,
    name: &str,
    value: &str,
) -> Option<ParameterSource> {
    let asking = &deployed[place].stack.name;
    let others = deployed
        .iter()
        .filter(|other| other.stack.name != *asking && !needs(deployed, &other.stack.name, asking));
    let mut rows = others.flat_map(|other| {
        let outputs = other.outputs.iter();
        outputs.map(|(output, value)| (other.stack.name.as_str(), output, value))
    });
    let (stack, output, _) = rows.find(|(stack, output, theirs)| {
        let is_called = *output == name || qualified(stack, output) == name;
        is_called && *theirs == value
    })?;
    let (stack, output) = (stack.to_owned(), output.clone());
    Some(ParameterSource::Output { stack, output })
}

/// Returns whether a stack needs another one, directly or by way of others.
fn needs(deployed: &[DeployedFacts], stack: &str, needed: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut left = vec![stack];
    while let Some(name) = left.pop() {
        let found = deployed.iter().find(|facts| facts.stack.name == name);
        for need in found.map(|facts| facts.stack.needs()).unwrap_or_default() {
            if need == needed {
                return true;
            }
            if seen.insert(need) {
                left.push(need);
            }
        }
    }
    false
}

/// Returns the name of a parameter that means the output of this stack and no other's: `DataTableName`.
pub(super) fn qualified(stack: &str, output: &str) -> String {
    format!("{}{output}", camel_case(stack))
}

#[cfg(test)]
#[path = "own_tests.rs"]
mod tests;
