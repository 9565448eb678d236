//! The private Python environment that holds the emulator: `.factory-tree/.venv`, shared by all local
//! stages of a checkout. In: the hashed requirements. Out: an environment that has exactly these. One
//! that was left half made, is of another version, or whose Python is gone, is made again.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result};
use tokio::process::Command;

use super::lock::Lock;
use super::python::{PYTHONS, find_python};
use super::state::{self, StateFolder, delete_folder, last_lines};
use crate::error::UserError;
use crate::event::{Event, Reporter, task};

/// Every package with the hashes of its wheels.
const REQUIREMENTS: &str = include_str!("requirements.txt");

/// The name of the log of an installation, in the stage's folder.
const LOG: &str = "install";

/// The name of the work in progress, for people.
const TASK: &str = "local AWS endpoint";

/// An environment with the packages of the emulator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Venv {
    pub(super) path: PathBuf,
    /// Another one after every installation.
    pub(super) installation: String,
}

/// Returns the folder of the environment that a stage uses.
pub(super) fn path_for(folder: &StateFolder) -> PathBuf {
    // A stage's name has no dot in it.
    home(folder).join(".venv")
}

/// Keeps others from using or changing the environment.
pub(super) async fn lock(folder: &StateFolder) -> Result<Lock> {
    Lock::wait(&home(folder).join(".venv.lock")).await
}

fn home(folder: &StateFolder) -> &Path {
    folder.path().parent().unwrap_or(Path::new("."))
}

/// Makes the environment, or finds it as it must be.
///
/// # Errors
/// `UserError::Tool` if Python is missing, too old or not whole, or if pip cannot install.
pub(super) async fn ensure(folder: &StateFolder, reporter: &dyn Reporter) -> Result<Venv> {
    let _lock = lock(folder).await?;
    let path = path_for(folder);
    if !is_current(&path) {
        task(
            reporter,
            TASK,
            |()| "installed".to_owned(),
            install(folder, &path, reporter),
        )
        .await?;
    }
    let stamp = stamp(&path)
        .metadata()
        .context("failed to look at the Python environment")?;
    Ok(Venv {
        path,
        installation: format!("{}.{:09}", stamp.mtime(), stamp.mtime_nsec()),
    })
}

/// Deletes the environment if no stage of the checkout is left. Returns a description of it if it was deleted.
pub(super) async fn remove_unused(folder: &StateFolder) -> Result<Option<String>> {
    let (home, path) = (home(folder), path_for(folder));
    if !home.exists() {
        return Ok(None);
    }
    let _lock = lock(folder).await?;
    let others =
        std::fs::read_dir(home).with_context(|| format!("failed to list `{}`", home.display()))?;
    if others
        .flatten()
        .any(|entry| StateFolder::new(entry.path()).ports().exists())
    {
        return Ok(None);
    }
    // First, so that a half deleted environment is never taken for a whole one.
    state::delete_file(&stamp(&path))?;
    Ok(delete_folder(&path)?.then(|| format!("the Python environment in {}", path.display())))
}

/// The file that is written last: what was installed, and with which Python.
fn stamp(path: &Path) -> PathBuf {
    path.join("installed.txt")
}

/// Returns whether the environment is whole, and of these requirements.
fn is_current(path: &Path) -> bool {
    match (std::fs::read_to_string(stamp(path)), contents(path)) {
        (Ok(stamped), Some(wanted)) => stamped == wanted,
        _ => false,
    }
}

/// Returns the text of an up-to-date stamp, or `None` if the environment has no Python (any more).
fn contents(path: &Path) -> Option<String> {
    let python = path.join("bin/python").canonicalize().ok()?;
    Some(format!("{}\n{REQUIREMENTS}", python.display()))
}

async fn install(folder: &StateFolder, path: &Path, reporter: &dyn Reporter) -> Result<()> {
    let say = |detail: &str| {
        reporter.report(Event::TaskProgress {
            task: TASK.to_owned(),
            detail: detail.to_owned(),
        });
    };
    let python = find_python(&PYTHONS).await?;
    delete_folder(path)?;
    say("making a Python environment");
    let mut venv = Command::new(python);
    run(folder, python, venv.args(["-m", "venv"]).arg(path)).await?;
    say("installing ministack");
    let requirements = path.join("requirements.txt");
    state::write_text(&requirements, REQUIREMENTS)?;
    let mut pip = Command::new(path.join("bin/python"));
    pip.args([
        "-m",
        "pip",
        "install",
        "--require-hashes",
        "--only-binary",
        ":all:",
        "--no-compile",
    ]);
    pip.args([
        "--no-user",
        "--no-input",
        "--disable-pip-version-check",
        "--requirement",
    ])
    .arg(&requirements);
    run(folder, "pip", &mut pip).await?;
    let stamped = contents(path).context("the Python environment has no Python")?;
    state::write_text(&stamp(path), &stamped)
}

/// Runs one program of the installation with its output in a log.
async fn run(folder: &StateFolder, program: &str, command: &mut Command) -> Result<()> {
    let log = folder
        .open_log(LOG)
        .context("failed to open the log of the installation")?;
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .kill_on_drop(true);
    // Settings for other environments than this one.
    for name in [
        "PYTHONHOME",
        "PYTHONPATH",
        "PIP_TARGET",
        "PIP_PREFIX",
        "PIP_USER",
        "VIRTUAL_ENV",
    ] {
        command.env_remove(name);
    }
    let status = command
        .status()
        .await
        .with_context(|| format!("failed to run `{program}`"))?;
    if status.success() {
        return Ok(());
    }
    let log = folder.log(LOG);
    let problem = format!(
        "could not install the local AWS endpoint ({status}):\n{}",
        reported_errors(&last_lines(&log))
    );
    let hint = format!(
        "its whole output is in {}; is the Python package index reachable? The same command tries again",
        log.display()
    );
    Err(UserError::Tool {
        program: program.to_owned(),
        problem,
        hint,
    }
    .into())
}

/// Returns the lines that pip marks as errors, or all where it marks none.
fn reported_errors(lines: &str) -> String {
    let errors: Vec<&str> = lines
        .lines()
        .filter(|line| line.starts_with("ERROR"))
        .collect();
    if errors.is_empty() {
        lines.to_owned()
    } else {
        errors.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_stamp_is_good_for_these_requirements_and_this_python_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        std::fs::create_dir(path.join("bin")).unwrap();
        assert!(!is_current(path), "there is no Python in it");
        std::fs::write(path.join("python3.11"), "").unwrap();
        std::fs::write(path.join("python3.12"), "").unwrap();
        symlink(path.join("python3.11"), path.join("bin/python")).unwrap();
        assert!(!is_current(path), "it was never finished");
        state::write_text(&stamp(path), &contents(path).unwrap()).unwrap();
        assert!(is_current(path));
        std::fs::remove_file(path.join("bin/python")).unwrap();
        symlink(path.join("python3.12"), path.join("bin/python")).unwrap();
        assert!(!is_current(path), "it is of another Python");
    }

    #[test]
    fn of_what_pip_says_the_errors_are_reported() {
        assert_eq!(
            reported_errors("Looking\nERROR: no match\nERROR: none"),
            "ERROR: no match\nERROR: none"
        );
        assert_eq!(
            reported_errors("No space left\non device"),
            "No space left\non device"
        );
    }

    #[test]
    fn every_requirement_is_pinned_with_hashes_and_names_no_host() {
        let pinned = REQUIREMENTS
            .lines()
            .filter(|line| line.contains("==") && !line.starts_with('#'));
        assert!(pinned.clone().count() >= 20);
        assert!(
            pinned.into_iter().all(|line| line.ends_with('\\')),
            "a requirement without a hash"
        );
        assert!(!REQUIREMENTS.contains("://"));
    }
}
