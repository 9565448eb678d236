//! In: a stack on which an operation runs. Out: the stack after the operation was cancelled or, where CloudFormation cancels
//! none of its kind, the reason. What each status allows is one table.

use anyhow::Result;
use sha2::{Digest, Sha256};

use super::{retry_transient, wait_until_idle};
use crate::aws::{CloudFormation, Stack, StackEvent, StackState};
use crate::event::Reporter;

/// What can be done about a running operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelAction {
    /// Cancels the update; CloudFormation rolls the stack back to where it was.
    Cancel,
    /// Waits: the stack is on its way back already.
    WaitForRollback,
    /// Waits: the update has succeeded, and only removes what it has replaced.
    TooLate,
    /// Nothing: CloudFormation cancels no creation.
    LeaveCreation,
    /// Nothing: CloudFormation cancels no deletion.
    LeaveDeletion,
    /// Nothing: CloudFormation cancels nothing else.
    LeaveOther,
}

/// Returns what can be done about the operation that a status means.
/// Source: CloudFormation API Reference, `CancelUpdateStack`: only stacks in `UPDATE_IN_PROGRESS`.
pub fn cancel_action(status: &str) -> CancelAction {
    match status {
        "UPDATE_IN_PROGRESS" => CancelAction::Cancel,
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS" => CancelAction::TooLate,
        "CREATE_IN_PROGRESS" => CancelAction::LeaveCreation,
        "DELETE_IN_PROGRESS" => CancelAction::LeaveDeletion,
        status if status.contains("ROLLBACK") => CancelAction::WaitForRollback,
        _ => CancelAction::LeaveOther,
    }
}

/// Cancels the operation that runs on a stack and follows it to its end. Where it cannot be cancelled, the stack is returned
/// as it is.
///
/// # Errors
/// CloudFormation refuses the call, or is not reached.
pub async fn cancel_stack(
    client: &CloudFormation,
    stack: Stack,
    reporter: &dyn Reporter,
    on_event: impl FnMut(&StackEvent),
) -> Result<Option<Stack>> {
    match cancel_action(&stack.status) {
        CancelAction::LeaveCreation | CancelAction::LeaveDeletion | CancelAction::LeaveOther => {
            return Ok(Some(stack));
        }
        CancelAction::Cancel => {
            let token = token(&stack);
            // An update that has ended meanwhile is followed all the same.
            retry_transient(reporter, || client.cancel_update(&stack.id, &token)).await?;
        }
        CancelAction::WaitForRollback | CancelAction::TooLate => {}
    }
    wait_until_idle(client, stack, reporter, on_event).await
}

/// Returns whether a stack is as it was before the operation that ran on it.
pub fn is_rolled_back(stack: &Stack) -> bool {
    stack.state == StackState::RolledBack
}

/// The same cancellation of the same update has the same token.
fn token(stack: &Stack) -> String {
    let Stack { id, updated, .. } = stack;
    let hash = Sha256::digest(format!("{id}\0{updated}"));
    format!("factory-tree-cancel-{}", crate::content::hex(&hash[..8]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::status_names;

    #[test]
    fn every_running_operation_has_one_row() {
        let moving = status_names().filter(|(_, state)| *state == StackState::Moving);
        let rows: Vec<String> = moving
            .map(|(status, _)| format!("{status}: {:?}", cancel_action(status)))
            .collect();
        insta::assert_snapshot!(rows.join("\n"), @r"
CREATE_IN_PROGRESS: LeaveCreation
DELETE_IN_PROGRESS: LeaveDeletion
IMPORT_IN_PROGRESS: LeaveOther
IMPORT_ROLLBACK_IN_PROGRESS: WaitForRollback
ROLLBACK_IN_PROGRESS: WaitForRollback
UPDATE_COMPLETE_CLEANUP_IN_PROGRESS: TooLate
UPDATE_IN_PROGRESS: Cancel
UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS: WaitForRollback
UPDATE_ROLLBACK_IN_PROGRESS: WaitForRollback
");
    }
}
