//! The processes of the parts that a supervisor runs. In: `parts.json`. Out: `running.json`, always as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use rustix::process::Signal;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use super::parts::{NEXT_SERVER, Part, PartRecord, Parts, RunningParts, SERVER, SUPERVISOR, Stop};
use super::process::{ProcessId, find_marked, wait_for_end};
use super::state::{self, RUN_MARK, Saved, StateFolder};
use crate::clock::utc;

/// The longest time that a part may take to stop when asked, before it is killed.
pub(super) const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// The end of a child process.
pub(super) struct ProcessEnd {
    run: String,
    how: String,
}

/// The parts that this supervisor answers for.
pub(super) struct SupervisedProcesses {
    folder: StateFolder,
    build: String,
    own: ProcessId,
    parts: BTreeMap<String, PartRecord>,
    /// Those that a supervisor before this one started. Their end is seen, but not how they ended.
    adopted: BTreeSet<String>,
    ends: mpsc::Sender<ProcessEnd>,
}

impl SupervisedProcesses {
    /// Takes over the parts that an earlier supervisor has left running, and kills unrecorded processes.
    pub(super) async fn adopt(
        folder: StateFolder,
        build: String,
        ends: mpsc::Sender<ProcessEnd>,
    ) -> Result<Self> {
        let parts = match state::read::<RunningParts>(&folder.running()) {
            Saved::Read(running) => running.parts,
            Saved::Absent | Saved::Damaged => BTreeMap::new(),
        };
        let own = ProcessId::own().context("failed to find this process in /proc")?;
        let adopted = parts.keys().cloned().collect();
        let mut processes = Self {
            folder,
            build,
            own,
            parts,
            adopted,
            ends,
        };
        processes.check_adopted().await?;
        processes.sweep().await;
        Ok(processes)
    }

    /// Starts missing parts, stops unwanted ones, and restarts those whose configuration differs.
    pub(super) async fn apply(&mut self) -> Result<()> {
        let Some(wanted) = state::read::<Parts>(&self.folder.parts()).ok() else {
            self.log("parts.json cannot be read: nothing is changed");
            return Ok(());
        };
        self.rename(&wanted);
        let outdated = self
            .parts
            .iter()
            .filter(|(name, record)| wanted.get(*name) != Some(&record.part));
        let outdated: Vec<String> = outdated.map(|(name, _)| name.clone()).collect();
        self.stop(&outdated).await;
        for (name, part) in wanted {
            if !self.parts.contains_key(&name) {
                self.start(name, part);
            }
        }
        self.save()
    }

    /// A part that runs already and is wanted under another name goes on under that one: it replaces
    /// what was there, without being started again.
    fn rename(&mut self, wanted: &Parts) {
        for (name, part) in wanted {
            let is_it = |record: &PartRecord| record.part == *part;
            if self.parts.get(name).is_some_and(is_it) {
                continue;
            }
            let running = self.parts.iter().find(|(_, record)| is_it(record));
            let Some(former) = running.map(|(former, _)| former.clone()) else {
                continue;
            };
            self.swap(&former, name);
            self.log(&format!("{former} takes the place of {name}"));
        }
    }

    /// Gives two parts each other's names.
    fn swap(&mut self, one: &str, other: &str) {
        let records = (self.parts.remove(one), self.parts.remove(other));
        let adopted = (self.adopted.remove(one), self.adopted.remove(other));
        for (name, record, adopted) in [(other, records.0, adopted.0), (one, records.1, adopted.1)]
        {
            self.parts
                .extend(record.map(|record| (name.to_owned(), record)));
            self.adopted.extend(adopted.then(|| name.to_owned()));
        }
    }

    fn start(&mut self, name: String, part: Part) {
        let record = match spawn(&self.folder, &name, &part) {
            Ok(child) => {
                let process = child
                    .id()
                    .and_then(|pid| ProcessId::of(i32::try_from(pid).ok()?));
                self.watch_for_end(part.run.clone(), child);
                self.log(&format!(
                    "{name} started, {}",
                    process.map_or_else(String::new, |id| id.to_string())
                ));
                PartRecord {
                    part,
                    process,
                    ended: None,
                }
            }
            Err(error) => {
                self.log(&format!("{name} could not be started: {error}"));
                PartRecord {
                    part,
                    process: None,
                    ended: Some(format!("could not be started: {error}")),
                }
            }
        };
        self.parts.insert(name, record);
    }

    /// Waits for a child's end beside everything else, so that it is no zombie.
    fn watch_for_end(&self, run: String, mut child: Child) {
        let ends = self.ends.clone();
        tokio::spawn(async move {
            let how = child
                .wait()
                .await
                .map_or_else(|error| error.to_string(), describe_end);
            // Nobody listens any more when the supervisor itself has ended.
            let _ = ends.send(ProcessEnd { run, how }).await;
        });
    }

    pub(super) async fn note_end(&mut self, end: &ProcessEnd) -> Result<()> {
        // By its run: it may have another name by now.
        let mut parts = self.parts.iter_mut();
        let Some((name, record)) = parts.find(|(_, record)| record.part.run == end.run) else {
            return Ok(());
        };
        record.ended = Some(end.how.clone());
        let ended = format!("{name} ended: {}", end.how);
        self.log(&ended);
        self.sweep().await;
        self.save()
    }

    pub(super) async fn check_adopted(&mut self) -> Result<()> {
        let has_ended = |record: &PartRecord| record.ended.is_none() && record.living().is_none();
        let ended: Vec<String> = self
            .adopted
            .iter()
            .filter(|name| self.parts.get(*name).is_some_and(has_ended))
            .cloned()
            .collect();
        for name in &ended {
            self.log(&format!(
                "{name} has ended; it was not a child of this supervisor"
            ));
            if let Some(record) = self.parts.get_mut(name) {
                record.ended = Some("gone".to_owned());
            }
        }
        if ended.is_empty() {
            return Ok(());
        }
        self.sweep().await;
        self.save()
    }

    async fn stop(&mut self, names: &[String]) {
        let named: Vec<&PartRecord> = names
            .iter()
            .filter_map(|name| self.parts.get(name))
            .collect();
        let living = |stop: Stop| -> Vec<ProcessId> {
            let chosen = named.iter().filter(|record| record.part.stop == stop);
            chosen.filter_map(|record| record.living()).collect()
        };
        let mut stubborn = living(Stop::Ask);
        for process in &stubborn {
            process.terminate();
            // A process stopped by SIGSTOP gets the signal only after SIGCONT.
            process.signal(Signal::CONT);
        }
        stubborn = wait_for_end(&stubborn, STOP_TIMEOUT).await;
        // After the others: they may still have a message for it.
        stubborn.extend(living(Stop::Kill));
        stubborn.iter().for_each(|process| process.kill());
        wait_for_end(&stubborn, STOP_TIMEOUT).await;
        for name in names {
            self.parts.remove(name);
            self.adopted.remove(name);
            self.log(&format!("{name} has stopped"));
        }
        self.sweep().await;
    }

    /// Kills the processes that dead parts have left behind: Lambdas of an emulator that was killed.
    async fn sweep(&self) {
        let living: Vec<i32> = self
            .parts
            .values()
            .filter_map(PartRecord::living)
            .map(|process| process.pid)
            .collect();
        let mut strays = find_marked(&self.folder.temporary());
        strays.retain(|stray| stray.process != self.own && !living.contains(&stray.group));
        let strays: Vec<ProcessId> = strays.into_iter().map(|stray| stray.process).collect();
        for stray in &strays {
            stray.kill();
            self.log(&format!("{stray} was left behind by a part: killed"));
        }
        wait_for_end(&strays, STOP_TIMEOUT).await;
    }

    pub(super) async fn dismiss(mut self) -> Result<()> {
        let all: Vec<String> = self.parts.keys().cloned().collect();
        self.stop(&all).await;
        state::delete_file(&self.folder.running())
    }

    fn save(&self) -> Result<()> {
        let (executable, parts) = (self.build.clone(), self.parts.clone());
        state::write(
            &self.folder.running(),
            &RunningParts {
                supervisor: self.own,
                executable,
                parts,
            },
        )
    }

    fn log(&self, text: &str) {
        // Nobody can be informed when the log itself cannot be written.
        if let Ok(mut file) = self.folder.open_log(SUPERVISOR) {
            let _ = writeln!(file, "{} {text}", utc(SystemTime::now()));
        }
    }
}

/// Starts a part in its own process group, with its own environment and nothing of ours.
fn spawn(folder: &StateFolder, name: &str, part: &Part) -> io::Result<Child> {
    let mut log = folder.open_log(log_of(name))?;
    writeln!(log, "{RUN_MARK}{} {name} starts", utc(SystemTime::now()))?;
    let mut command = Command::new(&part.program);
    command
        .args(&part.args)
        .env_clear()
        .envs(&part.environment)
        .current_dir(folder.path());
    command
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .process_group(0)
        .spawn()
}

/// A server that is to take the place of another writes into the same log.
fn log_of(name: &str) -> &str {
    if name == NEXT_SERVER { SERVER } else { name }
}

fn describe_end(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("killed by signal {signal}"),
        (None, Some(code)) => format!("exited with status {code}"),
        (None, None) => "ended".to_owned(),
    }
}
