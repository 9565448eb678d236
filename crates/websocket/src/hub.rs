//! The hub: the one owner of the tree, and of the order in which its changes are told.
//!
//! In: changes from the queue and from the table, in any order and any number of times. Out: for
//! every connection the tree as it stands, and then every change after it, in one order and with
//! none missing. Both come from under one lock, so nothing can fall between them.
//!
//! No connection has a queue of its own: each holds a position in the shared history and takes what
//! comes after it. So a slow one costs nothing but its own delay. From
//! [`history::COALESCE_ABOVE`] waiting changes on it gets only the newest of each factory, and
//! beyond [`history::CAPACITY`] it is told that it lost the thread.

use std::collections::HashSet;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use axum::extract::ws::Utf8Bytes;
use domain::message::Message;
use domain::tree::Effect;
use domain::{Change, FactoryId, Tree};
use tokio::sync::watch;

pub mod history;
pub mod snapshot;

pub use history::Backlog;
use history::History;
use snapshot::Snapshot;

/// How far the history may have gone on before a snapshot is made anew, in changes.
const SNAPSHOT_AGE: u64 = 256;

/// The tree, its history, and the signal that there is something new.
#[derive(Debug)]
pub struct Hub {
    state: RwLock<State>,
    position: watch::Sender<u64>,
    hello: Utf8Bytes,
    server: String,
}

#[derive(Debug)]
struct State {
    tree: Tree,
    history: History,
    snapshot: Option<Snapshot>,
    is_loaded: bool,
}

/// Where a client that comes back had stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    /// The server that it was connected to.
    pub server: String,
    /// The last position that it has seen.
    pub position: u64,
}

/// The first messages of a new connection.
#[derive(Clone, Debug)]
pub struct Welcome {
    /// `hello`, and the snapshot unless the client goes on where it stopped.
    pub texts: Vec<Utf8Bytes>,
    /// Where the connection stands once they are sent.
    pub position: u64,
}

/// All that the table holds, read strongly consistently.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableContent {
    /// One change for every readable item, removed factories included.
    pub changes: Vec<Change>,
    /// The keys of items that cannot be read.
    pub unreadable: Vec<FactoryId>,
}

impl Hub {
    /// Returns an empty hub of one run of a server. `server` is another one for every run, as
    /// positions begin anew.
    pub fn new(build: &str, server: &str) -> Self {
        let hello = Message::Hello {
            build: build.to_owned(),
            server: server.to_owned(),
        };
        Self {
            state: RwLock::new(State {
                tree: Tree::default(),
                history: History::new(),
                snapshot: None,
                is_loaded: false,
            }),
            position: watch::Sender::new(0),
            hello: text_of(&hello),
            server: server.to_owned(),
        }
    }

    /// Applies a change by the domain's rule, and tells every connection if it was newer.
    pub fn apply(&self, change: Change) -> Effect {
        let mut state = self.write();
        let effect = state.apply(change);
        self.position.send_replace(state.history.position());
        effect
    }

    /// Returns the factories that are there. Taken before the table is read, it tells
    /// [`Hub::reconcile`] which ones the table must hold.
    pub fn known(&self) -> HashSet<FactoryId> {
        let state = self.read();
        state.tree.factories().map(|factory| factory.id).collect()
    }

    /// Applies all that the table holds; what was `known` before and is not in the table any more was
    /// deleted behind our back, and is removed here too.
    ///
    /// The first time this loads the tree, before anybody is connected, without telling changes.
    pub fn reconcile(&self, known: HashSet<FactoryId>, content: TableContent) {
        let mut state = self.write();
        let mut in_table: HashSet<_> = content.changes.iter().map(Change::id).collect();
        in_table.extend(content.unreadable);
        for change in content.changes {
            state.load(change);
        }
        for id in known {
            if let Some(factory) = state.tree.find(id)
                && !in_table.contains(&id)
            {
                let revision = factory.revision + 1;
                state.load(Change::Removed { id, revision });
            }
        }
        state.tree.forget_removals(|id, _| !in_table.contains(&id));
        if !state.is_loaded {
            state.is_loaded = true;
            state.snapshot = None;
        }
        self.position.send_replace(state.history.position());
    }

    /// Says whether the table was read.
    pub fn is_loaded(&self) -> bool {
        self.read().is_loaded
    }

    /// Returns how many factories are there.
    pub fn factories(&self) -> usize {
        self.read().tree.len()
    }

    /// Returns the position of the last change, and a signal for later ones.
    pub fn watch_position(&self) -> watch::Receiver<u64> {
        self.position.subscribe()
    }

    /// Returns what a new connection gets first.
    pub fn welcome(&self, resume: Option<&Resume>) -> Welcome {
        if let Some(position) = resume.and_then(|resume| self.resumable(resume)) {
            return Welcome {
                texts: vec![self.hello.clone()],
                position,
            };
        }
        let snapshot = self.snapshot();
        let mut texts = vec![self.hello.clone()];
        texts.extend(snapshot.pieces.iter().cloned());
        Welcome {
            texts,
            position: snapshot.position,
        }
    }

    /// Returns what a connection at `position` has not sent yet.
    pub fn after(&self, position: u64) -> Backlog {
        self.read().history.after(position)
    }

    fn resumable(&self, resume: &Resume) -> Option<u64> {
        let reaches = || self.read().history.reaches(resume.position);
        (resume.server == self.server && reaches()).then_some(resume.position)
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

    // A change is applied or not: a panic elsewhere leaves nothing half done, so poison is ignored.
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn apply(&mut self, change: Change) -> Effect {
        let effect = self.tree.apply(change.clone());
        if effect == Effect::Applied {
            let id = change.id();
            let message = Message::of(change, self.history.position() + 1);
            self.history.push(id, text_of(&message));
        }
        effect
    }

    /// Applies a change from the table; nobody is told of the first load.
    fn load(&mut self, change: Change) {
        if self.is_loaded {
            self.apply(change);
        } else {
            self.tree.apply(change);
        }
    }

    fn recent_snapshot(&self) -> Option<Snapshot> {
        let snapshot = self.snapshot.as_ref()?;
        let age = self.history.position() - snapshot.position;
        (age <= SNAPSHOT_AGE).then(|| snapshot.clone())
    }
}

fn text_of(message: &Message) -> Utf8Bytes {
    // A message has nothing that JSON cannot hold.
    serde_json::to_string(message).unwrap_or_default().into()
}

#[cfg(test)]
mod tests;
