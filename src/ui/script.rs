//! Events for tests, in few words.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::board::Clock;
use crate::event::{Event, ResourceState, ResourceStep};

/// A task begins.
pub(super) fn started(task: &str) -> Event {
    Event::TaskStarted {
        task: task.to_owned(),
    }
}

/// A task knows its size.
pub(super) fn sized(task: &str, resources: usize, expected: Option<Duration>) -> Event {
    Event::TaskSized {
        task: task.to_owned(),
        resources,
        expected,
    }
}

/// A task has something to say.
pub(super) fn progress(task: &str, detail: &str) -> Event {
    Event::TaskProgress {
        task: task.to_owned(),
        detail: detail.to_owned(),
    }
}

/// A task has ended.
pub(super) fn done(task: &str, outcome: &str, seconds: f64) -> Event {
    Event::TaskDone {
        task: task.to_owned(),
        outcome: outcome.to_owned(),
        elapsed: Duration::from_secs_f64(seconds),
    }
}

/// A resource has moved; one with a small first letter is the stack itself.
pub(super) fn resource(task: &str, logical_id: &str, status: &str) -> Event {
    let is_stack = logical_id.starts_with(|first: char| first.is_ascii_lowercase());
    let kind = if is_stack {
        "AWS::CloudFormation::Stack"
    } else {
        "AWS::DynamoDB::Table"
    };
    let state = match status.rsplit('_').next() {
        Some("PROGRESS") => ResourceState::Working,
        Some("COMPLETE") => ResourceState::Done,
        Some("SKIPPED") => ResourceState::Skipped,
        _ => ResourceState::Failed,
    };
    Event::Resource {
        task: task.to_owned(),
        resource: ResourceStep {
            logical_id: logical_id.to_owned(),
            kind: kind.to_owned(),
            state,
            status: status.to_owned(),
            reason: None,
        },
    }
}

/// A clock that shows the same time until it is set.
#[derive(Clone)]
pub(super) struct Watch {
    start: Instant,
    now: Arc<Mutex<Instant>>,
}

impl Watch {
    /// Begins at nought.
    pub(super) fn new() -> Self {
        let start = Instant::now();
        Self {
            start,
            now: Arc::new(Mutex::new(start)),
        }
    }

    /// Sets it to so many seconds from its start.
    pub(super) fn set(&self, seconds: f64) {
        *self.now.lock().unwrap() = self.start + Duration::from_secs_f64(seconds);
    }

    /// Returns what the code under test reads.
    pub(super) fn clock(&self) -> Clock {
        let now = Arc::clone(&self.now);
        Arc::new(move || *now.lock().unwrap())
    }
}

/// Takes what is written, and shows it without colours.
#[derive(Clone, Default)]
pub(super) struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Paper {
    /// Returns what was written.
    pub(super) fn text(&self) -> String {
        let bytes = self.0.lock().unwrap();
        anstream::adapter::strip_str(&String::from_utf8_lossy(&bytes)).to_string()
    }
}
