//! A command's side of the supervisor: writes what is to run, makes sure that a supervisor runs it, and
//! waits until it does.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::Signal;
use tokio::process::Command;

use super::parts::{Parts, RunningParts, SUPERVISOR};
use super::process::wait_for_end;
use super::state::{self, StateFolder};
use super::supervised::STOP_TIMEOUT;
use super::supervisor::own_build;
use crate::error::UserError;

/// The longest time that a supervisor may take to carry out a command: it may have to stop parts first.
const APPLY_TIMEOUT: Duration =
    Duration::from_secs(5).saturating_add(STOP_TIMEOUT.saturating_mul(2));

/// Makes the supervisor run exactly these parts, and returns the running parts.
///
/// # Errors
/// `UserError::PartFailed` if no supervisor does so.
pub(super) async fn apply(folder: &StateFolder, wanted: &Parts) -> Result<RunningParts> {
    let build = own_build()?;
    let running = state::read::<RunningParts>(&folder.running()).ok();
    if let Some(running) = running.filter(|running| is_done(running, wanted, &build)) {
        return Ok(running);
    }
    state::write(&folder.parts(), wanted)?;
    for _attempt in ["with the supervisor there is", "with a new one"] {
        wake_or_replace(folder, &build).await?;
        if let Some(running) = wait_until_done(folder, wanted, &build).await {
            return Ok(running);
        }
        kill_supervisor(folder).await;
    }
    Err(UserError::PartFailed {
        part: SUPERVISOR.to_owned(),
        stage: folder.stage(),
        problem: format!(
            "it does not react to commands. The end of its log:\n{}",
            folder.log_end(SUPERVISOR)
        ),
        log: folder.log(SUPERVISOR),
    }
    .into())
}

fn is_done(running: &RunningParts, wanted: &Parts, build: &str) -> bool {
    is_usable(running, build) && running.has_applied(wanted)
}

/// Returns whether the supervisor runs and is of this build: another build may not understand `parts.json`.
fn is_usable(running: &RunningParts, build: &str) -> bool {
    running
        .living_supervisor()
        .is_some_and(|process| !process.is_stopped())
        && running.executable == build
}

async fn wake_or_replace(folder: &StateFolder, build: &str) -> Result<()> {
    match state::read::<RunningParts>(&folder.running()).ok() {
        Some(running) if is_usable(&running, build) => {
            running.supervisor.signal(Signal::USR1);
            Ok(())
        }
        _ => {
            kill_supervisor(folder).await;
            start_supervisor(folder)
        }
    }
}

/// Kills the supervisor alone: its parts live on, and the next one adopts them.
async fn kill_supervisor(folder: &StateFolder) {
    if let Some(running) = state::read::<RunningParts>(&folder.running()).ok() {
        running.supervisor.kill();
        wait_for_end(&[running.supervisor], STOP_TIMEOUT).await;
    }
}

/// Starts a supervisor that outlives this process and its terminal.
fn start_supervisor(folder: &StateFolder) -> Result<()> {
    let log = folder
        .open_log(SUPERVISOR)
        .context("failed to open the supervisor's log")?;
    let mut command = Command::new(own_program()?);
    command
        .args(["local", "start"])
        .arg(folder.path())
        .current_dir(folder.path());
    command
        .env_clear()
        .env("TMPDIR", folder.temporary())
        .process_group(0);
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    command.spawn().context("failed to start the supervisor")?;
    Ok(())
}

/// Turns this process into the supervisor of a folder. Whatever its caller had open is closed on the way: a process in
/// the background would keep a lock of `flock`, or the end of a pipe, for as long as the stage runs. Returns only to
/// report a failure.
///
/// This process must have nothing else to do: the files of the deploy that starts it may still be needed there, for
/// example those by which `make` limits the jobs of a cargo that it starts. That is why it does not close them itself.
pub(super) fn become_supervisor(folder: &Path) -> Result<()> {
    close_fds::set_fds_cloexec_threadsafe(3, &[]);
    let mut command = std::process::Command::new(own_program()?);
    let error = command.args(["local", "supervise"]).arg(folder).exec();
    Err(error).context("failed to start the supervisor")
}

/// Returns this program's file. After a rebuild the kernel reports it its old name with a mark behind it;
/// the new build has that name.
pub(super) fn own_program() -> Result<PathBuf> {
    let path = std::env::current_exe().context("failed to find this program's own file")?;
    let text = path.to_string_lossy();
    Ok(text
        .strip_suffix(" (deleted)")
        .map_or_else(|| path.clone(), PathBuf::from))
}

async fn wait_until_done(
    folder: &StateFolder,
    wanted: &Parts,
    build: &str,
) -> Option<RunningParts> {
    let deadline = Instant::now() + APPLY_TIMEOUT;
    while Instant::now() < deadline {
        let running = state::read::<RunningParts>(&folder.running()).ok();
        if let Some(running) = running.filter(|running| is_done(running, wanted, build)) {
            return Some(running);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    None
}
