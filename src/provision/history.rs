//! In: the events of a stack's past. Out: how long its resources, and the stack as a whole, took the
//! last time. Pure: the times are those in the events.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::aws::StackEvent;

/// Returns how long the last operation of the same verb took (`UPDATE`, `CREATE`, `DELETE`), or `None`
/// if there was none that succeeded. `events` are the stack's past, oldest first.
pub(super) fn last_operation(events: &[StackEvent], verb: &str) -> Option<Duration> {
    let begun = format!("{verb}_IN_PROGRESS");
    let done = format!("{verb}_COMPLETE");
    let mut started = None;
    let mut last = None;
    for event in events.iter().filter(|event| event.of_stack) {
        if event.status == begun {
            started = Some(event.millis);
        } else if event.status == done {
            last = started
                .take()
                .map(|start| between(start, event.millis))
                .or(last);
        } else if event.is_settled() {
            started = None;
        }
    }
    last
}

/// Returns how long each resource took the last time it was moved, by its name in the template.
pub(super) fn resources(events: &[StackEvent]) -> BTreeMap<String, Duration> {
    let mut started: BTreeMap<&str, i64> = BTreeMap::new();
    let mut took = BTreeMap::new();
    for event in events.iter().filter(|event| !event.of_stack) {
        let name = event.logical_id.as_str();
        if event.status.ends_with("_IN_PROGRESS") {
            started.entry(name).or_insert(event.millis);
        } else if let Some(start) = started.remove(name) {
            took.insert(name.to_owned(), between(start, event.millis));
        }
    }
    took
}

/// Returns how long an update should take: as the last one, or, when there was none, as long as the
/// slowest resource took so far.
pub(super) fn expected(events: &[StackEvent], verb: &str) -> Option<Duration> {
    let slowest = || resources(events).into_values().max();
    last_operation(events, verb).or_else(slowest)
}

fn between(start: i64, end: i64) -> Duration {
    Duration::from_millis(u64::try_from(end - start).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(logical_id: &str, status: &str, seconds: i64) -> StackEvent {
        StackEvent {
            id: format!("{logical_id}-{status}-{seconds}"),
            logical_id: logical_id.to_owned(),
            physical_id: String::new(),
            kind: String::new(),
            status: status.to_owned(),
            reason: None,
            millis: seconds * 1000,
            of_stack: logical_id == "stack",
        }
    }

    fn past() -> Vec<StackEvent> {
        vec![
            event("stack", "CREATE_IN_PROGRESS", 0),
            event("Table", "CREATE_IN_PROGRESS", 1),
            event("Table", "CREATE_IN_PROGRESS", 2),
            event("Table", "CREATE_COMPLETE", 31),
            event("stack", "CREATE_COMPLETE", 32),
            event("stack", "UPDATE_IN_PROGRESS", 100),
            event("Table", "UPDATE_IN_PROGRESS", 101),
            event("Table", "UPDATE_COMPLETE", 105),
            event("stack", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", 106),
            event("stack", "UPDATE_COMPLETE", 110),
        ]
    }

    #[test]
    fn the_last_operation_of_a_verb_is_timed_from_its_beginning_to_its_end() {
        let seconds = |verb| last_operation(&past(), verb).map(|time| time.as_secs());
        assert_eq!(seconds("CREATE"), Some(32));
        assert_eq!(seconds("UPDATE"), Some(10));
        assert_eq!(seconds("DELETE"), None);
    }

    #[test]
    fn an_operation_that_failed_says_nothing_of_how_long_it_takes() {
        let mut events = past();
        events.truncate(5);
        events.push(event("stack", "UPDATE_IN_PROGRESS", 200));
        events.push(event("stack", "UPDATE_ROLLBACK_COMPLETE", 900));
        assert_eq!(last_operation(&events, "UPDATE"), None);
        assert_eq!(expected(&events, "UPDATE"), Some(Duration::from_secs(30)));
    }

    #[test]
    fn a_resource_is_timed_from_its_first_event() {
        assert_eq!(resources(&past())["Table"], Duration::from_secs(4));
    }
}
