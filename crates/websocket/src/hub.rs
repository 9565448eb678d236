//! The hub: the one owner of the tree, and of the order in which connections receive its changes.
//!
//! In: changes from the queue and from the table, in any order and any number of times. Out: for
//! every connection the current tree, and then every change after it, in one order and without a gap.
//! The hub reads both under one lock, so that no change can be lost between them.
//!
//! No connection has a queue of its own: each one has a position in the shared history and fetches the
//! changes after it. So a slow connection delays no other. Above [`history::COALESCE_ABOVE`] waiting
//! changes a connection gets only the newest change of each factory, and above [`history::CAPACITY`] the
//! server closes it because it is too far behind.

use std::collections::{HashMap, HashSet};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use axum::body::Bytes;
use domain::message::LiveMessage;
use domain::tree::Effect;
use domain::{FactoryChange, FactoryId, Tree};
use tokio::sync::watch;

pub mod history;
pub mod snapshot;

pub use history::Backlog;
use history::{History, Limits};
use snapshot::Snapshot;

use crate::text_frame::TextFrame;

/// The tree, its history, and the position of the last change, which connections can watch.
#[derive(Debug)]
pub struct Hub {
    state: RwLock<State>,
    position: watch::Sender<u64>,
    hello: TextFrame,
    server: String,
}

#[derive(Debug)]
struct State {
    tree: Tree,
    history: History,
    snapshot: Option<Snapshot>,
    is_loaded: bool,
}

/// The position at which a client that reconnects wants to continue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    /// The name of the server run to which the client was connected.
    pub server: String,
    /// The last position that the client has received.
    pub position: u64,
}

/// The first messages of a new connection: `hello`, and the snapshot unless the client continues from its last position.
/// All connections share the snapshot; each counts the pieces that it has taken. As an iterator, they are frames to send.
#[derive(Clone, Debug)]
pub struct InitialMessages {
    hello: Option<TextFrame>,
    snapshot: Snapshot,
    is_compressed: bool,
    taken: usize,
    /// The position of the connection after these messages.
    pub position: u64,
}

impl InitialMessages {
    /// Returns these messages with the snapshot compressed, if that is wanted.
    pub fn compressed_if(self, is_compressed: bool) -> Self {
        Self {
            is_compressed,
            ..self
        }
    }

    /// Returns the texts that were not taken yet.
    pub fn texts(&self) -> Vec<TextFrame> {
        let pieces = self.snapshot.pieces.iter().skip(self.taken);
        self.hello.iter().chain(pieces).cloned().collect()
    }

    /// Returns the size of the snapshot in bytes, as it is sent.
    pub fn snapshot_bytes(&self) -> usize {
        let pieces = self.snapshot.pieces.len();
        (0..pieces)
            .filter_map(|place| self.frame(place))
            .map(|frame| frame.len())
            .sum()
    }

    fn frame(&self, place: usize) -> Option<&Bytes> {
        if self.is_compressed {
            return self.snapshot.compressed().get(place);
        }
        self.snapshot.pieces.get(place).map(TextFrame::bytes)
    }
}

impl Iterator for InitialMessages {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if let Some(hello) = self.hello.take() {
            return Some(hello.into_bytes());
        }
        let frame = self.frame(self.taken)?.clone();
        self.taken += 1;
        Some(frame)
    }
}

/// The whole content of the table, read strongly consistently.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableContent {
    /// One change for every valid item; removed factories are included.
    pub changes: Vec<FactoryChange>,
    /// The ids of the invalid items.
    pub unreadable: Vec<FactoryId>,
}

impl Hub {
    /// Returns an empty hub. `server` must be different for every run of the server, because positions
    /// start at 0 again.
    pub fn new(build: &str, server: &str) -> Self {
        Self::with_limits(build, server, Limits::default())
    }

    /// Returns an empty hub that keeps as much as the limits say.
    pub fn with_limits(build: &str, server: &str, limits: Limits) -> Self {
        let hello = LiveMessage::Hello {
            build: build.to_owned(),
            server: server.to_owned(),
        };
        Self {
            state: RwLock::new(State {
                tree: Tree::default(),
                history: History::new(limits),
                snapshot: None,
                is_loaded: false,
            }),
            position: watch::Sender::new(0),
            hello: to_json_text(&hello),
            server: server.to_owned(),
        }
    }

    /// Applies a change if it is newer than the known revision, and then signals it to every connection.
    pub fn apply(&self, change: FactoryChange) -> Effect {
        let mut state = self.write();
        let effect = state.apply(change);
        self.signal(&state);
        effect
    }

    /// Returns the known revision of every factory, of the removed ones too. A caller of [`Hub::reconcile`] must
    /// get them before it reads the table.
    pub fn known_revisions(&self) -> HashMap<FactoryId, u64> {
        self.read().tree.revisions().collect()
    }

    /// Applies the content of the table, and removes the factories that were `known` before the table was
    /// read and are no longer in it: their items were deleted without a removal. Forgets the removals that were
    /// `known` and whose items have expired: no message follows a removal a day later.
    ///
    /// The first call loads the tree without sending changes, because no client is connected yet.
    pub fn reconcile(&self, known: &HashMap<FactoryId, u64>, content: TableContent) {
        let mut state = self.write();
        let mut in_table: HashSet<_> = content.changes.iter().map(FactoryChange::id).collect();
        in_table.extend(content.unreadable);
        for change in content.changes {
            state.apply_loaded(change);
        }
        // A change that the hub learned after it was asked may be newer than the table's answer, a removal too.
        let is_gone = |id: FactoryId, revision: u64| {
            known.get(&id) == Some(&revision) && !in_table.contains(&id)
        };
        state.tree.forget_removals(is_gone);
        let deleted = state.tree.factories();
        let deleted = deleted.filter(|factory| is_gone(factory.id, factory.revision));
        let deleted: Vec<_> = deleted
            .map(|factory| FactoryChange::Removed {
                id: factory.id,
                revision: factory.revision.saturating_add(1),
            })
            .collect();
        for removal in deleted {
            state.apply_loaded(removal);
        }
        if !state.is_loaded {
            state.is_loaded = true;
            state.snapshot = None;
        }
        self.signal(&state);
    }

    /// Wakes the connections if there is something for them to send.
    fn signal(&self, state: &State) {
        let position = state.history.position();
        self.position.send_if_modified(|known| {
            let is_new = *known != position;
            *known = position;
            is_new
        });
    }

    /// Returns whether the tree was loaded from the table.
    pub fn is_loaded(&self) -> bool {
        self.read().is_loaded
    }

    /// Returns the number of current factories.
    pub fn factories(&self) -> usize {
        self.read().tree.len()
    }

    /// Returns a receiver that holds the position of the last change and signals every later one.
    pub fn watch_position(&self) -> watch::Receiver<u64> {
        self.position.subscribe()
    }

    /// Returns the first messages of a new connection.
    pub fn initial_messages(&self, resume: Option<&Resume>) -> InitialMessages {
        let resumed = resume.and_then(|resume| self.resumable(resume));
        let snapshot = resumed.map_or_else(|| self.snapshot(), Snapshot::nothing);
        InitialMessages {
            hello: Some(self.hello.clone()),
            position: snapshot.position,
            snapshot,
            is_compressed: false,
            taken: 0,
        }
    }

    /// Returns the position of the last change, or 0 if there is none.
    pub fn position(&self) -> u64 {
        self.read().history.position()
    }

    /// Returns the messages that a connection at `position` has not sent yet.
    pub fn backlog_after(&self, position: u64) -> Backlog {
        self.read().history.backlog_after(position)
    }

    fn resumable(&self, resume: &Resume) -> Option<u64> {
        let is_covered = || self.read().history.covers(resume.position);
        (resume.server == self.server && is_covered()).then_some(resume.position)
    }

    fn snapshot(&self) -> Snapshot {
        if let Some(snapshot) = self.read().recent_snapshot() {
            return snapshot;
        }
        let mut state = self.write();
        if let Some(snapshot) = state.recent_snapshot() {
            return snapshot;
        }
        let snapshot = Snapshot::of(&state.tree, state.history.position());
        state.snapshot = Some(snapshot.clone());
        snapshot
    }

    // A panic cannot leave a change half applied, so a poisoned lock is still usable.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn apply(&mut self, change: FactoryChange) -> Effect {
        let effect = self.tree.apply(change.clone());
        if effect == Effect::Applied {
            let id = change.id();
            let message = LiveMessage::from_change(change, self.history.position() + 1);
            self.history.push(id, to_json_text(&message));
        }
        effect
    }

    /// Applies a change from the table; the first load is not added to the history.
    fn apply_loaded(&mut self, change: FactoryChange) {
        if self.is_loaded {
            self.apply(change);
        } else {
            self.tree.apply(change);
        }
    }

    fn recent_snapshot(&self) -> Option<Snapshot> {
        let snapshot = self.snapshot.as_ref()?;
        let age = self.history.position() - snapshot.position;
        (age <= self.history.limits.snapshot_age).then(|| snapshot.clone())
    }
}

fn to_json_text(message: &LiveMessage) -> TextFrame {
    // Every message can be serialised.
    serde_json::to_string(message).unwrap_or_default().into()
}

#[cfg(test)]
mod tests;
