//! One local stage: found, looked at and removed as a whole. What starts it is in `start`, what brings a
//! release to it in `roll_out`.

use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::{Result, bail};
use rustix::process::Signal;

use super::parts::{EDGE, RunningParts, SERVER, SUPERVISOR};
use super::ports::Ports;
use super::process::{ProcessId, find_marked, wait_for_end};
use super::state::{self, StateFolder, delete_folder};
use super::supervised::STOP_TIMEOUT;
use super::{INSTANCE_STACK, PortState, StageEndpoint};
use super::{emulator, health, port, venv};
use crate::aws::Access;
use crate::check::Check;
use crate::clock;
use crate::config::{Config, DomainName, Live, Region, StageName};
use crate::urls::{SignInUrls, Urls};

/// A stage on this machine.
#[derive(Clone, Debug)]
pub struct LocalStage {
    pub(super) folder: StateFolder,
    /// The folder in which versions up to 0.1.0 kept a stage of this name.
    pub(super) former: StateFolder,
    pub(super) stage: StageName,
    pub(super) domain: DomainName,
    pub(super) region: Region,
    /// The edge's port, if the settings name one.
    pub(super) port: Option<u16>,
    /// Whether users sign in.
    pub(super) sign_in: bool,
    /// The stack of the server's role.
    pub(super) instance_stack: String,
    /// Whether a server carries the changes of the stage.
    pub(super) has_server: bool,
}

impl LocalStage {
    pub(super) fn of(config: &Config) -> Self {
        Self {
            folder: StateFolder::new(resolve(config, config.state_folder())),
            former: StateFolder::new(resolve(config, config.former_state_folder())),
            stage: config.stage.clone(),
            domain: config.settings.domain.clone(),
            region: config.settings.region.clone(),
            port: config.settings.port.map(Into::into),
            sign_in: config.settings.sign_in,
            instance_stack: config.stack_name(INSTANCE_STACK),
            has_server: config.settings.live == Live::Servers,
        }
    }

    pub(super) fn find(&self) -> Option<StageEndpoint> {
        self.folder.path().exists().then(|| self.expected())
    }

    /// Where the stage is reached, or will be.
    pub(super) fn expected(&self) -> StageEndpoint {
        // Damaged state files are no reason to say that nothing is there.
        let unknown = || Ports {
            edge: self.port.unwrap_or(port::first_for_edge()),
            ..Ports::default()
        };
        self.place(self.ports().unwrap_or_else(unknown))
    }

    pub(super) async fn checks(&self) -> Vec<Check> {
        health::check(&self.folder, self.has_server).await
    }

    pub(super) fn server_log(&self) -> PathBuf {
        self.folder.log(SERVER)
    }

    pub(super) fn server_process(&self) -> Option<(i32, PathBuf)> {
        let running = state::read::<RunningParts>(&self.folder.running()).ok()?;
        let process = running.parts.get(SERVER)?.living()?;
        Some((process.pid, self.server_log()))
    }

    pub(super) async fn remove(&self) -> Result<Vec<String>> {
        let mut removed = remove_folder(&self.folder).await?;
        removed.extend(self.remove_former().await?);
        removed.extend(venv::remove_unused(&self.folder).await?);
        Ok(removed)
    }

    /// Removes a stage of this name that versions up to 0.1.0 have left. It may hold the port that this stage wants.
    pub(super) async fn remove_former(&self) -> Result<Vec<String>> {
        if self.former.ports().exists() {
            remove_folder(&self.former).await
        } else {
            Ok(Vec::new())
        }
    }

    /// Returns when the stage was deployed last, or else when it was started first; `None` where nobody knows.
    pub(super) fn deployed_at(&self) -> Option<SystemTime> {
        let noted = state::read::<String>(&self.folder.deployed()).ok();
        let noted = noted.and_then(|text| clock::parse_utc(&text));
        let started = || self.folder.ports().metadata().ok()?.modified().ok();
        noted.or_else(started)
    }

    pub(super) fn running(&self) -> Option<RunningParts> {
        running(&self.folder)
    }

    pub(super) fn ports(&self) -> Option<Ports> {
        state::read(&self.folder.ports()).ok()
    }

    pub(super) fn port_state(&self) -> PortState {
        let known = self.ports().map(|ports| ports.edge);
        let port = self.port.or(known).unwrap_or(port::first_for_edge());
        let running = self.running();
        if running.is_some_and(|running| running.holds(EDGE, port, &port::Sockets::default())) {
            PortState::Ours(port)
        } else if port::reserve(port).is_some() {
            PortState::Free(port)
        } else {
            let (by, fixed) = (port::holder(port), self.port.is_some());
            PortState::Taken { port, by, fixed }
        }
    }

    pub(super) fn place(&self, ports: Ports) -> StageEndpoint {
        let access = Access::Endpoint {
            url: emulator::url(ports.emulator),
        };
        let domain = &self.domain;
        let sign_in = self
            .sign_in
            .then(|| SignInUrls::loopback(domain, ports.edge));
        StageEndpoint {
            access,
            urls: Urls::loopback(&self.domain, ports.edge).with_sign_in(sign_in),
        }
    }
}

fn running(folder: &StateFolder) -> Option<RunningParts> {
    state::read(&folder.running()).ok()
}

/// Stops every process of a stage's folder and deletes it. Returns the parts that ran and what was deleted.
async fn remove_folder(folder: &StateFolder) -> Result<Vec<String>> {
    let running = running(folder);
    let mut removed = running.as_ref().map(living_parts).unwrap_or_default();
    if let Some(supervisor) = running.and_then(|running| running.living_supervisor()) {
        stop_supervisor(supervisor).await;
    }
    end_marked(folder).await?;
    if delete_folder(folder.path())? {
        removed.push(format!("the files in {}", folder.path().display()));
    }
    Ok(removed)
}

fn living_parts(running: &RunningParts) -> Vec<String> {
    let parts = running
        .parts
        .iter()
        .filter_map(|(name, record)| Some((name.as_str(), record.living()?)));
    let supervisor = running
        .living_supervisor()
        .map(|process| (SUPERVISOR, process));
    parts
        .chain(supervisor)
        .map(|(name, process)| format!("{name} ({process})"))
        .collect()
}

async fn stop_supervisor(supervisor: ProcessId) {
    supervisor.terminate();
    // A process stopped by SIGSTOP gets the signal only after SIGCONT.
    supervisor.signal(Signal::CONT);
    wait_for_end(&[supervisor], STOP_TIMEOUT * 2).await;
}

/// Returns a folder of the stage without links and `..` in its path: processes are known by this text.
fn resolve(config: &Config, folder: PathBuf) -> PathBuf {
    match (
        config.root.canonicalize(),
        folder.strip_prefix(&config.root),
    ) {
        (Ok(root), Ok(below)) => root.join(below),
        _ => folder,
    }
}

/// Kills every process of a stage.
pub(super) async fn end_marked(folder: &StateFolder) -> Result<()> {
    let marked: Vec<ProcessId> = find_marked(&folder.temporary())
        .into_iter()
        .map(|marked| marked.process)
        .collect();
    marked.iter().for_each(|process| process.kill());
    match wait_for_end(&marked, STOP_TIMEOUT).await.as_slice() {
        [] => Ok(()),
        [process, ..] => bail!("{process} of stage `{}` does not end", folder.stage()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::*;
    use crate::local::test_supervisor::local_stage;

    fn stage(root: &Path, name: &str) -> LocalStage {
        local_stage(StateFolder::new(root.join(name)))
    }

    #[tokio::test]
    async fn a_stage_that_was_never_started_is_not_there_and_its_removal_makes_nothing() {
        let root = tempfile::tempdir().unwrap();
        let home = root.path().join("home");
        let stage = stage(&home, "local");
        assert_eq!(stage.find(), None);
        assert_eq!(stage.checks().await, []);
        assert_eq!(stage.remove().await.unwrap(), Vec::<String>::new());
        assert!(!home.exists());
    }

    #[tokio::test]
    async fn removal_ends_every_process_of_the_stage_and_keeps_what_another_stage_needs() {
        let root = tempfile::tempdir().unwrap();
        let (gone, stays) = (stage(root.path(), "gone"), stage(root.path(), "stays"));
        for stage in [&gone, &stays] {
            stage.folder.create().unwrap();
            state::write(&stage.folder.ports(), &Ports::default()).unwrap();
        }
        std::fs::create_dir(venv::path_for(&gone.folder)).unwrap();
        let mut stray = Command::new("sleep")
            .arg("100")
            .env("TMPDIR", gone.folder.temporary())
            .spawn()
            .unwrap();
        let removed = gone.remove().await.unwrap();
        assert!(stray.wait().unwrap().code().is_none());
        assert_eq!(
            removed,
            [format!("the files in {}", gone.folder.path().display())]
        );
        assert!(venv::path_for(&stays.folder).exists());
        assert_eq!(stays.remove().await.unwrap().len(), 2);
        assert_eq!(root.path().read_dir().map_or(0, Iterator::count), 0);
    }

    #[tokio::test]
    async fn a_stage_that_an_older_version_left_is_removed_with_its_processes() {
        let root = tempfile::tempdir().unwrap();
        let stage = stage(root.path(), "local@1f0c52ab");
        stage.former.create().unwrap();
        state::write(&stage.former.ports(), &Ports::default()).unwrap();
        let mut stray = Command::new("sleep")
            .arg("100")
            .env("TMPDIR", stage.former.temporary())
            .spawn()
            .unwrap();
        let files = format!("the files in {}", stage.former.path().display());
        assert_eq!(stage.remove().await.unwrap(), [files]);
        assert!(stray.wait().unwrap().code().is_none());
        assert!(!stage.former.path().exists());
    }

    #[tokio::test]
    async fn a_folder_that_is_no_stage_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let stage = stage(root.path(), "local@1f0c52ab");
        std::fs::create_dir(stage.former.path()).unwrap();
        assert_eq!(stage.remove().await.unwrap(), Vec::<String>::new());
        assert!(stage.former.path().exists());
    }

    #[test]
    fn a_stage_with_damaged_files_is_still_there() {
        let root = tempfile::tempdir().unwrap();
        let stage = stage(root.path(), "local");
        stage.folder.create().unwrap();
        state::write_text(&stage.folder.ports(), "{").unwrap();
        assert_eq!(
            stage.find().unwrap().urls.site,
            "http://demo.localhost:8080"
        );
        state::write(
            &stage.folder.ports(),
            &Ports {
                edge: 8081,
                emulator: 1,
                server: 2,
            },
        )
        .unwrap();
        let place = stage.find().unwrap();
        assert_eq!(place.urls.socket, "ws://ws.demo.localhost:8081");
        assert_eq!(
            place.access,
            Access::Endpoint {
                url: "http://127.0.0.1:1".to_owned()
            }
        );
    }
}
