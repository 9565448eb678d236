//! `deploy`: from the source tree to a verified release.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::on_record::{deploy_record, is_recorded, keep_record};
use super::{connect, step};
use crate::aws::{Aws, CertificateState};
use crate::build::{self, Artifacts};
use crate::config::Config;
use crate::error::UserError;
use crate::event::{Event, Reporter, Step};
use crate::local::{self, Place, Platform, ServerRelease};
use crate::plan::{self, Consent, Plan, SavedPlan, Templates};
use crate::provision::{self, Options, Outputs, Provisioned};
use crate::publish::{self, Published};
use crate::release::{self, SiteTarget};
use crate::report::{Check, DeployReport, Released, StackRow, seconds};
use crate::verify::{self, Expected};

/// What a deploy is told beside its configuration.
#[derive(Clone, Debug, Default)]
pub struct Order {
    /// How the stacks are provisioned.
    pub options: Options,
    /// Which losses of data were agreed to.
    pub consent: Consent,
    /// The plan that is to be deployed and the file that holds it; without one, whatever there is to do.
    pub plan: Option<(PathBuf, SavedPlan)>,
}

impl Order {
    fn plan_digest(&self) -> Option<String> {
        self.plan.as_ref().map(|(_, plan)| plan.digest.clone())
    }
}

/// Builds, publishes, provisions, releases and verifies a stage.
///
/// # Errors
/// Of the first step that fails; a repeat goes on from there.
pub async fn deploy(
    config: &Config,
    order: &Order,
    reporter: &dyn Reporter,
) -> Result<DeployReport> {
    deploy_from(config, order, build::build(config, reporter), reporter).await
}

/// Deploys as `deploy` does, with a build of the caller's choice.
///
/// # Errors
/// As `deploy`.
pub async fn deploy_from(
    config: &Config,
    order: &Order,
    build: impl Future<Output = Result<Artifacts>>,
    reporter: &dyn Reporter,
) -> Result<DeployReport> {
    let started = Instant::now();
    let options = order.options;
    let mut steps = Vec::new();
    let platform = Platform::of(config);
    let _lock = local::lock(config)?;
    let templates = Templates::read(&config.templates)?;
    // Wrong credentials are told before minutes go into a build.
    if let Some(place) = platform.standing() {
        connect(config, &place).await?;
    }

    let artifacts = step(Step::Build, &mut steps, reporter, build).await?;
    if let Some(saved) = &order.plan {
        let work = hold_against(saved, config, &platform, &artifacts, reporter);
        step(Step::Plan, &mut steps, reporter, work).await?;
    }
    let place = step(
        Step::Prepare,
        &mut steps,
        reporter,
        platform.start(reporter),
    )
    .await?;
    let aws = connect(config, &place).await?;
    let plan = plan::plan(config, &place.urls, &templates)?.with_consent(&order.consent);

    let work = publish(&plan, &artifacts, &aws, options, reporter);
    let (foundation, published) = step(Step::Publish, &mut steps, reporter, work).await?;
    let work = provision(
        config, &plan, foundation, &published, &aws, options, reporter,
    );
    let stacks = step(Step::Provision, &mut steps, reporter, work).await?;
    let work = release(&platform, &artifacts, &stacks, &place, &aws, reporter);
    let released = step(Step::Release, &mut steps, reporter, work).await?;
    let expected = expected(&artifacts);
    let work = verify(config, &expected, &place, reporter);
    step(Step::Verify, &mut steps, reporter, work).await?;

    // A run that was cut off, or failed to verify, has done what it did: its record is still to be written.
    let changed = released.has_changed()
        || stacks.iter().any(Provisioned::has_changed)
        || !is_recorded(&artifacts, &stacks, &aws, reporter).await;
    let seconds = seconds(started.elapsed());
    let release = if changed {
        let deploy = deploy_record(config, &aws, seconds, order.plan_digest());
        let release = keep_record(deploy, &artifacts, &stacks, &aws, reporter).await;
        super::tidy::tidy(config, &artifacts, &stacks, &aws, reporter).await;
        release
    } else {
        None
    };
    Ok(DeployReport {
        stage: config.stage.to_string(),
        outcome: if changed { "deployed" } else { "unchanged" },
        build: artifacts.build(),
        release,
        seconds,
        urls: place.urls,
        stacks: stacks.iter().map(StackRow::from).collect(),
        released,
        steps,
    })
}

/// Makes the plan anew and refuses to go on if it is another than the saved one.
async fn hold_against(
    (file, saved): &(PathBuf, SavedPlan),
    config: &Config,
    platform: &Platform,
    artifacts: &Artifacts,
    reporter: &dyn Reporter,
) -> Result<()> {
    let now = super::plan::preview(config, platform, artifacts, reporter).await?;
    let moved = plan::moved(saved, &now.stage, &now.parts);
    if moved.is_empty() {
        return Ok(());
    }
    let file = file.clone();
    Err(UserError::PlanMoved { file, moved }.into())
}

impl From<&Provisioned> for StackRow {
    fn from(stack: &Provisioned) -> Self {
        let Provisioned {
            name,
            outcome,
            elapsed,
            ..
        } = stack;
        Self {
            name: name.clone(),
            outcome: *outcome,
            seconds: seconds(*elapsed),
        }
    }
}

/// Makes sure of the artifact bucket and sends what it does not hold.
async fn publish(
    plan: &Plan,
    artifacts: &Artifacts,
    aws: &Aws,
    options: Options,
    reporter: &dyn Reporter,
) -> Result<(Provisioned, Published)> {
    let first = std::slice::from_ref(&plan.foundation);
    let (known, artifacts_known) = (Outputs::new(), BTreeMap::new());
    let work = provision::provision(aws, first, &known, &artifacts_known, options, reporter);
    let foundation = work.await?;
    let foundation = foundation
        .into_iter()
        .next()
        .context("the foundation was not provisioned")?;
    let bucket = output(&foundation, "ArtifactBucket")?;
    let (published, ()) = tokio::try_join!(
        publish::publish(artifacts, bucket, &aws.s3, reporter),
        release::keep_entrances(&artifacts.site, &aws.s3, bucket),
    )?;
    Ok((foundation, published))
}

async fn provision(
    config: &Config,
    plan: &Plan,
    foundation: Provisioned,
    published: &Published,
    aws: &Aws,
    options: Options,
    reporter: &dyn Reporter,
) -> Result<Vec<Provisioned>> {
    let known = Outputs::from([(foundation.name.clone(), foundation.outputs.clone())]);
    let work = provision::provision(aws, &plan.stacks, &known, published, options, reporter);
    let hint = tell_of_delegation(config, plan, aws, reporter);
    let provisioned = tokio::select! {
        provisioned = work => provisioned?,
        never = hint => match never {},
    };
    Ok(std::iter::once(foundation).chain(provisioned).collect())
}

/// How long a certificate may wait for its validation before we say what it waits for.
const CERTIFICATE_PATIENCE: Duration = Duration::from_secs(60);

/// A new zone answers nobody until the registrar names its servers, and certificates wait for that
/// without a word. So the word is ours. Never ends: it goes on beside the provisioning.
async fn tell_of_delegation(
    config: &Config,
    plan: &Plan,
    aws: &Aws,
    reporter: &dyn Reporter,
) -> std::convert::Infallible {
    loop {
        tokio::time::sleep(CERTIFICATE_PATIENCE).await;
        for stack in plan
            .stacks
            .iter()
            .filter(|stack| stack.name.starts_with("certificate"))
        {
            let Some(domains) = waiting_for(stack, aws).await else {
                continue;
            };
            let servers = name_servers(plan, aws).await;
            reporter.report(Event::Warning(format!(
                "the certificate waits until public DNS validates {}: have your registrar delegate {} to {servers}",
                domains.join(", "),
                config.settings.domain,
            )));
        }
    }
}

/// Returns the domains that a certificate waits for. Progress never decides the result: what cannot
/// be asked is not told.
async fn waiting_for(stack: &plan::StackPlan, aws: &Aws) -> Option<Vec<String>> {
    let door = aws.cloudformation_in(&stack.region);
    let kind = "AWS::CertificateManager::Certificate";
    let arns = door.list_resources(&stack.stack, kind).await.ok()?;
    let arn = arns.first().filter(|arn| arn.starts_with("arn:"))?;
    match aws
        .acm_in(&stack.region)
        .get_certificate_state(arn)
        .await
        .ok()?
    {
        CertificateState::Waiting { domains } => Some(domains),
        CertificateState::Issued | CertificateState::Unusable(_) => None,
    }
}

async fn name_servers(plan: &Plan, aws: &Aws) -> String {
    let Some(dns) = plan.stacks.iter().find(|stack| stack.name == "dns") else {
        return String::new();
    };
    let found = aws
        .cloudformation
        .find_stack(&dns.stack)
        .await
        .ok()
        .flatten();
    let servers = found.and_then(|stack| stack.outputs.get("NameServers").cloned());
    servers
        .filter(|servers| !servers.is_empty())
        .unwrap_or_else(|| "the zone's name servers".to_owned())
}

/// Switches site and servers over.
async fn release(
    platform: &Platform,
    artifacts: &Artifacts,
    stacks: &[Provisioned],
    place: &Place,
    aws: &Aws,
    reporter: &dyn Reporter,
) -> Result<Released> {
    let find = |stack: &str, name: &str| -> Result<String> {
        let found = stacks.iter().find(|row| row.name == stack);
        Ok(output(
            found.with_context(|| format!("there is no stack `{stack}`"))?,
            name,
        )?
        .to_owned())
    };
    let server = ServerRelease {
        bundle: artifacts.server.file.clone(),
        build: artifacts.server.id().to_owned(),
        environment: find("websocket", "ServerEnvironment")?,
        policy_arn: find("websocket", "ServerPolicyArn")?,
        hosted_zone_id: find("dns", "HostedZoneId")?,
    };
    let target = SiteTarget {
        bucket: find("site", "BucketName")?,
        distribution: find("site", "DistributionId")?,
    };
    let (server, site_files) = tokio::try_join!(
        platform.roll_out(aws, &server, reporter),
        release::release(&artifacts.site, &place.urls, &target, aws, reporter),
    )?;
    Ok(Released { site_files, server })
}

pub(super) fn output<'a>(stack: &'a Provisioned, name: &str) -> Result<&'a str> {
    let found = stack.outputs.get(name);
    Ok(found.with_context(|| format!("stack `{}` has no output `{name}`", stack.name))?)
}

fn expected(artifacts: &Artifacts) -> Expected {
    Expected {
        site: Some(artifacts.site.build.clone()),
        api: Some(artifacts.api.id().to_owned()),
        server: Some(artifacts.server.id().to_owned()),
    }
}

/// Asks the running system; the deploy has succeeded only when it answers with this very release.
pub(super) async fn verify(
    config: &Config,
    expected: &Expected,
    place: &Place,
    reporter: &dyn Reporter,
) -> Result<Vec<Check>> {
    let patience = Duration::from_secs(config.settings.verify_seconds.into());
    let checks = verify::wait_until_healthy(&place.urls, expected, patience, reporter).await;
    let failing: Vec<&Check> = checks.iter().filter(|check| !check.ok).collect();
    if failing.is_empty() {
        return Ok(checks);
    }
    let stage = config.stage.to_string();
    Err(UserError::Unhealthy {
        stage,
        problem: verify::summary(&failing),
    }
    .into())
}
