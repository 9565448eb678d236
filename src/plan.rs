//! In: a `Config`, the stage's addresses and the templates. Out: a `Plan`: every stack with its region, and where each of
//! its parameters comes from. The stacks that every stage has are in `stage`, those of a project's own templates in `own`,
//! and the rule by which any parameter is found by its name in `parameters`. Which stacks a stage has is known without any
//! template, for those who work with what is deployed. Pure: no clock, no disk, no network, no AWS.

mod artifact;
mod costs;
mod digest;
mod names;
mod order;
mod own;
mod parameters;
mod placement;
mod planned_outputs;
mod preview;
mod preview_text;
mod prices;
mod stage;
mod validation;

use std::collections::{BTreeMap, BTreeSet};

use crate::config::{Config, Region};
use crate::error::UserError;
use crate::template::{DataConsent, Template, Templates};
use crate::urls::Urls;
pub use artifact::{ArtifactFact, SERVER};
pub use costs::{CostItem, IdleCosts, idle_costs};
pub use digest::{SavedPlan, changed_parts, digest, part};
pub use names::{NameChange, name_changes};
pub use own::{DeployedFacts, RESERVED, own_stack_found, with_deployed_sources};
pub use placement::{PlacementFact, ZonePlace};
pub use planned_outputs::{
    output_changes, planned_outputs, planned_parameters, unknown_parameters, with_deployed_values,
};
pub use preview::{
    ArtifactPreview, OutputChange, Preview, RemainingFile, SitePreview, StackAction, StackPreview,
    UndescribedStack, outcome,
};
pub use stage::{EDITORS, SIGN_IN, other_live_stack, stage_stacks};

/// The parameter of a stack whose resources refuse to be deleted while it is `true`.
pub const DELETION_PROTECTION: &str = "DeletionProtection";

/// The same of resources that outlive their stack: a teardown leaves it as it is.
pub const RETAINED_PROTECTION: &str = "RetainedProtection";

/// The tag by which a stack is known to belong to a stage, where the stage does not know its name: of the stages `prod` and `prod-eu`, the name
/// of a stack may begin with both. Its value never changes, so no update of the stack touches a resource for its sake.
pub const STAGE_TAG: &str = "factory-tree:stage";

/// The stacks that a deploy provisions.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The stack that holds the artifact bucket: everything else waits for it.
    pub foundation: StackPlan,
    /// All other stacks, each after those it needs.
    pub stacks: Vec<StackPlan>,
}

/// A stack of a stage: all that is known of it without its template.
#[derive(Clone, Debug, PartialEq)]
pub struct StageStack {
    /// Its short name, as reports show it: the template's, with the region where that is not the stage's.
    pub name: String,
    /// Its name in CloudFormation.
    pub stack: String,
    /// Its region.
    pub region: Region,
    /// The name of its template.
    pub template: String,
    /// Where each parameter comes from.
    pub parameters: Parameters,
    /// Whether CloudFormation is to refuse its deletion.
    pub protected: bool,
    /// Its tags in CloudFormation, beside the one that every stack has.
    pub tags: BTreeMap<String, String>,
}

/// One stack, with the template that it is to have.
#[derive(Clone, Debug, PartialEq)]
pub struct StackPlan {
    /// Its short name, as reports show it: the template's, with the region where that is not the stage's.
    pub name: String,
    /// Its name in CloudFormation.
    pub stack: String,
    /// Its region.
    pub region: Region,
    /// The template.
    pub template: Template,
    /// Where each parameter comes from.
    pub parameters: Parameters,
    /// Whether CloudFormation is to refuse its deletion.
    pub protected: bool,
    /// Its tags in CloudFormation, beside the one that every stack has.
    pub tags: BTreeMap<String, String>,
    /// The losses of data that a person has agreed to.
    pub consent: DataConsent,
}

/// Where a parameter's value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParameterSource {
    /// Known now.
    Value(String),
    /// An output of another stack.
    Output {
        /// The other stack's short name.
        stack: String,
        /// The output.
        output: String,
    },
    /// Known when the artifacts are published.
    Artifact(ArtifactFact),
    /// Asked of AWS where the stack is provisioned or previewed.
    Placement(PlacementFact),
    /// When a key expires that this deploy makes or renews. The clock is read where the stack is provisioned or previewed.
    KeyExpiry,
}

/// Where each parameter of a stack comes from, by its name.
pub type Parameters = BTreeMap<String, ParameterSource>;

impl StageStack {
    /// Returns the short names of the stacks whose outputs this one needs.
    pub fn needs(&self) -> BTreeSet<&str> {
        needs(&self.parameters)
    }

    /// Returns the plan to give this stack a template. Nobody has agreed to a loss of data yet.
    pub fn with_template(self, template: Template) -> StackPlan {
        StackPlan {
            name: self.name,
            stack: self.stack,
            region: self.region,
            template,
            parameters: self.parameters,
            protected: self.protected,
            tags: self.tags,
            consent: DataConsent::default(),
        }
    }
}

impl StackPlan {
    /// Returns the short names of the stacks whose outputs this one needs.
    pub fn needs(&self) -> BTreeSet<&str> {
        needs(&self.parameters)
    }

    /// Returns what is known of the stack without its template.
    pub fn stage_stack(&self) -> StageStack {
        StageStack {
            name: self.name.clone(),
            stack: self.stack.clone(),
            region: self.region.clone(),
            template: self.name.clone(),
            parameters: self.parameters.clone(),
            protected: self.protected,
            tags: self.tags.clone(),
        }
    }
}

fn needs(parameters: &Parameters) -> BTreeSet<&str> {
    let needed = parameters.values().filter_map(|source| match source {
        ParameterSource::Output { stack, .. } => Some(stack.as_str()),
        _ => None,
    });
    needed.collect()
}

impl Plan {
    /// Returns the plan with consent to losses of data.
    pub fn with_consent(mut self, consent: &DataConsent) -> Self {
        self.foundation.consent = consent.clone();
        for stack in &mut self.stacks {
            stack.consent = consent.clone();
        }
        self
    }

    /// Splits the stacks behind the foundation into those that do not wait for a stack, and that stack with all that do.
    pub fn split_at(&self, name: &str) -> (Vec<StackPlan>, Vec<StackPlan>) {
        let mut waiting = BTreeSet::from([name]);
        let mut free = Vec::new();
        let mut rest = Vec::new();
        for stack in &self.stacks {
            let waits = stack.needs().iter().any(|need| waiting.contains(need));
            if waits || stack.name == name {
                waiting.insert(&stack.name);
                rest.push(stack.clone());
            } else {
                free.push(stack.clone());
            }
        }
        (free, rest)
    }

    /// Returns every stack, each after those it needs.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = &StackPlan> {
        std::iter::once(&self.foundation).chain(&self.stacks)
    }
}

/// Decides what a deploy does with each stack of a stage, without touching any of them. `lambdas` are the crates of Lambdas
/// that the deployer does not name.
///
/// # Errors
/// `UserError::Templates` with every fault that would end a deploy and can be seen without AWS; `UserError::Config` for a
/// setting that no template takes.
pub fn plan(
    config: &Config,
    urls: &Urls,
    templates: &Templates,
    lambdas: &[String],
) -> Result<Plan, UserError> {
    let mut stacks = stage_stacks(config, urls);
    let mut named = validation::names(&stacks);
    // A template of ours that this stage does not use is no own one.
    named.extend(stage::UNUSED_BY_SOME);
    let own = templates.others(&named);
    stacks.extend(own.iter().map(|name| own::own_stack(config, name)));
    let described = validation::read(config, stacks, templates, &own)?;
    let filled = parameters::fill(config, urls, lambdas, described)?;
    let mut stacks = order::in_order(filled)?;
    Ok(Plan {
        foundation: stacks.remove(0),
        stacks,
    })
}

#[cfg(test)]
mod tests;
