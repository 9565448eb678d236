//! In: planned stacks and what is known of the artifacts. Out: every stack settled, with its outputs.
//! Stacks whose inputs are there are provisioned at the same time. Which stacks there are is not
//! decided here. One stack is brought to its template in `stack`, followed in `follow`, explained in
//! `cause`, recovered in `recover`; `state` says what each state means.

mod alarms;
mod cancel;
mod cause;
mod change_set;
mod console;
mod delete;
pub mod diagnosis;
mod estimate;
mod follow;
mod forecast;
mod found;
mod guard;
mod history;
mod key_expiry;
mod late;
mod placement;
mod poll_interval;
mod recover;
mod stack;
pub mod state;
mod target;
mod template_upload;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use sha2::{Digest, Sha256};

use crate::aws::{Aws, CloudFormation, DeploymentMode, Stack};
use crate::config::BakeTime;
use crate::event::{Event, Reporter, SilentReporter};
use crate::outputs::Outputs;
use crate::plan::{ArtifactFact, DELETION_PROTECTION, ParameterSource, StackPlan, StageStack};
use crate::template::{Body, DataConsent, Template};
pub use cancel::{CancelAction, cancel_action, cancel_stack, is_rolled_back};
pub use delete::delete_stack;
pub use follow::{retry_transient, wait_until_idle};
pub use forecast::forecast;
pub use found::{DeployedStack, FoundStack, Unlisted, find_deployed_stacks, find_stacks};
pub use placement::{ImageChoice, place};
pub use recover::{Recovery, SkipRule, failed_to_roll_back, recover_stack};
pub use stack::Outcome;
use state::DeployAction;
pub use target::LargeTemplates;
use target::StackTarget;

pub use crate::template::DIGEST;

/// A stack that is as planned.
#[derive(Clone, Debug, PartialEq)]
pub struct Provisioned {
    /// Short name.
    pub name: String,
    /// The outcome.
    pub outcome: Outcome,
    /// The time that it took.
    pub elapsed: Duration,
    /// Its outputs.
    pub outputs: BTreeMap<String, String>,
}

impl Provisioned {
    /// Returns whether anything was done.
    pub fn has_changed(&self) -> bool {
        self.outcome != Outcome::Unchanged
    }
}

/// Returns the outputs of provisioned stacks.
pub fn outputs_of(stacks: &[Provisioned]) -> Outputs {
    let stacks = stacks.iter();
    stacks
        .map(|stack| (stack.name.clone(), stack.outputs.clone()))
        .collect()
}

/// Options of the provisioning of stacks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The reaction to somebody else's running operation.
    pub on_busy: OnBusy,
    /// Whether to believe the digest.
    pub verify: VerifyMode,
    /// When CloudFormation takes a resource for done.
    pub mode: DeploymentMode,
    /// The time for which CloudFormation watches the alarms of a stack after it has changed it.
    pub bake: BakeTime,
    /// When servers get the newest image.
    pub image: ImageChoice,
}

/// Wait for another operation that runs on a stack, or fail
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum OnBusy {
    /// Follow it to its end, then go on
    #[default]
    Wait,
    /// Stop with exit code 7
    Fail,
}

/// Whether the digest on a stack is believed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VerifyMode {
    /// The same digest and a healthy status mean that there is nothing to do.
    #[default]
    TrustDigest,
    /// CloudFormation is asked all the same.
    AskCloudFormation,
}

/// Brings stacks to their planned state, as many at a time as their needs allow. `known` holds the
/// outputs of stacks outside this list. When one fails, those that do not need it go on to their end;
/// those that do are not started, and are named in a warning.
///
/// # Errors
/// The failure of the first stack in the plan's order; those of others are reported as warnings.
pub async fn provision(
    aws: &Aws,
    stacks: &[StackPlan],
    known: &Outputs,
    artifacts: &BTreeMap<ArtifactFact, String>,
    options: Options,
    reporter: &dyn Reporter,
) -> Result<Vec<Provisioned>> {
    let mut outputs = known.clone();
    let bucket = known
        .find("foundation", "ArtifactBucket")
        .map(String::as_str);
    let large = LargeTemplates::by(&aws.s3, bucket);
    let mut waiting: Vec<&StackPlan> = stacks.iter().collect();
    let mut running = FuturesUnordered::new();
    let mut done = Vec::new();
    let mut failures = Vec::new();
    loop {
        let (ready, blocked): (Vec<_>, Vec<_>) = waiting
            .into_iter()
            .partition(|stack| stack.needs().iter().all(|need| outputs.contains(need)));
        waiting = blocked;
        for stack in ready {
            let parameters = resolve_parameters(stack, &outputs, artifacts)?;
            let work = async move {
                let parameters =
                    placement::complete(aws, stack, parameters, options, reporter).await?;
                provision_one(aws, stack, parameters, large, options, reporter).await
            };
            running.push(async move { (stack, work.await) });
        }
        match running.next().await {
            Some((_, Ok(stack))) => {
                outputs.insert(&stack.name, stack.outputs.clone());
                done.push(stack);
            }
            Some((stack, Err(error))) => failures.push((stack, error)),
            None => break,
        }
    }
    if failures.is_empty() {
        return Ok(done);
    }
    report_not_started(&waiting, reporter);
    Err(first_of(failures, stacks, reporter))
}

fn report_not_started(waiting: &[&StackPlan], reporter: &dyn Reporter) {
    if !waiting.is_empty() {
        let names: Vec<&str> = waiting.iter().map(|stack| stack.name.as_str()).collect();
        reporter.report(Event::Warning(format!("not started: {}", names.join(", "))));
    }
}

/// Returns the failure of the stack that comes first in the plan, and reports the others.
fn first_of(
    mut failures: Vec<(&StackPlan, anyhow::Error)>,
    stacks: &[StackPlan],
    reporter: &dyn Reporter,
) -> anyhow::Error {
    let place = |failed: &StackPlan| stacks.iter().position(|stack| stack.name == failed.name);
    failures.sort_by_key(|(stack, _)| place(stack));
    let mut failures = failures.into_iter().map(|(_, error)| error);
    let first = failures
        .next()
        .unwrap_or_else(|| anyhow::anyhow!("nothing failed"));
    for other in failures {
        reporter.report(Event::Warning(format!("{other:#}")));
    }
    first
}

async fn provision_one(
    aws: &Aws,
    plan: &StackPlan,
    parameters: BTreeMap<String, String>,
    large: LargeTemplates<'_>,
    options: Options,
    reporter: &dyn Reporter,
) -> Result<Provisioned> {
    let started = Instant::now();
    let task = format!("stack {}", plan.name);
    reporter.report(Event::TaskStarted { task: task.clone() });
    let client = aws.cloudformation_in(&plan.region);
    let alarms = aws.cloudwatch_in(&plan.region);
    let target = StackTarget {
        client: &client,
        name: &plan.stack,
        template: &plan.template,
        tags: &plan.tags,
        task: &task,
        consent: &plan.consent,
        large,
        alarms: Some(&alarms),
        ec2: (plan.region.to_string() == aws.ec2.region()).then_some(&aws.ec2),
        reporter,
    };
    let result = stack::ensure(&target, &parameters, options).await;
    let elapsed = started.elapsed();
    let outcome = result
        .as_ref()
        .map_or("failed", |(outcome, _)| outcome.name())
        .to_owned();
    reporter.report(Event::TaskDone {
        task,
        outcome,
        elapsed,
    });
    let (outcome, stack) = result?;
    if plan.protected && !stack.termination_protection {
        client
            .set_termination_protection(&plan.stack, crate::aws::Protection::On)
            .await?;
    }
    Ok(Provisioned {
        name: plan.name.clone(),
        outcome,
        elapsed,
        outputs: stack.outputs,
    })
}

/// Brings one stack outside any plan to what a template says, quietly, and returns its outputs.
///
/// # Errors
/// CloudFormation refuses or undoes it.
pub async fn ensure_stack(
    aws: &Aws,
    name: &str,
    template_body: &str,
    parameters: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>> {
    let template = Template::parse(name.as_ref(), template_body.to_owned())?;
    let target = StackTarget {
        client: &aws.cloudformation,
        name,
        template: &template,
        tags: &BTreeMap::new(),
        task: name,
        consent: &DataConsent::default(),
        large: LargeTemplates::Refused,
        alarms: None,
        ec2: None,
        reporter: &SilentReporter,
    };
    let parameters = with_digest(&template.body, parameters.clone());
    let (_, stack) = stack::ensure(&target, &parameters, Options::default()).await?;
    Ok(stack.outputs)
}

/// Updates a stack with some parameters changed, and its template and all others as they are deployed: what
/// has come to the sources since is not let in by the way.
///
/// # Errors
/// The stack is in no state to be updated, or CloudFormation refuses or undoes it.
pub async fn update_parameters(
    aws: &Aws,
    known: &StageStack,
    stack: &Stack,
    changes: &BTreeMap<String, String>,
    reporter: &dyn Reporter,
) -> Result<Provisioned> {
    let client = aws.cloudformation_in(&known.region);
    let plan = as_deployed(&client, known, reporter).await?;
    let parameters = with_changes(&plan.template.body, &stack.parameters, changes);
    let (large, options) = (LargeTemplates::Deployed, Options::default());
    provision_one(aws, &plan, parameters, large, options, reporter).await
}

/// Switches off what refuses the deletion of a stack, as [`update_parameters`] would, within a task that runs
/// already. Where the stack is in no state to be updated, nothing is done.
///
/// # Errors
/// CloudFormation refuses or undoes it.
pub async fn lift_deletion_protection(
    client: &CloudFormation,
    known: &StageStack,
    stack: &Stack,
    reporter: &dyn Reporter,
) -> Result<()> {
    if state::rules_for(stack.state).deploy != DeployAction::Update {
        return Ok(());
    }
    let plan = as_deployed(client, known, reporter).await?;
    let parameters = without_deletion_protection(&plan.template.body, &stack.parameters);
    let task = format!("stack {}", plan.name);
    let target = StackTarget {
        client,
        name: &plan.stack,
        template: &plan.template,
        tags: &plan.tags,
        task: &task,
        consent: &plan.consent,
        large: LargeTemplates::Deployed,
        alarms: None,
        ec2: None,
        reporter,
    };
    stack::ensure(&target, &parameters, Options::default()).await?;
    Ok(())
}

/// Returns the plan to leave a stack with the template that is deployed.
async fn as_deployed(
    client: &CloudFormation,
    known: &StageStack,
    reporter: &dyn Reporter,
) -> Result<StackPlan> {
    let body = retry_transient(reporter, || client.get_template(&known.stack)).await?;
    let file = PathBuf::from(format!("{}.yaml, as deployed", known.template));
    let template = Template::parse(&file, body)
        .with_context(|| format!("failed to read the template of stack `{}`", known.stack))?;
    Ok(known.clone().with_template(template))
}

/// Returns the parameters that are known without AWS, and without the digest.
fn resolve_parameters(
    plan: &StackPlan,
    outputs: &Outputs,
    artifacts: &BTreeMap<ArtifactFact, String>,
) -> Result<BTreeMap<String, String>> {
    let known = plan.parameters.iter();
    let known = known.filter(|(_, source)| {
        !matches!(
            source,
            ParameterSource::Placement(_) | ParameterSource::KeyExpiry
        )
    });
    let resolved = known.map(|(name, source)| {
        let value = match source {
            ParameterSource::Value(text) => Some(text),
            ParameterSource::Output { stack, output } => outputs.find(stack, output),
            ParameterSource::Artifact(fact) => artifacts.get(fact),
            ParameterSource::Placement(_) | ParameterSource::KeyExpiry => None,
        };
        let value = value.with_context(|| {
            format!(
                "stack `{}` has no value for its parameter `{name}`: {}",
                plan.name,
                lacking(source)
            )
        })?;
        Ok(((*name).to_owned(), value.clone()))
    });
    resolved.collect()
}

/// Says what a parameter without a value lacks.
fn lacking(source: &ParameterSource) -> String {
    match source {
        ParameterSource::Value(text) => format!("it is to be `{text}`"),
        ParameterSource::Output { stack, output } => {
            format!("stack `{stack}` has no output `{output}`")
        }
        ParameterSource::Artifact(_) => "its artifact was not published".to_owned(),
        ParameterSource::Placement(_) => "AWS was not asked for it".to_owned(),
        ParameterSource::KeyExpiry => "the clock was not read for it".to_owned(),
    }
}

/// Returns parameters with deletion protection off, and the digest of that.
fn without_deletion_protection(
    body: &Body,
    parameters: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let off = BTreeMap::from([(DELETION_PROTECTION.to_owned(), "false".to_owned())]);
    with_changes(body, parameters, &off)
}

/// Returns parameters with some changed, and the digest of that.
fn with_changes(
    body: &Body,
    parameters: &BTreeMap<String, String>,
    changes: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut changed = parameters.clone();
    changed.remove(DIGEST);
    changed.extend(changes.clone());
    with_digest(body, changed)
}

/// Returns parameters with the digest of template and parameters added. Of the template counts what it says, not how:
/// after an edit of a comment there is nothing to do.
pub fn with_digest(
    body: &Body,
    mut parameters: BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut hash = Sha256::new();
    hash.update(body.canonical());
    for (name, value) in &parameters {
        hash.update(format!("\0{name}\0{value}"));
    }
    parameters.insert(
        DIGEST.to_owned(),
        crate::content::hex(&hash.finalize()[..16]),
    );
    parameters
}
