//! The number of factories as this process knows it, so that not every creation counts them.
//!
//! A count is believed for as long as the tree cannot have filled up since: the gateway lets through so many requests
//! a second. What several processes create at the same moment, when the last places are left, is not seen, so the tree
//! can end with a few factories more than it may have.

use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::tree::MAX_FACTORIES;

/// The most requests a second that the gateway lets through on one route (`ThrottlingRateLimit` in `templates/api.yaml`).
const ROUTE_REQUESTS_PER_SECOND: usize = 100;

/// The most factories that a second can add: where users sign in, creation and restoration have a route each.
const REQUESTS_PER_SECOND: usize = 2 * ROUTE_REQUESTS_PER_SECOND;

/// The longest time in seconds for which a count is believed.
const LONGEST: u64 = 60;

/// The time in seconds for which a full tree is believed to be full. Counting reads every item, so a crowd before a
/// full tree must not make each of its requests count.
const FULL: u64 = 5;

/// The last count of the factories, and its age.
#[derive(Debug, Default)]
pub struct Room(Mutex<Option<Counted>>);

#[derive(Clone, Copy, Debug)]
struct Counted {
    factories: usize,
    /// The seconds since 1970.
    at: u64,
}

impl Room {
    /// Returns the number of factories, or `None` if it must be counted.
    pub fn known(&self, now: u64) -> Option<usize> {
        let counted = (*self.lock())?;
        let age = now.saturating_sub(counted.at);
        (age < counted.lifetime()).then_some(counted.factories)
    }

    /// Notes a count, and returns it.
    pub fn note(&self, factories: usize, now: u64) -> usize {
        *self.lock() = Some(Counted { factories, at: now });
        factories
    }

    /// Notes that this process has created a factory.
    pub fn note_one_more(&self) {
        if let Some(counted) = &mut *self.lock() {
            counted.factories += 1;
        }
    }

    /// Notes that this process has removed a factory.
    pub fn note_one_less(&self) {
        if let Some(counted) = &mut *self.lock() {
            counted.factories = counted.factories.saturating_sub(1);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Counted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counted {
    fn lifetime(self) -> u64 {
        let left = MAX_FACTORIES.saturating_sub(self.factories);
        if left == 0 {
            return FULL;
        }
        let seconds = u64::try_from(left / REQUESTS_PER_SECOND).unwrap_or(LONGEST);
        seconds.clamp(1, LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_believed_for_as_long_as_the_tree_cannot_fill_up() {
        for (factories, seconds) in [
            (0, 50),
            (8_000, 10),
            (9_950, 1),
            (MAX_FACTORIES, 5),
            (MAX_FACTORIES + 3, 5),
        ] {
            let room = Room::default();
            assert_eq!(room.known(100), None);
            assert_eq!(room.note(factories, 100), factories);
            assert_eq!(room.known(100 + seconds - 1), Some(factories));
            assert_eq!(room.known(100 + seconds), None, "{factories}");
        }
    }

    #[test]
    fn the_gateway_lets_through_no_more_than_is_reckoned_with() {
        let template = include_str!("../../../templates/api.yaml");

        let limit = format!(
            "DefaultRouteSettings:\n        ThrottlingRateLimit: {ROUTE_REQUESTS_PER_SECOND}\n"
        );
        assert!(template.contains(&limit));
    }

    #[test]
    fn what_this_process_writes_counts_at_once() {
        let room = Room::default();
        room.note_one_more();
        room.note(7, 0);

        room.note_one_more();
        room.note_one_more();
        room.note_one_less();
        assert_eq!(room.known(1), Some(8));
    }
}
