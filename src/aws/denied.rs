//! Refusals for want of a permission: a command that only reads can go on without the answer, and report which
//! permission would bring it.

use std::error::Error;
use std::fmt;

use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};

use super::fault::{Fault, fault};

/// The credentials may not do this.
#[derive(Debug, thiserror::Error)]
#[error("permission {permission} is missing")]
struct Denied {
    permission: &'static str,
    #[source]
    fault: Fault,
}

/// Returns the permission (an IAM action) for want of which a call was refused, or `None` if it failed
/// for another reason.
pub fn missing_permission(error: &anyhow::Error) -> Option<&'static str> {
    let denied = error
        .chain()
        .find_map(|cause| cause.downcast_ref::<Denied>());
    denied.map(|denied| denied.permission)
}

/// Makes the SDK's error ours, for a call that needs this permission. AWS's own words do not always
/// name it.
pub(super) fn failure<E, R>(error: SdkError<E, R>, permission: &'static str) -> anyhow::Error
where
    E: ProvideErrorMetadata + Error + 'static,
    R: fmt::Debug + 'static,
{
    let fault = fault(error);
    if fault.is_denied() {
        Denied { permission, fault }.into()
    } else {
        fault.into()
    }
}
