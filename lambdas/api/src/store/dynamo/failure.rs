//! The SDK's errors in our words: what may be tried again, and what may not.

use anyhow::Error;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::store::StoreError;

/// Codes with which DynamoDB says "not now". All are documented as retryable.
const NOT_NOW: [&str; 7] = [
    "InternalServerError",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "ThrottlingException",
    "TransactionInProgressException",
];

/// Returns the store error of an SDK error. Its text is for the log only.
pub(super) fn store_error<E>(error: SdkError<E>) -> StoreError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let may_pass = is_passing(&error);
    let cause = Error::new(error);
    if may_pass {
        StoreError::Unavailable(cause)
    } else {
        StoreError::Broken(cause)
    }
}

fn is_passing<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    match error {
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => {
            true
        }
        SdkError::ServiceError(refused) => {
            let code = refused.err().code().unwrap_or_default();
            NOT_NOW.contains(&code) || refused.raw().status().is_server_error()
        }
        _ => false,
    }
}
