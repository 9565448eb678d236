//! The stacks of a stage, as CloudFormation has them. In: the stacks that are known of a stage. Out: each with its deployed
//! state and its resources, and with them those of own templates, which their tag tells. No template of the sources is read.
//! Reads only.

use anyhow::Result;
use futures_util::future::try_join_all;

use crate::aws::{Aws, CloudFormation, Stack, StackResource, missing_permission};
use crate::config::Config;
use crate::plan::{self, DeployedFacts, StageStack};

/// A stack of a stage, as it was found.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundStack {
    /// The stack that the stage has.
    pub plan: StageStack,
    /// The deployed stack, if there is one.
    pub stack: Option<Stack>,
    /// Its resources.
    pub resources: Vec<StackResource>,
}

impl FoundStack {
    /// Returns the resources of one type.
    pub fn of_kind(&self, kind: &'static str) -> impl Iterator<Item = &StackResource> {
        let is_made = |resource: &&StackResource| !resource.physical_id.is_empty();
        self.resources
            .iter()
            .filter(move |resource| resource.kind == kind)
            .filter(is_made)
    }
}

/// Looks at every known stack and at those of own templates, at the same time.
///
/// # Errors
/// CloudFormation is not reached or refuses.
pub async fn find_stacks(
    aws: &Aws,
    config: &Config,
    known: &[StageStack],
) -> Result<Vec<FoundStack>> {
    let found = find(aws, config, known, Unlisted::Ignore).await?;
    try_join_all(
        found
            .into_iter()
            .map(|(plan, stack)| with_resources(aws, plan, stack)),
    )
    .await
}

async fn with_resources(aws: &Aws, plan: StageStack, stack: Option<Stack>) -> Result<FoundStack> {
    let client = aws.cloudformation_in(&plan.region);
    let resources = match &stack {
        Some(stack) => client.list_every_resource(&stack.id).await?,
        None => Vec::new(),
    };
    Ok(FoundStack {
        plan,
        stack,
        resources,
    })
}

/// A stack of a stage that is deployed.
pub type DeployedStack = (StageStack, Stack);

/// What is to be done where the stacks of the account may not be listed: those of own templates are not known then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unlisted {
    /// Nothing may be overlooked.
    Refuse,
    /// The known stacks will do.
    Ignore,
}

/// Finds the deployed ones among the known stacks of a stage, in the order given, and behind them those of own templates,
/// all at the same time.
///
/// # Errors
/// CloudFormation is not reached or refuses the call.
pub async fn find_deployed_stacks(
    aws: &Aws,
    config: &Config,
    known: &[StageStack],
    unlisted: Unlisted,
) -> Result<Vec<DeployedStack>> {
    let found = find(aws, config, known, unlisted).await?;
    let deployed = found
        .into_iter()
        .filter_map(|(plan, stack)| Some((plan, stack?)));
    let deployed: Vec<DeployedStack> = deployed.collect();
    let facts = deployed.iter().map(|(plan, stack)| DeployedFacts {
        stack: plan.clone(),
        parameters: stack.parameters.clone(),
        outputs: stack.outputs.clone(),
    });
    let plans = plan::with_deployed_sources(facts.collect());
    let stacks = deployed.into_iter().map(|(_, stack)| stack);
    Ok(plans.into_iter().zip(stacks).collect())
}

async fn find(
    aws: &Aws,
    config: &Config,
    known: &[StageStack],
    unlisted: Unlisted,
) -> Result<Vec<(StageStack, Option<Stack>)>> {
    let known_ones = known.iter().map(async |stack| {
        let client = aws.cloudformation_in(&stack.region);
        let found = client.find_stack(&stack.stack).await?;
        anyhow::Ok((stack.clone(), found))
    });
    let own = find_own(&aws.cloudformation, config, known, unlisted);
    let (mut found, own) = tokio::try_join!(try_join_all(known_ones), own)?;
    found.extend(own.into_iter().map(|(plan, stack)| (plan, Some(stack))));
    Ok(found)
}

/// Finds the stacks of own templates that are not known already.
async fn find_own(
    client: &CloudFormation,
    config: &Config,
    known: &[StageStack],
    unlisted: Unlisted,
) -> Result<Vec<DeployedStack>> {
    let names = match client.list_stacks(&config.stack_name("")).await {
        Ok(names) => names,
        Err(error) if unlisted == Unlisted::Ignore && missing_permission(&error).is_some() => {
            Vec::new()
        }
        Err(error) => return Err(error),
    };
    let names = names
        .into_iter()
        .filter(|name| known.iter().all(|stack| stack.stack != *name));
    let found = names.map(async |name| anyhow::Ok((client.find_stack(&name).await?, name)));
    let found = try_join_all(found).await?.into_iter();
    let mut own: Vec<DeployedStack> = found
        .filter_map(|(stack, name)| {
            let stack = stack?;
            let plan = plan::own_stack_found(config, &name, &stack.tags)?;
            Some((plan, stack))
        })
        .collect();
    own.sort_by(|(one, _), (other, _)| one.name.cmp(&other.name));
    Ok(own)
}
