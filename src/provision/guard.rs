//! The check between a change set and its execution: no data is lost without consent. In: what CloudFormation would
//! do, and what was agreed to. Out: a refusal, or nothing. Nobody is asked here.

use anyhow::Result;

use super::target::StackTarget;
use crate::aws::{ChangeSet, ChangeSetKind};
use crate::error::UserError;
use crate::template::refused_losses;

/// Refuses a change set that loses data without consent, and deletes it. A new stack has nothing to lose.
///
/// # Errors
/// `UserError::DataLoss`, or CloudFormation refuses the call.
pub(super) async fn check(
    target: &StackTarget<'_>,
    kind: ChangeSetKind,
    change_set: &ChangeSet,
) -> Result<()> {
    if kind == ChangeSetKind::Create {
        return Ok(());
    }
    let changes = target
        .retry(|| target.client.list_changes(change_set))
        .await?;
    let losses = refused_losses(target.name, &changes, target.consent);
    if losses.is_empty() {
        return Ok(());
    }
    target
        .retry(|| target.client.delete_change_set(change_set))
        .await?;
    Err(UserError::DataLoss { losses }.into())
}
