//! The undoing of a deploy that failed. In: how both have ended. Out: the words and the cure of the error. Nothing is
//! undone here.

use serde::Serialize;

/// The undoing of a deploy that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Undo {
    /// The result.
    pub outcome: UndoOutcome,
    /// The id of the release that failed; `None` where it could not be recorded.
    pub failed_release: Option<String>,
    /// The id of the last good release; `None` where there is none.
    pub rolled_back_to: Option<String>,
    /// The id of the rollback, which is a release itself.
    pub release: Option<String>,
    /// The parts that the failed deploy had changed: `site`, `api`, `publisher`, `server`.
    pub moved: Vec<String>,
    /// Why the undoing failed.
    pub problem: Option<String>,
    /// The stacks whose template or settings stay as the failed deploy left them.
    pub unrestored_stacks: Vec<String>,
}

/// The result of the undoing of a deploy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum UndoOutcome {
    /// The last good release is live again.
    RolledBack,
    /// It failed too.
    Failed,
    /// There is no good release.
    NoGoodRelease,
}

impl Undo {
    /// Says how the undoing has ended, as the beginning of an error whose cause follows.
    pub(super) fn words(&self) -> String {
        let to = self.rolled_back_to.as_deref().unwrap_or_default();
        let stays = match self.unrestored_stacks.as_slice() {
            [] => String::new(),
            stacks => format!(
                " (template and settings of stack {} stay as this deploy left them)",
                stacks.join(", ")
            ),
        };
        match self.outcome {
            UndoOutcome::RolledBack => {
                format!("the deploy failed, and release `{to}` is live again{stays}")
            }
            UndoOutcome::Failed => {
                let problem = self.problem.as_deref().unwrap_or("for an unknown reason");
                format!("the deploy failed, and release `{to}` was not restored ({problem})")
            }
            UndoOutcome::NoGoodRelease => {
                "the deploy failed, and there is no earlier good release to restore".to_owned()
            }
        }
    }

    pub(super) fn hint(&self) -> String {
        match self.outcome {
            UndoOutcome::RolledBack => {
                let ids = [&self.failed_release, &self.rolled_back_to].map(Option::as_deref);
                match ids {
                    [Some(failed), Some(good)] => format!(
                        "mend the cause and deploy again; `factory-tree diff {good} {failed}` shows what the failed release changed"
                    ),
                    _ => "mend the cause and deploy again".to_owned(),
                }
            }
            UndoOutcome::Failed => {
                "`factory-tree rollback` goes on with it; `factory-tree status` shows what works".to_owned()
            }
            UndoOutcome::NoGoodRelease => {
                "what was deployed is left as it is: `factory-tree status` shows every check. Mend the cause and deploy again"
                    .to_owned()
            }
        }
    }
}
