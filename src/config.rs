//! In: the flags and `factory-tree.yaml`. Out: a `Config` of checked types for one stage, or an error
//! with file, line, column and cure. After this nobody checks a setting again; no other module reads
//! the environment.

mod bake_time;
mod ci;
mod credentials;
mod environment;
mod file;
mod home;
mod misread;
mod network;
mod target;
pub mod terminal;
mod value;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_yaml::Spanned;
use sha2::{Digest, Sha256};

use crate::content::hex;
use crate::error::UserError;
pub use bake_time::{BakeTime, InvalidBakeTime, MOST_MINUTES};
pub use ci::ContinuousIntegration;
pub use credentials::{CredentialFault, CredentialSources};
pub use environment::{CompilerEnvironment, stage_of_environment};
pub use file::file;
pub use home::data_folder;
pub use network::{Network, Proxy};
pub use target::{Architecture, BuildTarget};
pub use value::{AccountId, DomainName, HostedZoneId, Region, StackPrefix, StageName};

/// The region whose certificates CloudFront accepts, wherever the stage is.
/// Source: CloudFront Developer Guide, "Requirements for using SSL/TLS certificates with CloudFront".
pub const CLOUDFRONT_REGION: &str = "us-east-1";

/// Returns the variables of this environment that Vite builds into the site, sorted: those with its default prefix.
/// Source: Vite's documentation, "Env Variables and Modes".
pub fn site_variables() -> Vec<(String, String)> {
    let variables = std::env::vars_os();
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    let mut variables: Vec<_> = variables
        .map(|(name, value)| (text(name), text(value)))
        .filter(|(name, _)| name.starts_with("VITE_"))
        .collect();
    variables.sort();
    variables
}

/// Everything that a command needs to know of one stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The configuration file: an absolute path.
    pub file: PathBuf,
    /// The folder with the sources: `Cargo.toml`, `site/`, and where `.factory-tree/` is kept.
    pub root: PathBuf,
    /// The folder with the CloudFormation templates.
    pub templates: PathBuf,
    /// Prefix of all stack names.
    pub name: StackPrefix,
    /// The stage.
    pub stage: StageName,
    /// The stage's settings.
    pub settings: StageSettings,
    /// The way to the internet; a stage on this machine takes none.
    pub network: Network,
}

impl Config {
    /// Reads the file and picks the stage.
    ///
    /// # Errors
    /// `UserError::NoConfig`, `UserError::Config` with the place of the fault, `UserError::UnknownStage`,
    /// `UserError::Variable`.
    pub fn load(file: &Path, stage: Option<&str>) -> Result<Self> {
        let text = match std::fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(UserError::NoConfig(file.to_owned()).into());
            }
            Err(error) => {
                return Err(error).with_context(|| format!("failed to read `{}`", file.display()));
            }
        };
        let mut config = Self::parse(&text, file, stage)?;
        config.root = config.root.canonicalize().map_err(|error| {
            let source = text.lines().position(|line| line.starts_with("source:"));
            let line = source.map_or(1, |line| line as u64 + 1);
            UserError::Config {
                file: file.to_owned(),
                line,
                column: 1,
                message: format!(
                    "`source` is `{}`, which cannot be opened: {error}",
                    config.root.display()
                ),
                hint: "name the folder with `Cargo.toml` and `site/`, relative to this file"
                    .to_owned(),
            }
        })?;
        // A folder of templates that is not there stops only those who read templates.
        config.templates = config.templates.canonicalize().unwrap_or(config.templates);
        Ok(config)
    }

    fn parse(text: &str, file: &Path, stage: Option<&str>) -> Result<Self> {
        let project: Project =
            serde_yaml::from_str(text).map_err(|error| misread::misread(file, text, &error))?;
        let wanted = stage.map_or_else(|| project.default_stage.to_string(), str::to_owned);
        let known = || project.stages.keys().map(ToString::to_string).collect();
        let unknown = || UserError::UnknownStage {
            stage: wanted.clone(),
            file: file.to_owned(),
            known: known(),
        };
        let name: StageName = wanted.parse().map_err(|_| unknown())?;
        let settings = project.stages.get(&name).ok_or_else(unknown)?;
        settings.value.check().map_err(|(message, hint)| {
            let (line, column) = (settings.referenced.line(), settings.referenced.column());
            UserError::Config {
                file: file.to_owned(),
                line,
                column,
                message: format!("stage `{name}`: {message}"),
                hint,
            }
        })?;
        project.check_domains(file)?;
        let network = match settings.value.hosting {
            Hosting::Aws => Network::read()?,
            Hosting::Local => Network::default(),
        };
        let file = std::path::absolute(file)?;
        let folder = file.parent().map(Path::to_owned).unwrap_or_default();
        Ok(Self {
            file,
            root: folder.join(&project.source).components().collect(),
            templates: folder.join(&project.templates).components().collect(),
            name: project.name,
            stage: name,
            settings: settings.value.clone(),
            network,
        })
    }

    /// Returns the folder in which this machine keeps the state of the stage, for example
    /// `.factory-tree/local@1f0c52ab`. The part behind the `@` identifies the configuration file, because two files may
    /// share their sources and a stage's name, and are two stages all the same.
    pub fn state_folder(&self) -> PathBuf {
        let name = format!("{}@{}", self.stage, self.file_id());
        self.root.join(".factory-tree").join(name)
    }

    /// Returns the state folder of versions up to 0.1.0, which did not distinguish configuration files.
    pub fn former_state_folder(&self) -> PathBuf {
        self.root.join(".factory-tree").join(self.stage.as_str())
    }

    /// Identifies the configuration file, however its path is written: the first 32 bits of the SHA-256 of its path, in
    /// hex. The path starts at the sources where the file is among them, so that a checkout may be moved.
    fn file_id(&self) -> String {
        let canonical = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let (file, root) = (canonical(&self.file), canonical(&self.root));
        let path = file.strip_prefix(&root).unwrap_or(&file);
        hex(&Sha256::digest(path.as_os_str().as_encoded_bytes())[..4])
    }

    /// Returns the name of one of the stage's stacks.
    pub fn stack_name(&self, template: &str) -> String {
        format!("{}-{}-{template}", self.name, self.stage)
    }
}

/// `factory-tree.yaml`: the project and its stages
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Project {
    /// Prefix of all stack names
    #[serde(default)]
    name: StackPrefix,
    /// The stage that a command without `--stage` means
    #[serde(default)]
    default_stage: StageName,
    /// Folder with the sources (`Cargo.toml`, `site/`), relative to this file
    #[serde(default = "here")]
    source: PathBuf,
    /// Folder with the CloudFormation templates, relative to this file
    #[serde(default = "templates")]
    templates: PathBuf,
    /// The deployment targets by name
    #[schemars(with = "BTreeMap<StageName, StageSettings>")]
    stages: BTreeMap<StageName, Spanned<StageSettings>>,
}

impl Project {
    /// Refuses two stages in AWS with one domain: each would take the other's records and the name of its distribution.
    fn check_domains(&self, file: &Path) -> Result<(), UserError> {
        let mut first = BTreeMap::new();
        for (name, stage) in &self.stages {
            if stage.value.hosting == Hosting::Local {
                continue;
            }
            let Some(other) = first.insert(stage.value.domain.as_str(), name) else {
                continue;
            };
            return Err(UserError::Config {
                file: file.to_owned(),
                line: stage.referenced.line(),
                column: stage.referenced.column(),
                message: format!(
                    "stages `{other}` and `{name}` have the domain `{}`",
                    stage.value.domain
                ),
                hint: format!(
                    "give one of them another, such as `{name}.{}`",
                    stage.value.domain
                ),
            });
        }
        Ok(())
    }
}

fn here() -> PathBuf {
    PathBuf::from(".")
}

fn templates() -> PathBuf {
    PathBuf::from("templates")
}

/// One deployment target
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageSettings {
    /// The domain of the site; `www.`, `api.` and `ws.` are its hosts
    pub domain: DomainName,
    /// Platform of the stage: AWS, or an AWS-compatible endpoint on this machine
    #[serde(default)]
    pub hosting: Hosting,
    /// The region of all stacks (the site's certificate is always in us-east-1)
    pub region: Region,
    /// The AWS account that the stage belongs to; credentials of another one are refused
    #[serde(default)]
    pub account: Option<AccountId>,
    /// An existing public hosted zone of the domain; without it, one is created
    #[serde(default)]
    pub hosted_zone_id: Option<HostedZoneId>,
    /// A protected stage keeps its data on teardown, and its teardown must be confirmed
    #[serde(default)]
    pub protected: bool,
    /// Processor of the Lambdas and the servers; without it, x86_64, and this machine's where it runs them
    #[serde(default)]
    architecture: Option<Architecture>,
    /// Cargo profile of the Lambdas and the server
    #[serde(default)]
    pub profile: BuildProfile,
    /// The loopback port of a stage on this machine; without it, 8080 or the next free one
    #[serde(default)]
    pub port: Option<std::num::NonZeroU16>,
    /// The WebSocket servers
    #[serde(default)]
    pub servers: Servers,
    /// Days that logs are kept (a value that CloudWatch Logs knows)
    #[serde(default = "thirty_days")]
    pub log_retention_days: u16,
    /// Seconds that a fresh release may take until every public address answers with it
    #[serde(default = "three_minutes")]
    pub verify_seconds: u16,
    /// Restore the last good release when a deploy fails, without asking
    #[serde(default)]
    pub undo_on_failure: bool,
    /// Minutes for which the alarms of the stage are watched after a change; at most 180
    #[serde(default)]
    pub bake_minutes: u16,
    /// Number of releases before the live one that keep their artifacts and site files
    #[serde(default = "ten")]
    pub keep_releases: u16,
    /// Where alarms are sent
    #[serde(default)]
    pub alarm_email: Option<String>,
}

fn three_minutes() -> u16 {
    180
}

fn ten() -> u16 {
    10
}

fn thirty_days() -> u16 {
    30
}

/// Platform of a stage
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Hosting {
    /// AWS, or whatever `AWS_ENDPOINT_URL` names
    #[default]
    Aws,
    /// This machine
    Local,
}

/// Cargo profile of what is shipped
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BuildProfile {
    /// Compiled fast; shares every dependency with the deployer's own build
    Dev,
    /// Small and fast
    #[default]
    Release,
}

impl BuildProfile {
    /// Returns the profile's name in `factory-tree.yaml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Release => "release",
        }
    }
}

/// The group of WebSocket servers
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Servers {
    /// EC2 instance type of the stage's architecture; without it, t3.small or t4g.small
    instance_type: Option<String>,
    /// The fewest instances
    pub min: u16,
    /// The most instances
    pub max: u16,
}

impl Default for Servers {
    fn default() -> Self {
        Self {
            instance_type: None,
            min: 2,
            max: 4,
        }
    }
}

/// The retention times that CloudWatch Logs accepts, in days.
/// Source: CloudWatch Logs API, `PutRetentionPolicy`.
const RETENTION_DAYS: [u16; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

impl StageSettings {
    /// Returns the system that the stage's programs run on.
    pub fn target(&self) -> BuildTarget {
        match self.hosting {
            Hosting::Aws => BuildTarget::AmazonLinux(self.architecture()),
            Hosting::Local => BuildTarget::ThisMachine,
        }
    }

    /// Returns the processor that Lambdas and servers have.
    pub fn architecture(&self) -> Architecture {
        let default = match self.hosting {
            Hosting::Aws => Architecture::X86_64,
            Hosting::Local => Architecture::of_this_machine(),
        };
        self.architecture.unwrap_or(default)
    }

    /// Returns the EC2 instance type of the servers.
    pub fn instance_type(&self) -> &str {
        let named = self.servers.instance_type.as_deref();
        named.unwrap_or_else(|| self.architecture().instance_type())
    }

    /// Checks what no single field shows. The error is message and hint.
    fn check(&self) -> Result<(), (String, String)> {
        self.check_servers()?;
        self.check_hosting()
    }

    fn check_servers(&self) -> Result<(), (String, String)> {
        let Servers { min, max, .. } = self.servers;
        if min == 0 || min >= max {
            let message = format!("`servers` has min {min} and max {max}");
            return Err((message, "min must be at least 1, and max greater: a roll-out starts a new server before it stops an old one".to_owned()));
        }
        if !RETENTION_DAYS.contains(&self.log_retention_days) {
            let message = format!("`log_retention_days` is {}", self.log_retention_days);
            return Err((message, format!("use one of {RETENTION_DAYS:?}")));
        }
        if self.bake_minutes > MOST_MINUTES {
            let message = format!("`bake_minutes` is {}", self.bake_minutes);
            let hint = format!("use at most {MOST_MINUTES}: CloudFormation watches no longer");
            return Err((message, hint));
        }
        let (named, ours) = (self.instance_type(), self.architecture());
        if self.hosting == Hosting::Aws && Architecture::of_instance_type(named) != ours {
            let message = format!(
                "`servers.instance_type` is `{named}`, but `architecture` is {}",
                ours.name()
            );
            let hint = format!(
                "use a type such as `{}`, or leave it out",
                ours.instance_type()
            );
            return Err((message, hint));
        }
        Ok(())
    }

    fn check_hosting(&self) -> Result<(), (String, String)> {
        let local_name = self.domain.as_str().ends_with(".localhost");
        match self.hosting {
            Hosting::Local if !local_name => {
                let message = format!(
                    "`domain` is `{}`, but the stage runs on this machine",
                    self.domain
                );
                Err((
                    message,
                    "use a name that ends in `.localhost`, such as `factory-tree.localhost`"
                        .to_owned(),
                ))
            }
            Hosting::Aws if local_name => {
                let message = format!("`domain` is `{}`, which no AWS stage can have", self.domain);
                Err((
                    message,
                    "use a domain that you own, or set `hosting: local`".to_owned(),
                ))
            }
            Hosting::Aws if self.port.is_some() => Err((
                "`port` is set".to_owned(),
                "only a stage with `hosting: local` has a port: remove it".to_owned(),
            )),
            Hosting::Local if self.architecture() != Architecture::of_this_machine() => Err((
                format!(
                    "`architecture` is {}, but this machine's is {}",
                    self.architecture().name(),
                    Architecture::of_this_machine().name()
                ),
                "a stage with `hosting: local` has this machine's: remove it".to_owned(),
            )),
            Hosting::Aws | Hosting::Local => Ok(()),
        }
    }
}

/// Returns the JSON Schema of `factory-tree.yaml`, for editors.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Project)
}

#[cfg(test)]
mod tests;
