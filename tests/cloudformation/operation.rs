//! One operation on a stack, laid out in time: which event comes when.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A resource, as a script says how it behaves.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resource {
    /// Its type.
    pub(crate) kind: String,
    /// How long each move of it takes.
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

/// Lays out an operation: the stack's own beginning, its resources at the same time, the stack's end.
/// With a failure: the others are cancelled, and the stack ends as `fallen`.
pub(super) fn lay_out(
    (name, id): (&str, &str),
    resources: &BTreeMap<String, Resource>,
    verb: &str,
    fallen: &str,
    number: usize,
) -> Vec<Timed> {
    let now = Instant::now();
    let mut events = Vec::new();
    let mut push = |at: Duration,
                    logical: &str,
                    kind: &str,
                    physical: &str,
                    status: String,
                    reason: Option<String>| {
        let event = Timed {
            at: now + at,
            id: format!("{name}-{number}-{}", events.len()),
            logical_id: logical.to_owned(),
            physical_id: physical.to_owned(),
            kind: kind.to_owned(),
            status,
            reason,
        };
        events.push(event);
    };
    const STACK: &str = "AWS::CloudFormation::Stack";
    let begun = Some("User Initiated".to_owned());
    push(
        Duration::ZERO,
        name,
        STACK,
        id,
        format!("{verb}_IN_PROGRESS"),
        begun,
    );
    let broken = resources
        .values()
        .filter(|resource| resource.fails.is_some());
    let failure = broken.map(|resource| resource.takes).min();
    let end = failure.unwrap_or_else(|| {
        resources
            .values()
            .map(|resource| resource.takes)
            .max()
            .unwrap_or_default()
    });
    for (logical, resource) in resources {
        let Resource {
            kind,
            takes,
            fails,
            physical_id,
        } = resource;
        push(
            Duration::ZERO,
            logical,
            kind,
            physical_id,
            format!("{verb}_IN_PROGRESS"),
            None,
        );
        let (at, status, reason) = match (fails, failure) {
            (Some(reason), _) => (*takes, format!("{verb}_FAILED"), Some(reason.clone())),
            (None, Some(end)) if *takes > end => {
                let cancelled = format!(
                    "Resource {} cancelled",
                    if verb == "CREATE" {
                        "creation"
                    } else {
                        "update"
                    }
                );
                (end, format!("{verb}_FAILED"), Some(cancelled))
            }
            (None, _) => (*takes, format!("{verb}_COMPLETE"), None),
        };
        push(at, logical, kind, physical_id, status, reason);
    }
    let last = if failure.is_some() {
        fallen.to_owned()
    } else {
        format!("{verb}_COMPLETE")
    };
    push(end, name, STACK, id, last, None);
    events.sort_by_key(|event| event.at);
    events
}
