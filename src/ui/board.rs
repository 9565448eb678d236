//! The state of the work in progress. In: events, each with the moment at which it came. Out: the running step, its
//! tasks, and their resources. Nothing is drawn here, and no clock is read.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::event::{Event, ResourceState, ResourceStep, Step};

/// Tells the time; a parameter, so that tests need not wait.
pub(super) type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

/// The state of the work in progress.
#[derive(Default)]
pub(super) struct Board {
    /// The running step, and since when.
    pub(super) step: Option<(Step, Instant)>,
    /// The running tasks, oldest first.
    pub(super) tasks: Vec<Task>,
    /// The number of the step's tasks that have ended.
    pub(super) ended: usize,
}

/// A running task.
pub(super) struct Task {
    pub(super) name: String,
    pub(super) since: Instant,
    /// The last thing that it said of itself.
    pub(super) detail: Option<String>,
    /// The number of resources that it changes.
    pub(super) size: Option<usize>,
    /// The time that it should take.
    pub(super) expected: Option<Duration>,
    /// The state of the stack itself.
    pub(super) stack: Option<ResourceStep>,
    resources: Vec<BoardResource>,
}

/// A resource that has moved.
pub(super) struct BoardResource {
    pub(super) now: ResourceStep,
    /// When the move began of which `now` is the last word.
    pub(super) since: Instant,
}

/// A stack reports its own state as if it were its own resource. Ours hold no others.
const STACK: &str = "AWS::CloudFormation::Stack";

/// A task that takes longer than so many times its expected time is late.
const TIMEOUT: u32 = 3;

impl Board {
    /// Takes one event.
    pub(super) fn take(&mut self, event: &Event, now: Instant) {
        match event {
            Event::StepStarted(step) => {
                self.step = Some((*step, now));
                self.ended = 0;
            }
            Event::StepDone(..) => self.step = None,
            Event::TaskStarted { task } => self.tasks.push(Task::new(task, now)),
            Event::TaskDone { task, .. } => {
                self.tasks.retain(|running| running.name != *task);
                self.ended += 1;
            }
            Event::TaskSized {
                task,
                resources,
                expected,
            } => self.change(task, |task| {
                (task.size, task.expected) = (Some(*resources), *expected);
            }),
            Event::Resource { task, resource } => {
                self.change(task, |task| task.move_resource(resource, now));
            }
            Event::TaskProgress { task, detail } => {
                self.change(task, |task| task.detail = Some(detail.clone()));
            }
            Event::UndoStarted { .. }
            | Event::Note(_)
            | Event::Explanation(_)
            | Event::Warning(_)
            | Event::ToolOutput(_) => {}
        }
    }

    fn change(&mut self, name: &str, change: impl FnOnce(&mut Task)) {
        if let Some(task) = self.tasks.iter_mut().find(|task| task.name == name) {
            change(task);
        }
    }

    /// Returns the time that the running tasks should still take: that of the one that takes longest. `None` where none of
    /// them has an expected time, or one has exceeded its own: then nobody knows.
    pub(super) fn left(&self, now: Instant) -> Option<Duration> {
        let left = self.tasks.iter().filter_map(|task| task.left(now));
        let is_exceeded = left.clone().any(|left| left.is_zero());
        left.max().filter(|_| !is_exceeded)
    }

    /// Returns a running task.
    pub(super) fn find(&self, name: &str) -> Option<&Task> {
        self.tasks.iter().find(|task| task.name == name)
    }
}

impl Task {
    fn new(name: &str, now: Instant) -> Self {
        Self {
            name: name.to_owned(),
            since: now,
            detail: None,
            size: None,
            expected: None,
            stack: None,
            resources: Vec::new(),
        }
    }

    fn move_resource(&mut self, step: &ResourceStep, now: Instant) {
        if step.kind == STACK {
            self.stack = Some(step.clone());
            return;
        }
        let is_it = |row: &&mut BoardResource| row.now.logical_id == step.logical_id;
        let Some(row) = self.resources.iter_mut().find(is_it) else {
            return self.resources.push(BoardResource {
                now: step.clone(),
                since: now,
            });
        };
        if row.now.state != ResourceState::Working && step.state == ResourceState::Working {
            row.since = now;
        }
        row.now = step.clone();
    }

    /// Returns a resource that has moved.
    pub(super) fn find(&self, logical_id: &str) -> Option<&BoardResource> {
        self.resources
            .iter()
            .find(|row| row.now.logical_id == logical_id)
    }

    /// Returns the resources now worked on, longest first.
    pub(super) fn working(&self) -> Vec<&BoardResource> {
        let is_working = |row: &&BoardResource| row.now.state == ResourceState::Working;
        let mut working: Vec<&BoardResource> = self.resources.iter().filter(is_working).collect();
        working.sort_by_key(|row| row.since);
        working
    }

    /// Returns how far it is: `3/8`, or `3/?`; nothing where nothing is to be counted.
    pub(super) fn count(&self) -> Option<String> {
        let settled = self.resources.len() - self.working().len();
        // A replaced resource moves twice, and a change set counts it once.
        match self.size {
            Some(size) => Some(format!("{settled}/{}", size.max(settled))),
            None if self.resources.is_empty() => None,
            None => Some(format!("{settled}/?")),
        }
    }

    /// Returns whether the stack is being put back to where it was.
    pub(super) fn is_rolling_back(&self) -> bool {
        let stack = self.stack.as_ref();
        stack.is_some_and(|stack| stack.status.contains("ROLLBACK"))
    }

    /// The time that it should still take. A rollback has its own time, which nobody knows.
    fn left(&self, now: Instant) -> Option<Duration> {
        let expected = self.expected.filter(|_| !self.is_rolling_back())?;
        Some(expected.saturating_sub(now.saturating_duration_since(self.since)))
    }

    /// Returns whether it takes longer than is normal for it.
    pub(super) fn is_late(&self, now: Instant) -> bool {
        let running = now.saturating_duration_since(self.since);
        self.expected
            .is_some_and(|expected| !expected.is_zero() && running > expected * TIMEOUT)
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::{resource, sized, started};
    use super::*;

    fn at(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn a_resource_counts_when_it_has_settled_and_the_stack_itself_never_does() {
        let (mut board, start) = (Board::default(), Instant::now());
        board.take(&started("stack data"), start);
        assert_eq!(board.tasks[0].count(), None);
        board.take(&sized("stack data", 2, None), start);
        for (id, status) in [
            ("demo-data", "CREATE_IN_PROGRESS"),
            ("Table", "CREATE_IN_PROGRESS"),
            ("Topic", "CREATE_COMPLETE"),
        ] {
            board.take(&resource("stack data", id, status), start);
        }
        let task = &board.tasks[0];
        assert_eq!(task.count().as_deref(), Some("1/2"));
        assert_eq!(task.working()[0].now.logical_id, "Table");
        for id in ["Table", "Old", "Older"] {
            board.take(&resource("stack data", id, "DELETE_COMPLETE"), start);
        }
        assert_eq!(board.tasks[0].count().as_deref(), Some("4/4"));
    }

    #[test]
    fn a_resource_is_as_old_as_its_present_move() {
        let (mut board, start) = (Board::default(), Instant::now());
        board.take(&started("stack data"), start);
        for (second, status) in [
            (0, "CREATE_IN_PROGRESS"),
            (1, "CREATE_IN_PROGRESS"),
            (2, "CREATE_COMPLETE"),
            (5, "DELETE_IN_PROGRESS"),
        ] {
            let event = resource("stack data", "Table", status);
            board.take(&event, at(start, second));
            let since = board.tasks[0].find("Table").unwrap().since;
            let begun = if second == 5 { 5 } else { 0 };
            assert_eq!(since, at(start, begun), "{status}");
        }
    }

    #[test]
    fn what_is_left_is_what_the_longest_task_should_still_take() {
        let (mut board, start) = (Board::default(), Instant::now());
        let left = |board: &Board, seconds| {
            let left = board.left(at(start, seconds));
            left.map(|left| left.as_secs())
        };
        for (task, expected) in [
            ("stack data", Some(100)),
            ("stack api", Some(300)),
            ("stack dns", None),
        ] {
            board.take(&started(task), start);
            board.take(&sized(task, 1, expected.map(Duration::from_secs)), start);
        }
        assert_eq!(left(&board, 40), Some(260));
        let undone = resource("stack api", "demo-api", "UPDATE_ROLLBACK_IN_PROGRESS");
        board.take(&undone, start);
        assert_eq!(
            left(&board, 40),
            Some(60),
            "nobody knows how long a rollback takes"
        );
        assert_eq!(left(&board, 100), None, "it has exceeded its time");
    }

    #[test]
    fn a_task_is_late_beyond_three_times_its_time() {
        let (mut board, start) = (Board::default(), Instant::now());
        board.take(&started("stack data"), start);
        assert!(!board.tasks[0].is_late(at(start, 900)));
        let expected = Some(Duration::from_secs(100));
        board.take(&sized("stack data", 2, expected), start);
        assert!(!board.tasks[0].is_late(at(start, 300)));
        assert!(board.tasks[0].is_late(at(start, 301)));
    }
}
