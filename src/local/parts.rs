//! The parts that the supervisor is to run, and those that run: the two files between a command and the supervisor.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::port::Sockets;
use super::process::ProcessId;

/// The emulator's name among the parts.
pub(super) const EMULATOR: &str = "emulator";
/// The edge's name among the parts.
pub(super) const EDGE: &str = "edge";
/// The WebSocket server's name among the parts.
pub(super) const SERVER: &str = "server";
/// The name of a server that is to take the WebSocket server's place, until it does.
pub(super) const NEXT_SERVER: &str = "next server";
/// The supervisor's name in checks and logs.
pub(super) const SUPERVISOR: &str = "supervisor";

/// The parts to run, by name: `parts.json`, written by commands.
pub(super) type Parts = BTreeMap<String, Part>;

/// One program and how it is started. It gets this environment and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    pub(super) program: PathBuf,
    pub(super) args: Vec<String>,
    pub(super) environment: BTreeMap<String, String>,
    /// Further inputs: when one of them changes, the part must be started again.
    pub(super) inputs: Vec<String>,
    pub(super) stop: Stop,
    /// The id of this start. A part that has ended stays ended until its run is another.
    pub(super) run: String,
}

/// The way to stop a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Stop {
    /// Asked to (SIGTERM), and killed if it does not.
    Ask,
    /// Killed: it has nothing to finish.
    Kill,
}

impl Part {
    /// Returns whether it would be started in the same way, whichever run it is.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        Self {
            run: String::new(),
            ..self.clone()
        } == Self {
            run: String::new(),
            ..other.clone()
        }
    }
}

/// Returns a run that never was before.
pub(super) fn new_run() -> String {
    let since_1970 = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    format!("{}-{}", since_1970.as_nanos(), std::process::id())
}

/// The parts that run: `running.json`, written by the supervisor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RunningParts {
    pub(super) supervisor: ProcessId,
    /// The build of this program that the supervisor is.
    pub(super) executable: String,
    pub(super) parts: BTreeMap<String, PartRecord>,
}

/// One part that was started.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PartRecord {
    pub(super) part: Part,
    /// `None` if its program could not be started at all.
    pub(super) process: Option<ProcessId>,
    /// The end of its process, for people; `None` while it runs.
    pub(super) ended: Option<String>,
}

impl PartRecord {
    /// Returns the process if it lives.
    pub(super) fn living(&self) -> Option<ProcessId> {
        self.process.filter(|process| process.is_alive())
    }

    /// Returns whether it lives and listens on a port. An answer alone is no proof: what another stage has there
    /// answers just so.
    pub(super) fn holds(&self, port: u16, sockets: &Sockets) -> bool {
        self.living()
            .is_some_and(|process| sockets.are_held_by(port, process.pid))
    }

    /// Returns how it ended, for people.
    pub(super) fn end(&self) -> String {
        // The supervisor may be gone, or not have noticed yet.
        self.ended.clone().unwrap_or_else(|| "gone".to_owned())
    }
}

impl RunningParts {
    /// Returns the supervisor if it lives.
    pub(super) fn living_supervisor(&self) -> Option<ProcessId> {
        Some(self.supervisor).filter(|process| process.is_alive())
    }

    /// Returns the record of a part that lives.
    pub(super) fn living(&self, name: &str) -> Option<&PartRecord> {
        self.parts
            .get(name)
            .filter(|record| record.living().is_some())
    }

    /// Returns whether a part lives and listens on a port.
    pub(super) fn holds(&self, name: &str, port: u16, sockets: &Sockets) -> bool {
        let record = self.parts.get(name);
        record.is_some_and(|record| record.holds(port, sockets))
    }

    /// Returns whether every wanted part was started, and no other is left.
    pub(super) fn has_applied(&self, wanted: &Parts) -> bool {
        self.parts
            .iter()
            .map(|(name, record)| (name, &record.part))
            .eq(wanted)
    }
}
