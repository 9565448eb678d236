//! The factories that a page knows: the rules of `site/src/composables/knownFactories.ts`, written once more.
//!
//! [`crate::vectors`] and a test of the site compare both.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Factory, FactoryId};
use serde::Serialize;

/// A message about the tree, as a page's connection hands it on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum TreeMessage {
    /// The whole tree.
    Snapshot {
        /// Its factories.
        factories: Vec<Factory>,
    },
    /// A factory was created, edited or restored.
    Changed {
        /// The factory.
        factory: Factory,
    },
    /// A factory was removed.
    Removed {
        /// Its id.
        id: FactoryId,
        /// The revision of the removal.
        revision: u64,
    },
}

/// The effect of a message on one factory: its revisions before and after, if it was and is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Change(pub FactoryId, pub Option<u64>, pub Option<u64>);

/// The effect of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// The changes, by id.
    pub changes: Vec<Change>,
    /// The factories that only the API can tell about, by id.
    pub doubtful: Vec<FactoryId>,
}

/// The newest state of every factory that a page has heard of.
#[derive(Clone, Debug, Default)]
pub struct KnownFactories {
    factories: BTreeMap<FactoryId, Factory>,
    removed_at: BTreeMap<FactoryId, i128>,
    unconfirmed: BTreeMap<FactoryId, u64>,
}

impl KnownFactories {
    /// Returns the factories that the page shows.
    pub fn factories(&self) -> impl Iterator<Item = &Factory> {
        self.factories.values()
    }

    /// Returns a factory that the page shows.
    pub fn find(&self, id: FactoryId) -> Option<&Factory> {
        self.factories.get(&id)
    }

    /// Applies a message.
    pub fn receive(&mut self, message: &TreeMessage) -> Receipt {
        let change = match message {
            TreeMessage::Snapshot { factories } => return self.receive_snapshot(factories),
            TreeMessage::Changed { factory } => {
                self.confirm(factory.id, factory.revision);
                self.take(factory)
            }
            TreeMessage::Removed { id, revision } => {
                self.confirm(*id, *revision);
                self.drop(*id, *revision)
            }
        };
        Receipt {
            changes: change.into_iter().collect(),
            doubtful: Vec::new(),
        }
    }

    /// Applies an answer of the API.
    pub fn learn(&mut self, factory: &Factory) -> Option<Change> {
        let change = self.take(factory)?;
        self.unconfirmed.insert(factory.id, factory.revision);
        Some(change)
    }

    /// Applies a removal that the API confirmed.
    pub fn learn_removal(&mut self, id: FactoryId, revision: u64) -> Option<Change> {
        let change = self.drop(id, revision)?;
        self.unconfirmed.insert(id, revision);
        Some(change)
    }

    fn receive_snapshot(&mut self, factories: &[Factory]) -> Receipt {
        let mut receipt = Receipt::default();
        let present: BTreeSet<_> = factories.iter().map(|factory| factory.id).collect();
        for factory in factories {
            self.confirm(factory.id, factory.revision);
            receipt.changes.extend(self.take(factory));
        }
        let absent = self.factories.values();
        let absent = absent.filter(|factory| !present.contains(&factory.id));
        let absent: Vec<_> = absent
            .map(|factory| (factory.id, factory.revision))
            .collect();
        for (id, revision) in absent {
            if self.unconfirmed.contains_key(&id) {
                receipt.doubtful.push(id);
            } else {
                self.factories.remove(&id);
                // One below: a server that lags behind may still tell of this very revision.
                self.note_removal(id, i128::from(revision) - 1);
                receipt.changes.push(Change(id, Some(revision), None));
            }
        }
        receipt.changes.sort_unstable();
        receipt
    }

    fn take(&mut self, factory: &Factory) -> Option<Change> {
        let id = factory.id;
        let before = self.factories.get(&id).map(|before| before.revision);
        let removed = self.removed_at.get(&id).copied();
        let known = before.map(i128::from).or(removed).unwrap_or(-1);
        if i128::from(factory.revision) <= known {
            return None;
        }
        self.factories.insert(id, factory.clone());
        self.removed_at.remove(&id);
        Some(Change(id, before, Some(factory.revision)))
    }

    fn drop(&mut self, id: FactoryId, revision: u64) -> Option<Change> {
        let before = self.factories.get(&id).map(|before| before.revision);
        if before.is_some_and(|before| before > revision) {
            return None;
        }
        self.note_removal(id, revision.into());
        self.factories.remove(&id);
        before.map(|before| Change(id, Some(before), None))
    }

    fn note_removal(&mut self, id: FactoryId, revision: i128) {
        let known = self.removed_at.entry(id).or_insert(-1);
        *known = revision.max(*known);
    }

    fn confirm(&mut self, id: FactoryId, revision: u64) {
        if self
            .unconfirmed
            .get(&id)
            .is_some_and(|least| revision >= *least)
        {
            self.unconfirmed.remove(&id);
        }
    }
}
