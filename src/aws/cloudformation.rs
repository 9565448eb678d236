//! CloudFormation: stacks, their resources and their history, in one region. Change sets are in
//! `change_set`, what brings a stack out of a failed operation in `rollback`.

use std::collections::BTreeSet;
use std::time::SystemTime;

use anyhow::{Context, Result};
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::error::ProvideErrorMetadata;
use aws_sdk_cloudformation::types::{StackResourceSummary, StackStatus};

use super::denied::failure;
use super::fault::fault;
use super::stack::{Stack, StackEvent, StackResource};

/// The client to CloudFormation in one region.
#[derive(Clone, Debug)]
pub struct CloudFormation {
    pub(super) client: Client,
}

impl CloudFormation {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Returns a stack by name or id, or `None` if there is none.
    ///
    /// # Errors
    /// CloudFormation is not reached or refuses.
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

    /// Lists the names of the stacks that begin with a prefix and are not deleted.
    ///
    /// # Errors
    /// CloudFormation is not reached or refuses; see `missing_permission`.
    pub async fn list_stacks(&self, prefix: &str) -> Result<Vec<String>> {
        let changes = self.list_stack_changes(prefix).await?;
        Ok(changes.into_iter().map(|(name, _)| name).collect())
    }

    /// Lists the stacks whose names begin with a prefix and that are not deleted, each with the time at which its last
    /// change began, or else its creation; `None` where CloudFormation names no time.
    ///
    /// # Errors
    /// CloudFormation is not reached or refuses; see `missing_permission`.
    pub async fn list_stack_changes(
        &self,
        prefix: &str,
    ) -> Result<Vec<(String, Option<SystemTime>)>> {
        let there = StackStatus::values()
            .iter()
            .map(|name| StackStatus::from(*name));
        let there = there.filter(|status| *status != StackStatus::DeleteComplete);
        let request = self.client.list_stacks();
        let request = request.set_stack_status_filter(Some(there.collect()));
        let pages = request.into_paginator().send();
        let pages = pages.collect::<Result<Vec<_>, _>>().await;
        let pages = pages
            .map_err(|error| failure(error, "cloudformation:ListStacks"))
            .context("failed to list the stacks of the account")?;
        let rows = pages
            .into_iter()
            .flat_map(|page| page.stack_summaries.unwrap_or_default());
        let rows = rows.filter_map(|row| {
            let changed = row.last_updated_time.or(row.creation_time);
            let changed = changed.and_then(|time| SystemTime::try_from(time).ok());
            Some((row.stack_name?, changed))
        });
        Ok(rows.filter(|(name, _)| name.starts_with(prefix)).collect())
    }

    /// Lists the newest events of a stack (one page, at most 100), oldest first.
    ///
    /// # Errors
    /// CloudFormation is not reached or refuses.
    pub async fn list_newest_events(&self, stack: &str) -> Result<Vec<StackEvent>> {
        let request = self.client.describe_stack_events().stack_name(stack);
        let page = request
            .send()
            .await
            .map_err(fault)
            .with_context(|| format!("failed to list the events of stack `{stack}`"))?;
        let events = page.stack_events.unwrap_or_default().into_iter();
        Ok(events.rev().map(StackEvent::from).collect())
    }

    /// Lists the events of a stack that are not in `seen`, oldest first. One call, unless more than a
    /// page (100) of them is new.
    ///
    /// # Errors
    /// CloudFormation is not reached or refuses.
    pub async fn list_new_events(
        &self,
        stack: &str,
        seen: &BTreeSet<String>,
    ) -> Result<Vec<StackEvent>> {
        let mut events = Vec::new();
        let mut next = None;
        loop {
            let request = self.client.describe_stack_events().stack_name(stack);
            let page = request
                .set_next_token(next)
                .send()
                .await
                .map_err(fault)
                .with_context(|| format!("failed to list the events of stack `{stack}`"))?;
            let listed = page.stack_events.unwrap_or_default();
            let before = events.len() + listed.len();
            let new = listed.into_iter().map(StackEvent::from);
            events.extend(new.filter(|event| !seen.contains(&event.id)));
            next = page.next_token;
            if next.is_none() || events.len() < before {
                events.reverse();
                return Ok(events);
            }
        }
    }

    /// Lists every resource of a stack.
    ///
    /// # Errors
    /// There is no such stack.
    pub async fn list_every_resource(&self, stack: &str) -> Result<Vec<StackResource>> {
        let all = self.list_all_resources(stack).await?.into_iter();
        Ok(all.map(StackResource::from).collect())
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

    /// Starts the deletion of a stack. `token` makes a repeated call harmless.
    ///
    /// # Errors
    /// It is protected, or another operation runs.
    pub async fn delete_stack(&self, stack: &str, token: &str) -> Result<()> {
        let request = self.client.delete_stack().stack_name(stack);
        let response = request.client_request_token(token).send().await;
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
