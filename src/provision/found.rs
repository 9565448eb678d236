//! The stacks of a stage, as CloudFormation has them. In: the stacks that a stage has. Out: each with its deployed state
//! and its resources. No template of the sources is read. Reads only.

use anyhow::Result;
use futures_util::future::try_join_all;

use crate::aws::{Aws, Stack, StackResource};
use crate::plan::StageStack;

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

/// Looks at every stack, at the same time.
///
/// # Errors
/// CloudFormation is not reached or refuses.
pub async fn find_stacks(aws: &Aws, stacks: &[StageStack]) -> Result<Vec<FoundStack>> {
    try_join_all(stacks.iter().map(|stack| find_stack(aws, stack))).await
}

async fn find_stack(aws: &Aws, plan: &StageStack) -> Result<FoundStack> {
    let client = aws.cloudformation_in(&plan.region);
    let stack = client.find_stack(&plan.stack).await?;
    let resources = match &stack {
        Some(stack) => client.list_every_resource(&stack.id).await?,
        None => Vec::new(),
    };
    Ok(FoundStack {
        plan: plan.clone(),
        stack,
        resources,
    })
}

/// A stack of a stage that is deployed.
pub type DeployedStack = (StageStack, Stack);

/// Finds the deployed ones among the stacks of a stage, all at the same time, in the order given.
///
/// # Errors
/// CloudFormation is not reached or refuses the call.
pub async fn find_deployed_stacks(aws: &Aws, stacks: &[StageStack]) -> Result<Vec<DeployedStack>> {
    let found = stacks.iter().map(async |stack| {
        let client = aws.cloudformation_in(&stack.region);
        let found = client.find_stack(&stack.stack).await?;
        anyhow::Ok(found.map(|found| (stack.clone(), found)))
    });
    let found = try_join_all(found).await?;
    Ok(found.into_iter().flatten().collect())
}
