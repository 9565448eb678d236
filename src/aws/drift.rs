//! CloudFormation's drift: the resources of a stack that differ from its template.

use anyhow::{Context, Result, bail};
use aws_sdk_cloudformation::types::{
    PropertyDifference, StackDriftDetectionStatus, StackResourceDrift, StackResourceDriftStatus,
};

use super::CloudFormation;
use super::denied::failure;

/// A resource that is not as its template says.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct DriftedResource {
    /// Its name in the template.
    pub logical_id: String,
    /// Its type, for example `AWS::S3::Bucket`.
    pub kind: String,
    /// Whether it is gone altogether.
    pub deleted: bool,
    /// The properties that differ; empty if the resource is gone.
    pub differences: Vec<PropertyDrift>,
}

/// A property that is not as the template says.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct PropertyDrift {
    /// Where in the resource, for example `/VersioningConfiguration/Status`.
    pub path: String,
    /// The value in the template; empty for a property that was added.
    pub expected: String,
    /// The actual value; empty for a property that was removed.
    pub actual: String,
}

impl CloudFormation {
    /// Starts to compare a stack with its template, and returns the id of that detection.
    ///
    /// # Errors
    /// There is no such stack, it is being changed, or we may not (`cloudformation:DetectStackDrift`).
    pub async fn start_drift_detection(&self, stack: &str) -> Result<String> {
        let response = self
            .client
            .detect_stack_drift()
            .stack_name(stack)
            .send()
            .await;
        let output = response
            .map_err(|error| failure(error, "cloudformation:DetectStackDrift"))
            .with_context(|| format!("failed to start the drift detection of stack `{stack}`"))?;
        let id = output.stack_drift_detection_id;
        id.context("CloudFormation named no drift detection")
    }

    /// Returns whether a drift detection is done.
    ///
    /// # Errors
    /// It has failed, with CloudFormation's reason, or we may not ask
    /// (`cloudformation:DescribeStackDriftDetectionStatus`).
    pub async fn is_drift_detected(&self, detection: &str) -> Result<bool> {
        let request = self.client.describe_stack_drift_detection_status();
        let response = request.stack_drift_detection_id(detection).send().await;
        let permission = "cloudformation:DescribeStackDriftDetectionStatus";
        let output = response
            .map_err(|error| failure(error, permission))
            .context("failed to follow a drift detection")?;
        match output.detection_status {
            Some(StackDriftDetectionStatus::DetectionInProgress) => Ok(false),
            // Some resources of the stack could not be compared; the others were.
            Some(StackDriftDetectionStatus::DetectionFailed) => {
                bail!(output.detection_status_reason.unwrap_or_default())
            }
            _ => Ok(true),
        }
    }

    /// Lists the resources of a stack that differ, as the last detection found them.
    ///
    /// # Errors
    /// There is no such stack, or we may not (`cloudformation:DescribeStackResourceDrifts`).
    pub async fn list_drifted_resources(&self, stack: &str) -> Result<Vec<DriftedResource>> {
        let request = self
            .client
            .describe_stack_resource_drifts()
            .stack_name(stack);
        let request = request
            .stack_resource_drift_status_filters(StackResourceDriftStatus::Modified)
            .stack_resource_drift_status_filters(StackResourceDriftStatus::Deleted);
        let mut pages = request.into_paginator().send();
        let mut drifted = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page
                .map_err(|error| failure(error, "cloudformation:DescribeStackResourceDrifts"))
                .with_context(|| format!("failed to list the drift of stack `{stack}`"))?;
            let rows = page.stack_resource_drifts.unwrap_or_default().into_iter();
            drifted.extend(rows.map(DriftedResource::from));
        }
        Ok(drifted)
    }
}

impl From<StackResourceDrift> for DriftedResource {
    fn from(drift: StackResourceDrift) -> Self {
        let differences = drift.property_differences.unwrap_or_default().into_iter();
        Self {
            logical_id: drift.logical_resource_id.unwrap_or_default(),
            kind: drift.resource_type.unwrap_or_default(),
            deleted: drift.stack_resource_drift_status == Some(StackResourceDriftStatus::Deleted),
            differences: differences.map(PropertyDrift::from).collect(),
        }
    }
}

impl From<PropertyDifference> for PropertyDrift {
    fn from(difference: PropertyDifference) -> Self {
        Self {
            path: difference.property_path.unwrap_or_default(),
            expected: difference.expected_value.unwrap_or_default(),
            actual: difference.actual_value.unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudformation::Client;
    use aws_sdk_cloudformation::operation::describe_stack_drift_detection_status::DescribeStackDriftDetectionStatusOutput as Status;
    use aws_sdk_cloudformation::operation::describe_stack_resource_drifts::DescribeStackResourceDriftsOutput;
    use aws_sdk_cloudformation::operation::detect_stack_drift::DetectStackDriftError;
    use aws_smithy_mocks::{Rule, mock};

    use super::*;
    use crate::aws::fake::{access_denied, fake_client};
    use crate::aws::missing_permission;

    fn client(rule: &Rule) -> CloudFormation {
        CloudFormation::new(fake_client!(aws_sdk_cloudformation, [rule]))
    }

    fn detection(status: StackDriftDetectionStatus) -> Rule {
        mock!(Client::describe_stack_drift_detection_status).then_output(move || {
            let reason = "Failed to detect drift on resource [Table]";
            let output = Status::builder().detection_status(status.clone());
            output.detection_status_reason(reason).build()
        })
    }

    #[tokio::test]
    async fn a_detection_runs_is_done_or_has_failed_with_its_reason() {
        use StackDriftDetectionStatus as S;
        let asked = |status| async move { client(&detection(status)).is_drift_detected("1").await };
        assert!(!asked(S::DetectionInProgress).await.unwrap());
        assert!(asked(S::DetectionComplete).await.unwrap());
        let error = asked(S::DetectionFailed).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "Failed to detect drift on resource [Table]"
        );
    }

    #[tokio::test]
    async fn what_differs_is_reported_by_property() {
        let rule = mock!(Client::describe_stack_resource_drifts)
            .match_requests(|request| request.stack_resource_drift_status_filters().len() == 2)
            .then_output(|| {
                let difference = PropertyDifference::builder()
                    .property_path("/RetentionInDays")
                    .expected_value("30")
                    .actual_value("7");
                let drift = StackResourceDrift::builder()
                    .logical_resource_id("ApiLog")
                    .resource_type("AWS::Logs::LogGroup")
                    .stack_resource_drift_status(StackResourceDriftStatus::Modified)
                    .property_differences(difference.build());
                DescribeStackResourceDriftsOutput::builder()
                    .stack_resource_drifts(drift.build())
                    .build()
            });
        let drifted = client(&rule).list_drifted_resources("api").await.unwrap();
        insta::assert_json_snapshot!(drifted, @r#"
        [
          {
            "logical_id": "ApiLog",
            "kind": "AWS::Logs::LogGroup",
            "deleted": false,
            "differences": [
              {
                "path": "/RetentionInDays",
                "expected": "30",
                "actual": "7"
              }
            ]
          }
        ]
        "#);
    }

    #[tokio::test]
    async fn a_refusal_names_the_missing_permission() {
        let rule =
            mock!(Client::detect_stack_drift).then_error(|| access_denied!(DetectStackDriftError));
        let error = client(&rule)
            .start_drift_detection("api")
            .await
            .unwrap_err();
        assert_eq!(
            missing_permission(&error),
            Some("cloudformation:DetectStackDrift")
        );
    }
}
