//! CloudFormation's change sets: created, read, executed and deleted.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use aws_sdk_cloudformation::types::{
    Capability, ChangeSetStatus, ChangeSetType, DeploymentConfig, DeploymentConfigMode,
    ExecutionStatus, OnStackFailure, Parameter, RollbackConfiguration, RollbackTrigger, Tag,
};

use super::CloudFormation;
use super::fault::{Fault, fault};

/// The kind of change set to create.
#[derive(Clone, Debug)]
pub struct ChangeSetRequest<'a> {
    /// Whether it makes a stack or changes one.
    pub kind: ChangeSetKind,
    /// The stack's name.
    pub stack: &'a str,
    /// The change set's name; also its token, so that a repeated call is harmless.
    pub name: &'a str,
    /// The template.
    pub template: &'a TemplateSource<'a>,
    /// Every parameter. One whose value is hidden keeps the value that it has.
    pub parameters: &'a BTreeMap<String, String>,
    /// Tags, beside the one that every stack has.
    pub tags: &'a BTreeMap<String, String>,
    /// When CloudFormation takes a resource for done.
    pub mode: DeploymentMode,
    /// The alarms that CloudFormation watches; without any, those that it watched the last time.
    pub triggers: Option<&'a RollbackTriggers>,
}

/// The most alarms that CloudFormation watches for one stack.
/// Source: CloudFormation API Reference, `RollbackConfiguration`, `RollbackTriggers`: at most 5.
pub const MOST_TRIGGERS: usize = 5;

/// The alarms that CloudFormation watches while it changes a stack: one that goes into ALARM has the change rolled back.
/// An empty list ends the watching: CloudFormation keeps the last one for every later update.
/// Source: CloudFormation User Guide, "Roll back your CloudFormation stack on alarm breach with rollback triggers".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RollbackTriggers {
    /// The ARNs of alarms that are there: one that is not fails the change.
    pub alarms: Vec<String>,
    /// For how many minutes after the change, at most 180.
    pub minutes: u16,
}

/// The way in which a request names its template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateSource<'a> {
    /// By its text.
    Text(&'a str),
    /// By the address of the object that holds it.
    Url(String),
    /// Not at all: it is the one that is deployed.
    Deployed,
}

/// The kind of a change set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeSetKind {
    /// Makes a new stack.
    Create,
    /// Changes one that is there.
    Update,
}

/// When CloudFormation takes a resource for done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeploymentMode {
    /// When it is ready for use.
    #[default]
    Standard,
    /// As soon as its configuration is applied; it may become ready later.
    /// Source: CloudFormation User Guide, "Express mode".
    Express,
}

/// The state of a change set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChangeSetState {
    /// Being computed.
    Pending,
    /// Can be executed.
    Ready {
        /// The number of resources that it changes (of the first page, at most 100).
        resources: usize,
    },
    /// Being executed, or executed already.
    Executed,
    /// CloudFormation sees nothing to do.
    Empty,
    /// Refused, in CloudFormation's words.
    Failed(String),
}

/// A change set that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeSet {
    /// Its ARN.
    pub id: String,
    /// The ARN of its stack.
    pub stack_id: String,
}

impl CloudFormation {
    /// Asks for a change set. Returns `None` if one of this name is there already.
    ///
    /// # Errors
    /// CloudFormation refuses template or parameters outright.
    pub async fn create_change_set(
        &self,
        wanted: &ChangeSetRequest<'_>,
    ) -> Result<Option<ChangeSet>> {
        let parameters = wanted.parameters.iter().map(|(key, value)| {
            let parameter = Parameter::builder().parameter_key(key);
            if wanted.kind == ChangeSetKind::Update && is_hidden(value) {
                return parameter.use_previous_value(true).build();
            }
            parameter.parameter_value(value).build()
        });
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        let tags = wanted.tags.iter().map(|(key, value)| tag(key, value));
        let tags = tags.chain([tag("factory-tree:stack", wanted.stack)]);
        let request = self.client.create_change_set().stack_name(wanted.stack);
        let request = request
            .change_set_name(wanted.name)
            .client_token(wanted.name)
            .set_parameters(Some(parameters.collect()))
            .capabilities(Capability::CapabilityIam)
            .capabilities(Capability::CapabilityAutoExpand)
            .set_tags(Some(tags.collect()))
            .set_deployment_config(deployment_config(wanted.mode))
            .set_rollback_configuration(wanted.triggers.map(rollback_configuration));
        let request = match wanted.template {
            TemplateSource::Text(text) => request.template_body(*text),
            TemplateSource::Url(url) => request.template_url(url),
            TemplateSource::Deployed => request.use_previous_template(true),
        };
        let request = match wanted.kind {
            ChangeSetKind::Create => request
                .change_set_type(ChangeSetType::Create)
                .on_stack_failure(OnStackFailure::Rollback),
            ChangeSetKind::Update => request.change_set_type(ChangeSetType::Update),
        };
        let output = match request.send().await.map_err(fault) {
            Ok(output) => output,
            Err(fault) if is_taken(&fault) => return Ok(None),
            Err(fault) => return Err(fault.into()),
        };
        let id = output.id.context("CloudFormation named no change set")?;
        let stack_id = output.stack_id.unwrap_or_else(|| wanted.stack.to_owned());
        Ok(Some(ChangeSet { id, stack_id }))
    }

    /// Returns a change set of a stack by name or ARN, and its state.
    ///
    /// # Errors
    /// There is no such change set.
    pub async fn get_change_set(
        &self,
        stack: &str,
        name: &str,
    ) -> Result<(ChangeSet, ChangeSetState)> {
        let request = self.client.describe_change_set().stack_name(stack);
        let response = request.change_set_name(name).send().await;
        let output = response
            .map_err(fault)
            .with_context(|| format!("failed to describe a change set of stack `{stack}`"))?;
        let state = match (output.status(), output.execution_status()) {
            (_, Some(ExecutionStatus::ExecuteInProgress | ExecutionStatus::ExecuteComplete)) => {
                ChangeSetState::Executed
            }
            (Some(ChangeSetStatus::CreateComplete), _) => ChangeSetState::Ready {
                resources: output.changes().len(),
            },
            (Some(ChangeSetStatus::Failed), _) => {
                failed(output.status_reason().unwrap_or_default())
            }
            _ => ChangeSetState::Pending,
        };
        let id = output.change_set_id.unwrap_or_else(|| name.to_owned());
        let stack_id = output.stack_id.unwrap_or_else(|| stack.to_owned());
        Ok((ChangeSet { id, stack_id }, state))
    }

    /// Executes a change set. `token` makes a repeated call harmless.
    ///
    /// # Errors
    /// It has been overtaken by another, or another operation runs.
    pub async fn execute_change_set(&self, change_set: &ChangeSet, token: &str) -> Result<()> {
        let ChangeSet { id, stack_id } = change_set;
        let request = self.client.execute_change_set().stack_name(stack_id);
        let request = request.change_set_name(id).client_request_token(token);
        let response = request.send().await;
        response
            .map_err(fault)
            .context("failed to execute a change set")?;
        Ok(())
    }

    /// Lists the change sets of a stack, by name.
    ///
    /// # Errors
    /// There is no such stack, or we may not list them.
    pub async fn list_change_sets(&self, stack: &str) -> Result<BTreeMap<String, ChangeSet>> {
        let request = self.client.list_change_sets().stack_name(stack);
        let mut pages = request.into_paginator().send();
        let mut found = BTreeMap::new();
        while let Some(page) = pages.next().await {
            let page = page
                .map_err(fault)
                .with_context(|| format!("failed to list the change sets of stack `{stack}`"))?;
            let rows = page.summaries.unwrap_or_default().into_iter();
            found.extend(rows.filter_map(|row| {
                let stack_id = row.stack_id.unwrap_or_else(|| stack.to_owned());
                let id = row.change_set_id?;
                Some((row.change_set_name?, ChangeSet { id, stack_id }))
            }));
        }
        Ok(found)
    }

    /// Deletes a change set that is not to be executed.
    ///
    /// # Errors
    /// It is being executed.
    pub async fn delete_change_set(&self, change_set: &ChangeSet) -> Result<()> {
        let ChangeSet { id, stack_id } = change_set;
        let request = self.client.delete_change_set().stack_name(stack_id);
        let response = request.change_set_name(id).send().await;
        response
            .map_err(fault)
            .context("failed to delete a change set")?;
        Ok(())
    }
}

/// Returns whether this is what CloudFormation shows in place of the value of a `NoEcho` parameter.
/// Source: AWS CloudFormation Template Reference, "Parameters", `NoEcho`: the value is masked as asterisks.
fn is_hidden(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|letter| letter == b'*')
}

/// Express mode does not roll a failed stack back unless asked; ours are rolled back.
fn deployment_config(mode: DeploymentMode) -> Option<DeploymentConfig> {
    let express = DeploymentConfig::builder()
        .mode(DeploymentConfigMode::Express)
        .disable_rollback(false);
    match mode {
        DeploymentMode::Standard => None,
        DeploymentMode::Express => Some(express.build()),
    }
}

fn rollback_configuration(triggers: &RollbackTriggers) -> RollbackConfiguration {
    let alarms = triggers.alarms.iter().map(|arn| {
        let trigger = RollbackTrigger::builder().arn(arn);
        trigger.r#type("AWS::CloudWatch::Alarm").build()
    });
    RollbackConfiguration::builder()
        .set_rollback_triggers(Some(alarms.collect()))
        .monitoring_time_in_minutes(triggers.minutes.into())
        .build()
}

fn is_taken(fault: &Fault) -> bool {
    fault.code.as_deref() == Some("AlreadyExistsException")
}

/// There is no typed "nothing to do": a change set without changes has failed, with one of these texts.
fn failed(reason: &str) -> ChangeSetState {
    let is_empty = reason.contains("didn't contain changes")
        || reason.contains("No updates are to be performed");
    if is_empty {
        ChangeSetState::Empty
    } else {
        ChangeSetState::Failed(reason.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudformation::Client;
    use aws_sdk_cloudformation::operation::create_change_set::CreateChangeSetOutput;
    use aws_smithy_mocks::mock;

    use super::*;
    use crate::aws::fake::fake_client;

    async fn sent(kind: ChangeSetKind, secret: &str) -> Vec<Parameter> {
        let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let kept = std::sync::Arc::clone(&seen);
        let rule = mock!(Client::create_change_set)
            .match_requests(move |request| {
                *kept.lock().unwrap() = request.parameters().to_vec();
                true
            })
            .then_output(|| CreateChangeSetOutput::builder().id("arn").build());
        let client = CloudFormation::new(fake_client!(aws_sdk_cloudformation, [&rule]));
        let parameters = BTreeMap::from([("Token".to_owned(), secret.to_owned())]);
        let request = ChangeSetRequest {
            kind,
            stack: "demo",
            name: "one",
            template: &TemplateSource::Text(""),
            parameters: &parameters,
            tags: &BTreeMap::new(),
            mode: DeploymentMode::Standard,
            triggers: None,
        };
        client.create_change_set(&request).await.unwrap();
        let seen = seen.lock().unwrap();
        seen.clone()
    }

    #[tokio::test]
    async fn a_hidden_value_stays_what_it_is() {
        let kept = sent(ChangeSetKind::Update, "****").await.remove(0);
        assert_eq!(
            (kept.use_previous_value, kept.parameter_value),
            (Some(true), None)
        );
        let given = sent(ChangeSetKind::Update, "open").await.remove(0);
        assert_eq!(given.parameter_value.as_deref(), Some("open"));
        let made = sent(ChangeSetKind::Create, "****").await.remove(0);
        assert_eq!(made.parameter_value.as_deref(), Some("****"));
    }
}
