//! The rule by which a parameter that the deployer does not name is found, by its name: what the stage knows of itself, its
//! addresses, artifacts, the outputs of other stacks, and last the settings of the stage. In: stacks with their templates.
//! Out: the same with every parameter filled that needs a value, or every fault with its place. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::artifact::{ArtifactFact, SERVER};
use super::own::qualified;
use super::stage::values;
use super::validation::faults_between;
use super::{ParameterSource, StackPlan};
use crate::config::{Config, ParameterSetting, Region};
use crate::error::{SourceFault, UserError};
use crate::nearest::nearest;
use crate::template::DIGEST;
use crate::urls::Urls;

/// The Lambdas that the deployer names.
const LAMBDAS: [&str; 2] = ["api", "publisher"];

/// The stack that holds the artifact bucket: it is made before everything else.
const FIRST: &str = "foundation";

/// Everything that a parameter may carry.
struct Sources {
    values: BTreeMap<&'static str, String>,
    artifacts: BTreeMap<String, ArtifactFact>,
    outputs: Vec<OutputName>,
    settings: BTreeMap<String, ParameterSetting>,
}

#[derive(Clone)]
struct OutputName {
    stack: String,
    region: Region,
    output: String,
}

/// What a name means.
enum Meaning {
    Nothing,
    One(ParameterSource),
    /// The value of a setting of the stage.
    Setting(String),
    /// Outputs of several stacks.
    Several(Vec<OutputName>),
}

/// Fills the parameters that templates declare and nobody has filled yet.
pub(super) fn fill(
    config: &Config,
    urls: &Urls,
    lambdas: &[String],
    mut stacks: Vec<StackPlan>,
) -> Result<Vec<StackPlan>, UserError> {
    let sources = Sources::of(config, urls, lambdas, &stacks);
    let mut faults = Vec::new();
    let mut set = BTreeSet::new();
    for stack in &mut stacks {
        faults.extend(not_declared(stack));
        for (name, default) in stack.template.parameters.clone() {
            if name == DIGEST || stack.parameters.contains_key(&name) {
                continue;
            }
            match sources.find(&name, stack) {
                Meaning::One(source) => {
                    stack.parameters.insert(name, source);
                }
                Meaning::Setting(value) => {
                    set.insert((stack.name.clone(), name.clone()));
                    stack.parameters.insert(name, ParameterSource::Value(value));
                }
                Meaning::Several(outputs) => faults.push(ambiguous(stack, &name, &outputs)),
                Meaning::Nothing if default.is_none() => {
                    faults.push(sources.without_value(stack, &name));
                }
                Meaning::Nothing => {}
            }
        }
    }
    faults.extend(faults_between(&stacks));
    if !faults.is_empty() {
        faults.sort();
        faults.dedup();
        return Err(UserError::Templates { faults });
    }
    check_settings(config, &stacks, &set)?;
    Ok(stacks)
}

impl Sources {
    fn of(config: &Config, urls: &Urls, lambdas: &[String], stacks: &[StackPlan]) -> Self {
        let own = lambdas.iter().map(String::as_str);
        let server = config.settings.live.has_servers().then_some(SERVER);
        let artifacts = LAMBDAS.into_iter().chain(server).chain(own);
        let artifacts = artifacts.flat_map(ArtifactFact::of);
        let outputs = stacks.iter().flat_map(|stack| {
            let handed_on = stack.template.outputs.iter();
            let handed_on = handed_on.filter(|output| *output != DIGEST);
            handed_on.map(|output| OutputName {
                stack: stack.name.clone(),
                region: stack.region.clone(),
                output: output.clone(),
            })
        });
        Self {
            values: values(config, urls),
            artifacts: artifacts.map(|fact| (fact.parameter(), fact)).collect(),
            outputs: outputs.collect(),
            settings: config.settings.parameters.clone(),
        }
    }

    /// Finds what a parameter of a stack means. Nothing that comes after the first stack can be handed to it.
    fn find(&self, name: &str, asking: &StackPlan) -> Meaning {
        if let Some(value) = self.values.get(name) {
            return Meaning::One(ParameterSource::Value(value.clone()));
        }
        let is_first = asking.name == FIRST;
        if let Some(fact) = self.artifacts.get(name).filter(|_| !is_first) {
            return Meaning::One(ParameterSource::Artifact(fact.clone()));
        }
        let outputs = if is_first {
            Vec::new()
        } else {
            self.outputs_called(name, asking)
        };
        let setting = self.settings.get(name).map(|setting| setting.value.clone());
        match (outputs.as_slice(), setting) {
            ([one], _) => Meaning::One(ParameterSource::Output {
                stack: one.stack.clone(),
                output: one.output.clone(),
            }),
            (_, Some(value)) => Meaning::Setting(value),
            ([], None) => Meaning::Nothing,
            (_, None) => Meaning::Several(outputs),
        }
    }

    /// Returns the outputs that a name means: those of the stack's own region before others, and a name that says its stack
    /// only where no output is called so.
    fn outputs_called(&self, name: &str, asking: &StackPlan) -> Vec<OutputName> {
        let others = || {
            let outputs = self.outputs.iter();
            outputs.filter(|output| output.stack != asking.name)
        };
        let called = || others().filter(|output| output.output == name);
        let near = called().filter(|output| output.region == asking.region);
        let near: Vec<OutputName> = near.cloned().collect();
        if !near.is_empty() {
            return near;
        }
        let far: Vec<OutputName> = called().cloned().collect();
        if !far.is_empty() {
            return far;
        }
        let qualified = others().filter(|one| qualified(&one.stack, &one.output) == name);
        qualified.cloned().collect()
    }

    fn without_value(&self, stack: &StackPlan, name: &str) -> SourceFault {
        let values = self.values.keys().copied();
        let artifacts = self.artifacts.keys().map(String::as_str);
        let outputs = self.outputs.iter().map(|output| output.output.as_str());
        let settings = self.settings.keys().map(String::as_str);
        let known = values.chain(artifacts).chain(outputs).chain(settings);
        let call_it = nearest(name, known).map_or_else(String::new, |meant| {
            format!("call it `{meant}`, which has a value, ")
        });
        SourceFault {
            message: format!(
                "parameter `{name}` has no value: it is called like no value of the stage, no artifact, no output of \
                 another stack and no setting, and has no default"
            ),
            cure: format!(
                "{call_it}give it a `Default`, or set `{name}` below `parameters` of the stage"
            ),
            ..place(stack, name)
        }
    }
}

/// The place of a parameter; message and cure are empty.
fn place(stack: &StackPlan, parameter: &str) -> SourceFault {
    SourceFault {
        file: stack.template.file.clone(),
        line: stack.template.line_of(parameter).unwrap_or(1),
        message: String::new(),
        cure: String::new(),
    }
}

fn ambiguous(stack: &StackPlan, name: &str, outputs: &[OutputName]) -> SourceFault {
    let quoted = |texts: Vec<String>, word: &str| {
        let texts: Vec<String> = texts.iter().map(|text| format!("`{text}`")).collect();
        texts.join(word)
    };
    let names = outputs.iter().map(|output| output.stack.clone()).collect();
    let ways = outputs
        .iter()
        .map(|one| qualified(&one.stack, &one.output))
        .collect();
    SourceFault {
        message: format!(
            "parameter `{name}` may mean the output of more than one stack: {}",
            quoted(names, " and ")
        ),
        cure: format!("call it {}", quoted(ways, " or ")),
        ..place(stack, name)
    }
}

/// Finds what the deployer fills by itself and the template does not declare.
fn not_declared(stack: &StackPlan) -> Vec<SourceFault> {
    let given = stack.parameters.keys();
    let missing = given.filter(|name| !stack.template.parameters.contains_key(*name));
    missing
        .map(|name| SourceFault {
            message: format!("it declares no parameter `{name}`, which the deployer fills"),
            cure: "declare it below `Parameters`".to_owned(),
            ..place(stack, "Parameters")
        })
        .collect()
}

/// Refuses a setting that no template takes, and one in place of what the deployer fills. `set` are the parameters, by
/// stack, that settings fill.
fn check_settings(
    config: &Config,
    stacks: &[StackPlan],
    set: &BTreeSet<(String, String)>,
) -> Result<(), UserError> {
    for (name, setting) in &config.settings.parameters {
        let declaring = stacks
            .iter()
            .filter(|stack| stack.template.parameters.contains_key(name));
        let declaring: Vec<&StackPlan> = declaring.collect();
        let problem = match declaring.as_slice() {
            [] => Some(unknown(name, stacks)),
            _ => declaring
                .iter()
                .find(|stack| !set.contains(&(stack.name.clone(), name.clone())))
                .map(|stack| filled_already(name, stack)),
        };
        if let Some((problem, hint)) = problem {
            return Err(UserError::Config {
                file: config.file.clone(),
                line: setting.line,
                column: setting.column,
                message: format!("stage `{}`: `parameters.{name}`: {problem}", config.stage),
                hint,
            });
        }
    }
    Ok(())
}

fn unknown(name: &str, stacks: &[StackPlan]) -> (String, String) {
    let free = stacks.iter().flat_map(|stack| {
        let declared = stack.template.parameters.keys();
        let free = declared.filter(|name| {
            *name != DIGEST
                && matches!(
                    stack.parameters.get(*name),
                    None | Some(ParameterSource::Value(_))
                )
        });
        free.map(String::as_str)
    });
    let hint = nearest(name, free).map_or_else(
        || "declare it in the template that is to have it, or remove the line".to_owned(),
        |meant| format!("perhaps it is called `{meant}`"),
    );
    ("no template declares such a parameter".to_owned(), hint)
}

fn filled_already(name: &str, stack: &StackPlan) -> (String, String) {
    let by = match stack.parameters.get(name) {
        Some(ParameterSource::Output { stack, output }) => {
            format!("with output `{output}` of stack `{stack}`")
        }
        Some(ParameterSource::Artifact(_)) => "with what it has published".to_owned(),
        Some(ParameterSource::Placement(_)) => "with what AWS says of the region".to_owned(),
        Some(ParameterSource::KeyExpiry) => "with the date that each quarter has".to_owned(),
        Some(ParameterSource::Value(_)) => "with what it knows of the stage".to_owned(),
        None => "with the digest of the stack".to_owned(),
    };
    let problem = format!("the deployer fills it in stack `{}` {by}", stack.name);
    let hint = "remove the line; a parameter with a value of your own needs another name";
    (problem, hint.to_owned())
}
