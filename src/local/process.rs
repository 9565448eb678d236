//! The identity of processes. A process id is used again after its process has ended, so a process is
//! known by its id together with its start time; a zombie counts as ended. Read from `/proc`.

use std::fmt;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};

/// One process that was seen alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ProcessId {
    pub(super) pid: i32,
    /// When it began, in clock ticks since the machine's start.
    started: u64,
}

impl fmt::Display for ProcessId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "pid {}", self.pid)
    }
}

impl ProcessId {
    /// Returns the living process with this id.
    pub(super) fn of(pid: i32) -> Option<Self> {
        let stat = Stat::read(pid)?;
        (!stat.has_ended()).then_some(Self {
            pid,
            started: stat.started,
        })
    }

    pub(super) fn own() -> Option<Self> {
        Self::of(i32::try_from(std::process::id()).ok()?)
    }

    pub(super) fn is_alive(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Returns whether somebody has stopped it (SIGSTOP), so that it lives but does nothing.
    pub(super) fn is_stopped(self) -> bool {
        Stat::read(self.pid)
            .is_some_and(|stat| stat.started == self.started && matches!(stat.state, 'T' | 't'))
    }

    /// Sends a signal, if the process is still the one that was seen.
    pub(super) fn signal(self, signal: Signal) {
        if let (true, Some(pid)) = (self.is_alive(), Pid::from_raw(self.pid)) {
            // It may end in this very moment: nothing is lost.
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    pub(super) fn terminate(self) {
        self.signal(Signal::TERM);
    }

    pub(super) fn kill(self) {
        self.signal(Signal::KILL);
    }
}

/// Waits until all have ended. Returns those that have not within the time.
pub(super) async fn wait_for_end(processes: &[ProcessId], timeout: Duration) -> Vec<ProcessId> {
    let deadline = Instant::now() + timeout;
    loop {
        let living: Vec<_> = processes
            .iter()
            .copied()
            .filter(|process| process.is_alive())
            .collect();
        if living.is_empty() || Instant::now() >= deadline {
            return living;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A process that carries the mark of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marked {
    pub(super) process: ProcessId,
    /// Its process group: the id of the part that it is, or that started it.
    pub(super) group: i32,
}

/// Finds every living process of this user that was started with `TMPDIR` set to this folder.
pub(super) fn find_marked(temporary: &Path) -> Vec<Marked> {
    let mark = format!("TMPDIR={}", temporary.display());
    let is_marked = |pid: &i32| {
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environment
            .split(|byte| *byte == 0)
            .any(|entry| entry == mark.as_bytes())
    };
    let marked = all_pids().into_iter().filter(is_marked).filter_map(|pid| {
        let group = Stat::read(pid)?.group;
        Some(Marked {
            process: ProcessId::of(pid)?,
            group,
        })
    });
    marked.collect()
}

/// Returns the ids of all processes.
pub(super) fn all_pids() -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// The fields of `/proc/<pid>/stat` (proc(5)).
struct Stat {
    state: char,
    group: i32,
    started: u64,
}

impl Stat {
    fn read(pid: i32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The command in parentheses may itself hold blanks and parentheses: the fields begin after the last.
    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        Some(Self {
            state: fields.first()?.chars().next()?,
            group: fields.get(2)?.parse().ok()?,
            started: fields.get(19)?.parse().ok()?,
        })
    }

    fn has_ended(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_command_with_parentheses_does_not_confuse_the_reader() {
        let text = "7 (a) S (b) T 1 42 42 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 98765 0 0";
        let stat = Stat::parse(text).unwrap();
        assert_eq!((stat.state, stat.group, stat.started), ('T', 42, 98765));
        assert!(Stat::parse("garbage").is_none());
    }

    #[test]
    fn a_process_with_the_same_id_and_another_start_is_another_process() {
        let own = ProcessId::own().unwrap();
        assert!(own.is_alive());
        assert!(
            !ProcessId {
                started: own.started + 1,
                ..own
            }
            .is_alive()
        );
    }

    #[tokio::test]
    async fn a_zombie_counts_as_ended() {
        let mut child = Command::new("sleep").arg("100").spawn().unwrap();
        let process = ProcessId::of(i32::try_from(child.id()).unwrap()).unwrap();
        process.kill();
        assert_eq!(wait_for_end(&[process], Duration::from_secs(5)).await, []);
        child.wait().unwrap();
    }

    #[test]
    fn a_stopped_process_is_alive_and_known_as_stopped() {
        let mut child = Command::new("sleep").arg("100").spawn().unwrap();
        let process = ProcessId::of(i32::try_from(child.id()).unwrap()).unwrap();
        assert!(!process.is_stopped());
        process.signal(Signal::STOP);
        let deadline = Instant::now() + Duration::from_secs(5);
        while !process.is_stopped() && Instant::now() < deadline {}
        let (is_alive, is_stopped) = (process.is_alive(), process.is_stopped());
        process.kill();
        child.wait().unwrap();
        assert!(is_alive && is_stopped);
    }

    #[test]
    fn processes_are_found_by_their_mark_also_below_a_shell() {
        let folder = tempfile::tempdir().unwrap();
        let script = "sleep 100 & wait";
        let mut shell = Command::new("sh")
            .args(["-c", script])
            .env("TMPDIR", folder.path())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(5);
        let mut found = Vec::new();
        while found.len() < 2 && Instant::now() < deadline {
            found = find_marked(folder.path());
        }
        found.iter().for_each(|marked| marked.process.kill());
        shell.wait().unwrap();
        assert_eq!(found.len(), 2);
    }
}
