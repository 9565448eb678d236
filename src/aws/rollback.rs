//! The causes of a failed operation that CloudFormation reports, and the calls that lead a stack out of one.

use anyhow::{Context, Result};
use aws_sdk_cloudformation::types::{EventFilter, OperationEvent};

use super::CloudFormation;
use super::fault::{Fault, fault};

/// One failure within an operation, from `DescribeEvents`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedEvent {
    /// The resource's name in the template; empty for the operation as a whole.
    pub logical_id: String,
    /// The resource's id in its service.
    pub physical_id: String,
    /// The resource's type.
    pub kind: String,
    /// CloudFormation's words.
    pub reason: String,
    /// The property that is at fault, as a path below the resource, where a validation names one.
    pub property: Option<String>,
    /// When, in milliseconds since 1970 (UTC).
    pub millis: i64,
}

/// Whose failures are meant.
#[derive(Clone, Copy, Debug)]
pub enum Operation<'a> {
    /// A change set, by ARN.
    ChangeSet(&'a str),
    /// All operations of a stack, by ARN.
    Stack(&'a str),
}

impl CloudFormation {
    /// Lists what failed in an operation, oldest first.
    ///
    /// # Errors
    /// The endpoint does not know `DescribeEvents`, or `cloudformation:DescribeEvents` is not granted.
    pub async fn list_failed_events(&self, operation: Operation<'_>) -> Result<Vec<FailedEvent>> {
        let filter = EventFilter::builder().failed_events(true).build();
        let request = self.client.describe_events().filters(filter);
        let request = match operation {
            Operation::ChangeSet(id) => request.change_set_name(id),
            Operation::Stack(id) => request.stack_name(id),
        };
        let output = request
            .send()
            .await
            .map_err(fault)
            .context("failed to list the failed events")?;
        let events = output.operation_events.unwrap_or_default();
        let mut events: Vec<FailedEvent> = events.into_iter().map(FailedEvent::from).collect();
        events.sort_by_key(|event| event.millis);
        Ok(events)
    }

    /// Rolls back a failed update that was not rolled back.
    ///
    /// # Errors
    /// The stack is not in `UPDATE_FAILED`.
    pub async fn roll_back_stack(&self, stack: &str, token: &str) -> Result<()> {
        let request = self.client.rollback_stack().stack_name(stack);
        let response = request.client_request_token(token).send().await;
        response
            .map_err(fault)
            .with_context(|| format!("failed to roll back stack `{stack}`"))?;
        Ok(())
    }

    /// Cancels the update that runs on a stack. Returns `false` where none runs any more.
    ///
    /// # Errors
    /// CloudFormation is not reached, or we may not.
    pub async fn cancel_update(&self, stack: &str, token: &str) -> Result<bool> {
        let request = self.client.cancel_update_stack().stack_name(stack);
        let response = request.client_request_token(token).send().await;
        match response.map_err(fault) {
            Ok(_) => Ok(true),
            Err(fault) if is_too_late(&fault) => Ok(false),
            Err(fault) => Err(fault)
                .with_context(|| format!("failed to cancel the update of stack `{stack}`")),
        }
    }

    /// Goes on with the undoing of an update, without the resources named.
    ///
    /// # Errors
    /// The stack is not in `UPDATE_ROLLBACK_FAILED`, or a resource named is not one that failed.
    pub async fn continue_rollback(&self, stack: &str, skip: &[String], token: &str) -> Result<()> {
        let request = self.client.continue_update_rollback().stack_name(stack);
        let skip = (!skip.is_empty()).then(|| skip.to_vec());
        let response = request
            .set_resources_to_skip(skip)
            .client_request_token(token)
            .send()
            .await;
        response
            .map_err(fault)
            .with_context(|| format!("failed to continue the rollback of stack `{stack}`"))?;
        Ok(())
    }
}

/// There is no typed "nothing to cancel": it is a `ValidationError` with this text.
fn is_too_late(fault: &Fault) -> bool {
    fault.code.as_deref() == Some("ValidationError")
        && fault
            .message
            .contains("cannot be called from current stack status")
}

impl From<OperationEvent> for FailedEvent {
    fn from(event: OperationEvent) -> Self {
        let reason = event
            .validation_status_reason
            .or(event.hook_status_reason)
            .or(event.resource_status_reason);
        let time = event.timestamp.or(event.start_time);
        Self {
            logical_id: event.logical_resource_id.unwrap_or_default(),
            physical_id: event.physical_resource_id.unwrap_or_default(),
            kind: event.resource_type.unwrap_or_default(),
            reason: reason.unwrap_or_default(),
            property: event.validation_path,
            millis: time
                .and_then(|time| time.to_millis().ok())
                .unwrap_or_default(),
        }
    }
}
