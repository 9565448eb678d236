//! The background process that starts the parts of a stage and keeps account of them. In: `parts.json`
//! and commands. Out: `running.json`. It never starts a part again by itself: a crash is to be seen in
//! `status`, and the next deploy repairs it. If it is killed, the parts live on and its successor adopts
//! them.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::state::StateFolder;
use super::supervised::SupervisedProcesses;

/// The interval at which the supervisor polls its folder and the parts that are not its children.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// A command to the supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SupervisorCommand {
    /// Start and stop parts until they match `parts.json`.
    Reload,
    /// Stop all parts and end.
    Stop,
}

/// Supervises until SIGTERM. SIGUSR1 reloads; so does SIGHUP, which a closing terminal may send.
pub(super) async fn run_until_signal(folder: &StateFolder) -> Result<()> {
    let (sender, commands) = mpsc::channel(8);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut reload = signal(SignalKind::user_defined1())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        loop {
            let command = tokio::select! {
                _ = terminate.recv() => SupervisorCommand::Stop,
                _ = interrupt.recv() => SupervisorCommand::Stop,
                _ = reload.recv() => SupervisorCommand::Reload,
                _ = hang_up.recv() => SupervisorCommand::Reload,
            };
            if sender.send(command).await.is_err() {
                return;
            }
        }
    });
    supervise(folder, own_build()?, commands).await
}

/// Returns an id of the running build of this program; a rebuild changes it.
pub(super) fn own_build() -> Result<String> {
    // Leads to the running file even when a build has put another under its name.
    let file =
        std::fs::metadata("/proc/self/exe").context("failed to look at this program's own file")?;
    Ok(format!(
        "{}-{}.{:09}",
        file.len(),
        file.mtime(),
        file.mtime_nsec()
    ))
}

/// Supervises until asked to stop, or until the folder is deleted. Returns at once if another supervisor
/// has the folder.
pub(super) async fn supervise(
    folder: &StateFolder,
    build: String,
    mut commands: mpsc::Receiver<SupervisorCommand>,
) -> Result<()> {
    let Some(_lock) = take_folder(folder)? else {
        return Ok(());
    };
    let (sender, mut ends) = mpsc::channel(8);
    let mut processes = SupervisedProcesses::adopt(folder.clone(), build, sender).await?;
    processes.apply().await?;
    loop {
        tokio::select! {
            command = commands.recv() => match command {
                Some(SupervisorCommand::Reload) => processes.apply().await?,
                Some(SupervisorCommand::Stop) | None => break,
            },
            Some(end) = ends.recv() => processes.note_end(&end).await?,
            () = tokio::time::sleep(POLL_INTERVAL) => {
                if !folder.parts().exists() {
                    break;
                }
                processes.check_adopted().await?;
            }
        }
    }
    processes.dismiss().await
}

fn take_folder(folder: &StateFolder) -> Result<Option<File>> {
    let path = folder.supervisor_lock();
    let open = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path);
    let file = open.with_context(|| format!("failed to open `{}`", path.display()))?;
    Ok(file.try_lock().is_ok().then_some(file))
}

#[cfg(test)]
#[path = "supervisor_tests.rs"]
mod tests;
