//! The losses of data in a whole deploy, found before its first change. In: the plan and what is deployed. Out: a refusal
//! that names every loss, or nothing. Nobody is asked here.

use anyhow::Result;

use super::stack::{AskAbout, PreviewInputs};
use super::{artifact_bucket, find_stacks, preview_stacks, undescribed};
use crate::aws::{Aws, Stack};
use crate::build::Artifacts;
use crate::config::Config;
use crate::error::UserError;
use crate::event::{Event, Reporter};
use crate::plan::Plan;
use crate::provision::ImageChoice;
use crate::provision::state::{self, DeployAction};
use crate::publish;
use crate::template::{self, DataConsent};

/// Refuses a deploy that would lose data to which nobody has agreed, before anything is touched. A stack that is busy or
/// stuck is not looked at: it is waited for or refused when its turn comes, and no change set is executed unseen.
///
/// # Errors
/// `UserError::DataLoss` with every loss of every stack; CloudFormation refuses a template, or is not reached.
pub(crate) async fn ensure_consent_to_losses(
    config: &Config,
    plan: &Plan,
    artifacts: &Artifacts,
    aws: &Aws,
    image: ImageChoice,
    reporter: &dyn Reporter,
) -> Result<()> {
    let found = find_stacks(Some(aws), config, plan, reporter).await?;
    for stack in undescribed(config, plan, &found) {
        reporter.report(Event::Warning(stack.to_string()));
    }
    if plan.foundation.consent == DataConsent::All {
        return Ok(());
    }
    let is_idle = |stack: &Stack| {
        let action = state::rules_for(stack.state).deploy;
        matches!(
            action,
            DeployAction::Create | DeployAction::Update | DeployAction::Recreate
        )
    };
    if !found.values().all(is_idle) {
        return Ok(());
    }
    let facts = PreviewInputs {
        aws: Some(aws),
        bucket: artifact_bucket(&found),
        artifacts: publish::facts(artifacts),
        ask: AskAbout::Data,
        image,
        reporter,
    };
    let (previews, _) = preview_stacks(&facts, plan, &found).await?;
    let losses = plan.all().zip(&previews).flat_map(|(stack, seen)| {
        template::refused_losses(&stack.stack, &seen.preview.changes, &stack.consent)
    });
    let losses: Vec<String> = losses.collect();
    if losses.is_empty() {
        return Ok(());
    }
    Err(UserError::DataLoss { losses }.into())
}
