//! The errors that a person can cure: each one names the thing and the value, and
//! carries its hint and its exit code. Everything else is an `anyhow` chain and exits with 1.
//! Nothing is printed here.

mod aftermath;
mod exit;
mod hints;
mod place;
mod undo;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use aftermath::Aftermath;
pub use exit::Exit;
pub use place::{Place, SourceFault, ToolMessage};
pub use undo::{Undo, UndoOutcome};

/// A fault that the user can cure.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// A file of configuration cannot be read or does not say what it must.
    #[error("{file}:{line}:{column}: {message}", file = file.display())]
    Config {
        /// The file.
        file: PathBuf,
        /// Line, from 1.
        line: u64,
        /// Column, from 1.
        column: u64,
        /// The fault, with the value.
        message: String,
        /// The cure.
        hint: String,
    },
    /// Templates cannot be deployed as they are.
    #[error("the templates cannot be deployed:\n  {}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  "))]
    Templates {
        /// Every fault that was found.
        faults: Vec<SourceFault>,
    },
    /// A file of factories cannot be a seed.
    #[error("nothing was deployed, because the seed is wrong:\n  {}", faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  "))]
    InvalidSeed {
        /// Every fault that was found.
        faults: Vec<SourceFault>,
    },
    /// The API has refused factories of a seed.
    #[error("the release is live, but the API took only {} of {} factories of the seed ({created} created, {present} already there):\n  {}", created + present, created + present + faults.len(), faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n  "))]
    SeedRefused {
        /// A fault for each factory that was refused.
        faults: Vec<SourceFault>,
        /// The number of factories that were created.
        created: usize,
        /// The number of factories that were there.
        present: usize,
    },
    /// A variable of the environment does not hold what it must.
    #[error("{name}: `{value}` {problem}")]
    Variable {
        /// Its name.
        name: String,
        /// Its value, without any password.
        value: String,
        /// The problem with it.
        problem: String,
        /// The cure.
        hint: String,
    },
    /// There is no configuration file.
    #[error("there is no configuration file at {}", .0.display())]
    NoConfig(PathBuf),
    /// The sources have no such Lambda.
    #[error("there is no Lambda `{function}`")]
    UnknownLambda {
        /// The name asked for.
        function: String,
        /// The Lambdas that there are.
        known: Vec<String>,
    },
    /// The stage is not in the configuration file.
    #[error("there is no stage `{stage}` in {}", file.display())]
    UnknownStage {
        /// The stage asked for.
        stage: String,
        /// The configuration file.
        file: PathBuf,
        /// The stages that there are.
        known: Vec<String>,
    },
    /// The name begins as a pattern of the configuration file, and goes on as no stage's name may.
    #[error("`{stage}` is no name of a stage of the pattern `{pattern}`")]
    StageNameRefused {
        /// The stage asked for.
        stage: String,
        /// The pattern.
        pattern: String,
    },
    /// A pattern stands where one stage is wanted.
    #[error("`{pattern}` is a pattern, which stands for many stages, and this works on one")]
    ManyStages {
        /// The pattern.
        pattern: String,
        /// A stage that it covers.
        example: String,
    },
    /// A program that the deploy needs is not installed, or too old.
    #[error("{program} {problem}")]
    Tool {
        /// The program's name.
        program: String,
        /// The problem with it, for example "is not installed".
        problem: String,
        /// The cure.
        hint: String,
    },
    /// A program of the build said no; its own words went to the terminal.
    #[error("`{command}` failed with {status}")]
    Build {
        /// The command line.
        command: String,
        /// Its exit status.
        status: String,
        /// Its errors that name a place.
        errors: Vec<ToolMessage>,
    },
    /// A program that was built does not run where it is to run.
    #[error("program `{program}` {problem}")]
    UnfitProgram {
        /// The program's name.
        program: String,
        /// The property that does not fit, and the one that is needed.
        problem: String,
        /// The cure.
        hint: String,
    },
    /// A file holds no event for a Lambda.
    #[error("{} is no event: {problem}", file.display())]
    InvalidEventFile {
        /// The file.
        file: PathBuf,
        /// The problem with it.
        problem: String,
    },
    /// A Lambda that runs on this machine gave no answer.
    #[error("function `{function}` failed: {problem}")]
    FunctionFailed {
        /// Its name.
        function: String,
        /// The error that it returned, or the problem that was observed.
        problem: String,
    },
    /// A loopback port that the configuration names is in use.
    #[error("port {port} of stage `{stage}` is taken by {by}")]
    PortTaken {
        /// The port.
        port: u16,
        /// The stage.
        stage: String,
        /// Process and pid, as far as they are known.
        by: String,
    },
    /// A part of the local stage did not come up.
    #[error("the {part} of stage `{stage}` did not start: {problem}")]
    PartFailed {
        /// The name of the part.
        part: String,
        /// The stage.
        stage: String,
        /// The problem that was observed.
        problem: String,
        /// Its log file.
        log: PathBuf,
    },
    /// No usable AWS credentials.
    #[error("no usable AWS credentials for stage `{stage}`: {problem}")]
    NoCredentials {
        /// The stage.
        stage: String,
        /// The error of the credential chain or of AWS.
        problem: String,
        /// The cure of that very error.
        cure: String,
    },
    /// The credentials belong to another account than the stage's.
    #[error(
        "stage `{stage}` belongs to account {expected}, but these credentials are of account {actual}"
    )]
    WrongAccount {
        /// The stage.
        stage: String,
        /// The account in the configuration.
        expected: String,
        /// The account of the credentials.
        actual: String,
    },
    /// Somebody else's operation is running on a stack, or another deploy on this machine.
    #[error("{what} is being changed by another operation ({state})")]
    Busy {
        /// The stack or stage.
        what: String,
        /// The state of the other operation, as far as it is known.
        state: String,
    },
    /// A stack is where no deploy may touch it.
    #[error("stack `{stack}` {meaning} ({state})")]
    StackStuck {
        /// The stack.
        stack: String,
        /// Its state in CloudFormation's words.
        state: String,
        /// The meaning of this state.
        meaning: &'static str,
        /// The way in which a person leads the stack out of this state.
        way_out: &'static str,
    },
    /// CloudFormation refused or undid a stack.
    #[error("stack `{stack}` failed: {cause}")]
    StackFailed {
        /// The stack.
        stack: String,
        /// The first failing resource, its place in the template, and the reason.
        cause: String,
        /// The template file.
        template: PathBuf,
        /// The line of the resource in the template.
        line: Option<usize>,
        /// The cure of the likely cause, where it is known.
        cure: Option<String>,
        /// What became of the stack.
        aftermath: Aftermath,
    },
    /// A stack is named that the stage does not have.
    #[error("there is no stack `{stack}` in this stage")]
    UnknownStack {
        /// The stack asked for.
        stack: String,
        /// The stacks that there are.
        known: Vec<String>,
    },
    /// A server is named that the stage does not have.
    #[error("there is no server `{server}` in this stage")]
    UnknownServer {
        /// The server asked for.
        server: String,
        /// The servers that there are.
        known: Vec<String>,
    },
    /// A stage has no server for a session.
    #[error("stage `{0}` has no server")]
    NoServer(String),
    /// A recovery needs a yes, and nobody can say it.
    #[error("the recovery of stage `{0}` must be confirmed")]
    RecoveryNeedsConsent(String),
    /// The cancellation of an operation needs a yes, and nobody can say it, or nobody did.
    #[error("the cancellation of what runs on stage `{0}` must be confirmed")]
    CancelNeedsConsent(String),
    /// The deployer has no token, and a seed is written as a page writes.
    #[error("stage `{0}` takes no seed: only people who have signed in write there")]
    SeedNeedsSignIn(String),
    /// A stage has no users, because nobody signs in.
    #[error("stage `{0}` has no users: nobody signs in there")]
    NobodySignsIn(String),
    /// A user of this name has another address.
    #[error("stage `{stage}` has a user `{user}` already, with another e-mail address")]
    OtherEmail {
        /// The stage.
        stage: String,
        /// The user.
        user: String,
    },
    /// The removal of a user needs a yes, and nobody can say it, or nobody did.
    #[error("the removal of user `{user}` from stage `{stage}` must be confirmed")]
    UserRemovalNeedsConsent {
        /// The stage.
        stage: String,
        /// The user.
        user: String,
    },
    /// A command works on a stage, and CloudFormation does nothing that could be cancelled.
    #[error(
        "nothing that CloudFormation could cancel runs on stage `{stage}`, but {holder} on this machine works on it"
    )]
    NothingToCancel {
        /// The stage.
        stage: String,
        /// The process, as far as it is known.
        holder: String,
    },
    /// Stages have expired, and nobody has agreed that they go.
    #[error(
        "these stages have expired, and their teardown destroys what they hold; it must be confirmed: {0}"
    )]
    ExpiryNeedsConsent(String),
    /// A stage holds data, and nobody can say whether it may go.
    #[error("stage `{0}` holds data, which its teardown destroys: it must be confirmed")]
    TeardownNeedsConsent(String),
    /// Somebody has switched the termination protection of a stack on.
    #[error("the termination protection of stack `{0}` is on, though its stage is not protected")]
    ProtectedByHand(String),
    /// Express mode was asked for where it may not be.
    #[error("stage `{0}` is protected: `--express` is not for it")]
    ExpressProtected(String),
    /// A teardown needs the stage's name typed, and nobody can type it.
    #[error("stage `{0}` is protected: its teardown must be confirmed")]
    NeedsConfirmation(String),
    /// The person said no.
    #[error("teardown of stage `{0}` was not confirmed; nothing was touched")]
    NotConfirmed(String),
    /// A deploy would lose data, and nobody has agreed to that.
    #[error("data would be lost: {}", losses.join("; "))]
    DataLoss {
        /// Each loss: the resource, its stack, and what is done to it.
        losses: Vec<String>,
    },
    /// A person was asked whether data may go, and said no.
    #[error(
        "the loss of data in stage `{0}` was not confirmed; the resources that hold it are unchanged"
    )]
    LossNotConfirmed(String),
    /// A saved plan is not what a deploy would do now.
    #[error("the plan in {} no longer holds; changed since: {}", file.display(), changed.join("; "))]
    PlanOutdated {
        /// The plan.
        file: PathBuf,
        /// The parts that differ.
        changed: Vec<String>,
    },
    /// A file is no plan.
    #[error("{} is not a plan of this program: {problem}", file.display())]
    InvalidPlanFile {
        /// The file.
        file: PathBuf,
        /// The problem with it.
        problem: String,
    },
    /// The running system does not answer as it should.
    #[error("stage `{stage}` was deployed, but does not work: {problem}")]
    Unhealthy {
        /// The stage.
        stage: String,
        /// The failing checks.
        problem: String,
    },
    /// The publisher does not take what it is to publish again.
    #[error("the publisher fails: {problem}")]
    PublisherFailed {
        /// Its error.
        problem: String,
    },
    /// Fewer than two zones of the region have what the servers need.
    #[error(
        "region {region} has fewer than two zones with everything that the servers need{}",
        lacking(faults)
    )]
    NoZones {
        /// The region.
        region: String,
        /// The missing instance type and endpoint services, by zone.
        faults: BTreeMap<String, Vec<String>>,
    },
    /// The settings ask for another zone than a living stack has.
    #[error("stack `{stack}` is in zone {kept}, and `servers.zones` asks for {wanted}")]
    ZonesKept {
        /// The stack.
        stack: String,
        /// The zone that it has.
        kept: String,
        /// The zone in the settings.
        wanted: String,
    },
    /// Nobody can open a session on a server.
    #[error("sessions on the servers of stage `{0}` are switched off (`servers.session_manager`)")]
    NoSessions(String),
    /// The stage has no servers by its setting.
    #[error("stage `{0}` has no servers: its changes go through AppSync (`live: appsync`)")]
    WithoutServers(String),
    /// Nothing of the stage is there.
    #[error("stage `{0}` is not deployed: nothing of it is there")]
    StageAbsent(String),
    /// No log of a stage has this writer.
    #[error("no log of the stage is written by `{source_name}`")]
    UnknownLogSource {
        /// What was asked for.
        source_name: String,
        /// The writers that there are.
        known: Vec<String>,
    },
    /// No release has an id that begins like this.
    #[error("there is no release whose id begins with `{id}`")]
    UnknownRelease {
        /// The id asked for.
        id: String,
        /// The newest releases that there are.
        known: Vec<String>,
    },
    /// Several releases have an id that begins like this.
    #[error("`{id}` matches more than one release: {}", meant.join(", "))]
    AmbiguousRelease {
        /// The id asked for.
        id: String,
        /// Those that it means.
        meant: Vec<String>,
    },
    /// There is no release to go back to.
    #[error("stage `{0}` has no earlier release to go back to")]
    NoEarlierRelease(String),
    /// The running artifacts belong to no recorded release.
    #[error(
        "stage `{0}` runs artifacts of no recorded release: its last deploy failed or was interrupted"
    )]
    UnrecordedRelease(String),
    /// A release cannot be restored.
    #[error("release `{id}` cannot be restored: {}", missing.join(", "))]
    ReleaseIncomplete {
        /// The release.
        id: String,
        /// The objects that it needs and that are not there.
        missing: Vec<String>,
        /// The git commit of its sources, where that is known.
        commit: Option<String>,
    },
    /// A rollback needs a yes, and nobody can say it, or nobody did.
    #[error("stage `{0}` is protected: its rollback must be confirmed")]
    RollbackNeedsConsent(String),
    /// Something of AWS was asked of a stage that is on this machine.
    #[error("stage `{0}` runs on this machine: nobody needs permissions for it")]
    NotOnAws(String),
    /// Somebody wants to develop on a stage in AWS.
    #[error(
        "stage `{0}` is in AWS: `dev` puts every save live, and does that on this machine only"
    )]
    DevOnAws(String),
    /// A deploy failed, and was to be undone.
    #[error("{}", undo.words())]
    DeployUndone {
        /// The undoing.
        undo: Box<Undo>,
        /// The place that is to be corrected, where the cause names one.
        place: Option<Place>,
        /// Why the deploy failed, and, where the undoing failed too, why that did.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Stopped by a signal.
    #[error("stopped by {signal}; stage `{stage}` was {doing}")]
    Interrupted {
        /// The signal's name.
        signal: &'static str,
        /// The stage.
        stage: String,
        /// The work that was interrupted, for example "in step build (site)".
        doing: String,
        /// Whether anything of the stage may be changed.
        touched: bool,
        /// Whether it was the undoing of a deploy that had failed.
        undoing: bool,
        /// 129, 130 or 143.
        exit: Exit,
    },
    /// The completions of a shell cannot be put where it looks for them.
    #[error("the completions for {shell} cannot be installed: {problem}")]
    CompletionsNotInstalled {
        /// The shell.
        shell: &'static str,
        /// The problem, with the folder.
        problem: String,
    },
    /// Nobody can read what stdout was to show.
    #[error("the answer cannot be written")]
    AnswerNotWritten(#[source] std::io::Error),
}

/// Lists what each zone lacks, a line each.
fn lacking(faults: &BTreeMap<String, Vec<String>>) -> String {
    let rows = faults.iter();
    rows.map(|(zone, lacks)| format!("\n  {zone} lacks {}", lacks.join(", ")))
        .collect()
}

impl UserError {
    /// Returns the undoing of a deploy that failed, where there was one.
    pub fn undo(&self) -> Option<&Undo> {
        match self {
            Self::DeployUndone { undo, .. } => Some(undo),
            _ => None,
        }
    }
}

/// Returns the first curable fault along an error's chain.
pub fn user_error(error: &anyhow::Error) -> Option<&UserError> {
    error.chain().find_map(|cause| cause.downcast_ref())
}
