//! Less than everything, while a command works: for an agent, and for whoever asked for quiet. In: events. Out: those that
//! are said. What a person is to read before they consent is held back until they are asked.

use std::sync::{Mutex, PoisonError};

use super::write::say;
use crate::config::terminal::Progress;
use crate::event::{Event, Reporter, ResourceState};
use crate::plain::plain;

/// Hands on what is worth a line where less than everything is said.
pub(super) struct Quiet<R> {
    inner: R,
    progress: Progress,
}

impl<R: Reporter> Quiet<R> {
    /// Begins with nothing held back.
    pub(super) fn new(inner: R, progress: Progress) -> Self {
        Self { inner, progress }
    }
}

impl<R: Reporter> Reporter for Quiet<R> {
    fn report(&self, event: Event) {
        if is_said(&event, self.progress) {
            self.inner.report(event);
        } else if let Event::Explanation(text) = event {
            held().push(text);
        }
    }
}

/// What a person is asked about once for all of it.
static HELD: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn held() -> std::sync::MutexGuard<'static, Vec<String>> {
    HELD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says what was held back, because a person is asked now.
pub(super) fn say_held() {
    let lines = std::mem::take(&mut *held());
    lines.iter().for_each(|line| say(plain(line)));
}

fn is_said(event: &Event, progress: Progress) -> bool {
    let is_about_steps = match event {
        Event::StepStarted(_) | Event::StepDone(..) => true,
        Event::Note(_) | Event::Explanation(_) => true,
        Event::TaskDone { outcome, .. } => outcome == "failed",
        Event::Resource { resource, .. } => resource.state == ResourceState::Failed,
        Event::TaskStarted { .. } | Event::TaskSized { .. } | Event::TaskProgress { .. } => false,
        Event::UndoStarted { .. } | Event::Warning(_) | Event::ToolOutput(_) => return true,
    };
    match progress {
        Progress::Everything => true,
        Progress::Steps => is_about_steps,
        Progress::Problems => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::super::lines::{Dialect, Lines};
    use super::super::script::{Paper, Watch, done, progress, resource, sized, started};
    use super::*;
    use crate::event::Step;

    fn said(progress_of: Progress) -> String {
        let paper = Paper::default();
        let lines = Lines::still(
            Box::new(paper.clone()),
            Dialect::Plain,
            Arc::clone(&Watch::new().clock()),
        );
        let quiet = Quiet::new(lines, progress_of);
        let task = "stack data";
        for event in [
            Event::StepStarted(Step::Provision),
            started(task),
            sized(task, 8, None),
            resource(task, "Table", "CREATE_IN_PROGRESS"),
            resource(task, "Table", "CREATE_COMPLETE"),
            resource(task, "Topic", "CREATE_FAILED"),
            progress(task, "half"),
            done("stack dns", "created", 1.0),
            done(task, "failed", 2.0),
            Event::Note("the port is taken".to_owned()),
            Event::Warning("it waits".to_owned()),
            Event::ToolOutput("error[E0308]".to_owned()),
            Event::StepDone(Step::Provision, Duration::from_secs(3)),
        ] {
            quiet.report(event);
        }
        paper.text()
    }

    #[test]
    fn an_agent_reads_what_changes_the_state_of_a_step() {
        insta::assert_snapshot!(said(Progress::Steps), @r"
provision
stack data: Topic CREATE_FAILED
stack data: failed 2.0 s
the port is taken
warning: it waits
error[E0308]
provision: done 3.0 s
");
    }

    #[test]
    fn whoever_asked_for_quiet_reads_problems() {
        insta::assert_snapshot!(said(Progress::Problems), @r"
warning: it waits
error[E0308]
");
    }

    #[test]
    fn an_explanation_is_held_back_until_a_person_is_asked() {
        let quiet = Quiet::new(crate::event::SilentReporter, Progress::Problems);
        quiet.report(Event::Explanation("stack data goes".to_owned()));
        assert_eq!(*held(), ["stack data goes"]);
        say_held();
        assert!(held().is_empty());
    }
}
