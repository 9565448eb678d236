//! The command line as a person types it. In: arguments. Out: which command, and what it is told. The
//! doc comments are the help text.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::aws::DeploymentMode;
use crate::invoke::Function;
use crate::logs::{LogSource, Since};
use crate::policy::{Environment, Repository};
use crate::provision::{Doubt, OnBusy, Options};
use crate::release::ReleaseId;

/// Put the factory tree, a whole live web application, on AWS or on this machine, and take it down again
#[derive(Debug, Parser)]
#[command(
    name = "factory-tree",
    version,
    propagate_version = true,
    disable_help_subcommand = true
)]
#[command(
    after_help = "Exit codes: 0 done or nothing to do · 1 failed, or not healthy · 2 wrong usage or \
configuration; plan --detailed-exitcode: there are changes · 3 needs confirmation · 4 credentials · 5 a stack needs a person, or a plan no longer holds · 6 something is left · \
7 busy · 130, 143 stopped by a signal"
)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Build, publish, provision and release the application, and prove that it works
    Deploy(DeployArgs),
    /// Build what a deploy would ship, and say what it is; nothing is sent
    Build(BuildArgs),
    /// Deploy to this machine, then put every save live, until Ctrl-C
    Dev(StageArgs),
    /// Show everything that a deploy would do, before anything is touched
    Plan(PlanArgs),
    /// Show how a stage stands; exit 0 only when it is healthy
    Status(StatusArgs),
    /// Show what the Lambdas, the API and the servers of a stage log, merged by time
    Logs(LogsArgs),
    /// Run a Lambda on this machine with an event of a file
    ///
    /// It is built for this machine and started as Lambda starts it, against a runtime API on a loopback port. It
    /// works on the table and the topic of the stage, which must be deployed, with your own credentials: what it
    /// writes is written. Samples of events are in lambdas/*/events.
    Invoke(InvokeArgs),
    /// Show what was released to a stage, newest first, and which release is live
    Releases(ReleasesArgs),
    /// Show what differs between two releases: artifacts, site files, stacks, commit
    Diff(DiffArgs),
    /// Bring an earlier release back: the site at once, then Lambdas and server; nothing is built
    ///
    /// Comes back: the site's files, the Lambdas and the server, as they were kept. A stack whose artifact
    /// changes is updated with its template as it is in the source tree now. Does not come back: templates,
    /// and everything in the data stack; tables keep their content. A rollback is a release itself.
    Rollback(RollbackArgs),
    /// Take everything down, and say what is gone and what stays
    Teardown(StageArgs),
    /// Bring stacks out of failed operations; explains before it acts
    Recover(RecoverArgs),
    /// Print what the stacks of a stage put out, and its addresses, for scripts
    Outputs(OutputsArgs),
    /// Print the least-privilege IAM policies for deploying a stage, and a trust policy for GitHub
    Policy(PolicyArgs),
    /// Check what a deploy needs before it begins; exit 0 only when nothing fails
    Doctor(DoctorArgs),
    /// Print the JSON Schema of factory-tree.yaml, for editors
    Schema,
    /// A process of the local stage; started by deploy
    #[command(subcommand, hide = true)]
    Local(crate::local::Process),
}

impl Command {
    /// Returns the form of the answer.
    pub fn output(&self) -> Output {
        match self {
            Self::Deploy(args) => args.stage.output,
            Self::Build(args) => args.output,
            Self::Invoke(args) => args.output,
            Self::Dev(args) => args.output,
            Self::Plan(args) => args.stage.output,
            Self::Recover(args) => args.stage.output,
            Self::Status(args) => args.stage.output,
            Self::Logs(args) => args.stage.output,
            Self::Releases(args) => args.output,
            Self::Diff(args) => args.output,
            Self::Rollback(args) => args.stage.output,
            Self::Teardown(args) => args.output,
            Self::Policy(args) => args.output,
            Self::Doctor(args) => args.output,
            Self::Outputs(_) | Self::Schema | Self::Local(_) => Output::Text,
        }
    }
}

/// Which stage, of which file
#[derive(Clone, Debug, Args)]
pub struct Selection {
    /// Deployment target, one of those in the configuration file [default: its default_stage]
    #[arg(long, value_name = "NAME", env = "FACTORY_TREE_STAGE")]
    pub stage: Option<String>,
    /// Configuration file
    #[arg(
        long,
        value_name = "FILE",
        env = "FACTORY_TREE_CONFIG",
        default_value = "factory-tree.yaml"
    )]
    pub config: PathBuf,
}

/// What every verb is told that changes a stage or looks at it
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

/// What `deploy` is told
#[derive(Clone, Debug, Args)]
pub struct DeployArgs {
    /// The stage, and the form of the answer
    #[command(flatten)]
    pub stage: StageArgs,
    /// What to do when somebody else's operation runs on a stack
    #[arg(long, value_enum, default_value_t = OnBusy::Wait)]
    pub on_busy: OnBusy,
    /// Ask CloudFormation about every stack, also where the digest says that there is nothing to do
    #[arg(long)]
    pub verify: bool,
    /// Take resources for done as soon as their configuration is applied; not for protected stages
    #[arg(long)]
    pub express: bool,
    /// Deploy what this file of `plan --out` says, or nothing if anything has moved since
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Let resources that hold data be replaced or deleted
    #[arg(long)]
    pub allow_replacement: bool,
}

impl DeployArgs {
    /// Returns how the stacks are to be provisioned.
    pub fn options(&self) -> Options {
        Options {
            on_busy: self.on_busy,
            doubt: if self.verify { Doubt::Yes } else { Doubt::No },
            mode: if self.express {
                DeploymentMode::Express
            } else {
                DeploymentMode::Standard
            },
        }
    }

    /// Returns what a deploy is told that is asked for nothing special.
    pub fn of(stage: &StageArgs) -> Self {
        Self {
            stage: stage.clone(),
            on_busy: OnBusy::Wait,
            verify: false,
            express: false,
            plan: None,
            allow_replacement: false,
        }
    }
}

/// What `build` is told
#[derive(Clone, Debug, Args)]
pub struct BuildArgs {
    /// The stage
    #[command(flatten)]
    pub selection: Selection,
    /// Form of the answer on stdout
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// What `invoke` is told
#[derive(Clone, Debug, Args)]
pub struct InvokeArgs {
    /// Which Lambda
    #[arg(value_enum)]
    pub function: Function,
    /// The event, as JSON: what Lambda would hand over
    #[arg(long, value_name = "FILE")]
    pub event: PathBuf,
    /// The stage
    #[command(flatten)]
    pub selection: Selection,
    /// Form of the answer on stdout; as text, it is what the Lambda answers
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// What `plan` is told
#[derive(Clone, Debug, Args)]
pub struct PlanArgs {
    /// The stage, and the form of the answer
    #[command(flatten)]
    pub stage: StageArgs,
    /// Write the plan to a file, for `deploy --plan`
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Exit with 0 if there is nothing to do, 2 if there is something, 1 if the configuration is wrong
    #[arg(long)]
    pub detailed_exitcode: bool,
}

/// What `recover` is told
#[derive(Clone, Debug, Args)]
pub struct RecoverArgs {
    /// The stage, and the form of the answer
    #[command(flatten)]
    pub stage: StageArgs,
    /// Leave a resource as it is when the undoing of an update is continued; may be repeated
    #[arg(long, value_name = "STACK:RESOURCE")]
    pub skip: Vec<SkipRule>,
}

/// A resource that is left as it is when the undoing of an update is continued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkipRule {
    /// The stack's short name.
    pub stack: String,
    /// The resource's name in the template.
    pub logical_id: String,
}

impl FromStr for SkipRule {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let cure = "name stack and resource, for example `data:Table`";
        let (stack, logical_id) = text.split_once(':').ok_or(cure)?;
        let is_name = |name: &str| {
            !name.is_empty()
                && name
                    .chars()
                    .all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
        };
        if !is_name(stack) || !is_name(logical_id) {
            return Err(cure);
        }
        Ok(Self {
            stack: stack.to_owned(),
            logical_id: logical_id.to_owned(),
        })
    }
}

/// What `status` is told
#[derive(Clone, Debug, Args)]
pub struct StatusArgs {
    /// Which stage
    #[command(flatten)]
    pub stage: StageArgs,
    /// Also look for resources that are no longer as their template says; takes CloudFormation a while
    #[arg(long)]
    pub drift: bool,
    /// Look again every few seconds, until Ctrl-C
    #[arg(long)]
    pub watch: bool,
}

/// What `logs` is told
#[derive(Clone, Debug, Args)]
pub struct LogsArgs {
    /// Which stage
    #[command(flatten)]
    pub stage: StageArgs,
    /// Only what this source writes; may be given more than once [default: all]
    #[arg(long, value_enum, value_name = "SOURCE", value_delimiter = ',')]
    pub source: Vec<LogSource>,
    /// How far back: a number with s, m, h or d
    #[arg(long, value_name = "SPAN", default_value = "10m")]
    pub since: Since,
    /// Go on with what is still to come, until Ctrl-C; as JSON, one document a line
    #[arg(long)]
    pub follow: bool,
}

/// What `releases` is told
#[derive(Clone, Debug, Args)]
pub struct ReleasesArgs {
    /// The stage
    #[command(flatten)]
    pub selection: Selection,
    /// Show every release, not only the last twenty
    #[arg(long)]
    pub all: bool,
    /// Form of the answer on stdout
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// What `diff` is told
#[derive(Clone, Debug, Args)]
pub struct DiffArgs {
    /// The stage
    #[command(flatten)]
    pub selection: Selection,
    /// The one release: an id that `releases` shows, or how it begins
    #[arg(value_name = "A")]
    pub from: ReleaseId,
    /// The other release [default: the live one]
    #[arg(value_name = "B")]
    pub to: Option<ReleaseId>,
    /// Form of the answer on stdout
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// What `rollback` is told
#[derive(Clone, Debug, Args)]
pub struct RollbackArgs {
    /// The stage, and the form of the answer
    #[command(flatten)]
    pub stage: StageArgs,
    /// The release: an id that `releases` shows, or how it begins [default: the one before the live one]
    #[arg(value_name = "ID")]
    pub release: Option<ReleaseId>,
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

/// What `outputs` is told
#[derive(Clone, Debug, Args)]
pub struct OutputsArgs {
    /// The stage
    #[command(flatten)]
    pub selection: Selection,
    /// Form of the answer on stdout
    #[arg(long, value_enum, default_value_t = OutputsFormat::Env)]
    pub format: OutputsFormat,
}

/// Form of the outputs
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputsFormat {
    /// Lines KEY='value' that a POSIX shell can source
    Env,
    /// One JSON document
    Json,
    /// Lines for the file that $GITHUB_OUTPUT names
    Github,
}

/// What `policy` is told
#[derive(Clone, Debug, Args)]
pub struct PolicyArgs {
    /// The stage
    #[command(flatten)]
    pub selection: Selection,
    /// Also print the trust policy for the workflows of a GitHub repository
    #[arg(long, value_name = "OWNER/REPO")]
    pub github: Option<Repository>,
    /// The GitHub environment whose jobs may deploy [default: the stage's name]
    #[arg(long, value_name = "NAME", requires = "github")]
    pub environment: Option<Environment>,
    /// Form of the answer on stdout
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// What `doctor` is told
#[derive(Clone, Debug, Args)]
pub struct DoctorArgs {
    /// The stage
    #[command(flatten)]
    pub selection: Selection,
    /// Form of the answer on stdout
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}
