//! The templates as the deployer needs them: their text, their parameters' and outputs' names, and
//! the line on which a resource is declared.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// The largest template that CloudFormation takes in a request, in bytes.
/// Source: AWS CloudFormation quotas, "Template body size in a request".
const MAX_BODY_BYTES: usize = 51_200;

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

/// The templates of a project by name, the name being the file's without `.yaml`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Templates(BTreeMap<String, Template>);

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
    /// Reads every template of a folder.
    ///
    /// # Errors
    /// The folder or a file cannot be read, or a file is no template; the file is named.
    pub fn read(folder: &Path) -> Result<Self> {
        let naming = || format!("failed to read the templates in `{}`", folder.display());
        let mut templates = BTreeMap::new();
        for entry in std::fs::read_dir(folder).with_context(naming)? {
            let file = entry.with_context(naming)?.path();
            let Some(name) = file.file_stem().and_then(|stem| stem.to_str()) else {
                continue;
            };
            if file
                .extension()
                .is_some_and(|extension| extension == "yaml")
            {
                templates.insert(name.to_owned(), Template::read(&file)?);
            }
        }
        Ok(Self(templates))
    }

    /// Returns a template by name.
    ///
    /// # Errors
    /// There is none.
    pub fn get(&self, name: &str) -> Result<&Template> {
        self.0
            .get(name)
            .with_context(|| format!("there is no template `{name}.yaml`"))
    }
}

impl Template {
    fn read(file: &Path) -> Result<Self> {
        let naming = || format!("failed to read template `{}`", file.display());
        let body = std::fs::read_to_string(file).with_context(naming)?;
        if body.len() > MAX_BODY_BYTES {
            bail!(
                "template `{}` has {} bytes, more than CloudFormation's {MAX_BODY_BYTES}",
                file.display(),
                body.len()
            );
        }
        Self::parse(file, body).with_context(naming)
    }

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
