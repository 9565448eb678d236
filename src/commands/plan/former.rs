//! The preview of the stack that a deploy deletes because the setting `live` has become another one.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use super::stack::{PreviewInputs, PreviewedStack, parts_of, render};
use crate::config::Config;
use crate::plan::{self, StackAction, StackPreview};
use crate::provision::retry_transient;
use crate::template::{self, Rendered};

/// Looks for the stack by which the stage's changes reached its pages before, and shows what goes with it. Without clients, no
/// stack is there.
pub(super) async fn preview_former(
    facts: &PreviewInputs<'_>,
    config: &Config,
) -> Result<Option<PreviewedStack>> {
    let Some(aws) = facts.aws else {
        return Ok(None);
    };
    let known = plan::other_live_stack(config);
    let client = aws.cloudformation_in(&known.region);
    let found = retry_transient(facts.reporter, || client.find_stack(&known.stack)).await?;
    let Some(stack) = found else {
        return Ok(None);
    };
    let body = retry_transient(facts.reporter, || client.get_template(&stack.id)).await?;
    let before = render(&body.into(), &stack.parameters)
        .with_context(|| format!("failed to read the template of stack `{}`", known.stack))?;
    let after = Rendered::default();
    let changes = template::difference(&before, &after);
    Ok(Some(PreviewedStack {
        names: plan::name_changes(&known.name, &changes, &before, &after),
        outputs: BTreeMap::new(),
        resources: after.resources,
        parts: parts_of(&known.name, "deleted".to_owned(), Some(&stack)),
        preview: StackPreview {
            name: known.name,
            stack: known.stack,
            region: known.region.to_string(),
            action: StackAction::Delete,
            known_after_deploy: Vec::new(),
            changes,
            outputs: Vec::new(),
        },
    }))
}
