//! One file or folder a verb. Each is a list of steps, read from the top.

pub mod build;
pub mod cancel;
pub mod completions;
pub mod dead_letters;
pub mod deploy;
mod deployed_stage;
pub mod dev;
pub mod diff;
pub mod doctor;
pub mod invoke;
pub mod logs;
pub mod open;
pub mod outputs;
pub mod plan;
pub mod policy;
pub mod recover;
pub mod releases;
pub mod replay;
pub mod rollback;
pub mod ssh;
pub mod status;
pub mod teardown;
pub mod users;
pub mod validate;
mod verify;

use std::time::Instant;

use anyhow::Result;

use crate::config::{Config, CredentialFault, CredentialSources};
use crate::error::UserError;
use crate::event::{Event, Reporter, Step};
use crate::local::{Platform, StageEndpoint};
use crate::report::{StepRow, seconds};

use crate::aws::{Aws, Fault};
use crate::hint;

/// Runs one step of the road: says that it began and that it is done, and keeps its time.
async fn step<T>(
    step: Step,
    rows: &mut Vec<StepRow>,
    reporter: &dyn Reporter,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    reporter.report(Event::StepStarted(step));
    let started = Instant::now();
    let result = work.await?;
    let elapsed = started.elapsed();
    reporter.report(Event::StepDone(step, elapsed));
    rows.push(StepRow {
        name: step.name(),
        seconds: seconds(elapsed),
    });
    Ok(result)
}

/// Opens the clients of a stage and makes sure that they are the right ones.
///
/// # Errors
/// `UserError::NoCredentials`, `UserError::WrongAccount`, or a `Fault` when AWS is not reached.
async fn connect(config: &Config, endpoint: &StageEndpoint) -> Result<Aws> {
    let aws = Aws::connect(&endpoint.access, &config.settings.region, &config.network).await;
    let stage = config.shown_stage();
    let identity = match aws.sts.get_identity().await {
        Ok(identity) => identity,
        Err(error) => return Err(unidentified(stage, error)),
    };
    match &config.settings.account {
        Some(account) if account.as_str() != identity.account => {
            let (expected, actual) = (account.to_string(), identity.account);
            Err(UserError::WrongAccount {
                stage,
                expected,
                actual,
            }
            .into())
        }
        _ => Ok(aws),
    }
}

/// Makes sure of the credentials of a stage that can be asked already: wrong ones are reported before minutes go into a
/// build.
///
/// # Errors
/// As `connect`.
async fn ensure_credentials(config: &Config, platform: &Platform) -> Result<()> {
    if let Some(endpoint) = platform.endpoint_without_start() {
        connect(config, &endpoint).await?;
    }
    Ok(())
}

/// Turns the failure to identify the caller into an error. A fault of the credentials is named as one; an AWS that is not
/// reached says nothing about them.
fn unidentified(stage: String, error: anyhow::Error) -> anyhow::Error {
    let of_credentials =
        Fault::of(&error).filter(|fault| fault.is_about_credentials() || fault.is_denied());
    let Some(fault) = of_credentials else {
        return error.context("the credentials were not checked");
    };
    // The chain goes on with every place where it looked.
    let said = fault.to_string();
    let said = said.split(". Attempted").next().unwrap_or_default();
    // Where AWS has answered, it is not the source of the credentials that is wrong.
    let of_source = fault
        .code
        .is_none()
        .then(|| CredentialSources::read().fault(said));
    let (problem, cure) = match of_source.flatten() {
        Some(CredentialFault { problem, cure }) => (problem, cure),
        None => (said.to_owned(), hint::credentials_cure(fault)),
    };
    UserError::NoCredentials {
        stage,
        problem,
        cure,
    }
    .into()
}
