//! In: a stack whose operation has failed. Out: the stack in a stable state again, by the one call of
//! CloudFormation that fits its state. What fits is reported in `state`; a stack that ever worked is never
//! deleted.

use std::str::FromStr;

use anyhow::Result;
use sha2::{Digest, Sha256};

use super::state::{self, RecoverAction};
use super::{delete_stack, retry_transient, wait_until_idle};
use crate::aws::{CloudFormation, Stack, StackEvent, StackState};
use crate::event::Reporter;

/// A resource that is left as it is when the undoing of an update is continued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkipRule {
    /// The stack's short name.
    pub stack: String,
    /// The resource's name in the template.
    pub logical_id: String,
}

impl FromStr for SkipRule {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let cure = "name stack and resource, for example `data:Table`";
        let (stack, logical_id) = text.split_once(':').ok_or(cure)?;
        let is_name = |name: &str| {
            !name.is_empty()
                && name
                    .chars()
                    .all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
        };
        if !is_name(stack) || !is_name(logical_id) {
            return Err(cure);
        }
        Ok(Self {
            stack: stack.to_owned(),
            logical_id: logical_id.to_owned(),
        })
    }
}

/// The result of the recovery of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The action that was taken.
    pub action: RecoverAction,
    /// Its present status, as CloudFormation names it.
    pub status: String,
    /// Whether `deploy` takes it from here.
    pub recovered: bool,
}

/// Brings a stack out of a failed operation. `skip` names the resources that `ContinueUpdateRollback`
/// leaves as they are.
///
/// # Errors
/// CloudFormation refuses the call, or is not reached.
pub async fn recover_stack(
    client: &CloudFormation,
    stack: Stack,
    skip: &[String],
    reporter: &dyn Reporter,
    mut on_event: impl FnMut(&StackEvent),
) -> Result<Recovery> {
    let action = state::rules_for(stack.state).recover;
    let token = token(&stack, skip);
    match action {
        RecoverAction::Nothing | RecoverAction::ReportOnly => {
            return Ok(recovery(action, Some(&stack)));
        }
        RecoverAction::Delete => {
            delete_stack(client, &stack.id, reporter, &mut on_event).await?;
            return Ok(recovery(action, None));
        }
        RecoverAction::Follow => {}
        RecoverAction::RollBack => {
            retry_transient(reporter, || client.roll_back_stack(&stack.id, &token)).await?;
        }
        RecoverAction::ContinueRollback => {
            retry_transient(reporter, || {
                client.continue_rollback(&stack.id, skip, &token)
            })
            .await?;
        }
    }
    let still = wait_until_idle(client, stack, reporter, &mut on_event).await?;
    Ok(recovery(action, still.as_ref()))
}

/// Returns the resources that could not be rolled back, by name and reason: those that a person may have
/// to name in `skip`. `events` are the stack's past, oldest first.
pub fn failed_to_roll_back(events: &[StackEvent]) -> Vec<(String, String)> {
    let begun =
        |event: &StackEvent| event.of_stack && event.status == "UPDATE_ROLLBACK_IN_PROGRESS";
    let from = events.iter().rposition(begun).unwrap_or_default();
    let failed = events[from..].iter().filter(|event| event.is_failure());
    failed
        .map(|event| {
            let reason = event.reason.clone().unwrap_or_default();
            (event.logical_id.clone(), reason)
        })
        .collect()
}

fn recovery(action: RecoverAction, stack: Option<&Stack>) -> Recovery {
    let state = stack.map_or(StackState::Gone, |stack| stack.state);
    Recovery {
        action,
        status: stack.map_or("DELETE_COMPLETE".to_owned(), |stack| stack.status.clone()),
        recovered: state::rules_for(state).recover == RecoverAction::Nothing,
    }
}

/// The same recovery of the same failure has the same token.
fn token(stack: &Stack, skip: &[String]) -> String {
    let Stack {
        id,
        status,
        updated,
        ..
    } = stack;
    let hash = Sha256::digest(format!("{id}\0{status}\0{updated}\0{}", skip.join("\0")));
    format!("factory-tree-recover-{}", crate::content::hex(&hash[..8]))
}
