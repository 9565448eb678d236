//! In: an error of a command. Out: the exit code of the process, and the next step of the user. Errors that this program
//! names (`UserError`) carry both; for faults of AWS they are derived here. Nothing is printed here.

mod typed;

use crate::aws::Fault;
use crate::error::{Exit, UserError, user_error};
use crate::provision::diagnosis::diagnose;
pub use typed::Typed;

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
        let cure = credentials_cure(fault);
        let hint = format!(
            "{cure}; then run the same command again: what CloudFormation has begun goes on meanwhile, and is followed \
             from where it stands"
        );
        return Some(hint);
    }
    if fault.is_unreached() {
        return Some(unreached_cure(&fault.message).to_owned());
    }
    if fault.is_denied() {
        let diagnosis = diagnose(&fault.message);
        let all = || "`factory-tree policy` prints every permission that a stage needs".to_owned();
        return Some(diagnosis.map_or_else(all, |diagnosis| diagnosis.cure));
    }
    let again = "run the same command again: it continues from where this one stopped".to_owned();
    fault.is_transient().then_some(again)
}

/// Returns the cure of what is wrong with credentials.
/// Sources: IAM User Guide, "Troubleshoot signed requests for AWS APIs"; IAM API Reference, "Common Error Types".
pub fn credentials_cure(fault: &Fault) -> String {
    let says = |words: &[&str]| {
        let text = fault.message.to_ascii_lowercase();
        words.iter().any(|word| text.contains(word))
    };
    let is_clock = says(&["signature expired", "not yet current", "skew", "too large"]);
    let cure = match fault.code.as_deref() {
        Some("RequestTimeTooSkewed" | "RequestInTheFuture" | "RequestExpired") => CLOCK,
        Some("SignatureDoesNotMatch" | "InvalidSignatureException") if is_clock => CLOCK,
        Some("SignatureDoesNotMatch" | "InvalidSignatureException") => {
            "the secret does not belong to the access key: write both of one pair into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or into the profile (`aws configure`); `aws iam create-access-key` makes a new pair"
        }
        Some("ExpiredToken" | "ExpiredTokenException") => {
            "the session has ended: sign in again (`aws sso login`), or fetch a new AWS_SESSION_TOKEN with its keys"
        }
        Some(
            "InvalidClientTokenId"
            | "UnrecognizedClientException"
            | "InvalidAccessKeyId"
            | "InvalidToken"
            | "AuthFailure",
        ) => {
            "AWS does not know this access key: it was deleted, is switched off, or lacks its AWS_SESSION_TOKEN; \
             set one that `aws iam list-access-keys` shows as active"
        }
        Some("NotSignedUp" | "OptInRequired") => {
            "enable the region, or finish the sign-up of the account, in its console"
        }
        _ if fault.is_denied() => {
            "ask for this permission; `factory-tree policy` prints every one that a stage needs"
        }
        None if says(&["sso", "token"]) => "sign in again with `aws sso login`",
        None if says(&["profile"]) => {
            "name a profile that `aws configure list-profiles` shows with AWS_PROFILE, or make one with `aws configure sso`"
        }
        _ => {
            "sign in with `aws sso login`, or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        }
    };
    cure.to_owned()
}

const CLOCK: &str = "set this machine's clock (`factory-tree doctor` compares it with that of AWS)";

fn unreached_cure(message: &str) -> &'static str {
    if message.contains("certificate") {
        "name your network's authority with AWS_CA_BUNDLE=FILE (PEM), then run the same command again"
    } else if message.contains("authorization required") {
        "the proxy asks who you are: put USER:PASSWORD@ before its host in HTTPS_PROXY, then run the same command again"
    } else if message.contains("through proxy") {
        "set HTTPS_PROXY to the proxy of your network (`http://HOST:PORT`), or name this host in NO_PROXY, then run the same command again: it continues from where \
         this one stopped"
    } else {
        "look at this machine's network; where a proxy leads out of it, set HTTPS_PROXY. Then run the same command \
         again: it continues from where this one stopped"
    }
}
