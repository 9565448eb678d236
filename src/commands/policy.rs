//! `policy`: the permissions that a stage needs, and the GitHub workflow that may assume the role. Calls nothing.

use anyhow::Result;

use crate::config::Config;
use crate::error::UserError;
use crate::local::Platform;
use crate::policy::{self, PolicyPurpose, PolicyReport, Workflow};

/// Derives the policies of a stage from its configuration and templates.
///
/// # Errors
/// `UserError::NotOnAws` for a stage on this machine; a template is missing or uses a type whose
/// permissions are not known.
pub fn policy(
    config: &Config,
    purpose: PolicyPurpose,
    workflow: Option<&Workflow>,
) -> Result<PolicyReport> {
    let Some(endpoint) = Platform::of(config).endpoint_without_start() else {
        return Err(UserError::NotOnAws(config.shown_stage()).into());
    };
    let plan = super::validate::read_plan(config, &endpoint.urls)?;
    let templates = plan.all().map(|stack| &stack.template);
    policy::policy(config, templates, purpose, workflow)
}
