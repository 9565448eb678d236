//! The copy of the tree, and the rule by which it applies changes so that all copies become equal.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::change::FactoryChange;
use crate::factory::Factory;
use crate::id::FactoryId;

/// The most factories of a tree.
pub const MAX_FACTORIES: usize = 10_000;

/// A copy of the tree. It accepts changes in any order, and each change any number of times.
///
/// The rule: the tree applies a change if and only if its revision is newer than the known revision of
/// its factory. The tree remembers the revision of a removal, so that a late change of the removed
/// factory has no effect. An undo has a higher revision and restores the factory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    known: BTreeMap<FactoryId, FactoryChange>,
    factories: usize,
}

/// The effect of a change on a copy of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The change was newer than the known revision, and the tree applied it.
    Applied,
    /// The change was not newer than the known revision, and the tree ignored it.
    Stale,
}

impl Tree {
    /// Applies a change if it is newer than the known revision.
    pub fn apply(&mut self, change: FactoryChange) -> Effect {
        let appears = usize::from(is_present(&change));
        match self.known.entry(change.id()) {
            Entry::Occupied(known) if change.revision() <= known.get().revision() => Effect::Stale,
            Entry::Occupied(mut known) => {
                let before = usize::from(is_present(known.get()));
                self.factories = self.factories + appears - before;
                known.insert(change);
                Effect::Applied
            }
            Entry::Vacant(place) => {
                self.factories += appears;
                place.insert(change);
                Effect::Applied
            }
        }
    }

    /// Returns the factories that are not removed, in the order of their ids.
    pub fn factories(&self) -> impl Iterator<Item = &Factory> {
        self.known.values().filter_map(|change| match change {
            FactoryChange::Changed { factory } => Some(factory),
            FactoryChange::Removed { .. } => None,
        })
    }

    /// Returns a factory, or `None` if it is unknown or removed.
    pub fn find(&self, id: FactoryId) -> Option<&Factory> {
        match self.known.get(&id)? {
            FactoryChange::Changed { factory } => Some(factory),
            FactoryChange::Removed { .. } => None,
        }
    }

    /// Returns the known revision of every factory, of the removed ones too.
    pub fn revisions(&self) -> impl Iterator<Item = (FactoryId, u64)> {
        self.known
            .iter()
            .map(|(id, change)| (*id, change.revision()))
    }

    /// Returns the number of factories that are not removed.
    pub fn len(&self) -> usize {
        self.factories
    }

    /// Returns whether the tree has no factory.
    pub fn is_empty(&self) -> bool {
        self.factories == 0
    }

    /// Forgets the removals for which `is_over` returns true, because no late message can follow them.
    pub fn forget_removals(&mut self, mut is_over: impl FnMut(FactoryId, u64) -> bool) {
        self.known.retain(|id, change| match change {
            FactoryChange::Changed { .. } => true,
            FactoryChange::Removed { revision, .. } => !is_over(*id, *revision),
        });
    }
}

fn is_present(change: &FactoryChange) -> bool {
    matches!(change, FactoryChange::Changed { .. })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::bounds::Bounds;

    fn changed(id: u8, revision: u64) -> FactoryChange {
        let factory = Factory::new(
            FactoryId::from_random(u128::from(id)),
            format!("{id} at {revision}").parse().unwrap(),
            Bounds::new(0, 9).unwrap(),
            vec![],
            revision,
        );
        FactoryChange::Changed {
            factory: factory.unwrap(),
        }
    }

    fn removed(id: u8, revision: u64) -> FactoryChange {
        FactoryChange::Removed {
            id: FactoryId::from_random(u128::from(id)),
            revision,
        }
    }

    fn tree_of(changes: &[FactoryChange]) -> Tree {
        let mut tree = Tree::default();
        for change in changes {
            tree.apply(change.clone());
        }
        tree
    }

    #[test]
    fn an_older_or_equal_revision_is_stale() {
        let mut tree = tree_of(&[changed(1, 5)]);

        assert_eq!(tree.apply(changed(1, 4)), Effect::Stale);
        assert_eq!(tree.apply(changed(1, 5)), Effect::Stale);
        assert_eq!(tree.apply(removed(1, 5)), Effect::Stale);
        assert_eq!(tree, tree_of(&[changed(1, 5)]));
    }

    #[test]
    fn a_late_message_never_restores_a_removed_factory() {
        let mut tree = tree_of(&[removed(1, 6)]);

        assert_eq!(tree.apply(changed(1, 5)), Effect::Stale);
        assert!(tree.is_empty());
    }

    #[test]
    fn an_undo_restores_the_factory() {
        let tree = tree_of(&[changed(1, 5), removed(1, 6), changed(1, 7)]);

        assert_eq!((tree.len(), tree.factories().count()), (1, 1));
        assert_eq!(tree.find(changed(1, 7).id()).unwrap().revision, 7);
    }

    #[test]
    fn only_removals_are_forgotten() {
        let mut tree = tree_of(&[changed(1, 5), removed(2, 6), removed(3, 9)]);

        tree.forget_removals(|_, revision| revision < 9);

        assert_eq!(tree, tree_of(&[changed(1, 5), removed(3, 9)]));
    }

    /// Generates the history of a few factories, with one change per factory and revision.
    fn history() -> impl Strategy<Value = Vec<FactoryChange>> {
        let kinds = prop::collection::vec((0_u8..4, any::<bool>()), 1..24);
        kinds.prop_map(|kinds| {
            let mut revisions = [0; 4];
            let next = |(id, removes): (u8, bool)| {
                revisions[usize::from(id)] += 1;
                let revision = revisions[usize::from(id)];
                if removes {
                    removed(id, revision)
                } else {
                    changed(id, revision)
                }
            };
            kinds.into_iter().map(next).collect()
        })
    }

    /// Generates a history, and its messages as a queue can deliver them: shuffled, and some more than once.
    fn deliveries() -> impl Strategy<Value = (Vec<FactoryChange>, Vec<FactoryChange>)> {
        history().prop_flat_map(|history| {
            let again = prop::collection::vec(prop::sample::select(history.clone()), 0..12);
            (Just(history), again).prop_flat_map(|(history, again)| {
                let delivered = [history.clone(), again].concat();
                (Just(history), Just(delivered).prop_shuffle())
            })
        })
    }

    proptest! {
        #[test]
        fn any_order_and_any_repetition_converge((history, delivered) in deliveries()) {
            prop_assert_eq!(tree_of(&delivered), tree_of(&history));
        }

        #[test]
        fn nothing_ever_becomes_older((_, delivered) in deliveries()) {
            let mut tree = Tree::default();
            let mut newest = BTreeMap::new();
            for change in delivered {
                let known = newest.entry(change.id()).or_insert(0);
                let effect = tree.apply(change.clone());
                prop_assert_eq!(effect == Effect::Applied, change.revision() > *known);
                *known = change.revision().max(*known);
                if let Some(factory) = tree.find(change.id()) {
                    prop_assert_eq!(factory.revision, *known);
                }
                prop_assert_eq!(tree.len(), tree.factories().count());
            }
        }

        #[test]
        fn a_factory_whose_last_change_is_a_removal_stays_removed((mut history, delivered) in deliveries()) {
            let last = history.pop().unwrap();
            let end = removed(9, last.revision() + 1);
            let end = FactoryChange::Removed { id: last.id(), revision: end.revision() };
            let mut tree = tree_of(&[end]);
            for change in delivered {
                tree.apply(change);
            }
            prop_assert_eq!(tree.find(last.id()), None);
        }
    }
}
