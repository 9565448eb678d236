//! The resources that take longer than they did before. In: how long each took the last time, and the events of the running
//! operation with the moment at which they came. Out: each resource that is late, once. No clock is read here.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::aws::StackEvent;

/// A resource is late beyond this many times its last time, and not before this many seconds: what takes a second may take
/// three without anything being wrong.
const TIMES: u32 = 3;
const LEAST: Duration = Duration::from_secs(60);

/// The resources of a running operation.
pub(super) struct LateResources {
    last: BTreeMap<String, Duration>,
    working: BTreeMap<String, Instant>,
}

/// A resource that takes longer than usual.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LateResource {
    /// Its name in the template.
    pub(super) logical_id: String,
    /// The time that it has taken so far.
    pub(super) elapsed: Duration,
    /// The time that it took the last time.
    pub(super) last: Duration,
}

impl LateResources {
    /// Begins with how long each resource took the last time, by its name in the template.
    pub(super) fn new(last: BTreeMap<String, Duration>) -> Self {
        Self {
            last,
            working: BTreeMap::new(),
        }
    }

    /// Takes one event of the operation.
    pub(super) fn take(&mut self, event: &StackEvent, now: Instant) {
        if event.of_stack {
            return;
        }
        if event.status.ends_with("_IN_PROGRESS") {
            self.working.entry(event.logical_id.clone()).or_insert(now);
        } else {
            self.working.remove(&event.logical_id);
        }
    }

    /// Returns the resources that have become late since the last call.
    pub(super) fn find(&mut self, now: Instant) -> Vec<LateResource> {
        let late = self.working.iter().filter_map(|(name, since)| {
            let last = *self.last.get(name)?;
            let elapsed = now.saturating_duration_since(*since);
            (elapsed >= LEAST && elapsed > last * TIMES).then(|| LateResource {
                logical_id: name.clone(),
                elapsed,
                last,
            })
        });
        let late: Vec<LateResource> = late.collect();
        for resource in &late {
            // It is told once.
            self.last.remove(&resource.logical_id);
        }
        late
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(logical_id: &str, status: &str) -> StackEvent {
        StackEvent {
            id: String::new(),
            logical_id: logical_id.to_owned(),
            physical_id: String::new(),
            kind: String::new(),
            status: status.to_owned(),
            reason: None,
            millis: 0,
            of_stack: logical_id == "stack",
        }
    }

    #[test]
    fn a_resource_that_takes_more_than_three_times_its_last_time_is_told_once() {
        let seconds = |seconds| Duration::from_secs(seconds);
        let last = [("Function", 40), ("Topic", 1), ("Quick", 40)];
        let last = last.map(|(name, took)| (name.to_owned(), seconds(took)));
        let (mut late, start) = (LateResources::new(last.into()), Instant::now());
        for name in ["stack", "Function", "Topic", "Quick", "New"] {
            late.take(&event(name, "UPDATE_IN_PROGRESS"), start);
        }
        late.take(&event("Quick", "UPDATE_COMPLETE"), start + seconds(5));
        late.take(&event("Function", "UPDATE_IN_PROGRESS"), start + seconds(9));
        let names = |late: Vec<LateResource>| -> Vec<String> {
            late.into_iter()
                .map(|resource| resource.logical_id)
                .collect()
        };
        assert_eq!(
            names(late.find(start + seconds(59))),
            [""; 0],
            "a minute is no long time"
        );
        assert_eq!(names(late.find(start + seconds(60))), ["Topic"]);
        assert_eq!(names(late.find(start + seconds(120))), [""; 0]);
        let function = LateResource {
            logical_id: "Function".to_owned(),
            elapsed: seconds(121),
            last: seconds(40),
        };
        assert_eq!(late.find(start + seconds(121)), [function]);
        assert_eq!(late.find(start + seconds(999)), []);
    }
}
