//! The last changes in their order, from which every connection takes what it has not sent yet.

use std::collections::{HashMap, VecDeque};

use axum::extract::ws::Utf8Bytes;
use domain::FactoryId;

/// The number of changes that are kept. A connection further behind is closed; a client that comes back later
/// gets the whole tree.
pub const CAPACITY: usize = 4_096;

/// From how many waiting changes on only the newest of each factory is sent.
pub const COALESCE_ABOVE: usize = 64;

/// The most changes that are handed out at once.
const CHUNK: usize = 64;

/// The last changes, each with its message, in one order.
#[derive(Debug)]
pub(super) struct History {
    entries: VecDeque<Entry>,
    /// The position of the first entry. The first change ever has position 1.
    first: u64,
    newest: HashMap<FactoryId, u64>,
}

#[derive(Debug)]
struct Entry {
    id: FactoryId,
    text: Utf8Bytes,
    /// Whether no later entry is of the same factory.
    is_newest: bool,
}

/// The changes that a connection has not sent yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backlog {
    /// The next messages; empty if there is nothing new.
    Next {
        /// To be sent in this order.
        texts: Vec<Utf8Bytes>,
        /// Where the connection stands once they are sent.
        position: u64,
        /// The number of messages that newer ones made superfluous.
        coalesced: usize,
    },
    /// Some of it is no longer kept, or never was.
    Lost,
}

impl History {
    /// Returns a history without any change.
    pub(super) fn new() -> Self {
        Self {
            entries: VecDeque::new(),
            first: 1,
            newest: HashMap::new(),
        }
    }

    /// Returns the position of the last change, 0 before the first one.
    pub(super) fn position(&self) -> u64 {
        self.first + self.entries.len() as u64 - 1
    }

    /// Adds a change at the position after the last one, and forgets the oldest beyond [`CAPACITY`].
    pub(super) fn push(&mut self, id: FactoryId, text: Utf8Bytes) {
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
        if self.entries.len() > CAPACITY {
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

    /// Says whether everything after a position is still kept.
    pub(super) fn reaches(&self, position: u64) -> bool {
        (self.first - 1..=self.position()).contains(&position)
    }

    /// Returns what comes after a position.
    pub(super) fn after(&self, position: u64) -> Backlog {
        if !self.reaches(position) {
            return Backlog::Lost;
        }
        let Some(start) = self.index(position + 1) else {
            return Backlog::Next {
                texts: Vec::new(),
                position,
                coalesced: 0,
            };
        };
        let coalesce = self.entries.len() - start > COALESCE_ABOVE;
        self.next_chunk(start, coalesce)
    }

    fn next_chunk(&self, start: usize, coalesce: bool) -> Backlog {
        let mut texts = Vec::new();
        let mut passed = 0;
        for entry in self.entries.range(start..) {
            if texts.len() == CHUNK {
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

    /// A history of changes to these factories; each text is its position.
    fn history(factories: impl IntoIterator<Item = u64>) -> History {
        let mut history = History::new();
        for factory in factories {
            let text = (history.position() + 1).to_string();
            history.push(id(factory), text.into());
        }
        history
    }

    fn texts(backlog: Backlog) -> Vec<u64> {
        let Backlog::Next { texts, .. } = backlog else {
            panic!("lost");
        };
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn nothing_is_after_the_last_position() {
        assert!(texts(history([]).after(0)).is_empty());
        assert!(texts(history([1, 2]).after(2)).is_empty());
    }

    #[test]
    fn a_short_backlog_is_told_change_by_change() {
        assert_eq!(texts(history([1, 1, 2]).after(0)), [1, 2, 3]);
        assert_eq!(texts(history([1, 1, 2]).after(1)), [2, 3]);
    }

    #[test]
    fn a_long_backlog_tells_only_the_newest_of_each_factory() {
        let history = history((0..100).map(|change| change % 3));

        assert_eq!(
            history.after(10),
            Backlog::Next {
                texts: ["98", "99", "100"].map(Utf8Bytes::from).to_vec(),
                position: 100,
                coalesced: 87,
            }
        );
    }

    #[test]
    fn a_backlog_comes_in_chunks_without_a_gap() {
        let history = history(0..200);
        let (mut position, mut told) = (0, Vec::new());
        while position < 200 {
            let backlog = history.after(position);
            let Backlog::Next { position: next, .. } = backlog else {
                panic!("lost");
            };
            position = next;
            told.extend(texts(backlog));
        }

        assert_eq!(told, (1..=200).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_older_than_the_history_or_newer_than_now_is_lost() {
        let capacity = CAPACITY as u64;
        let history = history(0..capacity + 10);

        assert_eq!(history.after(9), Backlog::Lost);
        assert_ne!(history.after(10), Backlog::Lost);
        assert_ne!(history.after(capacity + 10), Backlog::Lost);
        assert_eq!(history.after(capacity + 11), Backlog::Lost);
    }

    #[test]
    fn forgetting_an_old_change_keeps_what_is_known_of_newer_ones() {
        let mut history = history((0..CAPACITY as u64).map(|change| change.max(1)));
        history.push(id(1), "again".into());

        assert_eq!(history.newest.len(), CAPACITY - 1);
        assert_eq!(history.newest[&id(1)], history.position());
    }
}
