//! The templates as the deployer needs them: their text, their parameters' and outputs' names, and
//! the line on which a resource is declared.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::check::{TemplateFault, faults};
use super::document::document;

/// The largest template that CloudFormation takes in a request, in bytes.
/// Source: AWS CloudFormation User Guide, "CloudFormation quotas", "Template body size in a request".
pub const MAX_REQUEST_BYTES: usize = 51_200;

/// The prefix of the keys of templates in the artifact bucket. CloudFormation keeps a copy of what it has read.
pub const TEMPLATES: &str = "templates/";

/// The largest template that CloudFormation reads from a bucket, in bytes.
/// Source: AWS CloudFormation User Guide, "CloudFormation quotas", "Template body size in an Amazon S3 object": 1 MB, which
/// the service counts as this.
pub const MAX_OBJECT_BYTES: usize = 1_000_000;

/// A CloudFormation template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Where it was read.
    pub file: PathBuf,
    /// As it is sent.
    pub body: String,
    /// The parameters that it declares, with their defaults.
    pub parameters: BTreeMap<String, Option<String>>,
    /// The outputs that it declares.
    pub outputs: Vec<String>,
}

/// The files of a project's folder of templates by name, the name being the file's without `.yaml`. What else lies there
/// hinders nobody: a file is taken for a template when a stack asks for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Templates {
    folder: PathBuf,
    files: BTreeMap<String, Vec<u8>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Sections {
    #[serde(default)]
    parameters: BTreeMap<String, Declaration>,
    #[serde(default)]
    outputs: BTreeMap<String, IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Declaration {
    default: Option<String>,
}

impl Templates {
    /// Reads the files of a folder that may be templates.
    ///
    /// # Errors
    /// The folder or a file cannot be read; it is named.
    pub fn read(folder: &Path) -> Result<Self> {
        let naming = || format!("failed to read the templates in `{}`", folder.display());
        let mut files = BTreeMap::new();
        for entry in std::fs::read_dir(folder).with_context(naming)? {
            let file = entry.with_context(naming)?.path();
            let Some(name) = file.file_stem().and_then(|stem| stem.to_str()) else {
                continue;
            };
            let is_yaml = file.extension().is_some_and(|ending| ending == "yaml");
            if is_yaml && !name.starts_with('.') && file.is_file() {
                let body = std::fs::read(&file)
                    .with_context(|| format!("failed to read template `{}`", file.display()))?;
                files.insert(name.to_owned(), body);
            }
        }
        Ok(Self {
            folder: folder.to_owned(),
            files,
        })
    }

    /// Returns the file of a template.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.yaml"))
    }

    /// Returns a template by name.
    ///
    /// # Errors
    /// There is none, or it has faults that make it none.
    pub fn get(&self, name: &str) -> Result<Template> {
        let file = self.file(name);
        let naming = || format!("failed to read template `{}`", file.display());
        let body = self
            .files
            .get(name)
            .with_context(|| format!("there is no template `{}`", file.display()))?;
        let body = String::from_utf8(body.clone()).with_context(naming)?;
        Template::parse(&file, body).with_context(naming)
    }

    /// Finds the faults of a template that can be seen without CloudFormation. `limit` is the most bytes that it may have.
    pub fn faults(&self, name: &str, limit: usize) -> Vec<TemplateFault> {
        let whole = |message: String, cure: &str| {
            let (line, cure) = (1, cure.to_owned());
            vec![TemplateFault {
                line,
                message,
                cure,
            }]
        };
        let Some(body) = self.files.get(name) else {
            let message = format!("there is no template `{name}.yaml`, which a stack needs");
            return whole(
                message,
                "restore the file, or set `templates` in factory-tree.yaml to the folder that has it",
            );
        };
        if body.len() > limit {
            let why = if limit == MAX_REQUEST_BYTES {
                " in a request; the bucket that larger ones go by is made by this very template"
            } else {
                ""
            };
            let message = format!(
                "it has {} bytes, and CloudFormation takes {limit}{why}",
                body.len()
            );
            return whole(message, "shorten it, or move resources to another template");
        }
        match std::str::from_utf8(body) {
            Ok(body) => faults(body),
            Err(error) => whole(
                format!("it is no text in UTF-8: {error}"),
                "save it in UTF-8",
            ),
        }
    }

    /// Returns the files that are templates and whose names are not among these.
    pub fn unused(&self, used: &[&str]) -> Vec<PathBuf> {
        let others = self.files.iter().filter(|(name, body)| {
            let is_template = || {
                let body = std::str::from_utf8(body).unwrap_or_default();
                document(body).is_ok_and(|said| said.get("Resources").is_some())
            };
            !used.contains(&name.as_str()) && is_template()
        });
        others.map(|(name, _)| self.file(name)).collect()
    }
}

impl Template {
    /// Takes a template's text apart.
    ///
    /// # Errors
    /// It is no YAML, or parameters and outputs are not where a template has them.
    pub fn parse(file: &Path, body: String) -> Result<Self> {
        let sections: Sections = serde_yaml::from_str(&body)?;
        let parameters = sections.parameters.into_iter();
        Ok(Self {
            file: file.to_owned(),
            parameters: parameters
                .map(|(name, declared)| (name, declared.default))
                .collect(),
            outputs: sections.outputs.into_keys().collect(),
            body,
        })
    }

    /// Returns the line, from 1, on which a resource is declared.
    pub fn line_of(&self, logical_id: &str) -> Option<usize> {
        let declaration = format!("  {logical_id}:");
        let line = self
            .body
            .lines()
            .position(|line| line.trim_end() == declaration)?;
        Some(line + 1)
    }
}
