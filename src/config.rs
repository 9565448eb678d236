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
mod settings;
mod stage_prefix;
mod target;
pub mod terminal;
mod user;
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
pub use settings::{
    BuildProfile, Hosting, ParameterSetting, ServerNetwork, Servers, StageSettings,
};
pub use stage_prefix::{KEPT_CHARACTERS, OtherStage, STACKS, kept};
pub use target::{Architecture, BuildTarget};
pub use user::{EmailAddress, UserName};
pub use value::{AccountId, DomainName, HostedZoneId, Region, StackPrefix, StageName, ZoneName};

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
    /// The other stages of the file that are in AWS, where names of stacks may meet.
    pub other_stages: Vec<OtherStage>,
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
        project.check_prefixes(file)?;
        let network = match settings.value.hosting {
            Hosting::Aws => Network::read()?,
            Hosting::Local => Network::default(),
        };
        let other_stages = project.stages.iter();
        let other_stages = other_stages
            .filter(|(other, stage)| **other != name && stage.value.hosting == Hosting::Aws)
            .map(|(other, stage)| OtherStage {
                name: other.clone(),
                domain: stage.value.domain.clone(),
            })
            .collect();
        let file = std::path::absolute(file)?;
        let folder = file.parent().map(Path::to_owned).unwrap_or_default();
        Ok(Self {
            file,
            root: folder.join(&project.source).components().collect(),
            templates: folder.join(&project.templates).components().collect(),
            name: project.name,
            stage: name,
            settings: settings.value.clone(),
            other_stages,
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
        format!("{}{template}", self.name.of_stage(&self.stage))
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

    /// Refuses two stages in AWS whose resources no policy could tell apart.
    fn check_prefixes(&self, file: &Path) -> Result<(), UserError> {
        let in_aws = |stage: &StageSettings| stage.hosting == Hosting::Aws;
        let stages = self.stages.iter().filter(|(_, stage)| in_aws(&stage.value));
        let stages: Vec<_> = stages.collect();
        for (place, (name, stage)) in stages.iter().enumerate() {
            for (other, _) in &stages[..place] {
                let prefixes = (self.name.of_stage(other), self.name.of_stage(name));
                let Some(reason) = stage_prefix::clash(&prefixes.0, &prefixes.1) else {
                    continue;
                };
                return Err(UserError::Config {
                    file: file.to_owned(),
                    line: stage.referenced.line(),
                    column: stage.referenced.column(),
                    message: format!(
                        "a policy of stage `{other}` would reach the resources of stage `{name}`: {reason}"
                    ),
                    hint: "give the project a shorter `name`, or one of the stages another; take a stage that is deployed \
                           down first, from a file in which it is alone"
                        .to_owned(),
                });
            }
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

/// Returns the JSON Schema of `factory-tree.yaml`, for editors.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Project)
}

#[cfg(test)]
mod tests;
