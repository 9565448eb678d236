//! Follows an operation of CloudFormation to its end. In: a stack by ARN, and which events are old. Out:
//! every event since, the last of them the one with which the stack came to rest. What cannot be seen
//! for a while never decides the result: the operation goes on in AWS, and so do we.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::poll_interval::PollInterval;
use crate::aws::{CloudFormation, Fault, Stack, StackEvent, StackState};
use crate::event::{Event, Reporter};

/// The longest time that AWS may be out of reach before we give up watching.
const TIMEOUT: Duration = Duration::from_secs(600);

/// The end of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OperationEnd {
    /// The stack's status, in CloudFormation's word.
    pub status: String,
    /// Every event that was seen, oldest first. Empty when events may not be read.
    pub events: Vec<StackEvent>,
}

/// Follows a stack by its ARN until it settles, handing on every event that is not in `seen`.
///
/// # Errors
/// The credentials have expired, or CloudFormation was out of reach for ten minutes. The operation goes
/// on all the same.
pub(super) async fn wait_for_operation(
    client: &CloudFormation,
    stack_id: &str,
    seen: &BTreeSet<String>,
    reporter: &dyn Reporter,
    mut on_event: impl FnMut(&StackEvent),
) -> Result<OperationEnd> {
    let mut seen = seen.clone();
    let mut events = Vec::new();
    let mut pace = PollInterval::new();
    let mut contact = Reachability::default();
    loop {
        match client.list_new_events(stack_id, &seen).await {
            Ok(new) => {
                contact.restored(reporter);
                for event in new {
                    seen.insert(event.id.clone());
                    on_event(&event);
                    let status = event.is_settled().then(|| event.status.clone());
                    events.push(event);
                    if let Some(status) = status {
                        return Ok(OperationEnd { status, events });
                    }
                }
            }
            Err(error) if Fault::of(&error).is_some_and(Fault::is_denied) => {
                reporter.report(Event::Warning(format!(
                    "no progress can be shown ({error:#}): grant `cloudformation:DescribeStackEvents` to see it"
                )));
                return wait_by_state(client, stack_id, reporter).await;
            }
            Err(error) => contact.lost(error, reporter)?,
        }
        pace.wait().await;
    }
}

/// Follows a stack by its state alone.
async fn wait_by_state(
    client: &CloudFormation,
    stack_id: &str,
    reporter: &dyn Reporter,
) -> Result<OperationEnd> {
    let mut pace = PollInterval::new();
    loop {
        match retry_transient(reporter, || client.find_stack(stack_id)).await? {
            Some(stack) if stack.state == StackState::Moving => pace.wait().await,
            found => {
                let status = found.map_or("DELETE_COMPLETE".to_owned(), |stack| stack.status);
                let events = Vec::new();
                return Ok(OperationEnd { status, events });
            }
        }
    }
}

/// Returns a stack as it is once no operation runs on it any more, following one that does.
///
/// # Errors
/// As `wait_for_operation`.
pub async fn wait_until_idle(
    client: &CloudFormation,
    stack: Stack,
    reporter: &dyn Reporter,
    mut on_event: impl FnMut(&StackEvent),
) -> Result<Option<Stack>> {
    let mut past = retry_transient(reporter, || client.list_newest_events(&stack.id)).await?;
    if !past.iter().any(StackEvent::is_settled) {
        let none = BTreeSet::new();
        past = retry_transient(reporter, || client.list_new_events(&stack.id, &none)).await?;
    }
    // It may have come to rest while we read its past; then there is no more to see.
    let found = retry_transient(reporter, || client.find_stack(&stack.id)).await?;
    if !found
        .as_ref()
        .is_some_and(|stack| stack.state == StackState::Moving)
    {
        return Ok(found);
    }
    let seen = before_operation(&past);
    wait_for_operation(client, &stack.id, &seen, reporter, &mut on_event).await?;
    retry_transient(reporter, || client.find_stack(&stack.id)).await
}

/// Returns the ids of the events before the operation that runs now.
fn before_operation(events: &[StackEvent]) -> BTreeSet<String> {
    let old = events.iter().rposition(StackEvent::is_settled);
    let old = old.map_or(0, |last| last + 1);
    events[..old].iter().map(|event| event.id.clone()).collect()
}

/// Asks again as long as AWS may answer later. Only for what may be asked twice.
///
/// # Errors
/// AWS refuses the call, the credentials have expired, or AWS was out of reach for ten minutes.
pub async fn retry_transient<T, F>(reporter: &dyn Reporter, mut ask: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let mut pace = PollInterval::new();
    let mut contact = Reachability::default();
    loop {
        match ask().await {
            Ok(answer) => {
                contact.restored(reporter);
                return Ok(answer);
            }
            Err(error) => contact.lost(error, reporter)?,
        }
        pace.wait().await;
    }
}

/// Reports once when AWS is out of reach, and once when it answers again.
#[derive(Default)]
struct Reachability {
    lost: Option<Instant>,
}

impl Reachability {
    fn restored(&mut self, reporter: &dyn Reporter) {
        if let Some(since) = self.lost.take() {
            let seconds = since.elapsed().as_secs_f64();
            reporter.report(Event::Note(format!(
                "AWS answers again, after {seconds:.1} s"
            )));
        }
    }

    /// Gives the error back when there is no use in asking again.
    fn lost(&mut self, error: anyhow::Error, reporter: &dyn Reporter) -> Result<()> {
        if !Fault::of(&error).is_some_and(Fault::is_transient) {
            return Err(error);
        }
        let since = self.lost.get_or_insert_with(|| {
            reporter.report(Event::Warning(format!(
                "{error:#}; running operations in AWS continue; trying again"
            )));
            Instant::now()
        });
        if since.elapsed() < TIMEOUT {
            return Ok(());
        }
        let minutes = TIMEOUT.as_secs() / 60;
        Err(error).with_context(|| {
            format!("AWS gave no answer for {minutes} minutes; running operations there continue")
        })
    }
}
