//! The error of a call to AWS: a code, its message, and the questions that callers ask of
//! them. Codes and texts of AWS are compared here and in the clients, nowhere else.

use std::error::Error;
use std::fmt;

use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};

use super::http::Unreached;

/// A call that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// AWS's code, or `None` when no answer of AWS came.
    pub code: Option<String>,
    /// One line in AWS's words, or why it was not reached.
    pub message: String,
    kind: FaultKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FaultKind {
    /// AWS was not reached: the same call may succeed later.
    Unreached,
    /// AWS was too busy, or had a fault of its own: the same call may succeed later.
    Transient,
    /// The credentials are missing, wrong or expired.
    Credentials,
    /// The credentials are good, but may not do this.
    Denied,
    /// AWS refuses the call.
    Refused,
}

/// Source: AWS SDKs and Tools Reference Guide, "Retry behavior", and the SDK's own list of throttling
/// codes in `aws-runtime`, `retries/classifiers.rs`.
const TRANSIENT: [&str; 14] = [
    "BandwidthLimitExceeded",
    "InternalError",
    "InternalFailure",
    "InternalServerError",
    "PriorRequestNotComplete",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestTimeout",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// Source: AWS common errors (CloudFormation API Reference, "Common Errors"; STS API Reference).
const CREDENTIALS: [&str; 18] = [
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "InvalidToken",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "NotSignedUp",
    "OptInRequired",
    "RequestExpired",
    "RequestInTheFuture",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

const DENIED: [&str; 4] = [
    "AccessDenied",
    "AccessDeniedException",
    "NotAuthorized",
    "UnauthorizedOperation",
];

impl Fault {
    /// Returns whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        matches!(self.kind, FaultKind::Transient | FaultKind::Unreached)
    }

    /// Returns whether no answer of AWS came.
    pub fn is_unreached(&self) -> bool {
        self.kind == FaultKind::Unreached
    }

    /// Returns whether the credentials are missing, wrong or expired.
    pub fn is_about_credentials(&self) -> bool {
        self.kind == FaultKind::Credentials
    }

    /// Returns whether the credentials are good, but may not do this.
    pub fn is_denied(&self) -> bool {
        self.kind == FaultKind::Denied
    }

    /// Returns the fault along an error's chain, if AWS is in it.
    pub fn of(error: &anyhow::Error) -> Option<&Self> {
        error.chain().find_map(|cause| cause.downcast_ref())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.code {
            Some(code) if self.message.is_empty() => formatter.write_str(code),
            Some(code) => write!(formatter, "{code}: {}", self.message),
            None => formatter.write_str(&self.message),
        }
    }
}

impl Error for Fault {}

/// Makes the SDK's error ours.
pub(super) fn fault<E, R>(error: SdkError<E, R>) -> Fault
where
    E: ProvideErrorMetadata + Error + 'static,
    R: fmt::Debug + 'static,
{
    if let Some(code) = error.code() {
        return Fault {
            kind: kind_of(code),
            code: Some(code.to_owned()),
            message: error.message().unwrap_or_default().to_owned(),
        };
    }
    let kind = match &error {
        SdkError::ConstructionFailure(_)
        | SdkError::DispatchFailure(_)
        | SdkError::TimeoutError(_) => kind_without_answer(&error),
        _ => FaultKind::Transient,
    };
    let message = match kind {
        FaultKind::Unreached => unreached(&error),
        _ => innermost(&error),
    };
    Fault {
        code: None,
        message,
        kind,
    }
}

/// The SDK has no public type for an error of credentials within a call's: the names of the kinds in the printed chain
/// are all there is. Nobody having any is decided first, because it may only mean that an instance's service, asked last,
/// is not there; and whoever has some may have had to ask somebody who is not reached.
/// Source: `CredentialsError` of aws-credential-types 1.3.
fn kind_without_answer(error: &(dyn Error + 'static)) -> FaultKind {
    let printed = format!("{error:?}");
    let says = |name: &str| printed.contains(name);
    if says("CredentialsNotLoaded") {
        FaultKind::Credentials
    } else if find_unreached(error).is_some()
        || says("Unreached {")
        || says("TimeoutError")
        || says("ProviderTimedOut")
    {
        FaultKind::Unreached
    } else if says("InvalidConfiguration") || says("ProviderError") || says("Unhandled(") {
        FaultKind::Credentials
    } else if says("ConstructionFailure") {
        FaultKind::Refused
    } else {
        FaultKind::Unreached
    }
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| {
        let error: &'a (dyn Error + 'static) = *error;
        error.source()
    })
}

fn find_unreached<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Unreached> {
    chain(error).find_map(|cause| cause.downcast_ref())
}

fn unreached(error: &(dyn Error + 'static)) -> String {
    let cause = innermost(error);
    match find_unreached(error) {
        Some(unreached) => format!("AWS is not reached at {}: {cause}", unreached.address),
        None => format!("AWS is not reached: {cause}"),
    }
}

fn kind_of(code: &str) -> FaultKind {
    match code {
        code if TRANSIENT.contains(&code) => FaultKind::Transient,
        code if CREDENTIALS.contains(&code) => FaultKind::Credentials,
        code if DENIED.contains(&code) => FaultKind::Denied,
        _ => FaultKind::Refused,
    }
}

/// The outer errors only say that it was not reached; the innermost says why.
fn innermost(error: &(dyn Error + 'static)) -> String {
    let text = chain(error).last().map(ToString::to_string);
    let text = text.unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_sts::error::ErrorMetadata;
    use aws_sdk_sts::operation::get_caller_identity::GetCallerIdentityError;

    fn of(code: &str, message: &str) -> Fault {
        let metadata = ErrorMetadata::builder().code(code).message(message).build();
        let error = GetCallerIdentityError::generic(metadata);
        fault(SdkError::service_error(error, ()))
    }

    #[test]
    fn each_code_has_its_meaning() {
        assert!(of("Throttling", "Rate exceeded").is_transient());
        assert!(of("ExpiredToken", "").is_about_credentials());
        assert!(of("AccessDenied", "").is_denied());
        let refused = of("ValidationError", "Stack with id x does not exist");
        assert!(!refused.is_transient() && !refused.is_denied());
        assert_eq!(
            refused.to_string(),
            "ValidationError: Stack with id x does not exist"
        );
    }

    #[test]
    fn who_was_not_reached_may_be_reached_later() {
        let timeout: SdkError<GetCallerIdentityError, ()> =
            SdkError::timeout_error("no answer within 5 s");
        let fault = fault(timeout);
        assert!(fault.is_transient() && fault.is_unreached());
        assert_eq!(
            fault.to_string(),
            "AWS is not reached: no answer within 5 s"
        );
    }

    #[test]
    fn a_fault_is_found_along_a_chain() {
        let error = anyhow::Error::new(of("AccessDenied", "no")).context("failed to read");
        assert!(Fault::of(&error).is_some_and(Fault::is_denied));
    }
}
