//! CloudFormation: stacks, their change sets and their history, in one region.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::{
    Capability, ChangeSetStatus, ChangeSetType, OnStackFailure, Parameter, StackResourceSummary,
    Tag,
};

use super::fault::fault;
use super::stack::{Stack, StackEvent};

/// The door to CloudFormation in one region.
#[derive(Clone, Debug)]
pub struct CloudFormation {
    client: Client,
}

/// What a change set does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeSetKind {
    /// Makes a new stack.
    Create,
    /// Changes one that is there.
    Update,
}

/// How a change set stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeSetState {
    /// Being computed.
    Pending,
    /// Can be executed.
    Ready,
    /// CloudFormation sees nothing to do.
    Empty,
    /// Refused, in CloudFormation's words.
    Failed(String),
}

impl CloudFormation {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Returns a stack by name or id, or `None` if there is none.
    ///
    /// # Errors
    /// CloudFormation is not reached or says no.
    pub async fn find_stack(&self, name: &str) -> Result<Option<Stack>> {
        match self.client.describe_stacks().stack_name(name).send().await {
            Ok(output) => Ok(output
                .stacks
                .unwrap_or_default()
                .into_iter()
                .next()
                .map(Stack::from)),
            Err(error) if is_missing_stack(&error) => Ok(None),
            Err(error) => {
                Err(fault(error)).with_context(|| format!("failed to describe stack `{name}`"))
            }
        }
    }

    /// Asks for a change set and returns its ARN and the stack's.
    ///
    /// # Errors
    /// CloudFormation refuses template or parameters outright.
    pub async fn create_change_set(
        &self,
        kind: ChangeSetKind,
        stack: &str,
        name: &str,
        template_body: &str,
        parameters: &BTreeMap<String, String>,
    ) -> Result<(String, String)> {
        let parameters = parameters.iter().map(|(key, value)| {
            Parameter::builder()
                .parameter_key(key)
                .parameter_value(value)
                .build()
        });
        let request = self
            .client
            .create_change_set()
            .stack_name(stack)
            .change_set_name(name);
        let request = request
            .template_body(template_body)
            .set_parameters(Some(parameters.collect()))
            .capabilities(Capability::CapabilityIam)
            .capabilities(Capability::CapabilityAutoExpand)
            .tags(
                Tag::builder()
                    .key("factory-tree:stack")
                    .value(stack)
                    .build(),
            );
        let request = match kind {
            ChangeSetKind::Create => request
                .change_set_type(ChangeSetType::Create)
                .on_stack_failure(OnStackFailure::Rollback),
            ChangeSetKind::Update => request.change_set_type(ChangeSetType::Update),
        };
        let output = request.send().await.map_err(fault)?;
        let id = output.id.context("CloudFormation named no change set")?;
        Ok((id, output.stack_id.unwrap_or_else(|| stack.to_owned())))
    }

    /// Returns how a change set stands.
    ///
    /// # Errors
    /// There is no such change set.
    pub async fn get_change_set_state(&self, id: &str) -> Result<ChangeSetState> {
        let response = self
            .client
            .describe_change_set()
            .change_set_name(id)
            .send()
            .await;
        let output = response
            .map_err(fault)
            .context("failed to describe a change set")?;
        Ok(match output.status() {
            Some(ChangeSetStatus::CreateComplete) => ChangeSetState::Ready,
            Some(ChangeSetStatus::Failed) => {
                let text = output.status_reason.unwrap_or_default();
                if is_empty_change_set(&text) {
                    ChangeSetState::Empty
                } else {
                    ChangeSetState::Failed(text)
                }
            }
            _ => ChangeSetState::Pending,
        })
    }

    /// Executes a change set.
    ///
    /// # Errors
    /// It has been overtaken by another, or another operation runs.
    pub async fn execute_change_set(&self, id: &str) -> Result<()> {
        let response = self
            .client
            .execute_change_set()
            .change_set_name(id)
            .send()
            .await;
        response
            .map_err(fault)
            .context("failed to execute a change set")?;
        Ok(())
    }

    /// Deletes a change set that is not to be executed.
    ///
    /// # Errors
    /// It is being executed.
    pub async fn delete_change_set(&self, id: &str) -> Result<()> {
        let response = self
            .client
            .delete_change_set()
            .change_set_name(id)
            .send()
            .await;
        response
            .map_err(fault)
            .context("failed to delete a change set")?;
        Ok(())
    }

    /// Returns the newest events of a stack (one page, at most 100), oldest first.
    ///
    /// # Errors
    /// CloudFormation is not reached or says no.
    pub async fn list_newest_events(&self, stack: &str) -> Result<Vec<StackEvent>> {
        let response = self
            .client
            .describe_stack_events()
            .stack_name(stack)
            .send()
            .await;
        let output = response
            .map_err(fault)
            .with_context(|| format!("failed to list the events of stack `{stack}`"))?;
        let events = output.stack_events.unwrap_or_default().into_iter();
        Ok(events.rev().map(StackEvent::from).collect())
    }

    /// Returns how many resources a stack holds.
    ///
    /// # Errors
    /// There is no such stack.
    pub async fn count_resources(&self, stack: &str) -> Result<usize> {
        Ok(self.list_all_resources(stack).await?.len())
    }

    /// Lists the resources of a stack that are of one type, by physical id.
    ///
    /// # Errors
    /// There is no such stack.
    pub async fn list_resources(&self, stack: &str, kind: &str) -> Result<Vec<String>> {
        let all = self.list_all_resources(stack).await?.into_iter();
        let of_kind = all.filter(|row| row.resource_type() == Some(kind));
        Ok(of_kind.filter_map(|row| row.physical_resource_id).collect())
    }

    async fn list_all_resources(&self, stack: &str) -> Result<Vec<StackResourceSummary>> {
        let request = self.client.list_stack_resources().stack_name(stack);
        let pages = request.into_paginator().items().send();
        pages
            .collect::<Result<Vec<_>, _>>()
            .await
            .map_err(fault)
            .with_context(|| format!("failed to list the resources of stack `{stack}`"))
    }

    /// Starts the deletion of a stack.
    ///
    /// # Errors
    /// It is protected, or another operation runs.
    pub async fn delete_stack(&self, stack: &str) -> Result<()> {
        let response = self.client.delete_stack().stack_name(stack).send().await;
        response
            .map_err(fault)
            .with_context(|| format!("failed to delete stack `{stack}`"))?;
        Ok(())
    }

    /// Lets CloudFormation refuse, or no longer refuse, the deletion of a stack.
    ///
    /// # Errors
    /// There is no such stack, or we may not.
    pub async fn set_termination_protection(
        &self,
        stack: &str,
        protection: Protection,
    ) -> Result<()> {
        let request = self
            .client
            .update_termination_protection()
            .stack_name(stack);
        let wanted = protection == Protection::On;
        let response = request.enable_termination_protection(wanted).send().await;
        response.map_err(fault).with_context(|| {
            format!("failed to set the termination protection of stack `{stack}`")
        })?;
        Ok(())
    }
}

/// Whether a stack may be deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// It may not.
    On,
    /// It may.
    Off,
}

/// CloudFormation has no typed "not found": it sends a `ValidationError` with this text.
fn is_missing_stack(error: &impl ProvideErrorMetadata) -> bool {
    error.code() == Some("ValidationError")
        && error
            .message()
            .is_some_and(|text| text.contains("does not exist"))
}

/// Nor a typed "nothing to do": a change set without changes has failed, with one of these texts.
fn is_empty_change_set(reason: &str) -> bool {
    reason.contains("didn't contain changes") || reason.contains("No updates are to be performed")
}
