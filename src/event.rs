//! The events of a command while it works. Steps report events; `ui` draws them. Nothing is drawn here.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// One step of the road.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// The place where the stage runs is made ready (local stage: started).
    Prepare,
    /// Binaries and site are built.
    Build,
    /// The changes that a deploy would make are found out.
    Plan,
    /// Artifacts are sent to the artifact bucket.
    Publish,
    /// Stacks are created and updated.
    Provision,
    /// Site files and servers are switched over.
    Release,
    /// The running system is asked.
    Verify,
    /// The alarms are watched before the release counts as good.
    Bake,
    /// Everything is taken down.
    Teardown,
}

impl Step {
    /// Returns the step's name as people and scripts see it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Build => "build",
            Self::Plan => "plan",
            Self::Publish => "publish",
            Self::Provision => "provision",
            Self::Release => "release",
            Self::Verify => "verify",
            Self::Bake => "bake",
            Self::Teardown => "teardown",
        }
    }
}

/// One fact about the running work.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A step begins.
    StepStarted(Step),
    /// A step is done.
    StepDone(Step, Duration),
    /// A piece of work within the step begins: a build, a stack, an upload.
    TaskStarted {
        /// Unique among the running tasks, for example "stack data".
        task: String,
    },
    /// The size of a running task that changes resources, and its expected time.
    TaskSized {
        /// As in `TaskStarted`.
        task: String,
        /// The number of resources that will change.
        resources: usize,
        /// The time that it took the last time, where that is known.
        expected: Option<Duration>,
    },
    /// A resource of a running task has moved.
    Resource {
        /// As in `TaskStarted`.
        task: String,
        /// The resource and its new state.
        resource: ResourceStep,
    },
    /// A running task has something new to say.
    TaskProgress {
        /// As in `TaskStarted`.
        task: String,
        /// One line: the resource now worked on, a file, a count.
        detail: String,
    },
    /// A task has ended.
    TaskDone {
        /// As in `TaskStarted`.
        task: String,
        /// The outcome: "created", "unchanged", "failed", ….
        outcome: String,
        /// The time that it took.
        elapsed: Duration,
    },
    /// A deploy has failed, and its undoing begins.
    UndoStarted {
        /// Why it failed.
        cause: String,
        /// The id of the release that is restored.
        release: String,
    },
    /// Something worth knowing.
    Note(String),
    /// What is about to be done to a stage, to be read before a person consents to it.
    Explanation(String),
    /// Something that may go wrong later.
    Warning(String),
    /// A line of a tool's own output, shown as it is (a compiler's message).
    ToolOutput(String),
}

/// One move of one resource of a stack.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct ResourceStep {
    /// Its name in the template.
    pub logical_id: String,
    /// Its type, for example `AWS::S3::Bucket`.
    pub kind: String,
    /// Its state.
    pub state: ResourceState,
    /// CloudFormation's word, for example `CREATE_COMPLETE`.
    pub status: String,
    /// Why, where CloudFormation says so.
    pub reason: Option<String>,
}

/// The state of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ResourceState {
    /// Being worked on.
    Working,
    /// As it should be, or gone as it should be.
    Done,
    /// Retained, or left as it is.
    Skipped,
    /// Refused, or undone because a neighbour was.
    Failed,
}

/// Receives events as they happen. Must not block.
pub trait Reporter: Send + Sync {
    /// Takes one event.
    fn report(&self, event: Event);
}

/// Tells nobody.
pub struct SilentReporter;

impl Reporter for SilentReporter {
    fn report(&self, _event: Event) {}
}

/// Runs a piece of work as a task: says that it began and how it ended.
///
/// # Errors
/// The work's own.
pub async fn task<T>(
    reporter: &dyn Reporter,
    name: &str,
    outcome: impl FnOnce(&T) -> String,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let started = std::time::Instant::now();
    reporter.report(Event::TaskStarted {
        task: name.to_owned(),
    });
    let result = work.await;
    reporter.report(Event::TaskDone {
        task: name.to_owned(),
        outcome: result
            .as_ref()
            .map_or_else(|_| "failed".to_owned(), outcome),
        elapsed: started.elapsed(),
    });
    result
}

/// A reporter that hands everything on and remembers what is going on, for when it is cut short.
pub struct Journal {
    inner: Box<dyn Reporter>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    step: Option<Step>,
    is_undoing: bool,
    tasks: BTreeSet<String>,
    touched: bool,
}

impl Journal {
    /// Begins with nothing going on.
    pub fn new(inner: Box<dyn Reporter>) -> Self {
        Self {
            inner,
            state: Mutex::default(),
        }
    }

    /// Returns whether anything has begun that may change the stage: a step but those that build and ask, or a task outside
    /// of every step.
    pub fn has_touched(&self) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.touched
    }

    /// Returns what is going on in words, for example "in step provision (stack api, stack site)".
    pub fn doing(&self) -> String {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let tasks = state
            .tasks
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(", ");
        let undoing = if state.is_undoing {
            "being restored, "
        } else {
            ""
        };
        match (state.step, tasks.as_str()) {
            (None, _) => "not touched yet".to_owned(),
            (Some(step), "") => format!("{undoing}in step {}", step.name()),
            (Some(step), tasks) => format!("{undoing}in step {} ({tasks})", step.name()),
        }
    }

    /// Returns whether a deploy that failed is being undone.
    pub fn is_undoing(&self) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_undoing
    }
}

impl Reporter for Journal {
    fn report(&self, event: Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &event {
            Event::StepStarted(step) => {
                state.step = Some(*step);
                state.touched |= !matches!(step, Step::Build | Step::Plan);
            }
            Event::TaskStarted { task } => {
                state.touched |= state.step.is_none();
                state.tasks.insert(task.clone());
            }
            Event::UndoStarted { .. } => state.is_undoing = true,
            Event::TaskDone { task, .. } => _ = state.tasks.remove(task),
            _ => {}
        }
        drop(state);
        self.inner.report(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journal_knows_what_is_going_on() {
        let journal = Journal::new(Box::new(SilentReporter));
        assert_eq!(journal.doing(), "not touched yet");
        assert!(!journal.has_touched());
        journal.report(Event::StepStarted(Step::Build));
        assert!(!journal.has_touched());
        journal.report(Event::StepStarted(Step::Provision));
        assert!(journal.has_touched());
        for task in ["stack api", "stack site"] {
            journal.report(Event::TaskStarted {
                task: task.to_owned(),
            });
        }
        assert_eq!(journal.doing(), "in step provision (stack api, stack site)");
        let (task, outcome, elapsed) = ("stack api".to_owned(), String::new(), Duration::ZERO);
        journal.report(Event::TaskDone {
            task,
            outcome,
            elapsed,
        });
        assert_eq!(journal.doing(), "in step provision (stack site)");
        assert!(!journal.is_undoing());
        let (cause, release) = ("it answers 500".to_owned(), "3f2a91c0".to_owned());
        journal.report(Event::UndoStarted { cause, release });
        journal.report(Event::StepStarted(Step::Release));
        assert!(journal.is_undoing());
        assert_eq!(
            journal.doing(),
            "being restored, in step release (stack site)"
        );
    }
}
