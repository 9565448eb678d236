//! The stack that an operation works on, and everything that the operation needs to reach it and to report on it.

use anyhow::Result;

use super::follow::retry_transient;
use crate::aws::{CloudFormation, StackEvent};
use crate::event::{Event, Reporter};
use crate::template::{DataConsent, Template};

/// One stack of an operation.
pub(super) struct StackTarget<'a> {
    /// The client of the stack's region.
    pub(super) client: &'a CloudFormation,
    /// The name in CloudFormation.
    pub(super) name: &'a str,
    pub(super) template: &'a Template,
    /// The name of the task in events.
    pub(super) task: &'a str,
    /// The losses of data that a person has agreed to.
    pub(super) consent: &'a DataConsent,
    pub(super) reporter: &'a dyn Reporter,
}

impl StackTarget<'_> {
    /// Calls AWS again for as long as it may answer later; see [`retry_transient`].
    pub(super) async fn retry<T, F>(&self, call: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        retry_transient(self.reporter, call).await
    }

    /// Reports a state change of one of the stack's resources.
    pub(super) fn report_resource(&self, event: &StackEvent) {
        self.reporter.report(Event::Resource {
            task: self.task.to_owned(),
            resource: event.into(),
        });
    }

    /// Reports the step that the task has reached.
    pub(super) fn report_progress(&self, detail: &str) {
        self.reporter.report(Event::TaskProgress {
            task: self.task.to_owned(),
            detail: detail.to_owned(),
        });
    }
}
