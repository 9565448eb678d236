//! The order of changes: the rule that makes every copy of the tree the same in the end.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::change::Change;
use crate::factory::Factory;
use crate::id::FactoryId;

/// A copy of the tree that changes are applied to, in any order and any number of times.
///
/// The rule: a change is applied if and only if its revision is newer than the one known for its
/// factory. A removal is remembered with its revision, so that a late change of the removed factory
/// stays without effect; an undo carries a higher revision and brings the factory back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    known: BTreeMap<FactoryId, Change>,
    factories: usize,
}

/// The effect of a change on a copy of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The change was newer, and stands now.
    Applied,
    /// The change was known, or older than what is known.
    Stale,
}

impl Tree {
    /// Applies a change by the rule.
    pub fn apply(&mut self, change: Change) -> Effect {
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

    /// Returns the factories that are there, by id.
    pub fn factories(&self) -> impl Iterator<Item = &Factory> {
        self.known.values().filter_map(|change| match change {
            Change::Changed { factory } => Some(factory),
            Change::Removed { .. } => None,
        })
    }

    /// Returns a factory, or `None` if it was never there or was removed.
    pub fn find(&self, id: FactoryId) -> Option<&Factory> {
        match self.known.get(&id)? {
            Change::Changed { factory } => Some(factory),
            Change::Removed { .. } => None,
        }
    }

    /// Returns how many factories are there.
    pub fn len(&self) -> usize {
        self.factories
    }

    /// Says whether no factory is there.
    pub fn is_empty(&self) -> bool {
        self.factories == 0
    }

    /// Forgets removals for which `is_over` says that no late message can follow any more.
    pub fn forget_removals(&mut self, mut is_over: impl FnMut(FactoryId, u64) -> bool) {
        self.known.retain(|id, change| match change {
            Change::Changed { .. } => true,
            Change::Removed { revision, .. } => !is_over(*id, *revision),
        });
    }
}

fn is_present(change: &Change) -> bool {
    matches!(change, Change::Changed { .. })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::bounds::Bounds;

    fn changed(id: u8, revision: u64) -> Change {
        let factory = Factory::new(
            FactoryId::from_random(u128::from(id)),
            format!("{id} at {revision}").parse().unwrap(),
            Bounds::new(0, 9).unwrap(),
            vec![],
            revision,
        );
        Change::Changed {
            factory: factory.unwrap(),
        }
    }

    fn removed(id: u8, revision: u64) -> Change {
        Change::Removed {
            id: FactoryId::from_random(u128::from(id)),
            revision,
        }
    }

    fn tree_of(changes: &[Change]) -> Tree {
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
    fn a_removed_factory_never_comes_back_by_a_late_message() {
        let mut tree = tree_of(&[removed(1, 6)]);

        assert_eq!(tree.apply(changed(1, 5)), Effect::Stale);
        assert!(tree.is_empty());
    }

    #[test]
    fn an_undo_brings_the_factory_back() {
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

    /// The history of a few factories as a table gives it: one change per factory and revision.
    fn history() -> impl Strategy<Value = Vec<Change>> {
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

    /// A history, and the same messages as a queue delivers them: shuffled, some more than once.
    fn deliveries() -> impl Strategy<Value = (Vec<Change>, Vec<Change>)> {
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
        fn what_was_removed_last_stays_away((mut history, delivered) in deliveries()) {
            let last = history.pop().unwrap();
            let end = removed(9, last.revision() + 1);
            let end = Change::Removed { id: last.id(), revision: end.revision() };
            let mut tree = tree_of(&[end]);
            for change in delivered {
                tree.apply(change);
            }
            prop_assert_eq!(tree.find(last.id()), None);
        }
    }
}
