//! A change set of one stack: asked for, or found where an earlier run had asked for it, and waited for.
//! Whether it is executed is decided in `stack`; `forecast` never does.

use std::collections::BTreeMap;

use anyhow::Result;
use sha2::{Digest, Sha256};

use super::poll_interval::PollInterval;
use super::target::StackTarget;
use super::{DIGEST, Options, cause, template_upload};
use crate::aws::{
    ChangeSet, ChangeSetKind, ChangeSetRequest, ChangeSetState, RollbackTriggers, Stack,
};

/// The operation that a change set is created for.
pub(super) struct StackOperation<'a> {
    pub(super) kind: ChangeSetKind,
    pub(super) current: Option<&'a Stack>,
    pub(super) options: Options,
    /// The alarms that CloudFormation is to watch, where that changes.
    pub(super) triggers: Option<&'a RollbackTriggers>,
}

/// Asks for the change set, or finds the one that a run before us had asked for. One that failed then is
/// asked for again.
pub(super) async fn ensure_change_set(
    target: &StackTarget<'_>,
    change: &StackOperation<'_>,
    name: &str,
    parameters: &BTreeMap<String, String>,
) -> Result<ChangeSet> {
    let template = template_upload::source(target).await?;
    let request = ChangeSetRequest {
        kind: change.kind,
        stack: target.name,
        name,
        template: &template,
        parameters,
        tags: target.tags,
        mode: change.options.mode,
        triggers: change.triggers,
    };
    loop {
        let asked = target
            .retry(|| target.client.create_change_set(&request))
            .await;
        match asked {
            Ok(Some(change_set)) => return Ok(change_set),
            Ok(None) => {}
            Err(error) => return Err(refused(target, error)),
        }
        let found = target
            .retry(|| target.client.get_change_set(target.name, name))
            .await?;
        match found {
            (change_set, ChangeSetState::Failed(_) | ChangeSetState::Empty) => {
                target
                    .retry(|| target.client.delete_change_set(&change_set))
                    .await?;
            }
            (change_set, _) => return Ok(change_set),
        }
    }
}

/// A request that CloudFormation refuses is reported as a failure of the stack; a request that AWS did not answer, or
/// the credentials did not allow, is reported as it is.
fn refused(target: &StackTarget<'_>, error: anyhow::Error) -> anyhow::Error {
    let fault = crate::aws::Fault::of(&error);
    match fault {
        Some(fault)
            if !fault.is_denied() && !fault.is_about_credentials() && !fault.is_transient() =>
        {
            cause::refusal_error(target, &fault.to_string())
        }
        _ => error.context(format!(
            "failed to ask for a change set of stack `{}`",
            target.name
        )),
    }
}

/// The same change of the same state has the same name, so that a run that follows one that was cut
/// short finds what that one had asked for. The name is the token of the calls, too.
pub(super) fn change_set_name(
    parameters: &BTreeMap<String, String>,
    change: &StackOperation<'_>,
) -> String {
    let digest = parameters.get(DIGEST).map_or("none", String::as_str);
    let state = change.current.map_or("new".to_owned(), |stack| {
        let hash = Sha256::digest(format!("{}\0{}", stack.id, stack.updated));
        crate::content::hex(&hash[..6])
    });
    let watched = change.triggers.map_or(String::new(), |triggers| {
        let hash = Sha256::digest(format!(
            "{}\0{}",
            triggers.minutes,
            triggers.alarms.join("\0")
        ));
        format!("-{}", crate::content::hex(&hash[..4]))
    });
    format!("factory-tree-{digest}-{state}{watched}")
}

/// Waits until CloudFormation has computed a change set, or refused it.
pub(super) async fn wait_for_change_set(
    target: &StackTarget<'_>,
    change_set: &ChangeSet,
) -> Result<ChangeSetState> {
    let mut pace = PollInterval::new();
    let (stack, id) = (&change_set.stack_id, &change_set.id);
    loop {
        match target
            .retry(|| target.client.get_change_set(stack, id))
            .await?
        {
            (_, ChangeSetState::Pending) => pace.wait().await,
            (_, settled) => return Ok(settled),
        }
    }
}
