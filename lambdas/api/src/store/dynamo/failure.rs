//! Converts the SDK's errors: it separates transient errors from permanent ones.

use anyhow::Error;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::store::StoreError;

/// The error codes that DynamoDB documents as retryable.
const RETRYABLE_CODES: [&str; 7] = [
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
    let is_transient = is_transient(&error);
    let cause = Error::new(error);
    if is_transient {
        StoreError::Unavailable(cause)
    } else {
        StoreError::Broken(cause)
    }
}

fn is_transient<E: ProvideErrorMetadata>(error: &SdkError<E>) -> bool {
    match error {
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => {
            true
        }
        SdkError::ServiceError(refused) => {
            let code = refused.err().code().unwrap_or_default();
            RETRYABLE_CODES.contains(&code) || refused.raw().status().is_server_error()
        }
        _ => false,
    }
}
