//! The preview of one stack before a deploy: its changes, and its outputs after them.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::aws::{Aws, Stack, StackState};
use crate::error::UserError;
use crate::event::Reporter;
use crate::outputs::Outputs;
use crate::plan::{
    self, ArtifactFact, NameChange, OutputChange, StackAction, StackPlan, StackPreview,
};
use crate::provision::state::{self, DeployAction};
use crate::provision::{self, ImageChoice, LargeTemplates, retry_transient};
use crate::template::{self, Body, Rendered, ResourceChange};

/// The inputs that the previews of all stacks share.
pub(super) struct PreviewInputs<'a> {
    /// The clients, or `None` if there is no endpoint: then no stack is there.
    pub(super) aws: Option<&'a Aws>,
    /// The artifact bucket, once there is one: templates that are too large for a request go by way of it.
    pub(super) bucket: Option<String>,
    /// The keys and hashes of the artifacts, as parameters of stacks.
    pub(super) artifacts: BTreeMap<ArtifactFact, String>,
    /// The changes about which CloudFormation is asked.
    pub(super) ask: AskAbout,
    /// When servers get the newest image.
    pub(super) image: ImageChoice,
    /// The receiver of warnings.
    pub(super) reporter: &'a dyn Reporter,
}

/// The changes about which CloudFormation is asked, by a change set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AskAbout {
    /// Every change.
    Everything,
    /// Changes of resources that hold data: only CloudFormation knows whether they are replaced.
    Data,
}

/// The preview of a stack.
pub(super) struct PreviewedStack {
    pub(super) preview: StackPreview,
    pub(super) names: Vec<NameChange>,
    pub(super) outputs: BTreeMap<String, String>,
    /// Its resources, with the parameters put in.
    pub(super) resources: BTreeMap<String, Value>,
    /// Its parts of the plan's digest.
    pub(super) parts: BTreeMap<String, String>,
}

/// Looks at one stack. `planned` holds what the stacks that it needs will put out.
pub(super) async fn preview_stack(
    facts: &PreviewInputs<'_>,
    plan: &StackPlan,
    stack: Option<&Stack>,
    planned: &Outputs,
) -> Result<PreviewedStack> {
    let parameters = plan::planned_parameters(plan, planned, &facts.artifacts);
    let parameters = match facts.aws {
        Some(aws) => {
            let place = || {
                let known = parameters.clone();
                provision::place(aws, plan, stack, facts.image, known)
            };
            retry_transient(facts.reporter, place).await?
        }
        None => parameters,
    };
    let action = action(plan, stack, &parameters)?;
    let after = render(&plan.template.body, &parameters)?;
    let (before, changes) = match (action, stack, facts.aws) {
        (StackAction::Unchanged, _, _) => (after.clone(), Vec::new()),
        (StackAction::Update, Some(stack), Some(aws)) => {
            compare(aws, facts, plan, stack, &after, &parameters).await?
        }
        _ => {
            let nothing = Rendered::default();
            let changes = template::difference(&nothing, &after);
            let changes = template::with_broadening(changes, &nothing, &after);
            (nothing, changes)
        }
    };
    let nothing = BTreeMap::new();
    let deployed = match stack {
        Some(stack) if !action.is_from_nothing() => &stack.outputs,
        _ => &nothing,
    };
    let outputs = plan::planned_outputs(deployed, &before, &after, &changes);
    let output_changes = match action {
        StackAction::Update => output_changes(deployed, &outputs, &before, &after),
        StackAction::Create
        | StackAction::Recreate
        | StackAction::Unchanged
        | StackAction::Delete => Vec::new(),
    };
    Ok(PreviewedStack {
        names: plan::name_changes(&plan.name, &changes, &before, &after),
        outputs,
        resources: after.resources,
        parts: parts(plan, stack, &parameters),
        preview: StackPreview {
            name: plan.name.clone(),
            stack: plan.stack.clone(),
            region: plan.region.to_string(),
            action,
            known_after_deploy: plan::unknown_parameters(&parameters),
            changes,
            outputs: output_changes,
        },
    })
}

/// The digest is an output too, and another one with every change: it says nothing.
fn output_changes(
    deployed: &BTreeMap<String, String>,
    planned: &BTreeMap<String, String>,
    before: &Rendered,
    after: &Rendered,
) -> Vec<OutputChange> {
    let mut changes = plan::output_changes(deployed, planned, before, after);
    changes.retain(|change| change.name != provision::DIGEST);
    changes
}

/// Decides what a deploy does with a stack, as `provision` will.
fn action(
    plan: &StackPlan,
    stack: Option<&Stack>,
    parameters: &BTreeMap<String, String>,
) -> Result<StackAction> {
    let Some(stack) = stack else {
        return Ok(StackAction::Create);
    };
    let row = state::rules_for(stack.state);
    let (name, status) = (plan.stack.clone(), stack.status.clone());
    match row.deploy {
        DeployAction::Create => Ok(StackAction::Create),
        DeployAction::Recreate => Ok(StackAction::Recreate),
        DeployAction::Update if is_current(plan, stack, parameters) => Ok(StackAction::Unchanged),
        DeployAction::Update => Ok(StackAction::Update),
        // The changes of a deploy are known only after the running operation.
        DeployAction::Follow => Err(UserError::Busy {
            what: format!("stack `{name}`"),
            state: status,
        }
        .into()),
        DeployAction::RefuseUntilRecovered
        | DeployAction::RefuseUntilTornDown
        | DeployAction::Refuse => Err(UserError::StackStuck {
            stack: name,
            state: status,
            meaning: row.meaning,
            way_out: row.deploy.way_out(),
        }
        .into()),
    }
}

/// A parameter that is not known yet makes another digest, so its stack counts as changed.
fn is_current(plan: &StackPlan, stack: &Stack, parameters: &BTreeMap<String, String>) -> bool {
    let wanted = provision::with_digest(&plan.template.body, parameters.clone());
    stack.state == StackState::Ready
        && stack.parameters.get(provision::DIGEST) == wanted.get(provision::DIGEST)
}

/// Compares what is deployed with what would be, and asks CloudFormation about the same.
async fn compare(
    aws: &Aws,
    facts: &PreviewInputs<'_>,
    plan: &StackPlan,
    stack: &Stack,
    after: &Rendered,
    parameters: &BTreeMap<String, String>,
) -> Result<(Rendered, Vec<ResourceChange>)> {
    let reporter = facts.reporter;
    let client = aws.cloudformation_in(&plan.region);
    let body = retry_transient(reporter, || client.get_template(&stack.id)).await?;
    let before = render(&body.into(), &stack.parameters)
        .with_context(|| format!("failed to read the template of stack `{}`", plan.stack))?;
    // CloudFormation can be asked about everything else.
    let present = plan::with_deployed_values(parameters, &stack.parameters);
    let difference = template::difference(&before, after);
    let is_asked = match facts.ask {
        AskAbout::Everything => true,
        AskAbout::Data => difference.iter().any(template::touches_data),
    };
    let asked = match plan::unknown_parameters(&present).as_slice() {
        [] if is_asked => {
            let large = LargeTemplates::by(&aws.s3, facts.bucket.as_deref());
            Some(provision::forecast(&client, plan, &present, large, reporter).await?)
        }
        _ => None,
    };
    let changes = template::union(difference, asked);
    let now = render(&plan.template.body, &present)?;
    let changes = template::with_broadening(changes, &before, &now);
    Ok((before, changes))
}

pub(super) fn render(body: &Body, parameters: &BTreeMap<String, String>) -> Result<Rendered> {
    Ok(template::render(body.document()?, parameters))
}

fn parts(
    plan: &StackPlan,
    stack: Option<&Stack>,
    parameters: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let protected = if plan.protected { "protected" } else { "" };
    let template = plan.template.body.canonical();
    let fixed = [plan.region.as_str(), template, protected];
    let given = parameters
        .iter()
        .flat_map(|(name, value)| [name.as_str(), value.as_str()]);
    let wanted = plan::part(fixed.into_iter().chain(given));
    parts_of(&plan.name, wanted, stack)
}

/// Returns the parts of a stack: what it is to be, and what it is.
pub(super) fn parts_of(
    name: &str,
    wanted: String,
    stack: Option<&Stack>,
) -> BTreeMap<String, String> {
    let digest = |stack: &Stack| stack.parameters.get(provision::DIGEST).cloned();
    let observed = stack.map(|stack| {
        let digest = digest(stack).unwrap_or_default();
        plan::part([stack.id.as_str(), &stack.status, &stack.updated, &digest])
    });
    BTreeMap::from([
        (format!("template or parameters of stack {name}"), wanted),
        (
            format!("state of stack {name}"),
            observed.unwrap_or_else(|| "absent".to_owned()),
        ),
    ])
}
