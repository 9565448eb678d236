//! A supervisor for tests, with real processes that do nothing but sleep.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::parts::{Part, Parts, RunningParts, Stop, new_run};
use super::process::{ProcessId, find_marked};
use super::stage::LocalStage;
use super::state::{self, StateFolder};
use super::supervisor::{SupervisorCommand, supervise};

/// A stage's folder whose processes end with the test.
pub(super) struct Stage {
    pub(super) folder: StateFolder,
    _root: tempfile::TempDir,
}

impl Drop for Stage {
    fn drop(&mut self) {
        find_marked(&self.folder.temporary())
            .iter()
            .for_each(|marked| marked.process.kill());
    }
}

pub(super) struct Supervisor {
    pub(super) commands: mpsc::Sender<SupervisorCommand>,
    pub(super) task: JoinHandle<Result<()>>,
}

impl Stage {
    pub(super) fn new(names: &[&str]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let folder = StateFolder::new(root.path().join("local"));
        folder.create().unwrap();
        let stage = Self {
            folder,
            _root: root,
        };
        stage.want(
            names
                .iter()
                .map(|name| ((*name).to_owned(), stage.sleeper()))
                .collect(),
        );
        stage
    }

    pub(super) fn sleeper(&self) -> Part {
        self.script("sleep 1000")
    }

    pub(super) fn script(&self, script: &str) -> Part {
        let mark = (
            "TMPDIR".to_owned(),
            self.folder.temporary().display().to_string(),
        );
        let environment = BTreeMap::from([mark, ("PATH".to_owned(), "/usr/bin:/bin".to_owned())]);
        let args = vec!["-c".to_owned(), script.to_owned()];
        Part {
            program: PathBuf::from("/bin/sh"),
            args,
            environment,
            inputs: Vec::new(),
            stop: Stop::Ask,
            run: new_run(),
        }
    }

    pub(super) fn want(&self, parts: Parts) {
        state::write(&self.folder.parts(), &parts).unwrap();
    }

    pub(super) fn wanted(&self) -> Parts {
        state::read(&self.folder.parts()).ok().unwrap()
    }

    pub(super) fn running(&self) -> Option<RunningParts> {
        state::read(&self.folder.running()).ok()
    }

    pub(super) fn supervise(&self) -> Supervisor {
        let (commands, receiver) = mpsc::channel(1);
        let folder = self.folder.clone();
        let task =
            tokio::spawn(async move { supervise(&folder, "test".to_owned(), receiver).await });
        Supervisor { commands, task }
    }

    pub(super) async fn wait_until(
        &self,
        what: &str,
        is_so: impl Fn(&RunningParts) -> bool,
    ) -> RunningParts {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            match self.running() {
                Some(running) if is_so(&running) => return running,
                seen => assert!(Instant::now() < deadline, "not {what}: {seen:?}"),
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(super) async fn wait_until_applied(&self) -> RunningParts {
        let wanted = self.wanted();
        self.wait_until("applied", |running| running.has_applied(&wanted))
            .await
    }

    pub(super) fn marked(&self) -> usize {
        find_marked(&self.folder.temporary()).len()
    }
}

impl Supervisor {
    pub(super) async fn stop(self) {
        self.commands.send(SupervisorCommand::Stop).await.unwrap();
        self.task.await.unwrap().unwrap();
    }

    /// As `kill -9` would: whatever it was doing is not done to the end.
    pub(super) async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

/// The stage of a folder.
pub(super) fn local_stage(folder: StateFolder) -> LocalStage {
    let name = folder.stage();
    LocalStage {
        stage: name.parse().unwrap(),
        domain: "demo.localhost".parse().unwrap(),
        region: "us-east-1".parse().unwrap(),
        port: None,
        sign_in: false,
        instance_stack: format!("demo-{name}-instance"),
        has_server: true,
        former: StateFolder::new(folder.path().with_file_name("former")),
        folder,
    }
}

pub(super) fn process(running: &RunningParts, name: &str) -> ProcessId {
    running.parts[name].process.unwrap()
}
