//! The stack that an operation works on, and everything that the operation needs to reach it and to report on it.

use std::collections::BTreeMap;

use anyhow::Result;

use super::follow::retry_transient;
use crate::aws::{CloudFormation, CloudWatch, Ec2, S3, StackEvent};
use crate::event::{Event, Reporter};
use crate::template::{DataConsent, Template};

/// The way of templates that are too large for a request.
#[derive(Clone, Copy, Debug)]
pub enum LargeTemplates<'a> {
    /// There is none: the bucket is not there yet.
    Refused,
    /// They are put into the artifact bucket.
    Bucket {
        /// The client.
        s3: &'a S3,
        /// The bucket.
        bucket: &'a str,
    },
    /// The template is the one that is deployed, and CloudFormation has it.
    Deployed,
}

impl<'a> LargeTemplates<'a> {
    /// Returns the way by the artifact bucket, where that is known.
    pub fn by(s3: &'a S3, bucket: Option<&'a str>) -> Self {
        bucket.map_or(Self::Refused, |bucket| Self::Bucket { s3, bucket })
    }
}

/// One stack of an operation.
pub(super) struct StackTarget<'a> {
    /// The client of the stack's region.
    pub(super) client: &'a CloudFormation,
    /// The name in CloudFormation.
    pub(super) name: &'a str,
    pub(super) template: &'a Template,
    /// Its tags, beside the one that every stack has.
    pub(super) tags: &'a BTreeMap<String, String>,
    /// The name of the task in events.
    pub(super) task: &'a str,
    /// The losses of data that a person has agreed to.
    pub(super) consent: &'a DataConsent,
    /// The way of its template, where that is too large for a request.
    pub(super) large: LargeTemplates<'a>,
    /// The client of the alarms in that region; none where none are watched.
    pub(super) alarms: Option<&'a CloudWatch>,
    /// The client of the servers; none where the stack is in another region than they are.
    pub(super) ec2: Option<&'a Ec2>,
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
