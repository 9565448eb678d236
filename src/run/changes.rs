//! The verbs that change a stage, or what it keeps. In: the arguments. Out: how the process ends. `teardown` has a file of its own.

use anyhow::Result;

use super::consent;
use super::selected::{load_config, with_progress};
use super::signals::until_signal;
use crate::cli::{
    DeployArgs, InvokeArgs, RecoverArgs, ReportArgs, RollbackArgs, StageArgs, UsersAction,
    UsersArgs,
};
use crate::commands;
use crate::commands::deploy::DeployRequest;
use crate::config::terminal::Terminal;
use crate::config::{BakeTime, Config};
use crate::error::{Exit, UserError};
use crate::event::{Event, Journal, Reporter};
use crate::provision::Options;
use crate::seed::Seed;
use crate::template::DataConsent;
use crate::ui;

pub(super) async fn deploy(args: &DeployArgs, terminal: &Terminal) -> Result<Exit> {
    let config = load_config(&args.stage.selection)?;
    if args.express && config.settings.protected {
        return Err(UserError::ExpressProtected(config.stage.to_string()).into());
    }
    if args.seed.is_some() && config.settings.sign_in {
        return Err(UserError::SeedNeedsSignIn(config.stage.to_string()).into());
    }
    let mut request = deploy_request(&config, args)?;
    let report = loop {
        let work =
            async |journal: &Journal| commands::deploy::deploy(&config, &request, journal).await;
        match with_progress(&config, args.stage.output, terminal, work).await {
            Ok(report) => break report,
            Err(error) => request = consent::to_data_loss(&config, request, error)?,
        }
    };
    let printed = ui::print_report(&report, args.stage.output);
    ui::conclude_deploy(&report, terminal);
    printed?;
    Ok(Exit::Success)
}

pub(super) async fn dev(args: &ReportArgs, terminal: &Terminal) -> Result<Exit> {
    let config = load_config(&args.selection)?;
    let start = commands::dev::start(&config)?;
    deploy(&DeployArgs::of(args), terminal).await?;
    let reporter = ui::reporter(args.output, terminal);
    reporter.report(Event::Note(commands::dev::invitation(&config)));
    let ended = until_signal(commands::dev::follow(&config, start, &*reporter)).await;
    reporter.report(Event::Note(commands::dev::farewell(
        args.selection.stage.as_deref(),
    )));
    ended
}

fn deploy_request(config: &Config, args: &DeployArgs) -> Result<DeployRequest> {
    let selection = &args.stage.selection;
    let consent = if args.allow_replacement && consent::may_lose_data(config, selection) {
        DataConsent::All
    } else {
        DataConsent::default()
    };
    let plan = match &args.plan {
        Some(file) => Some((file.clone(), commands::plan::read(file)?)),
        None => None,
    };
    let configured = BakeTime::of_minutes(config.settings.bake_minutes);
    let options = Options {
        bake: args.bake.unwrap_or(configured),
        ..args.options()
    };
    let seed = args.seed.as_ref().map(|file| Seed::read(config, file));
    Ok(DeployRequest {
        seed: seed.transpose()?,
        options,
        consent,
        plan,
        prune: args.prune_now,
        undo_on_failure: args.undo_on_failure || config.settings.undo_on_failure,
    })
}

pub(super) async fn invoke(args: &InvokeArgs, terminal: &Terminal) -> Result<Exit> {
    let config = load_config(&args.selection)?;
    let work = async |journal: &Journal| {
        let work = commands::invoke::invoke(&config, &args.function, &args.event, journal);
        let report = work.await?;
        journal.report(Event::Note(report.times()));
        Ok(report)
    };
    let report = with_progress(&config, args.output, terminal, work).await?;
    ui::print_document(&report, args.output)?;
    Ok(Exit::Success)
}

/// Asks nobody: what is published is what the table has, and a letter goes only with its reason.
pub(super) async fn replay(args: &ReportArgs, terminal: &Terminal) -> Result<Exit> {
    let config = load_config(&args.selection)?;
    let work = async |journal: &Journal| commands::replay::replay(&config, journal).await;
    let report = with_progress(&config, args.output, terminal, work).await?;
    ui::print_report(&report, args.output)?;
    Ok(if report.left.is_empty() {
        Exit::Success
    } else {
        Exit::Failure
    })
}

pub(super) async fn rollback(args: &RollbackArgs, terminal: &Terminal) -> Result<Exit> {
    let config = load_config(&args.stage.selection)?;
    let consent = |reported: &str| consent::to_rollback(&config, &args.stage, reported);
    let wanted = args.release.as_ref();
    let work = async |journal: &Journal| {
        commands::rollback::rollback(&config, wanted, &consent, journal).await
    };
    let report = with_progress(&config, args.stage.output, terminal, work).await?;
    ui::print_report(&report, args.stage.output)?;
    Ok(Exit::Success)
}

pub(super) async fn cancel(args: &StageArgs, terminal: &Terminal) -> Result<Exit> {
    let config = load_config(&args.selection)?;
    let consent = || consent::to_cancellation(&config, args);
    let work = async |journal: &Journal| commands::cancel::cancel(&config, &consent, journal).await;
    let report = with_progress(&config, args.output, terminal, work).await?;
    ui::print_report(&report, args.output)?;
    Ok(if report.stacks.iter().all(|row| row.cancelled) {
        Exit::Success
    } else {
        Exit::NeedsPerson
    })
}

pub(super) async fn recover(args: &RecoverArgs, terminal: &Terminal) -> Result<Exit> {
    let config = load_config(&args.stage.selection)?;
    let ask = || consent::to_recovery(&config, &args.stage);
    let consent = commands::recover::RecoveryConsent {
        skip: &args.skip,
        ask: &ask,
    };
    let work =
        async |journal: &Journal| commands::recover::recover(&config, &consent, journal).await;
    let report = with_progress(&config, args.stage.output, terminal, work).await?;
    ui::print_report(&report, args.stage.output)?;
    Ok(if report.stacks.iter().all(|row| row.recovered) {
        Exit::Success
    } else {
        Exit::NeedsPerson
    })
}

pub(super) async fn users(args: &UsersArgs) -> Result<Exit> {
    match &args.action {
        UsersAction::Add(args) => {
            let config = load_config(&args.stage.selection)?;
            let report = commands::users::add(&config, &args.name, &args.email).await?;
            ui::print_report(&report, args.stage.output)?;
        }
        UsersAction::Remove(args) => {
            let config = load_config(&args.stage.selection)?;
            let consent = || consent::to_user_removal(&config, &args.stage, args.name.as_str());
            let report = commands::users::remove(&config, &args.name, &consent).await?;
            ui::print_report(&report, args.stage.output)?;
        }
        UsersAction::List(args) => {
            let config = load_config(&args.selection)?;
            let report = commands::users::list(&config).await?;
            ui::print_report(&report, args.output)?;
        }
    }
    Ok(Exit::Success)
}
