//! The consent of a person before a risky action: by typing it on a terminal, or by a flag. Without either the
//! error says which flag. Never answers for anybody: the stage's name in the environment, or as the default of the
//! configuration, was typed by nobody.

use anyhow::Result;

use crate::cli::{Selection, StageArgs};
use crate::commands::deploy::DeployRequest;
use crate::config::Config;
use crate::error::{self, UserError};
use crate::inventory::Inventory;
use crate::ui;

/// A deploy that stopped before data would be lost goes on when a person on a terminal types the stage's
/// name; consent is to the losses that were reported, and no others. A saved plan has been held against
/// reality by then, and what was deployed since is its own work.
pub(super) fn to_data_loss(
    config: &Config,
    request: DeployRequest,
    error: anyhow::Error,
) -> Result<DeployRequest> {
    let Some(UserError::DataLoss { losses }) = error::user_error(&error) else {
        return Err(error);
    };
    let stage = config.stage.to_string();
    let reported = losses.join("\n  ");
    let question =
        format!("Data would be lost:\n  {reported}\nType the name of stage {stage} to confirm: ");
    match ui::ask(&question)? {
        Some(answer) if answer == stage => Ok(DeployRequest {
            consent: request.consent.and(losses),
            plan: None,
            ..request
        }),
        Some(_) => Err(UserError::LossNotConfirmed(stage).into()),
        None => Err(error),
    }
}

/// A protected stage is rolled back only when its name is said: typed, or by `--yes --stage NAME`.
pub(super) fn to_rollback(config: &Config, args: &StageArgs, reported: &str) -> Result<()> {
    if is_free(config) || is_named(args) {
        return Ok(());
    }
    let stage = config.stage.to_string();
    let question = format!("Stage {stage} is protected. Type its name to restore {reported}: ");
    match ui::ask(&question)? {
        Some(answer) if answer == stage => Ok(()),
        _ => Err(UserError::RollbackNeedsConsent(stage).into()),
    }
}

/// A protected stage goes only when its name is said: typed, or by `--yes --stage NAME`.
pub(super) fn to_teardown(config: &Config, args: &StageArgs) -> Result<()> {
    if is_free(config) || is_named(args) {
        return Ok(());
    }
    let stage = config.stage.to_string();
    let domain = &config.settings.domain;
    let question =
        format!("Stage {stage} ({domain}) is protected. Type its name to take it down: ");
    match ui::ask(&question)? {
        Some(answer) if answer == stage => Ok(()),
        Some(_) => Err(UserError::NotConfirmed(stage).into()),
        None => Err(UserError::NeedsConfirmation(stage).into()),
    }
}

/// The data of a protected stage goes with its name, which has been said; that of any other with a yes.
pub(super) fn to_loss(config: &Config, args: &StageArgs, before: &Inventory) -> Result<()> {
    if args.yes || config.settings.protected || !before.holds_data() {
        return Ok(());
    }
    match ui::ask("All of this goes, for ever. Take it down? [y/N] ")? {
        Some(answer) if is_yes(&answer) => Ok(()),
        Some(_) => Err(UserError::NotConfirmed(config.stage.to_string()).into()),
        None => Err(UserError::TeardownNeedsConsent(config.stage.to_string()).into()),
    }
}

/// A user is removed with a yes, from a protected stage with its name.
pub(super) fn to_user_removal(config: &Config, args: &StageArgs, user: &str) -> Result<()> {
    if args.yes && (is_free(config) || is_named(args)) {
        return Ok(());
    }
    let stage = config.stage.to_string();
    let question = if is_free(config) {
        format!("Remove user {user}, who then cannot sign in any more? [y/N] ")
    } else {
        format!("Stage {stage} is protected. Type its name to remove user {user}: ")
    };
    match ui::ask(&question)? {
        Some(answer) if config.settings.protected && answer == stage => Ok(()),
        Some(answer) if is_free(config) && is_yes(&answer) => Ok(()),
        _ => {
            let user = user.to_owned();
            Err(UserError::UserRemovalNeedsConsent { stage, user }.into())
        }
    }
}

/// Stages in AWS that have expired go with a yes to all that were listed. Those on this machine keep nothing but in memory.
pub(super) fn to_expiry(in_aws: &[String], args: &StageArgs) -> Result<()> {
    if args.yes || in_aws.is_empty() {
        return Ok(());
    }
    let stages = in_aws.join(", ");
    let question = format!("With all their data, for ever: {stages}. Take them down? [y/N] ");
    match ui::ask(&question)? {
        Some(answer) if is_yes(&answer) => Ok(()),
        _ => Err(UserError::ExpiryNeedsConsent(stages).into()),
    }
}

/// Asks a person to confirm the recovery that was explained; `--yes` confirms it too.
pub(super) fn to_recovery(config: &Config, args: &StageArgs) -> Result<()> {
    if args.yes && (is_free(config) || is_named(args)) {
        return Ok(());
    }
    match ui::ask("Do that? [y/N] ")? {
        Some(answer) if is_yes(&answer) => Ok(()),
        _ => Err(UserError::RecoveryNeedsConsent(config.stage.to_string()).into()),
    }
}

/// Asks a person to confirm the cancellation that was explained: with a yes, or with the name of a protected stage.
pub(super) fn to_cancellation(config: &Config, args: &StageArgs) -> Result<()> {
    if args.yes && (is_free(config) || is_named(args)) {
        return Ok(());
    }
    let stage = config.stage.to_string();
    let question = if is_free(config) {
        "Do that? [y/N] ".to_owned()
    } else {
        format!("Stage {stage} is protected. Type its name to do that: ")
    };
    let is_consent = |answer: &str| match config.settings.protected {
        true => answer == stage,
        false => is_yes(answer),
    };
    match ui::ask(&question)? {
        Some(answer) if is_consent(&answer) => Ok(()),
        _ => Err(UserError::CancelNeedsConsent(stage).into()),
    }
}

/// Data that a deploy would destroy may go by a flag; that of a protected stage only where its name was typed beside it.
pub(super) fn may_lose_data(config: &Config, selection: &Selection) -> bool {
    is_free(config) || selection.stage.is_some()
}

/// Everybody may do as they like with a stage that is not protected.
fn is_free(config: &Config) -> bool {
    !config.settings.protected
}

fn is_named(args: &StageArgs) -> bool {
    args.yes && args.selection.stage.is_some()
}

fn is_yes(answer: &str) -> bool {
    answer.eq_ignore_ascii_case("y") || answer.eq_ignore_ascii_case("yes")
}
