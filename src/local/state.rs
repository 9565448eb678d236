//! The folder of a local stage: the paths of its files, and how its JSON files are read and written.
//! A file is replaced as a whole or not at all, and one that cannot be understood counts as absent.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::file;

/// A file's content as far as it can be understood.
#[derive(Debug, PartialEq)]
pub(super) enum Saved<T> {
    Absent,
    /// There is a file, but not of ours, or cut short.
    Damaged,
    Read(T),
}

impl<T> Saved<T> {
    /// Returns the content, if there is any.
    pub(super) fn ok(self) -> Option<T> {
        match self {
            Self::Read(content) => Some(content),
            Self::Absent | Self::Damaged => None,
        }
    }
}

/// The folder `.factory-tree/<stage>@<configuration file>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StateFolder(PathBuf);

impl StateFolder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The ports that this stage uses. The file that makes the folder a stage's.
    pub(super) fn ports(&self) -> PathBuf {
        self.0.join("ports.json")
    }

    /// The parts that the supervisor is to run.
    pub(super) fn parts(&self) -> PathBuf {
        self.0.join("parts.json")
    }

    /// The parts that the supervisor runs.
    pub(super) fn running(&self) -> PathBuf {
        self.0.join("running.json")
    }

    /// Where the edge sends each host.
    pub(super) fn routes(&self) -> PathBuf {
        self.0.join("routes.json")
    }

    /// When the last deploy released something to the stage, or found it released.
    pub(super) fn deployed(&self) -> PathBuf {
        self.0.join("deployed.json")
    }

    /// The process that serves the site while somebody develops it.
    pub(super) fn vite(&self) -> PathBuf {
        self.0.join("vite.json")
    }

    /// The user that signs in on this machine, with the password.
    pub(super) fn user(&self) -> PathBuf {
        self.0.join("user.json")
    }

    /// The server's bundles, environment file and credentials.
    pub(super) fn server(&self) -> PathBuf {
        self.0.join("server")
    }

    /// `TMPDIR` of every process of the stage. Nothing else has it, so it is also the mark by which a
    /// process is known to belong to the stage, the Lambdas that the emulator starts among them.
    pub(super) fn temporary(&self) -> PathBuf {
        self.0.join("tmp")
    }

    /// Held by the one supervisor.
    pub(super) fn supervisor_lock(&self) -> PathBuf {
        self.0.join("supervisor.lock")
    }

    pub(super) fn log(&self, part: &str) -> PathBuf {
        self.0.join(format!("{part}.log"))
    }

    /// Returns the stage's name, for messages.
    pub(super) fn stage(&self) -> String {
        let name = self.0.file_name().unwrap_or_default().to_string_lossy();
        let stage = name.split('@').next().unwrap_or_default();
        stage.to_owned()
    }

    /// Makes the folder. Only its owner may look into it: it holds credentials.
    pub(super) fn create(&self) -> Result<()> {
        create_folder(&self.temporary())
    }

    /// Opens a log to write at its end.
    pub(super) fn open_log(&self, part: &str) -> io::Result<File> {
        OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(self.log(part))
    }

    /// Returns the last lines of a log, for an error.
    pub(super) fn log_end(&self, part: &str) -> String {
        last_lines(&self.log(part))
    }
}

/// Makes a folder and its parents for the owner alone.
pub(super) fn create_folder(path: &Path) -> Result<()> {
    make_folder(path).with_context(|| format!("failed to make folder `{}`", path.display()))
}

/// As `create_folder`, with the `io::Error` for callers that distinguish failures.
pub(super) fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Deletes a folder with everything in it. Returns whether it was there.
pub(super) fn delete_folder(path: &Path) -> Result<bool> {
    match std::fs::remove_dir_all(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => {
            Err(error).with_context(|| format!("failed to delete folder `{}`", path.display()))
        }
    }
}

/// Deletes a file, if it is there.
pub(super) fn delete_file(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("failed to delete `{}`", path.display()))
        }
        _ => Ok(()),
    }
}

pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Saved<T> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_or(Saved::Damaged, Saved::Read),
        Err(error) if error.kind() == ErrorKind::NotFound => Saved::Absent,
        Err(_) => Saved::Damaged,
    }
}

pub(super) fn write<T: Serialize>(path: &Path, content: &T) -> Result<()> {
    write_text(path, &serde_json::to_string_pretty(content)?)
}

/// Replaces a file. A reader sees the old or the new text, and only the owner can read it.
pub(super) fn write_text(path: &Path, text: &str) -> Result<()> {
    file::replace(path, text.as_bytes())
}

/// The size of the part of a log that goes into an error.
const LOG_LINES: usize = 8;

/// Begins the line that is written into a log before each run.
pub(super) const RUN_MARK: &str = "-- ";

/// Returns the last lines of the last run in a log, or nothing if it cannot be read.
pub(super) fn last_lines(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let last_run = lines
        .iter()
        .rposition(|line| line.starts_with(RUN_MARK))
        .map_or(0, |mark| mark + 1);
    lines[last_run.max(lines.len().saturating_sub(LOG_LINES))..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_file_is_read_back_and_only_its_owner_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        write(&path, &vec![1, 2]).unwrap();
        assert_eq!(read(&path), Saved::Read(vec![1, 2]));
        let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_was_cut_short_counts_as_damaged_and_a_missing_one_as_absent() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        assert_eq!(read::<Vec<i32>>(&path), Saved::Absent);
        std::fs::write(&path, "[1,").unwrap();
        assert_eq!(read::<Vec<i32>>(&path), Saved::Damaged);
        std::fs::write(&path, "{\"other\": true}").unwrap();
        assert_eq!(read::<Vec<i32>>(&path).ok(), None);
    }

    #[test]
    fn the_end_of_a_log_is_of_the_last_run_and_has_no_empty_lines() {
        let folder = StateFolder::new(tempfile::tempdir().unwrap().keep());
        std::fs::write(
            folder.log("edge"),
            (0..20).map(|n| format!("line {n}\n\n")).collect::<String>(),
        )
        .unwrap();
        assert!(folder.log_end("edge").starts_with("line 12\nline 13\n"));
        assert_eq!(folder.log_end("server"), "");
        std::fs::write(folder.log("server"), "before\n-- server starts\nnow\n").unwrap();
        assert_eq!(folder.log_end("server"), "now");
        std::fs::remove_dir_all(folder.path()).unwrap();
    }
}
