//! A stack in the terms of this program. CloudFormation's twenty-three statuses become the ten that we act
//! on; an unknown one is the cautious one.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::{self, StackStatus};

use crate::event::{ResourceState, ResourceStep};

/// A stack as CloudFormation describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    /// The ARN: names this very stack, also after its deletion.
    pub id: String,
    /// Its state, in the terms of this program.
    pub state: StackState,
    /// Its status, as CloudFormation names it.
    pub status: String,
    /// Parameters as deployed.
    pub parameters: BTreeMap<String, String>,
    /// Outputs as deployed.
    pub outputs: BTreeMap<String, String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// When it was last updated or else created (RFC 3339, UTC).
    pub updated: String,
    /// Whether CloudFormation refuses to delete it.
    pub termination_protection: bool,
    /// Whether CloudFormation watches alarms whenever it updates the stack.
    pub has_rollback_triggers: bool,
    /// ARN of the change set that was executed last; its name says whose operation that was.
    pub change_set: Option<String>,
}

/// The state of a stack, in the terms that this program needs. What each means for a command is decided in
/// `provision::state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StackState {
    /// Deleted; only its history is left.
    Gone,
    /// Only a change set that nobody executed; can be created.
    Empty,
    /// An operation runs.
    Moving,
    /// Settled, and as its template says.
    Ready,
    /// An update failed and was undone; CloudFormation accepts a new one.
    RolledBack,
    /// Failed its first creation; must be deleted before it can be created again.
    Broken,
    /// An update failed and was not rolled back; it can be rolled back.
    HalfUpdated,
    /// An update failed, and so did its undoing; the undoing can be continued.
    HalfRolledBack,
    /// Its deletion failed half-way; deletion can be tried again.
    HalfDeleted,
    /// Anything else: a person must look before we touch it.
    Stuck,
}

impl From<&StackStatus> for StackState {
    fn from(status: &StackStatus) -> Self {
        use StackStatus as S;
        match status {
            S::DeleteComplete => Self::Gone,
            S::ReviewInProgress => Self::Empty,
            S::CreateComplete | S::UpdateComplete | S::ImportComplete => Self::Ready,
            S::UpdateRollbackComplete | S::ImportRollbackComplete => Self::RolledBack,
            S::CreateFailed | S::RollbackComplete | S::RollbackFailed => Self::Broken,
            S::UpdateFailed => Self::HalfUpdated,
            S::UpdateRollbackFailed => Self::HalfRolledBack,
            S::DeleteFailed => Self::HalfDeleted,
            status if status.as_str().ends_with("_IN_PROGRESS") => Self::Moving,
            _ => Self::Stuck,
        }
    }
}

/// Returns every status that CloudFormation knows, in its word and in ours.
pub fn status_names() -> impl Iterator<Item = (&'static str, StackState)> {
    let names = StackStatus::values().iter();
    names.map(|name| (*name, StackState::from(&StackStatus::from(*name))))
}

impl From<types::Stack> for Stack {
    fn from(stack: types::Stack) -> Self {
        let status = stack
            .stack_status
            .unwrap_or_else(|| StackStatus::from("UNKNOWN"));
        let changed = stack.last_updated_time.or(stack.creation_time);
        let parameters = stack.parameters.unwrap_or_default().into_iter();
        let outputs = stack.outputs.unwrap_or_default().into_iter();
        let rollback = stack.rollback_configuration;
        let triggers = rollback.and_then(|rollback| rollback.rollback_triggers);
        let tags = stack.tags.unwrap_or_default().into_iter();
        Self {
            id: stack.stack_id.unwrap_or_default(),
            state: StackState::from(&status),
            status: status.as_str().to_owned(),
            parameters: parameters
                .filter_map(|parameter| {
                    Some((parameter.parameter_key?, parameter.parameter_value?))
                })
                .collect(),
            outputs: outputs
                .filter_map(|output| Some((output.output_key?, output.output_value?)))
                .collect(),
            tags: tags
                .filter_map(|tag| Some((tag.key?, tag.value?)))
                .collect(),
            updated: changed.map(|time| time.to_string()).unwrap_or_default(),
            termination_protection: stack.enable_termination_protection.unwrap_or_default(),
            has_rollback_triggers: triggers.is_some_and(|triggers| !triggers.is_empty()),
            change_set: stack.change_set_id,
        }
    }
}

/// A resource of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackResource {
    /// Its name in the template.
    pub logical_id: String,
    /// Its type, for example `AWS::S3::Bucket`.
    pub kind: String,
    /// Its name, ARN or URL in its service; empty before it is made.
    pub physical_id: String,
}

impl From<types::StackResourceSummary> for StackResource {
    fn from(summary: types::StackResourceSummary) -> Self {
        Self {
            logical_id: summary.logical_resource_id.unwrap_or_default(),
            kind: summary.resource_type.unwrap_or_default(),
            physical_id: summary.physical_resource_id.unwrap_or_default(),
        }
    }
}

/// One line of a stack's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackEvent {
    /// Unique.
    pub id: String,
    /// The resource's name in the template, or the stack's own name.
    pub logical_id: String,
    /// The resource's id in its service, once it has one: of a nested stack, its ARN.
    pub physical_id: String,
    /// The resource's type.
    pub kind: String,
    /// CloudFormation's word.
    pub status: String,
    /// Why, where CloudFormation says so.
    pub reason: Option<String>,
    /// When, in milliseconds since 1970 (UTC).
    pub millis: i64,
    /// Whether this is about the stack itself.
    pub of_stack: bool,
}

impl StackEvent {
    /// Returns whether the stack itself has come to rest with this event.
    pub fn is_settled(&self) -> bool {
        self.of_stack && !self.status.ends_with("_IN_PROGRESS")
    }

    /// Returns whether a resource failed of its own, not because its neighbour did.
    pub fn is_failure(&self) -> bool {
        // CloudFormation marks the innocent neighbours of a failure as failed too, with this text.
        let cancelled = |reason: &String| reason.contains("cancelled");
        self.status.ends_with("_FAILED")
            && !self.of_stack
            && !self.reason.as_ref().is_some_and(cancelled)
    }
}

impl From<&StackEvent> for ResourceStep {
    fn from(event: &StackEvent) -> Self {
        let state = match event.status.as_str() {
            "DELETE_SKIPPED" => ResourceState::Skipped,
            status if status.ends_with("_FAILED") => ResourceState::Failed,
            status if status.ends_with("_COMPLETE") => ResourceState::Done,
            _ => ResourceState::Working,
        };
        Self {
            logical_id: event.logical_id.clone(),
            kind: event.kind.clone(),
            state,
            status: event.status.clone(),
            reason: event.reason.clone(),
        }
    }
}

impl From<types::StackEvent> for StackEvent {
    fn from(event: types::StackEvent) -> Self {
        let of_stack =
            event.physical_resource_id.is_some() && event.physical_resource_id == event.stack_id;
        Self {
            id: event.event_id.unwrap_or_default(),
            logical_id: event.logical_resource_id.unwrap_or_default(),
            physical_id: event.physical_resource_id.unwrap_or_default(),
            millis: event
                .timestamp
                .and_then(|time| time.to_millis().ok())
                .unwrap_or_default(),
            kind: event.resource_type.unwrap_or_default(),
            status: event
                .resource_status
                .map(|status| status.as_str().to_owned())
                .unwrap_or_default(),
            reason: event.resource_status_reason,
            of_stack,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_one_meaning() {
        let rows: String = StackStatus::values()
            .iter()
            .map(|status| {
                format!(
                    "{status}: {:?}\n",
                    StackState::from(&StackStatus::from(*status))
                )
            })
            .collect();
        insta::assert_snapshot!(rows);
    }

    #[test]
    fn a_status_that_nobody_knows_is_for_a_person() {
        assert_eq!(
            StackState::from(&StackStatus::from("UPDATE_PAUSED")),
            StackState::Stuck
        );
    }
}
