//! In: an error of a command. Out: the exit code of the process, and the next step of the user. Errors that this program
//! names (`UserError`) carry both; for faults of AWS they are derived here. Nothing is printed here.

use crate::aws::Fault;
use crate::error::{Exit, UserError, user_error};
use crate::provision::diagnosis::diagnose;

/// Returns how a process ends with this error.
pub fn exit(error: &anyhow::Error) -> Exit {
    let of_aws = || match Fault::of(error) {
        Some(fault) if fault.is_about_credentials() || fault.is_denied() => Exit::Credentials,
        _ => Exit::Failure,
    };
    user_error(error).map_or_else(of_aws, UserError::exit)
}

/// Returns what the user should do about an error, if anything is known to help.
pub fn hint(error: &anyhow::Error) -> Option<String> {
    if let Some(known) = user_error(error) {
        return Some(known.hint());
    }
    let fault = Fault::of(error)?;
    if fault.is_about_credentials() {
        let hint = "sign in again (`aws sso login`), then run the same command again: what CloudFormation has \
                    begun goes on meanwhile, and is followed from where it stands";
        return Some(hint.to_owned());
    }
    if fault.is_denied() {
        let diagnosis = diagnose(&fault.message);
        let all = || "`factory-tree policy` prints every permission that a stage needs".to_owned();
        return Some(diagnosis.map_or_else(all, |diagnosis| diagnosis.cure));
    }
    let again = "run the same command again: it continues from where this one stopped".to_owned();
    fault.is_transient().then_some(again)
}
