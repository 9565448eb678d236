//! One operation on a stack, laid out in time: which event comes when.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A resource, as a script says how it behaves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resource {
    /// Its type.
    pub(crate) kind: String,
    /// The time that each change of it takes.
    pub(crate) takes: Duration,
    /// The reason why it fails, if it does.
    pub(crate) fails: Option<String>,
    /// Its id in its service; for a nested stack, the ARN by which its events are asked for.
    pub(crate) physical_id: String,
}

/// An event with the moment at which it can be seen.
#[derive(Clone, Debug)]
pub(super) struct Timed {
    pub(super) at: Instant,
    pub(super) id: String,
    pub(super) logical_id: String,
    pub(super) physical_id: String,
    pub(super) kind: String,
    pub(super) status: String,
    pub(super) reason: Option<String>,
}

/// An operation on a stack.
pub(super) struct Operation<'a> {
    /// The stack's name.
    pub(super) name: &'a str,
    /// The stack's ARN.
    pub(super) id: &'a str,
    /// `CREATE`, `UPDATE`, `DELETE`, ….
    pub(super) verb: &'a str,
    /// The status that the stack ends with when a resource fails.
    pub(super) fallen: &'a str,
    /// Makes the events' ids unique.
    pub(super) number: usize,
}

impl Operation<'_> {
    /// Lays the operation out: the stack's own beginning, its resources at the same time, the stack's
    /// end. With a failure the others are cancelled.
    pub(super) fn lay_out(&self, resources: &BTreeMap<String, Resource>) -> Vec<Timed> {
        let verb = self.verb;
        let failing = resources.values().filter(|one| one.fails.is_some());
        let failure = failing.map(|one| one.takes).min();
        let slowest = resources.values().map(|one| one.takes).max();
        let end = failure.or(slowest).unwrap_or_default();
        let begun = format!("{verb}_IN_PROGRESS");
        let mut events = vec![self.of_stack(Duration::ZERO, &begun, Some("User Initiated"))];
        for (logical_id, resource) in resources {
            events.push(event(logical_id, resource, Duration::ZERO, &begun, None));
            let (at, status, reason) = fate(resource, verb, failure);
            events.push(event(logical_id, resource, at, &status, reason));
        }
        let done = format!("{verb}_COMPLETE");
        let last = if failure.is_some() {
            self.fallen
        } else {
            &done
        };
        events.push(self.of_stack(end, last, None));
        events.sort_by_key(|event| event.at);
        for (place, event) in events.iter_mut().enumerate() {
            event.id = format!("{}-{}-{place}", self.name, self.number);
        }
        events
    }

    fn of_stack(&self, at: Duration, status: &str, reason: Option<&str>) -> Timed {
        let stack = Resource {
            kind: "AWS::CloudFormation::Stack".to_owned(),
            physical_id: self.id.to_owned(),
            ..Resource::default()
        };
        event(self.name, &stack, at, status, reason.map(str::to_owned))
    }
}

/// Returns the status and the time with which a change of a resource ends, if one fails after `failure`.
fn fate(
    resource: &Resource,
    verb: &str,
    failure: Option<Duration>,
) -> (Duration, String, Option<String>) {
    let Resource { takes, fails, .. } = resource;
    let failed = format!("{verb}_FAILED");
    match (fails, failure) {
        (Some(reason), _) => (*takes, failed, Some(reason.clone())),
        (None, Some(end)) if *takes > end => {
            let reason = "Resource creation cancelled".to_owned();
            (end, failed, Some(reason))
        }
        (None, _) => (*takes, format!("{verb}_COMPLETE"), None),
    }
}

fn event(
    logical_id: &str,
    resource: &Resource,
    after: Duration,
    status: &str,
    reason: Option<String>,
) -> Timed {
    Timed {
        at: Instant::now() + after,
        id: String::new(),
        logical_id: logical_id.to_owned(),
        physical_id: resource.physical_id.clone(),
        kind: resource.kind.clone(),
        status: status.to_owned(),
        reason,
    }
}
