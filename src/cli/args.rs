//! The arguments of each verb, beside the stage.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{Output, ReportArgs, Selection, StageArgs};
use crate::aws::DeploymentMode;
use crate::commands::completions::Shell;
use crate::config::{BakeTime, EmailAddress, UserName};
use crate::invoke::Function;
use crate::logs::{Level, LogFilter, LogSource, Pattern, Since};
use crate::policy::{Environment, PolicyPurpose, Repository};
use crate::provision::SkipRule;
use crate::provision::{ImageChoice, OnBusy, Options, VerifyMode};
use crate::release::ReleaseId;

/// Arguments of `deploy`
#[derive(Clone, Debug, Args)]
pub struct DeployArgs {
    /// The stage, and the form of the answer
    #[command(flatten)]
    pub stage: ReportArgs,
    /// Wait for another operation that runs on a stack, or fail
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
    /// Give the servers the newest image of Amazon Linux now, and not with the next change of their stack
    #[arg(long)]
    pub new_image: bool,
    /// Let resources that hold data be replaced or deleted
    #[arg(long)]
    pub allow_replacement: bool,
    /// Delete at once the site's files that only earlier releases have; these can then not be restored
    #[arg(long)]
    pub prune_now: bool,
    /// Watch the alarms of the stage for this long after a change: a number with s, m or h [default: `bake_minutes` of the stage]
    ///
    /// CloudFormation watches the alarms of each stack that it updates, and rolls the update back when one goes off. When
    /// everything is live, the deploy watches all alarms of the stage, and fails when one goes off.
    #[arg(long, value_name = "SPAN")]
    pub bake: Option<BakeTime>,
    /// Put the factories of this JSON file into the tree when everything works; what was put there before is left alone
    #[arg(long, value_name = "FILE")]
    pub seed: Option<PathBuf>,
    /// Restore the last good release when this one fails [default: `undo_on_failure` of the stage]
    ///
    /// A deploy fails when a stack, the release or its proof does. Nothing is asked, also for a protected stage, and the
    /// exit code is 1. Templates and settings of stacks stay as this deploy left them.
    #[arg(long)]
    pub undo_on_failure: bool,
}

impl DeployArgs {
    /// Returns how the stacks are to be provisioned.
    pub fn options(&self) -> Options {
        Options {
            on_busy: self.on_busy,
            verify: if self.verify {
                VerifyMode::AskCloudFormation
            } else {
                VerifyMode::TrustDigest
            },
            mode: if self.express {
                DeploymentMode::Express
            } else {
                DeploymentMode::Standard
            },
            bake: self.bake.unwrap_or_default(),
            image: image(self.new_image),
        }
    }

    /// Returns the arguments of a deploy without options.
    pub fn of(args: &ReportArgs) -> Self {
        Self {
            stage: args.clone(),
            on_busy: OnBusy::Wait,
            verify: false,
            new_image: false,
            express: false,
            plan: None,
            allow_replacement: false,
            prune_now: false,
            bake: None,
            seed: None,
            undo_on_failure: false,
        }
    }
}

fn image(new_image: bool) -> ImageChoice {
    if new_image {
        ImageChoice::Newest
    } else {
        ImageChoice::Kept
    }
}

/// Arguments of `build`
#[derive(Clone, Debug, Args)]
pub struct BuildArgs {
    /// The stage
    #[command(flatten)]
    pub selection: Selection,
    /// Form of the answer on stdout
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// Arguments of `invoke`
#[derive(Clone, Debug, Args)]
pub struct InvokeArgs {
    /// The Lambda to run: `api`, `publisher`, or the folder of your own below `lambdas/`
    pub function: Function,
    /// The event, as the JSON that Lambda would pass to the function
    #[arg(long, value_name = "FILE")]
    pub event: PathBuf,
    /// The stage
    #[command(flatten)]
    pub selection: Selection,
    /// Form of the answer on stdout; as text, it is what the Lambda answers
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// Arguments of `plan`
#[derive(Clone, Debug, Args)]
pub struct PlanArgs {
    /// The stage, and the form of the answer
    #[command(flatten)]
    pub stage: ReportArgs,
    /// Write the plan to a file, for `deploy --plan`
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Give the servers the newest image of Amazon Linux now, and not with the next change of their stack
    #[arg(long)]
    pub new_image: bool,
    /// Exit with 0 if there is nothing to do, 2 if there is something, 1 if the configuration is wrong
    #[arg(long)]
    pub detailed_exitcode: bool,
}

impl PlanArgs {
    /// Returns when servers are to get the newest image.
    pub fn image(&self) -> ImageChoice {
        image(self.new_image)
    }
}

/// Arguments of `recover`
#[derive(Clone, Debug, Args)]
pub struct RecoverArgs {
    /// The stage, and the form of the answer
    #[command(flatten)]
    pub stage: StageArgs,
    /// Leave a resource as it is when the undoing of an update is continued; may be repeated
    #[arg(long, value_name = "STACK:RESOURCE")]
    pub skip: Vec<SkipRule>,
}

/// Arguments of `status`
#[derive(Clone, Debug, Args)]
pub struct StatusArgs {
    /// The stage, and the form of the answer
    #[command(flatten)]
    pub stage: ReportArgs,
    /// Also look for resources that are no longer as their template says; takes CloudFormation a while
    #[arg(long)]
    pub drift: bool,
    /// Look again every few seconds, until Ctrl-C
    #[arg(long)]
    pub watch: bool,
}

/// Arguments of `teardown`
#[derive(Clone, Debug, Args)]
pub struct TeardownArgs {
    /// The stage, and the form of the answer
    #[command(flatten)]
    pub stage: StageArgs,
    /// Take down every stage whose last deploy is longer ago than its `expires_after`
    ///
    /// The stages are listed first, with age and costs. `--stage` limits it to one key of the configuration file, such as
    /// `preview-*`.
    #[arg(long)]
    pub expired: bool,
}

/// Arguments of `logs`
#[derive(Clone, Debug, Args)]
pub struct LogsArgs {
    /// The stage, and the form of the answer
    #[command(flatten)]
    pub stage: ReportArgs,
    /// Only what this source writes: `api`, `publisher`, `access` (a line for each request), `server`, `events` (the Event
    /// API), or the name of an own template; may be given more than once [default: all]
    #[arg(long, value_name = "SOURCE", value_delimiter = ',')]
    pub source: Vec<LogSource>,
    /// Read what was logged since this long ago: a number with s, m, h or d
    #[arg(long, value_name = "SPAN", default_value = "10m")]
    pub since: Since,
    /// Go on with what is still to come, until Ctrl-C; as JSON, one document a line
    #[arg(long)]
    pub follow: bool,
    /// Only lines of this level and worse, and lines that have none, such as a panic
    #[arg(long, value_enum, value_name = "LEVEL")]
    pub level: Option<Level>,
    /// Only lines whose message and fields match this regular expression
    #[arg(long, value_name = "REGEX")]
    pub grep: Option<Pattern>,
    /// Also the lines in which Lambda itself says that an invocation starts, ends and what it took
    #[arg(long)]
    pub platform: bool,
}

impl LogsArgs {
    /// Returns which lines are shown.
    pub fn filter(&self) -> LogFilter {
        LogFilter {
            platform: self.platform,
            level: self.level,
            grep: self.grep.clone(),
        }
    }
}

/// Arguments of `releases`
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

/// Arguments of `diff`
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

/// Arguments of `rollback`
#[derive(Clone, Debug, Args)]
pub struct RollbackArgs {
    /// The stage, and the form of the answer
    #[command(flatten)]
    pub stage: StageArgs,
    /// The release: an id that `releases` shows, or how it begins [default: the one before the live one]
    #[arg(value_name = "ID")]
    pub release: Option<ReleaseId>,
}

/// Arguments of `outputs`
#[derive(Clone, Debug, Args)]
pub struct OutputsArgs {
    /// The stage
    #[command(flatten)]
    pub selection: Selection,
    /// Form of the answer on stdout
    // `--format` is its name in scripts of before.
    #[arg(long, alias = "format", value_enum, default_value_t = OutputsFormat::Env)]
    pub output: OutputsFormat,
}

/// Form of the outputs
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputsFormat {
    /// Lines KEY='value' that a POSIX shell can source
    Env,
    /// One JSON document
    Json,
    /// Lines for the file that GITHUB_OUTPUT names
    Github,
}

/// Arguments of `policy`
#[derive(Clone, Debug, Args)]
pub struct PolicyArgs {
    /// The stage
    #[command(flatten)]
    pub selection: Selection,
    /// Purpose of the role
    #[arg(long = "for", value_enum, value_name = "PURPOSE", default_value_t)]
    pub purpose: PolicyPurpose,
    /// Also print the trust policy for the workflows of a GitHub repository; the ids stand in its tokens
    #[arg(long, value_name = "OWNER@ID/REPO@ID")]
    pub github: Option<Repository>,
    /// The GitHub environment whose jobs may take the role [default: the stage's name]
    #[arg(long, value_name = "NAME", requires = "github")]
    pub environment: Option<Environment>,
    /// Form of the answer on stdout
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// Arguments of `users`
#[derive(Clone, Debug, Args)]
pub struct UsersArgs {
    /// The change of the users
    #[command(subcommand)]
    pub action: UsersAction,
}

/// A change of the users, or their list
#[derive(Clone, Debug, Subcommand)]
pub enum UsersAction {
    /// Make somebody an editor; a new user gets an e-mail with a password for the first time
    Add(AddUserArgs),
    /// Delete a user; who has signed in may write for five minutes more
    Remove(RemoveUserArgs),
    /// List every user, and who of them may change the tree
    List(ReportArgs),
}

/// Arguments of `users add`
#[derive(Clone, Debug, Args)]
pub struct AddUserArgs {
    /// The name to sign in with; each factory shows who changed it last by it
    pub name: UserName,
    /// Where the invitation goes, and later what a forgotten password needs
    #[arg(long, value_name = "ADDRESS")]
    pub email: EmailAddress,
    /// The stage, and the form of the answer
    #[command(flatten)]
    pub stage: ReportArgs,
}

/// Arguments of `users remove`
#[derive(Clone, Debug, Args)]
pub struct RemoveUserArgs {
    /// The name
    pub name: UserName,
    /// The stage, and the form of the answer
    #[command(flatten)]
    pub stage: StageArgs,
}

/// Arguments of `doctor`
#[derive(Clone, Debug, Args)]
pub struct DoctorArgs {
    /// The stage
    #[command(flatten)]
    pub selection: Selection,
    /// Form of the answer on stdout
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// Arguments of `open`
#[derive(Clone, Debug, Args)]
pub struct OpenArgs {
    /// The stage
    #[command(flatten)]
    pub selection: Selection,
    /// Form of the answer on stdout; a browser is started with text only
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// Arguments of `ssh`
#[derive(Clone, Debug, Args)]
pub struct SshArgs {
    /// The stage
    #[command(flatten)]
    pub selection: Selection,
    /// The server, one of those that are listed [default: the first that is in service]
    #[arg(long, value_name = "ID")]
    pub server: Option<String>,
    /// Form of the answer on stdout; a session is started with text only
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// Arguments of `validate`
#[derive(Clone, Debug, Args)]
pub struct ValidateArgs {
    /// The stage
    #[command(flatten)]
    pub selection: Selection,
    /// Form of the answer on stdout
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
}

/// Arguments of `completions`
#[derive(Clone, Copy, Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
    /// Write the script where the shell looks for it, below XDG_DATA_HOME, and say where
    #[arg(long)]
    pub install: bool,
}
