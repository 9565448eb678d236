//! `deploy`: from the source tree to a verified release.

mod bake;
mod delegation;
pub(super) mod record;
mod switch;
mod tidy;
mod undo;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};

use super::plan::ensure_consent_to_losses;
use super::verify::verify;
use super::{connect, ensure_credentials, step};
use crate::aws::Aws;
use crate::build::{self, Artifacts};
use crate::config::Config;
use crate::error::UserError;
use crate::event::{Reporter, Step};
use crate::live::LiveChannel;
use crate::local::{self, Lock, Platform, ServerRelease, StageEndpoint};
use crate::outputs::Outputs;
use crate::plan::{self, Plan, SavedPlan, StackPlan};
use crate::provision::{self, ImageChoice, OnBusy, Options, Provisioned};
use crate::publish::{self, Published};
use crate::release::{self, PageSettings, PageSignIn, SiteTarget};
use crate::report::{DeployReport, Released, StackRow, StepRow, seconds};
use crate::seed::{Seed, Seeded};
use crate::template::DataConsent;
use crate::verify::{Expected, SilentServers};
use record::{deploy_record, is_recorded, keep_record};

/// The request of a deploy, beside its configuration.
#[derive(Clone, Debug, Default)]
pub struct DeployRequest {
    /// The options of the provisioning.
    pub options: Options,
    /// The losses of data that a person has agreed to.
    pub consent: DataConsent,
    /// The plan that is to be deployed and the file that holds it; without one, whatever there is to do.
    pub plan: Option<(PathBuf, SavedPlan)>,
    /// Whether the site's files that only earlier releases have are deleted at once.
    pub prune: bool,
    /// Whether the last good release is restored when this one fails.
    pub undo_on_failure: bool,
    /// The factories that the tree is to have.
    pub seed: Option<Seed>,
}

impl DeployRequest {
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
    request: &DeployRequest,
    reporter: &dyn Reporter,
) -> Result<DeployReport> {
    deploy_from(config, request, build::build(config, reporter), reporter).await
}

/// Deploys as `deploy` does, with a build of the caller's choice.
///
/// # Errors
/// As `deploy`.
pub async fn deploy_from(
    config: &Config,
    request: &DeployRequest,
    build: impl Future<Output = Result<Artifacts>>,
    reporter: &dyn Reporter,
) -> Result<DeployReport> {
    let started = Instant::now();
    let mut steps = Vec::new();
    let platform = Platform::of(config);
    let _lock = lock(config, request.options.on_busy, reporter).await?;
    super::validate::read_valid_plan(config, &platform.urls(), reporter)?;
    ensure_credentials(config, &platform).await?;

    let artifacts = step(Step::Build, &mut steps, reporter, build).await?;
    if let Some(saved) = &request.plan {
        let image = request.options.image;
        let work = ensure_plan_holds(saved, config, &platform, &artifacts, image, reporter);
        step(Step::Plan, &mut steps, reporter, work).await?;
    }
    let endpoint = step(
        Step::Prepare,
        &mut steps,
        reporter,
        platform.start(reporter),
    )
    .await?;
    let aws = connect(config, &endpoint).await?;
    let plan = super::validate::read_plan(config, &endpoint.urls)?.with_consent(&request.consent);

    let image = request.options.image;
    ensure_consent_to_losses(config, &plan, &artifacts, &aws, image, reporter).await?;
    let deployment = Deployment {
        config,
        request,
        platform: &platform,
        endpoint: &endpoint,
        aws: &aws,
        plan: &plan,
        artifacts: &artifacts,
        started,
        reporter,
    };
    match put_live(&deployment, &mut steps).await {
        Ok(live) => conclude(&deployment, live, steps).await,
        Err(cause) if request.undo_on_failure => Err(undo::undo(&deployment, cause).await),
        Err(cause) => Err(cause),
    }
}

/// Records a release that is live and works, and deletes what no release needs any more.
async fn conclude(
    deployment: &Deployment<'_>,
    live: WorkingRelease,
    steps: Vec<StepRow>,
) -> Result<DeployReport> {
    let Deployment {
        config,
        request,
        endpoint,
        aws,
        artifacts,
        started,
        reporter,
        ..
    } = *deployment;
    let WorkingRelease {
        stacks,
        released,
        changed,
    } = live;
    let elapsed = seconds(started.elapsed());
    let release = if changed {
        let seconds = elapsed;
        let deploy = deploy_record(config, aws, seconds, request.plan_digest());
        let release = keep_record(deploy, artifacts, &stacks, aws, reporter).await;
        tidy::tidy(config, artifacts, &stacks, aws, reporter).await;
        release
    } else {
        None
    };
    Ok(DeployReport {
        stage: config.stage.to_string(),
        outcome: if changed { "deployed" } else { "unchanged" },
        build: artifacts.build(),
        release,
        seconds: elapsed,
        urls: endpoint.urls.clone(),
        stacks: stacks.iter().map(StackRow::from).collect(),
        released,
        pruned: tidy::prune_on_request(request, artifacts, &stacks, aws).await?,
        seeded: seed(deployment, &stacks).await?,
        steps,
    })
}

/// Writes the factories of the seed into a tree that works. The release is recorded by then: a factory that is refused says
/// nothing about it.
async fn seed(deployment: &Deployment<'_>, stacks: &[Provisioned]) -> Result<Option<Seeded>> {
    let Some(seed) = &deployment.request.seed else {
        return Ok(None);
    };
    let outputs = provision::outputs_of(stacks);
    let bucket = outputs.get("foundation", "ArtifactBucket")?;
    let (api, network) = (&deployment.endpoint.urls.api, &deployment.config.network);
    let s3 = &deployment.aws.s3;
    let seeded = seed
        .write(api, network, s3, bucket, deployment.reporter)
        .await?;
    Ok(Some(seeded))
}

/// Takes the lock of the stage, or waits for the command that holds it.
async fn lock(config: &Config, on_busy: OnBusy, reporter: &dyn Reporter) -> Result<Lock> {
    match on_busy {
        OnBusy::Wait => local::wait_for_lock(config, reporter).await,
        OnBusy::Fail => local::lock(config),
    }
}

/// A deploy that may begin: everything that its changes need.
struct Deployment<'a> {
    config: &'a Config,
    request: &'a DeployRequest,
    platform: &'a Platform,
    endpoint: &'a StageEndpoint,
    aws: &'a Aws,
    plan: &'a Plan,
    artifacts: &'a Artifacts,
    started: Instant,
    reporter: &'a dyn Reporter,
}

/// A release that is live and works.
struct WorkingRelease {
    stacks: Vec<Provisioned>,
    released: Released,
    /// Whether there was anything to do.
    changed: bool,
}

/// The steps that change the stage, and the proof that it works afterwards.
async fn put_live(deployment: &Deployment<'_>, steps: &mut Vec<StepRow>) -> Result<WorkingRelease> {
    let (aws, reporter) = (deployment.aws, deployment.reporter);
    let is_baked = !deployment.request.options.bake.is_zero();
    let firing = if is_baked {
        bake::find_firing(deployment).await?
    } else {
        bake::AlarmNames::default()
    };
    let (foundation, published) = step(Step::Publish, steps, reporter, publish(deployment)).await?;
    let work = provision(deployment, foundation, &published);
    let stacks = step(Step::Provision, steps, reporter, work).await?;
    let work = release(deployment, &stacks);
    let released = step(Step::Release, steps, reporter, work).await?;
    let (config, endpoint) = (deployment.config, deployment.endpoint);
    let expected = expected(deployment.artifacts);
    let outputs = provision::outputs_of(&stacks);
    let work = verify(config, &expected, endpoint, (aws, &outputs), reporter);
    step(Step::Verify, steps, reporter, work).await?;
    // A run that was cut off, or failed to verify, has done what it did: its record is still to be written.
    let changed = released.has_changed()
        || stacks.iter().any(Provisioned::has_changed)
        || !is_recorded(deployment.artifacts, &stacks, aws, reporter).await;
    if is_baked && changed {
        step(Step::Bake, steps, reporter, bake::bake(deployment, &firing)).await?;
    }
    Ok(WorkingRelease {
        stacks,
        released,
        changed,
    })
}

/// Makes the plan again and refuses to go on if it is another than the saved one.
async fn ensure_plan_holds(
    (file, saved): &(PathBuf, SavedPlan),
    config: &Config,
    platform: &Platform,
    artifacts: &Artifacts,
    image: ImageChoice,
    reporter: &dyn Reporter,
) -> Result<()> {
    let now = super::plan::preview(config, platform, artifacts, image, reporter).await?;
    let changed = plan::changed_parts(saved, &now.stage, &now.parts);
    if changed.is_empty() {
        return Ok(());
    }
    let file = file.clone();
    Err(UserError::PlanOutdated { file, changed }.into())
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
async fn publish(deployment: &Deployment<'_>) -> Result<(Provisioned, Published)> {
    let Deployment {
        plan,
        artifacts,
        aws,
        request,
        reporter,
        ..
    } = *deployment;
    let (first, options) = (std::slice::from_ref(&plan.foundation), request.options);
    let (known, artifacts_known) = (Outputs::default(), BTreeMap::new());
    let work = provision::provision(aws, first, &known, &artifacts_known, options, reporter);
    let foundation = work.await?;
    let foundation = foundation
        .into_iter()
        .next()
        .context("the foundation was not provisioned")?;
    let outputs = provision::outputs_of(std::slice::from_ref(&foundation));
    let bucket = outputs.get(&foundation.name, "ArtifactBucket")?;
    let (published, ()) = tokio::try_join!(
        publish::publish(artifacts, bucket, &aws.s3, reporter),
        release::keep_entry_files(&artifacts.site, &aws.s3, bucket),
    )?;
    Ok((foundation, published))
}

async fn provision(
    deployment: &Deployment<'_>,
    foundation: Provisioned,
    published: &Published,
) -> Result<Vec<Provisioned>> {
    let Deployment {
        config,
        plan,
        aws,
        reporter,
        ..
    } = *deployment;
    let known = provision::outputs_of(std::slice::from_ref(&foundation));
    let work = async {
        let Some(former) = switch::find_former(deployment).await? else {
            return provision_some(deployment, &plan.stacks, &known, published).await;
        };
        // Who publishes is told of the new way first where that is there already, so that nothing is published in vain.
        let (free, rest) = plan.split_at(config.settings.live.template());
        let mut done = provision_some(deployment, &free, &known, published).await?;
        switch::delete_former(deployment, &former).await?;
        let mut known = provision::outputs_of(&done);
        known.insert(&foundation.name, foundation.outputs.clone());
        done.extend(provision_some(deployment, &rest, &known, published).await?);
        Ok(done)
    };
    let hint = delegation::report_waiting_certificates(config, plan, aws, reporter);
    let provisioned = tokio::select! {
        provisioned = work => provisioned?,
        never = hint => match never {},
    };
    Ok(std::iter::once(foundation).chain(provisioned).collect())
}

async fn provision_some(
    deployment: &Deployment<'_>,
    stacks: &[StackPlan],
    known: &Outputs,
    published: &Published,
) -> Result<Vec<Provisioned>> {
    let (aws, options) = (deployment.aws, deployment.request.options);
    provision::provision(aws, stacks, known, published, options, deployment.reporter).await
}

/// Switches site and servers over.
async fn release(deployment: &Deployment<'_>, stacks: &[Provisioned]) -> Result<Released> {
    let Deployment {
        config,
        platform,
        artifacts,
        endpoint,
        aws,
        reporter,
        ..
    } = *deployment;
    let outputs = provision::outputs_of(stacks);
    let output = |stack, name| outputs.get(stack, name).map(str::to_owned);
    let server = artifacts.server.as_ref().map(|bundle| {
        anyhow::Ok(ServerRelease {
            bundle: bundle.file.clone(),
            build: bundle.id().to_owned(),
            environment: output("websocket", "ServerEnvironment")?,
            policy_arn: output("websocket", "ServerPolicyArn")?,
        })
    });
    let server = server.transpose()?;
    let zone = output("dns", "HostedZoneId")?;
    let target = SiteTarget {
        bucket: output("site", "BucketName")?,
        distribution: output("site", "DistributionId")?,
    };
    let page = PageSettings {
        live: LiveChannel::of(config.settings.live, &outputs, &endpoint.urls)?,
        sign_in: PageSignIn::find(&endpoint.urls, &outputs),
        urls: endpoint.urls.clone(),
    };
    let (server, site_files) = tokio::try_join!(
        platform.roll_out(aws, &zone, server.as_ref(), reporter),
        release::release(&artifacts.site, &page, &target, aws, reporter),
    )?;
    if let Some(pool) = outputs.find(plan::SIGN_IN, "UserPoolId") {
        platform.ensure_user(aws, pool).await?;
    }
    Ok(Released { site_files, server })
}

fn expected(artifacts: &Artifacts) -> Expected {
    Expected {
        site: Some(artifacts.site.build.clone()),
        api: Some(artifacts.api.id().to_owned()),
        server: artifacts
            .server
            .as_ref()
            .map(|bundle| bundle.id().to_owned()),
        publisher: Some(artifacts.publisher.id().to_owned()),
        silent_servers: SilentServers::Refused,
    }
}
