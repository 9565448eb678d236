//! The errors that a person can cure: each one names the thing and the value, and
//! carries its hint and its exit code. Everything else is an `anyhow` chain and exits with 1.
//! Nothing is printed here.

mod undo;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use crate::nearest::nearest;
pub use undo::{Undo, UndoOutcome};

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

/// What became of a stack whose change failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aftermath {
    /// CloudFormation refused the change before it touched the stack.
    Untouched,
    /// CloudFormation began with the change, and has undone it.
    RolledBack,
    /// CloudFormation began with the change, and has not undone it.
    LeftHalfway,
}

impl Aftermath {
    fn words(self) -> &'static str {
        match self {
            Self::Untouched => "nothing of this stack was changed",
            Self::RolledBack => "what this run had changed of this stack is rolled back",
            Self::LeftHalfway => {
                "the stack is not rolled back, and `factory-tree recover` leads it out if a deploy does not"
            }
        }
    }
}

/// A fault of a source file, with its place and its cure.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceFault {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The fault, with the name or value.
    pub message: String,
    /// The cure.
    pub cure: String,
}

impl SourceFault {
    fn place(&self) -> Place {
        Place {
            file: self.file.clone(),
            line: self.line.try_into().ok(),
            column: None,
        }
    }
}

impl std::fmt::Display for SourceFault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            file,
            line,
            message,
            cure,
        } = self;
        write!(
            formatter,
            "{}:{line}: {message}\n    cure: {cure}",
            file.display()
        )
    }
}

impl Exit {
    /// Returns its name for programs, for example `needs-person`.
    pub fn name(self) -> String {
        let value = clap::ValueEnum::to_possible_value(&self);
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

/// The place in a file that is to be corrected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// Its line, from 1, where it is known.
    pub line: Option<u64>,
    /// Its column, from 1, where it is known.
    pub column: Option<u64>,
}

/// An error that a tool of the build has reported of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolMessage {
    /// The place that it names.
    pub place: Place,
    /// Its first line.
    pub message: String,
}

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
    /// Returns what the user should do next.
    pub fn hint(&self) -> String {
        match self {
            Self::Config { hint, .. } | Self::Tool { hint, .. } | Self::UnfitProgram { hint, .. } | Self::Variable { hint, .. } => hint.clone(),
            Self::Templates { .. } => "nothing was touched; `factory-tree validate` checks the templates again, without AWS".to_owned(),
            Self::InvalidSeed { .. } => "correct the file, then run the same command again; docs/commands.md says what stands in it".to_owned(),
            Self::SeedRefused { .. } => "correct the file, then run the same command again: it writes what is missing and nothing twice".to_owned(),
            Self::Interrupted { undoing: true, .. } => "`factory-tree rollback` goes on with it: it restores the same release; \
                 the same command as before would deploy the failed one again"
                .to_owned(),
            Self::Interrupted { touched: false, .. } => "nothing of the stage was changed; the same command begins again".to_owned(),
            Self::Interrupted { .. } => "nothing is lost: CloudFormation finishes the running operation by itself; \
                 `factory-tree status` shows it, and the same command continues from there"
                .to_owned(),
            Self::NoConfig(_) => "run it in the project's folder, or name the file with `--config FILE`".to_owned(),
            Self::UnknownStage { stage, known, .. } => choose_a_stage(stage, known),
            Self::StageNameRefused { .. } => "use 1 to 16 lower-case letters, digits or hyphens, starting with a letter and not ending with a hyphen: the name is a label of its domain".to_owned(),
            Self::ManyStages { example, .. } => format!("name one of its stages, such as `--stage {example}`; `factory-tree policy` takes the pattern, for a role of all its stages"),
            Self::Build { .. } => "its own message is above; nothing was deployed. Change what it names, then run the same command again".to_owned(),
            Self::InvalidEventFile { .. } => "write the JSON that Lambda would pass to the function; samples are in `lambdas/*/events`".to_owned(),
            Self::UnknownLambda { known, .. } => format!("use one of: {}", known.join(", ")),
            Self::FunctionFailed { .. } => "its log is above".to_owned(),
            Self::PortTaken { stage, .. } => {
                format!("stop that process, or set another `port` for stage `{stage}` (leave it out to get a free one)")
            }
            Self::PartFailed { log, .. } => format!("its log is {}; `factory-tree deploy` tries again", log.display()),
            Self::NoCredentials { cure, .. } => cure.clone(),
            Self::WrongAccount { .. } => "name a profile of the stage's account with AWS_PROFILE (`aws configure list-profiles` lists them), or the account of these credentials with `account` in factory-tree.yaml".to_owned(),
            Self::Busy { .. } => "run the same command again when it is done: `factory-tree status` shows that; `factory-tree deploy --on-busy wait` waits for it".to_owned(),
            Self::StackStuck { way_out, .. } => (*way_out).to_owned(),
            Self::StackFailed { template, cure, aftermath, .. } => {
                let mend = format!("change what the reason names in {}", template.display());
                let cure = cure.as_ref().unwrap_or(&mend);
                format!("{cure}. Then run the same command again; {}", aftermath.words())
            }
            Self::UnknownStack { known, .. } | Self::UnknownServer { known, .. } => format!("use one of: {}", known.join(", ")),
            Self::NoServer(_) => "`factory-tree status` shows why; `factory-tree deploy` starts what is missing".to_owned(),
            Self::RecoveryNeedsConsent(stage) => format!("read above what it would do, then run it again with `--yes --stage {stage}`"),
            Self::CancelNeedsConsent(stage) => format!("read above what would be cancelled, then run it again with `--yes --stage {stage}`"),
            Self::SeedNeedsSignIn(_) => "leave `--seed` out, or seed the stage before its `sign_in` is set".to_owned(),
            Self::NobodySignsIn(stage) => format!("set `sign_in: true` of stage `{stage}` in factory-tree.yaml, then run `factory-tree deploy`"),
            Self::OtherEmail { .. } => "`factory-tree users list` shows it; choose another name, or remove that user first".to_owned(),
            Self::UserRemovalNeedsConsent { stage, .. } => format!("type yes, or without a terminal, confirm with `--yes --stage {stage}`"),
            Self::NothingToCancel { .. } => "stop that process with Ctrl-C or SIGTERM: CloudFormation finishes what it has begun by then".to_owned(),
            Self::ExpiryNeedsConsent(_) => "nothing was removed; read above which stages would go, then run it again with `--yes`".to_owned(),
            Self::TeardownNeedsConsent(_) => "read above what it would delete, then run it again with `--yes`".to_owned(),
            Self::ProtectedByHand(_) => {
                "somebody did that by hand: ask why, switch it off in CloudFormation, then run the same command again".to_owned()
            }
            Self::ExpressProtected(_) => {
                "leave `--express` out: with it, a deploy ends before everything is ready for use".to_owned()
            }
            Self::NeedsConfirmation(stage) => format!("without a terminal, confirm with `--yes --stage {stage}`"),
            Self::NotConfirmed(_) => "nothing has changed; run the same command again when you are sure".to_owned(),
            Self::StageAbsent(stage) => format!("deploy it first with `factory-tree deploy --stage {stage}`, or name another stage with `--stage`"),
            Self::UnknownLogSource { source_name, known } => choose_a_source(source_name, known),
            Self::UnknownRelease { known, .. } => choose_a_release(known),
            Self::AmbiguousRelease { .. } => "type more digits of the id".to_owned(),
            Self::NoEarlierRelease(_) => "`factory-tree releases --all` lists the releases; `rollback` with the id of one restores it".to_owned(),
            Self::UnrecordedRelease(_) => "name both releases, or restore the last good one with `factory-tree rollback`".to_owned(),
            Self::ReleaseIncomplete { commit, .. } => deploy_again(commit.as_deref()),
            Self::RollbackNeedsConsent(stage) => format!("type the stage's name, or without a terminal, confirm with `--yes --stage {stage}`"),
            Self::DeployUndone { undo, .. } => undo.hint(),
            Self::DevOnAws(_) => "name a stage with `hosting: local` with `--stage NAME`; `factory-tree deploy` is for this one".to_owned(),
            Self::NotOnAws(_) => "name a stage on AWS with `--stage NAME`".to_owned(),
            Self::DataLoss { .. } => {
                "`factory-tree plan` shows everything that would be done; if this data may go, add `--allow-replacement`, and for a protected stage its name too: `--stage NAME`".to_owned()
            }
            Self::LossNotConfirmed(stage) => format!("type the stage's name, `{stage}`, to confirm"),
            Self::PlanOutdated { file, .. } => {
                let file = file.display();
                format!("nothing was deployed; make a new plan with `factory-tree plan --out {file}`, read it, and deploy it with `factory-tree deploy --plan {file}`")
            }
            Self::InvalidPlanFile { .. } => "make one with `factory-tree plan --out plan.json`".to_owned(),
            Self::CompletionsNotInstalled { shell, .. } => format!(
                "name a folder that can be written with XDG_DATA_HOME, or save what `factory-tree completions {shell}` prints where {shell} looks for completions"
            ),
            Self::AnswerNotWritten(_) => "the command itself has done its work: `factory-tree status` shows the stage. Make room, or send stdout elsewhere, then run the same command again".to_owned(),
            Self::NoZones { .. } => "set another `servers.instance_type` (of the same processor), or another `region`".to_owned(),
            Self::WithoutServers(_) => "`factory-tree logs` shows what its Lambdas log; `live: servers` and a deploy give it servers".to_owned(),
            Self::NoSessions(_) => "set `servers.session_manager: true` and deploy; `factory-tree logs --source server` shows their log without a session".to_owned(),
            Self::ZonesKept { .. } => "a stack stays in its zones: leave `servers.zones` out, or tear the stage down and deploy it anew".to_owned(),
            Self::PublisherFailed { .. } => "every dead letter is still in its queue; `factory-tree logs --source publisher` shows the publisher's errors. Mend it with `factory-tree deploy`, then run the same command again".to_owned(),
            Self::Unhealthy { .. } => "`factory-tree status` shows every check; `factory-tree deploy` repairs what it can".to_owned(),
        }
    }

    /// Returns the place that is to be corrected, where the fault is in a file of the project.
    pub fn place(&self) -> Option<Place> {
        match self {
            Self::Build { errors, .. } => errors.first().map(|error| error.place.clone()),
            Self::NoConfig(file)
            | Self::UnknownStage { file, .. }
            | Self::InvalidEventFile { file, .. }
            | Self::InvalidPlanFile { file, .. } => Some(Place {
                file: file.clone(),
                line: None,
                column: None,
            }),
            Self::Config {
                file, line, column, ..
            } => Some(Place {
                file: file.clone(),
                line: Some(*line),
                column: Some(*column),
            }),
            Self::StackFailed { template, line, .. } => Some(Place {
                file: template.clone(),
                line: line.and_then(|line| line.try_into().ok()),
                column: None,
            }),
            Self::DeployUndone { place, .. } => place.clone(),
            Self::Templates { faults }
            | Self::InvalidSeed { faults }
            | Self::SeedRefused { faults, .. } => faults.first().map(SourceFault::place),
            _ => None,
        }
    }

    /// Returns each place that is to be corrected with what is wrong there, where the fault is more than one.
    pub fn places(&self) -> Vec<(Place, String)> {
        let described = |fault: &SourceFault| {
            let SourceFault { message, cure, .. } = fault;
            (fault.place(), format!("{message}\n\ncure: {cure}"))
        };
        match self {
            Self::Templates { faults }
            | Self::InvalidSeed { faults }
            | Self::SeedRefused { faults, .. } => faults.iter().map(described).collect(),
            Self::Build { errors, .. } => errors
                .iter()
                .map(|error| (error.place.clone(), error.message.clone()))
                .collect(),
            _ => Vec::new(),
        }
    }

    /// Returns the undoing of a deploy that failed, where there was one.
    pub fn undo(&self) -> Option<&Undo> {
        match self {
            Self::DeployUndone { undo, .. } => Some(undo),
            _ => None,
        }
    }

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

fn choose_a_source(name: &str, known: &[String]) -> String {
    let list = known.join("`, `");
    match nearest(name, known.iter().map(String::as_str)) {
        Some(meant) => format!("did you mean `--source {meant}`? There are `{list}`"),
        None => format!("there are `{list}`"),
    }
}

fn choose_a_stage(stage: &str, known: &[String]) -> String {
    let meant = nearest(stage, known.iter().map(String::as_str));
    let meant = meant
        .map(|meant| format!("did you mean `{meant}`? "))
        .unwrap_or_default();
    let star = match known.iter().any(|key| key.ends_with('*')) {
        true => " (a star stands for the rest of a name)",
        false => "",
    };
    format!(
        "{meant}use one of: {}{star}; or add the stage to the file",
        known.join(", ")
    )
}

fn choose_a_release(known: &[String]) -> String {
    match known {
        [] => "nothing was recorded yet: a deploy that changes something is".to_owned(),
        known => format!(
            "use one of: {}; `factory-tree releases --all` shows every one",
            known.join(", ")
        ),
    }
}

fn deploy_again(commit: Option<&str>) -> String {
    let sources = commit.map_or("its sources".to_owned(), |commit| {
        format!("commit {commit}")
    });
    format!(
        "nothing was touched; choose a newer release of `factory-tree releases`, or check out {sources} and run `factory-tree deploy`"
    )
}

/// Returns the first curable fault along an error's chain.
pub fn user_error(error: &anyhow::Error) -> Option<&UserError> {
    error.chain().find_map(|cause| cause.downcast_ref())
}
