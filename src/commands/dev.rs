//! `dev`: a stage on this machine that follows the sources. Programs and templates go through the road of
//! `deploy` at every save; the site is shown by Vite's own server at the stage's address.

use std::convert::Infallible;
use std::time::SystemTime;

use anyhow::Result;
use tokio::sync::Notify;

use super::deploy::{DeployRequest, deploy_from};
use crate::build;
use crate::config::Config;
use crate::dev::{Quiet, Saves, SourceSnapshot, Sources, report_deployed, report_failure, saves};
use crate::event::{Event, Reporter};
use crate::local::{LocalStage, Platform};

/// The stage to develop on, and the sources as they were before its first deploy.
pub struct Start {
    stage: LocalStage,
    sources: Sources,
    known: SourceSnapshot,
}

/// Makes sure that the stage is one to develop on, and notes how its sources are.
///
/// # Errors
/// `UserError::DevOnAws`.
pub fn start(config: &Config) -> Result<Start> {
    let stage = Platform::of(config).for_development(config)?;
    let sources = Sources::of(config);
    let known = sources.take_snapshot();
    Ok(Start {
        stage,
        sources,
        known,
    })
}

/// Puts every save live, for ever. What fails is reported, and the next save tries again.
///
/// # Errors
/// None of its own: it ends only when it is dropped, and Vite with it.
pub async fn follow(config: &Config, start: Start, reporter: &dyn Reporter) -> Result<Infallible> {
    let site = ViteSite::default();
    let Start {
        stage,
        sources,
        known,
    } = start;
    tokio::select! {
        never = follow_sources(config, &sources, known, &site, reporter) => match never {},
        never = show_site(config, &stage, &site, reporter) => match never {},
    }
}

/// Returns what a person can do now.
pub fn invitation(config: &Config) -> String {
    format!(
        "following the sources in {}; Ctrl-C ends that and leaves the stage running",
        config.root.display()
    )
}

/// Returns what is left when the following has ended. `stage` is the name that was typed, if one was.
pub fn farewell(stage: Option<&str>) -> String {
    let stage = stage.map(|stage| format!(" --stage {stage}"));
    let stage = stage.unwrap_or_default();
    format!(
        "the stage runs on, with the site as it was deployed: `factory-tree deploy{stage}` updates the site, `factory-tree teardown{stage}` takes everything down"
    )
}

/// The saves of the site since Vite was started.
#[derive(Default)]
struct ViteSite {
    sources: Notify,
    dependencies: Notify,
}

async fn follow_sources(
    config: &Config,
    sources: &Sources,
    mut known: SourceSnapshot,
    site: &ViteSite,
    reporter: &dyn Reporter,
) -> Infallible {
    loop {
        let now = sources.next(&known).await;
        let saves = saves(config, &known, &now);
        known = now;
        if saves.site {
            site.sources.notify_waiters();
        }
        if saves.dependencies {
            site.sources.notify_waiters();
            site.dependencies.notify_waiters();
        }
        if !saves.deployed.is_empty() {
            deploy_saves(config, &saves, reporter).await;
        }
    }
}

/// Builds and deploys what was saved.
async fn deploy_saves(config: &Config, saves: &Saves, reporter: &dyn Reporter) {
    let (quiet, request) = (Quiet(reporter), DeployRequest::default());
    let build = build::build_programs(config, &quiet);
    match deploy_from(config, &request, build, &quiet).await {
        Ok(report) => {
            let line = report_deployed(saves, &report, SystemTime::now());
            reporter.report(Event::Note(line));
        }
        Err(error) => reporter.report(Event::Warning(report_failure(saves, &error))),
    }
}

/// Shows the site's sources at the stage's address, for ever.
async fn show_site(
    config: &Config,
    stage: &LocalStage,
    site: &ViteSite,
    reporter: &dyn Reporter,
) -> Infallible {
    loop {
        if let Err(error) = run_vite(config, stage, site, reporter).await {
            let line = format!("{error:#}; it is started again when the site is saved");
            reporter.report(Event::Warning(line));
            site.sources.notified().await;
        }
    }
}

/// Runs Vite until the site's dependencies are others.
async fn run_vite(
    config: &Config,
    stage: &LocalStage,
    site: &ViteSite,
    reporter: &dyn Reporter,
) -> Result<()> {
    let dependencies = site.dependencies.notified();
    build::install_site(config, &Quiet(reporter)).await?;
    let mut vite = stage
        .start_vite(&config.root.join("site"), reporter)
        .await?;
    tokio::select! {
        error = vite.forward_output(reporter) => Err(error),
        () = dependencies => Ok(()),
    }
}
