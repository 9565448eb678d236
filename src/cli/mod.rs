//! The command line as a person types it. In: arguments. Out: the command and its arguments. The
//! doc comments are the help text.

mod args;
mod reference;
mod unparsed;
mod version;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use args::{
    BuildArgs, CompletionsArgs, DeployArgs, DiffArgs, DoctorArgs, InvokeArgs, LogsArgs, OpenArgs,
    OutputsArgs, OutputsFormat, PlanArgs, PolicyArgs, RecoverArgs, ReleasesArgs, RollbackArgs,
    SshArgs, StatusArgs, TeardownArgs, UsersAction, UsersArgs, ValidateArgs,
};

pub use reference::{completions, man_page};
pub use unparsed::Unparsed;
pub use version::{is_verbose, verbose_version};

/// Put the factory tree, a whole live web application, on AWS or on this machine, and take it down again
#[derive(Debug, Parser)]
#[command(name = "factory-tree", version, propagate_version = true)]
#[command(
    after_help = "Exit codes: 0 done or nothing to do · 1 failed, or not healthy · 2 wrong usage or \
configuration (1 with plan --detailed-exitcode, where 2 means that there are changes) · 3 needs confirmation · 4 credentials · 5 a stack needs a person, or a plan no longer holds · 6 something is left · \
7 busy · 129, 130, 143 stopped by a signal"
)]
pub struct Cli {
    /// The stage, also where it is named before the verb
    #[command(flatten)]
    pub selection: Selection,
    /// Say warnings and errors only while the command works; the answer stays
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// With --version: say the commit, the target and the profile as well
    #[arg(long, short, requires = "version")]
    pub verbose: bool,
    /// The verb
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Build, publish, provision and release the application, and prove that it works
    Deploy(DeployArgs),
    /// Build what a deploy would ship, and list it; nothing is sent
    Build(BuildArgs),
    /// Deploy to this machine, then put every save live, until Ctrl-C
    Dev(ReportArgs),
    /// Check the configuration and the templates of a stage, without AWS
    Validate(ValidateArgs),
    /// Show everything that a deploy would do, before anything is touched
    Plan(PlanArgs),
    /// Show the health of a stage; exit 0 only when it is healthy
    Status(StatusArgs),
    /// Show what the Lambdas, the API and the servers of a stage log, merged by time
    Logs(LogsArgs),
    /// List the changes that the publisher could not publish: which factories, when and why
    DeadLetters(ReportArgs),
    /// Publish what dead letters are about again, as it is now, and delete the letters that are done
    ///
    /// Of each factory the newest state of the table is published, or its removal: nothing goes back. A letter leaves its queue
    /// only after that. Where the stream no longer has the records of a letter, every factory is published.
    Replay(ReportArgs),
    /// Open the site of a stage in the browser, or print its address where there is none
    Open(OpenArgs),
    /// Open a shell on a server of a stage, by Session Manager
    ///
    /// It needs the AWS CLI and its Session Manager plugin, and the permission ssm:StartSession. The server of a stage on
    /// this machine is a process: its pid and its log file are shown.
    Ssh(SshArgs),
    /// Run a Lambda on this machine with an event of a file
    ///
    /// It is built for this machine and started as Lambda starts it, against a runtime API on a loopback port. It
    /// works on the table and the topic of the stage, which must be deployed, with your own credentials: what it
    /// writes is written. Samples of events are in lambdas/*/events.
    Invoke(InvokeArgs),
    /// List the releases of a stage, newest first, and mark the live one
    Releases(ReleasesArgs),
    /// Show the differences between two releases: artifacts, site files, stacks, commit
    Diff(DiffArgs),
    /// Restore an earlier release: the site at once, then Lambdas and server; nothing is built
    ///
    /// Restored are the site's files, the Lambdas and the server, as they were stored. Unchanged are templates and
    /// settings as they are deployed, also where the source tree differs by now, and everything in the data
    /// stack; tables keep their content. A rollback is a release itself.
    Rollback(RollbackArgs),
    /// End the operation that runs on a stage and roll it back; explains before it acts
    ///
    /// CloudFormation cancels updates only. A creation or a deletion is left alone, and the exit code is 5.
    Cancel(StageArgs),
    /// Take everything down, and report what was removed and what was retained
    Teardown(TeardownArgs),
    /// Recover stacks from failed operations; explains before it acts
    Recover(RecoverArgs),
    /// Print the outputs of a stage's stacks, and its addresses, for scripts
    Outputs(OutputsArgs),
    /// Print the least-privilege IAM policies for deploying or planning a stage, and a trust policy for GitHub
    Policy(PolicyArgs),
    /// Add, remove and list the users who may change the tree of a stage
    Users(UsersArgs),
    /// Check what a deploy needs before it begins; exit 0 only when nothing fails
    Doctor(DoctorArgs),
    /// Print the JSON Schema of factory-tree.yaml, for editors
    Schema,
    /// Print the completions of a shell as its script, or install them
    Completions(CompletionsArgs),
    /// Print the man page, with every verb and option
    Man,
    /// A process of the local stage; started by deploy
    #[command(subcommand, hide = true)]
    Local(crate::local::BackgroundProcess),
}

impl Command {
    /// Returns the form of the answer.
    pub fn output(&self) -> Output {
        match self {
            Self::Deploy(args) => args.stage.output,
            Self::Build(args) => args.output,
            Self::Invoke(args) => args.output,
            Self::Dev(args) | Self::DeadLetters(args) | Self::Replay(args) => args.output,
            Self::Plan(args) => args.stage.output,
            Self::Recover(args) => args.stage.output,
            Self::Status(args) => args.stage.output,
            Self::Logs(args) => args.stage.output,
            Self::Releases(args) => args.output,
            Self::Diff(args) => args.output,
            Self::Rollback(args) => args.stage.output,
            Self::Cancel(args) => args.output,
            Self::Teardown(args) => args.stage.output,
            Self::Users(args) => match &args.action {
                UsersAction::Add(args) => args.stage.output,
                UsersAction::Remove(args) => args.stage.output,
                UsersAction::List(args) => args.output,
            },
            Self::Policy(args) => args.output,
            Self::Doctor(args) => args.output,
            Self::Validate(args) => args.output,
            Self::Open(args) => args.output,
            Self::Ssh(args) => args.output,
            Self::Outputs(args) if args.output == OutputsFormat::Json => Output::Json,
            Self::Outputs(_) | Self::Schema | Self::Completions(_) | Self::Man | Self::Local(_) => {
                Output::Text
            }
        }
    }
}

/// The stage and its configuration file
#[derive(Clone, Debug, Args)]
pub struct Selection {
    /// Deployment target: one of the configuration file, or any name that a pattern of it covers [default: FACTORY_TREE_STAGE, else its default_stage]
    ///
    /// A default consents to nothing: where a protected stage asks for its name, it must be typed here.
    #[arg(long, global = true, value_name = "NAME")]
    pub stage: Option<String>,
    /// Configuration file, also named by FACTORY_TREE_CONFIG [default: factory-tree.yaml, here or in the nearest folder above]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Arguments of a verb that works on a stage and asks nothing
#[derive(Clone, Debug, Args)]
pub struct ReportArgs {
    /// The stage
    #[command(flatten)]
    pub selection: Selection,
    /// Form of the answer on stdout
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// Arguments of a verb that changes a stage, and may ask before it does
#[derive(Clone, Debug, Args)]
pub struct StageArgs {
    /// The stage
    #[command(flatten)]
    pub selection: Selection,
    /// Form of the answer on stdout
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
    /// Answer yes to every question; for a protected stage, only together with --stage
    #[arg(long)]
    pub yes: bool,
}

/// Form of the answer
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    Text,
    /// One JSON document for scripts
    Json,
    /// One JSON object a line for programs that follow the work; the last one is the answer
    Ndjson,
}
