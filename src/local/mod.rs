//! The platform of a stage: AWS or this machine. In: a `Config`. Out: where the stage's AWS endpoint answers, its public
//! addresses, and its parts' health. Everything that differs between AWS and this machine is decided
//! here and nowhere else: no other module, and no template, asks whether a stage is local.

mod control;
mod edge;
mod emulator;
mod health;
mod instance;
mod lock;
mod parts;
mod port;
mod ports;
mod probe;
mod process;
mod python;
mod roll_out;
mod routes;
mod server;
mod stage;
mod start;
mod state;
mod supervised;
mod supervisor;
#[cfg(test)]
mod test_supervisor;
mod users;
mod venv;
mod vite;

use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::Result;

use crate::aws::{Access, Aws};
use crate::check::Check;
use crate::config::{Config, Hosting, StageSettings};
use crate::error::UserError;
use crate::event::Reporter;
use crate::logs::LogSource;
use crate::urls::{SignInUrls, Urls};
pub use lock::{Lock, lock, wait_for_lock};
pub use stage::LocalStage;
pub use users::LocalUser;
pub use vite::Vite;

/// The stack that only local stages have: the role of the server on this machine.
const INSTANCE_STACK: &str = "instance";

/// Where a stage is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageEndpoint {
    /// The way to the AWS API.
    pub access: Access,
    /// The public addresses.
    pub urls: Urls,
}

/// The state of the port that a local stage wants for its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortState {
    /// The stage's own edge has it.
    Ours(u16),
    /// Nobody has it.
    Free(u16),
    /// Somebody else has it. `fixed`: the settings name it, so the stage cannot take another.
    Taken {
        /// The port.
        port: u16,
        /// Process and pid, as far as they are known.
        by: String,
        /// Whether the settings name it.
        fixed: bool,
    },
}

/// Returns whether a check of a stage's parts says that the AWS-compatible endpoint on this machine is not there: its
/// stacks have gone with it.
pub fn is_dead_endpoint(check: &Check) -> bool {
    check.name == "emulator" && !check.ok
}

/// Returns the name of a Python that the local stage can use.
///
/// # Errors
/// `UserError::Tool`: there is none, it is too old, or it cannot make virtual environments.
pub async fn find_python() -> Result<&'static str> {
    python::find_python(&python::PYTHONS).await
}

/// The inputs of a roll-out of servers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerRelease {
    /// `websocket.tar.gz`.
    pub bundle: PathBuf,
    /// The bundle's content id: equal ids, equal bytes.
    pub build: String,
    /// Output `ServerEnvironment` of the websocket stack: lines `KEY=value`.
    pub environment: String,
    /// Output `ServerPolicyArn` of the websocket stack.
    pub policy_arn: String,
}

/// The platform of a stage.
#[derive(Clone, Debug)]
pub enum Platform {
    /// AWS, or whatever `AWS_ENDPOINT_URL` names.
    Aws {
        /// The stage's addresses.
        urls: Urls,
    },
    /// This machine.
    Local(LocalStage),
}

impl Platform {
    /// Returns the platform of the configured stage.
    pub fn of(config: &Config) -> Self {
        match config.settings.hosting {
            Hosting::Aws => Self::Aws {
                urls: urls_in_aws(&config.settings),
            },
            Hosting::Local => Self::Local(LocalStage::of(config)),
        }
    }

    /// Returns where the stage is reached if nothing has to be started for that: AWS is always there.
    pub fn endpoint_without_start(&self) -> Option<StageEndpoint> {
        match self {
            Self::Aws { urls } => Some(in_aws(urls)),
            Self::Local(_) => None,
        }
    }

    /// Makes the endpoint ready: starts missing parts and restarts those that have ended.
    ///
    /// # Errors
    /// A `UserError` that says which part did not come up, and why.
    pub async fn start(&self, reporter: &dyn Reporter) -> Result<StageEndpoint> {
        match self {
            Self::Aws { urls } => Ok(in_aws(urls)),
            Self::Local(stage) => stage.start(reporter).await,
        }
    }

    /// Returns where the stage is reached, or `None` if nothing of it is there.
    ///
    /// # Errors
    /// The stage's folder cannot be read.
    pub async fn find(&self) -> Result<Option<StageEndpoint>> {
        match self {
            Self::Aws { urls } => Ok(Some(in_aws(urls))),
            Self::Local(stage) => Ok(stage.find()),
        }
    }

    /// Returns the stage to develop on: one whose parts can be exchanged at every save.
    ///
    /// # Errors
    /// `UserError::DevOnAws`: the stage is in AWS, and `dev` runs on local stages only.
    pub fn for_development(self, config: &Config) -> Result<LocalStage> {
        match self {
            Self::Aws { .. } => Err(UserError::DevOnAws(config.stage.to_string()).into()),
            Self::Local(stage) => Ok(stage),
        }
    }

    /// Returns the public addresses that the stage has, or will have when it is started.
    pub fn urls(&self) -> Urls {
        match self {
            Self::Aws { urls } => urls.clone(),
            Self::Local(stage) => stage.expected().urls,
        }
    }

    /// Returns whether what the stage holds may go without a question: a stage on this machine keeps it
    /// in memory only.
    pub fn is_disposable(&self) -> bool {
        matches!(self, Self::Local(_))
    }

    /// Returns the state of the stage's port, or `None` if it has no port: AWS.
    pub fn port(&self) -> Option<PortState> {
        match self {
            Self::Aws { .. } => None,
            Self::Local(stage) => Some(stage.port_state()),
        }
    }

    /// Returns when a stage on this machine was deployed last; `None` in AWS, where its stacks tell, or where nobody knows.
    pub fn deployed_at(&self) -> Option<SystemTime> {
        match self {
            Self::Aws { .. } => None,
            Self::Local(stage) => stage.deployed_at(),
        }
    }

    /// Returns the stacks that a roll-out makes beside the plan. They hold on to what the plan's stacks
    /// made, so a teardown deletes them first.
    pub fn platform_stacks(&self) -> &'static [&'static str] {
        match self {
            Self::Aws { .. } => &[],
            Self::Local(_) => &[INSTANCE_STACK],
        }
    }

    /// Switches servers and routes over to a release; `zone` is the id of the zone that holds the stage's records. Without a
    /// release of the server, the stage has none. Returns whether anything changed. In AWS the auto scaling group does this
    /// when its stack is updated.
    ///
    /// # Errors
    /// The server does not become ready.
    pub async fn roll_out(
        &self,
        aws: &Aws,
        zone: &str,
        server: Option<&ServerRelease>,
        reporter: &dyn Reporter,
    ) -> Result<bool> {
        match self {
            Self::Aws { .. } => Ok(false),
            Self::Local(stage) => stage.roll_out(aws, zone, server, reporter).await,
        }
    }

    /// Stops the servers whose stack is about to be deleted. In AWS they go with their stack.
    ///
    /// # Errors
    /// The stage's parts cannot be changed.
    pub async fn stop_servers(&self) -> Result<()> {
        match self {
            Self::Aws { .. } => Ok(()),
            Self::Local(stage) => stage.stop_server().await.map(drop),
        }
    }

    /// Makes the one user by whom a person tries signing in out on this machine: an editor, whose password is told. In AWS
    /// users are made by `users add` alone.
    ///
    /// # Errors
    /// The endpoint refuses the user.
    pub async fn ensure_user(&self, aws: &Aws, user_pool: &str) -> Result<()> {
        match self {
            Self::Aws { .. } => Ok(()),
            Self::Local(stage) => stage.ensure_user(aws, user_pool).await,
        }
    }

    /// Returns the user that `ensure_user` has made, with the password. In AWS nobody knows one.
    pub fn user(&self) -> Option<LocalUser> {
        match self {
            Self::Aws { .. } => None,
            Self::Local(stage) => stage.user(),
        }
    }

    /// Returns how each part is, within two seconds. In AWS there are no parts of ours.
    pub async fn checks(&self) -> Vec<Check> {
        match self {
            Self::Aws { .. } => Vec::new(),
            Self::Local(stage) => stage.checks().await,
        }
    }

    /// Returns the logs that are kept in files of this machine, by who writes them. Everything else
    /// that writes a log writes it to CloudWatch Logs: the emulator keeps those of the Lambdas, as AWS does.
    pub fn log_files(&self) -> Vec<(LogSource, PathBuf)> {
        match self {
            Self::Aws { .. } => Vec::new(),
            Self::Local(stage) if stage.has_server => vec![(LogSource::SERVER, stage.server_log())],
            Self::Local(_) => Vec::new(),
        }
    }

    /// Returns the process that is the server of a stage on this machine, while it lives: its pid and its log file. In AWS
    /// the servers are instances.
    pub fn server_process(&self) -> Option<(i32, PathBuf)> {
        match self {
            Self::Aws { .. } => None,
            Self::Local(stage) => stage.server_process(),
        }
    }

    /// Stops every process of the stage and deletes its files. Returns a description of each thing removed.
    ///
    /// # Errors
    /// A process does not stop, or a file cannot be deleted.
    pub async fn remove(&self) -> Result<Vec<String>> {
        match self {
            Self::Aws { .. } => Ok(Vec::new()),
            Self::Local(stage) => stage.remove().await,
        }
    }
}

fn urls_in_aws(settings: &StageSettings) -> Urls {
    let (domain, region) = (&settings.domain, &settings.region);
    let sign_in = settings.sign_in.then(|| SignInUrls::secure(domain, region));
    Urls::secure(domain).with_sign_in(sign_in)
}

fn in_aws(urls: &Urls) -> StageEndpoint {
    StageEndpoint {
        access: Access::Environment,
        urls: urls.clone(),
    }
}

/// The program of a background process of a local stage
#[derive(Debug, clap::Subcommand)]
pub enum BackgroundProcess {
    /// Become the supervisor of a stage, without the open files of who starts it
    Start {
        /// The stage's folder
        folder: PathBuf,
    },
    /// Start the parts of a stage and keep account of them
    Supervise {
        /// The stage's folder
        folder: PathBuf,
    },
    /// Route the stage's hosts on one loopback port
    Edge {
        /// The stage's folder
        folder: PathBuf,
        /// The port
        #[arg(long)]
        port: u16,
    },
}

/// Runs a background process until it is asked to stop.
///
/// # Errors
/// Its port is taken, or its folder cannot be read.
pub async fn run_process(process: BackgroundProcess) -> Result<()> {
    match process {
        BackgroundProcess::Start { folder } => control::become_supervisor(&folder),
        BackgroundProcess::Supervise { folder } => {
            supervisor::run_until_signal(&state::StateFolder::new(folder)).await
        }
        BackgroundProcess::Edge { folder, port } => {
            edge::run_until_signal(&state::StateFolder::new(folder), port).await
        }
    }
}
