//! In: the flags and `factory-tree.yaml`. Out: a `Config` of checked types for one stage, or an error
//! with file, line, column and cure. After this nobody checks a setting again; no other module reads
//! the environment.

mod bake_time;
mod ci;
mod contradictions;
mod credentials;
mod environment;
mod expiry;
mod file;
mod home;
mod live;
mod misread;
mod network;
mod selection;
mod settings;
mod stage_pattern;
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
pub use expiry::Expiry;
pub use file::file;
pub use home::data_folder;
pub use live::Live;
pub use network::{Network, Proxy};
use selection::SelectedStage;
pub use settings::{
    BuildProfile, Hosting, ParameterSetting, ServerNetwork, Servers, StageSettings,
};
use stage_pattern::StageKey;
pub use stage_pattern::StagePattern;
pub use stage_prefix::{KEPT_CHARACTERS, OtherStage, STACKS, kept};
pub use target::{Architecture, BuildTarget};
pub use user::{EmailAddress, UserName};
use value::DomainSetting;
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
    /// The pattern of the file that the settings come from, where the stage has no key of its own.
    pub pattern: Option<PatternOfStages>,
    /// Whether the stage stands for all stages of its pattern.
    pub stands_for_all: bool,
    /// The other stages of the file that are in AWS, where names of stacks may meet.
    pub other_stages: Vec<OtherStage>,
    /// The way to the internet; a stage on this machine takes none.
    pub network: Network,
}

/// A pattern of the file, with what all of its stages have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternOfStages {
    /// The pattern.
    pub pattern: StagePattern,
    /// The domains of its stages, with the pattern in the place of a stage's name.
    pub domains: String,
}

impl Config {
    /// Reads the file and picks the stage.
    ///
    /// # Errors
    /// `UserError::NoConfig`, `UserError::Config` with the place of the fault, `UserError::UnknownStage`,
    /// `UserError::StageNameRefused`, `UserError::ManyStages` for a pattern, `UserError::Variable`.
    pub fn load(file: &Path, stage: Option<&str>) -> Result<Self> {
        Self::load_as(file, |project| project.select(file, stage))
    }

    /// Reads the file and picks a stage of a pattern that stands for all of them: what only its name decides says nothing.
    ///
    /// # Errors
    /// As `load`; `UserError::UnknownStage` where the file has no such pattern.
    pub fn load_pattern(file: &Path, pattern: &str) -> Result<Self> {
        let one = Self::load_as(file, |project| project.select_pattern(file, pattern))?;
        Ok(Self {
            stands_for_all: true,
            ..one
        })
    }

    /// Reads the file and picks every stage and pattern whose stages expire, in the order of their names. `only` is the one
    /// of these that is wanted.
    ///
    /// # Errors
    /// As `load`; `UserError::UnknownStage` where the file has no such key.
    pub fn load_expiring(file: &Path, only: Option<&str>) -> Result<Vec<Self>> {
        let text = read(file)?;
        let keys = Project::read(&text, file)?.expiring(file, only)?;
        let load = |key: String| match key.contains('*') {
            true => Self::load_pattern(file, &key),
            false => Self::load(file, Some(&key)),
        };
        keys.into_iter().map(load).collect()
    }

    fn load_as(
        file: &Path,
        select: impl FnOnce(&Project) -> Result<SelectedStage, UserError>,
    ) -> Result<Self> {
        let text = read(file)?;
        let project = Project::read(&text, file)?;
        let selected = select(&project)?;
        let mut config = Self::of(project, file, selected)?;
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

    #[cfg(test)]
    fn parse(text: &str, file: &Path, stage: Option<&str>) -> Result<Self> {
        let project = Project::read(text, file)?;
        let selected = project.select(file, stage)?;
        Self::of(project, file, selected)
    }

    fn of(project: Project, file: &Path, selected: SelectedStage) -> Result<Self> {
        let SelectedStage {
            name,
            settings,
            pattern,
            other_stages,
        } = selected;
        let network = match settings.hosting {
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
            settings,
            pattern,
            stands_for_all: false,
            other_stages,
            network,
        })
    }

    /// Returns the pattern for all of whose stages this one stands, or `None` where it is one stage.
    pub fn all_of_pattern(&self) -> Option<&PatternOfStages> {
        self.pattern.as_ref().filter(|_| self.stands_for_all)
    }

    /// Returns the name of the stage, or of all stages of the pattern for which it stands, as a person would write it.
    pub fn shown_stage(&self) -> String {
        match self.all_of_pattern() {
            Some(of) => of.pattern.to_string(),
            None => self.stage.to_string(),
        }
    }

    /// The same where no star may stand.
    pub fn bare_stage(&self) -> &str {
        match self.all_of_pattern() {
            Some(of) => of.pattern.bare(),
            None => self.stage.as_str(),
        }
    }

    /// Returns the folder in which this machine keeps the state of the stage, for example
    /// `.factory-tree/local@1f0c52ab`. The part behind the `@` identifies the configuration file, because two files may
    /// share their sources and a stage's name, and are two stages all the same.
    pub fn state_folder(&self) -> PathBuf {
        let name = format!("{}@{}", self.stage, self.file_id());
        self.root.join(".factory-tree").join(name)
    }

    /// Returns the names of the stages of this configuration file that have a state folder on this machine.
    pub fn stages_with_state(&self) -> Vec<String> {
        let folder = std::fs::read_dir(self.root.join(".factory-tree"));
        let entries = folder.into_iter().flatten().flatten();
        let ending = format!("@{}", self.file_id());
        let names = entries.filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            is_folder.then(|| name.strip_suffix(&ending).map(str::to_owned))?
        });
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
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
    /// The deployment targets by name, or by a pattern such as `preview-*` that stands for many
    #[schemars(with = "BTreeMap<StageKey, StageSettings<DomainSetting>>")]
    stages: BTreeMap<StageKey, Spanned<StageSettings<DomainSetting>>>,
}

fn read(file: &Path) -> Result<String> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(UserError::NoConfig(file.to_owned()).into())
        }
        Err(error) => Err(error).with_context(|| format!("failed to read `{}`", file.display())),
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
