//! The stacks of a plan, as CloudFormation has them. In: a plan. Out: each planned stack with its deployed state and its
//! resources. Reads only.

use anyhow::Result;
use futures_util::future::try_join_all;

use crate::aws::{Aws, Stack, StackResource};
use crate::plan::{Plan, StackPlan};

/// A planned stack, as it was found.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundStack {
    /// The planned stack.
    pub plan: StackPlan,
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

/// Looks at every stack of a plan, at the same time.
///
/// # Errors
/// CloudFormation is not reached or refuses.
pub async fn find_stacks(aws: &Aws, plan: &Plan) -> Result<Vec<FoundStack>> {
    try_join_all(plan.all().map(|stack| find_stack(aws, stack))).await
}

async fn find_stack(aws: &Aws, plan: &StackPlan) -> Result<FoundStack> {
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

/// A planned stack that is deployed.
pub type DeployedStack = (StackPlan, Stack);

/// Finds the deployed stacks of a plan, all at the same time, in the plan's order.
///
/// # Errors
/// CloudFormation is not reached or refuses the call.
pub async fn find_deployed_stacks(aws: &Aws, plan: &Plan) -> Result<Vec<DeployedStack>> {
    let found = plan.all().map(async |stack| {
        let client = aws.cloudformation_in(&stack.region);
        let found = client.find_stack(&stack.stack).await?;
        anyhow::Ok(found.map(|found| (stack.clone(), found)))
    });
    let found = try_join_all(found).await?;
    Ok(found.into_iter().flatten().collect())
}
