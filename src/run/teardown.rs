//! `teardown`, of one stage or of all that have expired: whoever may be asked is asked, then the stages go. In: the arguments.
//! Out: how the process ends.

use std::time::SystemTime;

use anyhow::Result;

use super::consent;
use super::selected::{load_config, with_progress, with_progress_of};
use crate::cli::{StageArgs, TeardownArgs};
use crate::commands;
use crate::commands::teardown::{find_expired, remove_expired};
use crate::config::terminal::Terminal;
use crate::config::{self, Config};
use crate::error::Exit;
use crate::event::Journal;
use crate::inventory::Inventory;
use crate::ui;

pub(super) async fn teardown(args: &TeardownArgs, terminal: &Terminal) -> Result<Exit> {
    if args.expired {
        expired(&args.stage, terminal).await
    } else {
        of_stage(&args.stage, terminal).await
    }
}

async fn of_stage(args: &StageArgs, terminal: &Terminal) -> Result<Exit> {
    let config = load_config(&args.selection)?;
    consent::to_teardown(&config, args)?;
    let consent = |before: &Inventory| consent::to_loss(&config, args, before);
    let work =
        async |journal: &Journal| commands::teardown::teardown(&config, &consent, journal).await;
    let report = with_progress(&config, args.output, terminal, work).await?;
    let printed = ui::print_report(&report, args.output);
    ui::conclude_teardown(&report, terminal);
    printed?;
    Ok(if report.failed.is_empty() {
        Exit::Success
    } else {
        Exit::Leftovers
    })
}

/// A stage that the environment names says nothing here: whatever has expired is meant, unless a key was typed.
async fn expired(args: &StageArgs, terminal: &Terminal) -> Result<Exit> {
    let file = config::file(args.selection.config.as_deref());
    let configs = Config::load_expiring(&file, args.selection.stage.as_deref())?;
    let names: Vec<String> = configs.iter().map(Config::shown_stage).collect();
    let now = SystemTime::now();
    let work = async |journal: &Journal| {
        let found = find_expired(&configs, now, journal).await?;
        found.explain(now, journal);
        consent::to_expiry(&found.in_aws(), args)?;
        Ok(remove_expired(found, journal).await)
    };
    let report = with_progress_of(&names.join(", "), args.output, terminal, work).await?;
    ui::print_report(&report, args.output)?;
    Ok(if report.is_incomplete() {
        Exit::Leftovers
    } else {
        Exit::Success
    })
}
