//! The changes that CloudFormation reports for an update: the template deployed now, and the changes that a change set
//! holds, page by page. Nothing is changed here.

use anyhow::{Context, Result};
use aws_sdk_cloudformation::types::{
    self, PolicyAction, Replacement, RequiresRecreation, ResourceAttribute, TemplateStage,
};

use super::fault::fault;
use super::{ChangeSet, CloudFormation};
use crate::template::{
    ChangeAction, ChangeOrigin, PropertyChange, Recreates, ResourceChange, data_impact,
};

impl CloudFormation {
    /// Returns the template of a stack as it was sent when it was last deployed.
    ///
    /// # Errors
    /// There is no such stack, or we may not read it.
    pub async fn get_template(&self, stack: &str) -> Result<String> {
        let request = self.client.get_template().stack_name(stack);
        let response = request.template_stage(TemplateStage::Original).send().await;
        let output = response
            .map_err(fault)
            .with_context(|| format!("failed to get the template of stack `{stack}`"))?;
        Ok(output.template_body.unwrap_or_default())
    }

    /// Lists what a change set would do, with the values of properties where CloudFormation reports them.
    ///
    /// # Errors
    /// There is no such change set.
    pub async fn list_changes(&self, change_set: &ChangeSet) -> Result<Vec<ResourceChange>> {
        let ChangeSet { id, stack_id } = change_set;
        let request = self.client.describe_change_set().stack_name(stack_id);
        let request = request.change_set_name(id).include_property_values(true);
        let mut pages = request.into_paginator().send();
        let mut changes = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page
                .map_err(fault)
                .context("failed to list the changes of a change set")?;
            let rows = page.changes.unwrap_or_default().into_iter();
            changes.extend(
                rows.filter_map(|row| row.resource_change)
                    .map(ResourceChange::from),
            );
        }
        Ok(changes)
    }
}

impl From<types::ResourceChange> for ResourceChange {
    fn from(change: types::ResourceChange) -> Self {
        let kind = change.resource_type.unwrap_or_default();
        let action = action(change.action.as_ref(), change.replacement.as_ref());
        let details = change.details.unwrap_or_default();
        Self {
            logical_id: change.logical_resource_id.unwrap_or_default(),
            data: data_impact(&kind, action, change.policy_action.as_ref().map(policy)),
            kind,
            action,
            seen_by: ChangeOrigin::ChangeSet,
            properties: if action == ChangeAction::Delete {
                Vec::new()
            } else {
                properties(details)
            },
            broadens: Vec::new(),
        }
    }
}

/// A change of which CloudFormation does not know the replacement yet, or that has a word unknown to us, may replace.
fn action(action: Option<&types::ChangeAction>, replacement: Option<&Replacement>) -> ChangeAction {
    match (action, replacement) {
        (Some(types::ChangeAction::Add), _) => ChangeAction::Add,
        (Some(types::ChangeAction::Remove), _) => ChangeAction::Delete,
        (Some(types::ChangeAction::Import), _) => ChangeAction::Import,
        (
            Some(types::ChangeAction::Modify | types::ChangeAction::SyncWithActual),
            Some(replacement),
        ) => match replacement {
            Replacement::True => ChangeAction::Replace,
            Replacement::False => ChangeAction::Modify,
            _ => ChangeAction::MayReplace,
        },
        (Some(types::ChangeAction::Modify | types::ChangeAction::SyncWithActual), None) => {
            ChangeAction::Modify
        }
        _ => ChangeAction::MayReplace,
    }
}

/// Returns what is done to the old resource in the word that templates have for it.
fn policy(action: &PolicyAction) -> &'static str {
    match action {
        PolicyAction::Retain | PolicyAction::ReplaceAndRetain => "Retain",
        PolicyAction::Snapshot | PolicyAction::ReplaceAndSnapshot => "Snapshot",
        _ => "Delete",
    }
}

/// A property that changes for two reasons (a template's own word, and a parameter in it) is listed twice.
fn properties(details: Vec<types::ResourceChangeDetail>) -> Vec<PropertyChange> {
    let mut found: Vec<PropertyChange> = Vec::new();
    for target in details.into_iter().filter_map(|detail| detail.target) {
        let change = property(target);
        match found.iter_mut().find(|known| known.path == change.path) {
            Some(known) => known.recreates = known.recreates.max(change.recreates),
            None => found.push(change),
        }
    }
    found
}

fn property(target: types::ResourceTargetDefinition) -> PropertyChange {
    let recreates = match target.requires_recreation {
        Some(RequiresRecreation::Always) => Recreates::Always,
        Some(RequiresRecreation::Conditionally) => Recreates::Maybe,
        _ => Recreates::Never,
    };
    PropertyChange {
        path: path(&target),
        before: target.before_value,
        after: target.after_value,
        recreates,
        seen_by: ChangeOrigin::ChangeSet,
        ignored: false,
    }
}

/// `/Properties/Code/S3Key` is `Properties.Code.S3Key`. Without the path there is the property's name.
fn path(target: &types::ResourceTargetDefinition) -> String {
    if let Some(path) = &target.path {
        return path.trim_start_matches('/').replace('/', ".");
    }
    match (&target.attribute, &target.name) {
        (Some(ResourceAttribute::Properties) | None, Some(name)) => format!("Properties.{name}"),
        (Some(ResourceAttribute::Tags), _) => "Properties.Tags".to_owned(),
        (Some(attribute), _) => attribute.as_str().to_owned(),
        (None, None) => "Properties".to_owned(),
    }
}

#[cfg(test)]
#[path = "changes_tests.rs"]
mod tests;
