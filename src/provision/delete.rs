//! One stack, deleted and followed until it no longer exists.

use anyhow::Result;
use sha2::{Digest, Sha256};

use super::follow::{retry_transient, wait_for_operation};
use crate::aws::{CloudFormation, StackEvent};
use crate::event::Reporter;

/// Deletes a stack and waits until it is gone. One that is not there is gone.
///
/// # Errors
/// Something in it could not be deleted: the first failing resource and its reason.
pub async fn delete_stack(
    client: &CloudFormation,
    name: &str,
    reporter: &dyn Reporter,
    mut on_event: impl FnMut(&StackEvent),
) -> Result<()> {
    let Some(stack) = retry_transient(reporter, || client.find_stack(name)).await? else {
        return Ok(());
    };
    let past = retry_transient(reporter, || client.list_newest_events(&stack.id)).await?;
    let token = token(&past);
    let seen = past.into_iter().map(|event| event.id).collect();
    retry_transient(reporter, || client.delete_stack(&stack.id, &token)).await?;
    let settled = wait_for_operation(client, &stack.id, &seen, reporter, &mut on_event).await?;
    if settled.status == "DELETE_COMPLETE" {
        return Ok(());
    }
    match settled.events.iter().find(|event| event.is_failure()) {
        Some(event) => anyhow::bail!(
            "{} ({}, {}): {}",
            event.logical_id,
            event.kind,
            event.physical_id,
            event.reason.as_deref().unwrap_or(&event.status)
        ),
        None => anyhow::bail!("it ended in {}", settled.status),
    }
}

/// The same deletion of the same stack has the same token: it follows from the newest event.
fn token(past: &[StackEvent]) -> String {
    let newest = past.last().map_or("", |event| event.id.as_str());
    let hash = Sha256::digest(newest);
    format!("factory-tree-delete-{}", crate::content::hex(&hash[..8]))
}
