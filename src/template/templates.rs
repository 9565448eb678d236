//! The templates as the deployer needs them: their text, their parameters' and outputs' names, and
//! the line on which a resource is declared.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::string::FromUtf8Error;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::body::Body;
use super::check::{TemplateFault, faults};
use super::digest::{is_added, with_digest};

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
    pub body: Body,
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
    /// A file that is no UTF-8 is a fault of the stack that needs it.
    files: BTreeMap<String, Result<Body, FromUtf8Error>>,
    /// Files that would be templates if their names ended in `.yaml`.
    strays: Vec<PathBuf>,
}

/// Endings that people give to templates elsewhere.
const OTHER_ENDINGS: [&str; 3] = ["json", "template", "yml"];

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
        let mut strays = Vec::new();
        for entry in std::fs::read_dir(folder).with_context(naming)? {
            let file = entry.with_context(naming)?.path();
            let Some(name) = file.file_stem().and_then(|stem| stem.to_str()) else {
                continue;
            };
            let ending = file.extension().and_then(|ending| ending.to_str());
            let ending = ending.unwrap_or_default();
            if name.starts_with('.') || !file.is_file() {
                continue;
            }
            if ending == "yaml" {
                let body = std::fs::read(&file)
                    .with_context(|| format!("failed to read template `{}`", file.display()))?;
                let body = String::from_utf8(body).map(Body::from);
                files.insert(name.to_owned(), body);
            } else if OTHER_ENDINGS.contains(&ending)
                && std::fs::read_to_string(&file).is_ok_and(|body| is_template(&body.into()))
            {
                strays.push(file);
            }
        }
        strays.sort();
        Ok(Self {
            folder: folder.to_owned(),
            files,
            strays,
        })
    }

    /// Returns the file of a template.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.yaml"))
    }

    /// Returns a template by name, with the parameter and the output `Digest` added where it has none.
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
        let body = body.clone().with_context(naming)?;
        let body = with_digest(&body).unwrap_or(body);
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
        let length = match body {
            Ok(body) => body.len(),
            Err(error) => error.as_bytes().len(),
        };
        if length > limit {
            let why = if limit == MAX_REQUEST_BYTES {
                " in a request; the bucket that larger ones go by is made by this very template"
            } else {
                ""
            };
            let message = format!("it has {length} bytes, and CloudFormation takes {limit}{why}");
            return whole(message, "shorten it, or move resources to another template");
        }
        match body {
            Ok(body) => {
                let found = faults(body);
                if found.is_empty() && with_digest(body).is_none() {
                    return whole(
                        "it declares no parameter and output `Digest`, and its layout leaves no line for them".to_owned(),
                        "declare both, as `templates/data.yaml` does, or begin each section with its name on a line of its own",
                    );
                }
                found
            }
            Err(error) => whole(
                format!("it is no text in UTF-8: {error}"),
                "save it in UTF-8",
            ),
        }
    }

    /// Returns the names of the templates that are not among these.
    pub fn others(&self, used: &BTreeSet<&str>) -> Vec<String> {
        let others = self.files.iter().filter(|(name, body)| {
            !used.contains(name.as_str()) && body.as_ref().is_ok_and(is_template)
        });
        others.map(|(name, _)| name.clone()).collect()
    }

    /// Returns the files that would be templates if their names ended in `.yaml`.
    pub fn strays(&self) -> &[PathBuf] {
        &self.strays
    }
}

/// Returns whether a file is meant as a template. One that cannot be read is, where a line begins as only a template's does:
/// a mistake in a template is not to take its stack away.
fn is_template(body: &Body) -> bool {
    match body.document() {
        Ok(said) => said.get("Resources").is_some(),
        Err(_) => body.lines().any(|line| {
            line.starts_with("Resources:") || line.starts_with("AWSTemplateFormatVersion:")
        }),
    }
}

impl Template {
    /// Takes a template's text apart.
    ///
    /// # Errors
    /// It is no YAML, or parameters and outputs are not where a template has them.
    pub fn parse(file: &Path, body: impl Into<Body>) -> Result<Self> {
        let body = body.into();
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

    /// Returns the line of the file, from 1, that is this line of the text as it is sent.
    pub fn line_in_file(&self, line: usize) -> usize {
        let before = self.body.lines().take(line);
        before.filter(|line| !is_added(line)).count().max(1)
    }

    /// Returns the line of the file, from 1, on which a resource or a parameter is declared.
    pub fn line_of(&self, logical_id: &str) -> Option<usize> {
        let declaration = format!("  {logical_id}:");
        let of_file = self.body.lines().filter(|line| !is_added(line));
        let is_declared = |line: &str| {
            let rest = line.strip_prefix(&declaration);
            rest.is_some_and(|rest| rest.trim().is_empty() || rest.starts_with(" {"))
        };
        let mut of_file = of_file.zip(1..);
        of_file.find_map(|(line, number)| is_declared(line).then_some(number))
    }
}
