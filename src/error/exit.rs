//! In: an error that a person can cure. Out: the exit code by which scripts know its kind.

use super::UserError;

/// The exit code of the process. The numbers are public and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[repr(u8)]
pub enum Exit {
    /// Done, or nothing to do.
    Success = 0,
    /// Failed; for `status`: not healthy.
    Failure = 1,
    /// The command line or `factory-tree.yaml` is wrong; for `plan --detailed-exitcode`: there are changes.
    Usage = 2,
    /// A confirmation is needed and there is no terminal to ask on, or it was refused.
    NeedsConfirmation = 3,
    /// AWS credentials are missing, expired, or belong to another account.
    Credentials = 4,
    /// A stack is in a state that a person must look at, or a saved plan no longer holds.
    NeedsPerson = 5,
    /// Done, but something is left that was to go.
    Leftovers = 6,
    /// Somebody else's operation is running.
    Busy = 7,
    /// Stopped by SIGHUP: the terminal was closed.
    HungUp = 129,
    /// Stopped by SIGINT (Ctrl-C).
    Interrupted = 130,
    /// Stopped by SIGTERM.
    Terminated = 143,
}

impl Exit {
    /// Returns its name for programs, for example `needs-person`.
    pub fn name(self) -> String {
        let value = clap::ValueEnum::to_possible_value(&self);
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

impl UserError {
    /// Returns the exit code that scripts see.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Config { .. }
            | Self::Templates { .. }
            | Self::InvalidSeed { .. }
            | Self::Variable { .. }
            | Self::NoConfig(_)
            | Self::UnknownStage { .. }
            | Self::StageNameRefused { .. }
            | Self::ManyStages { .. }
            | Self::UnknownServer { .. }
            | Self::UnknownStack { .. }
            | Self::ExpressProtected(_)
            | Self::NotOnAws(_)
            | Self::InvalidEventFile { .. }
            | Self::UnknownLambda { .. }
            | Self::UnknownLogSource { .. }
            | Self::UnknownRelease { .. }
            | Self::AmbiguousRelease { .. }
            | Self::DevOnAws(_)
            | Self::NoSessions(_)
            | Self::OtherEmail { .. }
            | Self::WithoutServers(_)
            | Self::NoZones { .. }
            | Self::ZonesKept { .. }
            | Self::InvalidPlanFile { .. } => Exit::Usage,
            Self::NobodySignsIn(_) | Self::SeedNeedsSignIn(_) => Exit::Usage,
            Self::NeedsConfirmation(_)
            | Self::NotConfirmed(_)
            | Self::TeardownNeedsConsent(_)
            | Self::ExpiryNeedsConsent(_)
            | Self::RecoveryNeedsConsent(_)
            | Self::CancelNeedsConsent(_)
            | Self::UserRemovalNeedsConsent { .. }
            | Self::RollbackNeedsConsent(_)
            | Self::DataLoss { .. }
            | Self::LossNotConfirmed(_) => Exit::NeedsConfirmation,
            Self::NoCredentials { .. } | Self::WrongAccount { .. } => Exit::Credentials,
            Self::StackStuck { .. } | Self::ProtectedByHand(_) => Exit::NeedsPerson,
            Self::PlanOutdated { .. } => Exit::NeedsPerson,
            Self::Busy { .. } | Self::NothingToCancel { .. } => Exit::Busy,
            Self::Interrupted { exit, .. } => *exit,
            Self::Tool { .. }
            | Self::AnswerNotWritten(_)
            | Self::CompletionsNotInstalled { .. }
            | Self::Build { .. }
            | Self::UnfitProgram { .. }
            | Self::FunctionFailed { .. }
            | Self::PortTaken { .. }
            | Self::PartFailed { .. }
            | Self::StackFailed { .. }
            | Self::StageAbsent(_)
            | Self::NoServer(_)
            | Self::NoEarlierRelease(_)
            | Self::UnrecordedRelease(_)
            | Self::ReleaseIncomplete { .. }
            | Self::DeployUndone { .. }
            | Self::PublisherFailed { .. }
            | Self::SeedRefused { .. }
            | Self::Unhealthy { .. } => Exit::Failure,
        }
    }
}
