//! Between a change set and its execution: data does not go without consent. In: what CloudFormation would
//! do, and what was agreed to. Out: a refusal, or nothing. Nobody is asked here.

use anyhow::Result;

use super::follow::patiently;
use super::stack::Target;
use crate::aws::{ChangeSet, ChangeSetKind};
use crate::error::UserError;
use crate::event::Reporter;
use crate::plan::refused_losses;

/// Refuses a change set that loses data without consent, and deletes it. A new stack has nothing to lose.
///
/// # Errors
/// `UserError::DataLoss`, or CloudFormation says no.
pub(super) async fn check(
    target: &Target<'_>,
    kind: ChangeSetKind,
    change_set: &ChangeSet,
    reporter: &dyn Reporter,
) -> Result<()> {
    if kind == ChangeSetKind::Create {
        return Ok(());
    }
    let changes = patiently(reporter, || target.door.list_changes(change_set)).await?;
    let losses = refused_losses(target.name, &changes, target.consent);
    if losses.is_empty() {
        return Ok(());
    }
    patiently(reporter, || target.door.delete_change_set(change_set)).await?;
    Err(UserError::DataLoss { losses }.into())
}
