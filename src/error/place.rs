//! In: an error that a person can cure. Out: the places in files that are to be corrected, as an editor and CI name them.

use std::path::PathBuf;

use serde::Serialize;

use super::UserError;

/// The place in a file that is to be corrected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// Its line, from 1, where it is known.
    pub line: Option<u64>,
    /// Its column, from 1, where it is known.
    pub column: Option<u64>,
}

/// An error that a tool of the build has reported of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolMessage {
    /// The place that it names.
    pub place: Place,
    /// Its first line.
    pub message: String,
}

/// A fault of a source file, with its place and its cure.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceFault {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The fault, with the name or value.
    pub message: String,
    /// The cure.
    pub cure: String,
}

impl SourceFault {
    fn place(&self) -> Place {
        Place {
            file: self.file.clone(),
            line: self.line.try_into().ok(),
            column: None,
        }
    }
}

impl std::fmt::Display for SourceFault {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            file,
            line,
            message,
            cure,
        } = self;
        write!(
            formatter,
            "{}:{line}: {message}\n    cure: {cure}",
            file.display()
        )
    }
}

impl UserError {
    /// Returns the place that is to be corrected, where the fault is in a file of the project.
    pub fn place(&self) -> Option<Place> {
        match self {
            Self::Build { errors, .. } => errors.first().map(|error| error.place.clone()),
            Self::NoConfig(file)
            | Self::UnknownStage { file, .. }
            | Self::InvalidEventFile { file, .. }
            | Self::InvalidPlanFile { file, .. } => Some(Place {
                file: file.clone(),
                line: None,
                column: None,
            }),
            Self::Config {
                file, line, column, ..
            } => Some(Place {
                file: file.clone(),
                line: Some(*line),
                column: Some(*column),
            }),
            Self::StackFailed { template, line, .. } => Some(Place {
                file: template.clone(),
                line: line.and_then(|line| line.try_into().ok()),
                column: None,
            }),
            Self::DeployUndone { place, .. } => place.clone(),
            Self::Templates { faults }
            | Self::InvalidSeed { faults }
            | Self::SeedRefused { faults, .. } => faults.first().map(SourceFault::place),
            _ => None,
        }
    }

    /// Returns each place that is to be corrected with what is wrong there, where the fault is more than one.
    pub fn places(&self) -> Vec<(Place, String)> {
        let described = |fault: &SourceFault| {
            let SourceFault { message, cure, .. } = fault;
            (fault.place(), format!("{message}\n\ncure: {cure}"))
        };
        match self {
            Self::Templates { faults }
            | Self::InvalidSeed { faults }
            | Self::SeedRefused { faults, .. } => faults.iter().map(described).collect(),
            Self::Build { errors, .. } => errors
                .iter()
                .map(|error| (error.place.clone(), error.message.clone()))
                .collect(),
            _ => Vec::new(),
        }
    }
}
