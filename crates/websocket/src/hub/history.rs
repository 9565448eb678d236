//! The last changes in their order, from which every connection fetches the messages that it has not sent yet.

use std::collections::{HashMap, VecDeque};

use domain::FactoryId;

use crate::text_frame::TextFrame;

/// The number of changes in the history. The server closes a connection that is further behind; a client that
/// reconnects later gets the whole tree.
pub const CAPACITY: usize = 4_096;

/// The number of waiting changes above which a connection sends only the newest change of each factory.
pub const COALESCE_ABOVE: usize = 64;

/// The most messages of one backlog.
const CHUNK: usize = 64;

/// The number of changes after which the hub replaces a cached snapshot.
const SNAPSHOT_AGE: u64 = 256;

/// The sizes of what the hub keeps. A server has the default; the simulation chooses small ones, so that few changes reach them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The number of changes in the history ([`CAPACITY`]).
    pub capacity: usize,
    /// The number of waiting changes above which a connection sends only the newest of each factory ([`COALESCE_ABOVE`]).
    pub coalesce_above: usize,
    /// The most messages of one backlog.
    pub chunk: usize,
    /// The number of changes after which the hub replaces a cached snapshot.
    pub snapshot_age: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            capacity: CAPACITY,
            coalesce_above: COALESCE_ABOVE,
            chunk: CHUNK,
            snapshot_age: SNAPSHOT_AGE,
        }
    }
}

/// The messages of the last changes, in the order of the changes.
#[derive(Debug)]
pub(super) struct History {
    pub(super) limits: Limits,
    entries: VecDeque<Entry>,
    /// The position of the first entry. The first change of a run has position 1.
    first: u64,
    newest: HashMap<FactoryId, u64>,
}

#[derive(Debug)]
struct Entry {
    id: FactoryId,
    text: TextFrame,
    /// Whether no later entry belongs to the same factory.
    is_newest: bool,
}

/// The messages that a connection has not sent yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backlog {
    /// The next messages; empty if the connection has sent everything.
    Next {
        /// The messages in the order in which to send them.
        texts: Vec<TextFrame>,
        /// The position of the connection after these messages.
        position: u64,
        /// The number of messages that newer ones replaced.
        coalesced: usize,
    },
    /// The history does not include the change after the position.
    TooFarBehind,
}

impl History {
    /// Returns an empty history.
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            entries: VecDeque::new(),
            first: 1,
            newest: HashMap::new(),
        }
    }

    /// Returns the position of the last change, or 0 if there is none.
    pub(super) fn position(&self) -> u64 {
        self.first + self.entries.len() as u64 - 1
    }

    /// Appends a change, and forgets the oldest one if the history exceeds its capacity.
    pub(super) fn push(&mut self, id: FactoryId, text: TextFrame) {
        let position = self.position() + 1;
        if let Some(older) = self.newest.insert(id, position)
            && let Some(index) = self.index(older)
        {
            self.entries[index].is_newest = false;
        }
        self.entries.push_back(Entry {
            id,
            text,
            is_newest: true,
        });
        if self.entries.len() > self.limits.capacity {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let oldest = self.entries.pop_front();
        self.first += 1;
        if let Some(oldest) = oldest.filter(|entry| entry.is_newest) {
            self.newest.remove(&oldest.id);
        }
    }

    fn index(&self, position: u64) -> Option<usize> {
        let index = usize::try_from(position.checked_sub(self.first)?).ok()?;
        (index < self.entries.len()).then_some(index)
    }

    /// Returns whether the history has every change after a position.
    pub(super) fn covers(&self, position: u64) -> bool {
        (self.first - 1..=self.position()).contains(&position)
    }

    /// Returns the messages after a position.
    pub(super) fn backlog_after(&self, position: u64) -> Backlog {
        if !self.covers(position) {
            return Backlog::TooFarBehind;
        }
        let Some(start) = self.index(position + 1) else {
            return Backlog::Next {
                texts: Vec::new(),
                position,
                coalesced: 0,
            };
        };
        let coalesce = self.entries.len() - start > self.limits.coalesce_above;
        self.next_chunk(start, coalesce)
    }

    fn next_chunk(&self, start: usize, coalesce: bool) -> Backlog {
        let mut texts = Vec::new();
        let mut passed = 0;
        for entry in self.entries.range(start..) {
            if texts.len() == self.limits.chunk {
                break;
            }
            passed += 1;
            if entry.is_newest || !coalesce {
                texts.push(entry.text.clone());
            }
        }
        Backlog::Next {
            coalesced: passed - texts.len(),
            position: self.first - 1 + (start + passed) as u64,
            texts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> FactoryId {
        FactoryId::from_random(number.into())
    }

    fn frame(text: &str) -> TextFrame {
        text.to_owned().into()
    }

    /// Returns a history of changes to these factories, in which the text of each change is its position.
    fn history(factories: impl IntoIterator<Item = u64>) -> History {
        let mut history = History::new(Limits::default());
        for factory in factories {
            let text = (history.position() + 1).to_string();
            history.push(id(factory), frame(&text));
        }
        history
    }

    fn texts(backlog: Backlog) -> Vec<u64> {
        let Backlog::Next { texts, .. } = backlog else {
            panic!("too far behind");
        };
        let numbers = texts.iter().map(|text| text.as_str().parse().unwrap());
        numbers.collect()
    }

    #[test]
    fn the_backlog_after_the_last_position_is_empty() {
        assert!(texts(history([]).backlog_after(0)).is_empty());
        assert!(texts(history([1, 2]).backlog_after(2)).is_empty());
    }

    #[test]
    fn a_short_backlog_has_every_change() {
        assert_eq!(texts(history([1, 1, 2]).backlog_after(0)), [1, 2, 3]);
        assert_eq!(texts(history([1, 1, 2]).backlog_after(1)), [2, 3]);
    }

    #[test]
    fn a_long_backlog_has_only_the_newest_change_of_each_factory() {
        let history = history((0..100).map(|change| change % 3));

        assert_eq!(
            history.backlog_after(10),
            Backlog::Next {
                texts: ["98", "99", "100"].map(frame).to_vec(),
                position: 100,
                coalesced: 87,
            }
        );
    }

    #[test]
    fn a_backlog_comes_in_chunks_without_a_gap() {
        let history = history(0..200);
        let (mut position, mut sent) = (0, Vec::new());
        while position < 200 {
            let backlog = history.backlog_after(position);
            let Backlog::Next { position: next, .. } = backlog else {
                panic!("too far behind");
            };
            position = next;
            sent.extend(texts(backlog));
        }

        assert_eq!(sent, (1..=200).collect::<Vec<_>>());
    }

    #[test]
    fn a_position_outside_the_history_is_too_far_behind() {
        let capacity = CAPACITY as u64;
        let history = history(0..capacity + 10);

        assert_eq!(history.backlog_after(9), Backlog::TooFarBehind);
        assert_ne!(history.backlog_after(10), Backlog::TooFarBehind);
        assert_ne!(history.backlog_after(capacity + 10), Backlog::TooFarBehind);
        assert_eq!(history.backlog_after(capacity + 11), Backlog::TooFarBehind);
    }

    #[test]
    fn forgetting_an_old_change_keeps_the_newer_ones() {
        let mut history = history((0..CAPACITY as u64).map(|change| change.max(1)));
        history.push(id(1), frame("again"));

        assert_eq!(history.newest.len(), CAPACITY - 1);
        assert_eq!(history.newest[&id(1)], history.position());
    }
}
