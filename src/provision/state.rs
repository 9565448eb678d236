//! The meaning of each state of a stack for each command: one row a state, read by `deploy`, `recover`,
//! `teardown` and `status` alike. Pure. The rule behind the rows: a stack that ever worked is never
//! deleted to get out of a failure; only `teardown`, which was asked to, deletes it.

use crate::aws::StackState;

/// The actions on a stack in one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateRules {
    /// The meaning of the state, for people.
    pub meaning: &'static str,
    /// The action of `deploy`.
    pub deploy: DeployAction,
    /// The action of `recover`.
    pub recover: RecoverAction,
    /// The action of `teardown`.
    pub teardown: TeardownAction,
    /// The one who decides about the next step.
    pub decides: Decider,
}

/// The action of `deploy` on a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeployAction {
    /// Makes it.
    Create,
    /// Brings it to the template, if it is not as the template says.
    Update,
    /// Follows the running operation to its end, then looks again.
    Follow,
    /// Deletes what is left of a creation that never succeeded, and makes it.
    Recreate,
    /// Refuses: `recover` knows the way out.
    RefuseUntilRecovered,
    /// Refuses: only a `teardown` can finish what was begun.
    RefuseUntilTornDown,
    /// Refuses: a person must look at it.
    Refuse,
}

impl DeployAction {
    /// Returns how a person leads a stack out of a state in which `deploy` refuses it.
    pub fn way_out(self) -> &'static str {
        match self {
            Self::RefuseUntilRecovered => {
                "`factory-tree recover` explains the recovery, and performs it"
            }
            Self::RefuseUntilTornDown => {
                "its deletion was asked for: finish it with `factory-tree teardown`, then run `factory-tree deploy`"
            }
            _ => {
                "look at its events in the CloudFormation console, bring it to a stable state there, then run the same command again"
            }
        }
    }
}

/// The action of `recover` on a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecoverAction {
    /// Nothing: it needs no recovery.
    Nothing,
    /// Follows the running operation to its end, then looks again.
    Follow,
    /// Deletes what never came up.
    Delete,
    /// `RollbackStack`.
    RollBack,
    /// `ContinueUpdateRollback`, without the resources that the person names.
    ContinueRollback,
    /// Nothing: no API leads out of it.
    ReportOnly,
}

/// The action of `teardown` on a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TeardownAction {
    /// Nothing: it is gone.
    Nothing,
    /// Deletes it.
    Delete,
    /// Follows the running operation to its end, then looks again.
    Follow,
}

/// The one who decides about the next step of a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decider {
    /// This program may go on by itself.
    Program,
    /// The owner of the running operation.
    RunningOperation,
    /// A person, by running `recover`, `teardown`, or by hand.
    Person,
}

/// Returns what is done with a stack in a state.
pub fn rules_for(state: StackState) -> StateRules {
    match state {
        StackState::Gone => {
            rules_without_recovery("is deleted", DeployAction::Create, TeardownAction::Nothing)
        }
        StackState::Empty => rules_without_recovery(
            "holds nothing yet: a change set was made for it and never executed",
            DeployAction::Create,
            TeardownAction::Delete,
        ),
        StackState::Ready => rules_without_recovery(
            "matches its template",
            DeployAction::Update,
            TeardownAction::Delete,
        ),
        StackState::RolledBack => rules_without_recovery(
            "works as before its last update, which failed and was rolled back",
            DeployAction::Update,
            TeardownAction::Delete,
        ),
        StackState::Moving => StateRules {
            meaning: "is being changed",
            deploy: DeployAction::Follow,
            recover: RecoverAction::Follow,
            teardown: TeardownAction::Follow,
            decides: Decider::RunningOperation,
        },
        StackState::Broken => StateRules {
            meaning: "was never created completely: its creation failed",
            deploy: DeployAction::Recreate,
            recover: RecoverAction::Delete,
            teardown: TeardownAction::Delete,
            decides: Decider::Program,
        },
        StackState::HalfUpdated => rules_for_person(
            "is stuck in an update that failed and was not rolled back",
            DeployAction::RefuseUntilRecovered,
            RecoverAction::RollBack,
        ),
        StackState::HalfRolledBack => rules_for_person(
            "is stuck in the rollback of an update, which failed too",
            DeployAction::RefuseUntilRecovered,
            RecoverAction::ContinueRollback,
        ),
        StackState::HalfDeleted => rules_for_person(
            "is partly deleted: something in it could not be deleted",
            DeployAction::RefuseUntilTornDown,
            RecoverAction::ReportOnly,
        ),
        StackState::Stuck => rules_for_person(
            "is in a state that no command can recover",
            DeployAction::Refuse,
            RecoverAction::ReportOnly,
        ),
    }
}

fn rules_without_recovery(
    meaning: &'static str,
    deploy: DeployAction,
    teardown: TeardownAction,
) -> StateRules {
    StateRules {
        meaning,
        deploy,
        recover: RecoverAction::Nothing,
        teardown,
        decides: Decider::Program,
    }
}

fn rules_for_person(
    meaning: &'static str,
    deploy: DeployAction,
    recover: RecoverAction,
) -> StateRules {
    StateRules {
        meaning,
        deploy,
        recover,
        teardown: TeardownAction::Delete,
        decides: Decider::Person,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::status_names;

    /// The table that README.md shows: every status of CloudFormation, what it means and what each
    /// command does.
    #[test]
    fn every_status_has_one_row() {
        let rows: Vec<String> = status_names()
            .map(|(status, state)| {
                let row = rules_for(state);
                format!(
                    "{status}: {} | deploy: {:?} | recover: {:?} | teardown: {:?} | decides: {:?}",
                    row.meaning, row.deploy, row.recover, row.teardown, row.decides
                )
            })
            .collect();
        assert_eq!(rows.len(), 23);
        insta::assert_snapshot!(rows.join("\n"));
    }

    #[test]
    fn only_what_never_came_up_is_deleted_without_being_asked() {
        for (status, state) in status_names() {
            let row = rules_for(state);
            let deletes =
                row.deploy == DeployAction::Recreate || row.recover == RecoverAction::Delete;
            let never_came_up = ["CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED"];
            assert_eq!(deletes, never_came_up.contains(&status), "{status}");
        }
    }
}
