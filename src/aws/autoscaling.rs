//! EC2 Auto Scaling: the instances of a group, and their health.

use anyhow::{Context, Result};
use aws_sdk_autoscaling::Client;
use aws_sdk_autoscaling::types::{AutoScalingGroup, Instance as Described};

use super::denied::failure;

/// The client to EC2 Auto Scaling.
#[derive(Clone, Debug)]
pub struct AutoScaling {
    client: Client,
}

/// A group of instances.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// The desired number of instances.
    pub wanted: i32,
    /// The version of the launch template that new instances get.
    pub template_version: Option<String>,
    /// Those that there are.
    pub instances: Vec<Instance>,
}

/// An instance of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// `i-…`.
    pub id: String,
    /// Auto Scaling's word, for example `InService`.
    pub lifecycle: String,
    /// Whether Auto Scaling holds it for healthy.
    pub healthy: bool,
    /// The version of the launch template that it was started with.
    pub template_version: Option<String>,
}

impl AutoScaling {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Returns a group by name, or `None` if there is none.
    ///
    /// # Errors
    /// Auto Scaling is not reached or refuses (`autoscaling:DescribeAutoScalingGroups`).
    pub async fn find_group(&self, name: &str) -> Result<Option<Group>> {
        let request = self.client.describe_auto_scaling_groups();
        let response = request.auto_scaling_group_names(name).send().await;
        let output = response
            .map_err(|error| failure(error, "autoscaling:DescribeAutoScalingGroups"))
            .with_context(|| format!("failed to describe auto scaling group `{name}`"))?;
        let groups = output.auto_scaling_groups.unwrap_or_default();
        Ok(groups.into_iter().next().map(Group::from))
    }
}

impl From<AutoScalingGroup> for Group {
    fn from(group: AutoScalingGroup) -> Self {
        let instances = group.instances.unwrap_or_default().into_iter();
        Self {
            wanted: group.desired_capacity.unwrap_or_default(),
            template_version: group.launch_template.and_then(|template| template.version),
            instances: instances.map(Instance::from).collect(),
        }
    }
}

impl From<Described> for Instance {
    fn from(instance: Described) -> Self {
        let lifecycle = instance.lifecycle_state;
        Self {
            id: instance.instance_id.unwrap_or_default(),
            lifecycle: lifecycle
                .map(|state| state.as_str().to_owned())
                .unwrap_or_default(),
            // The API knows two words, `Healthy` and `Unhealthy`, and gives them in either case.
            healthy: instance
                .health_status
                .is_none_or(|status| status.eq_ignore_ascii_case("healthy")),
            template_version: instance
                .launch_template
                .and_then(|template| template.version),
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_autoscaling::operation::describe_auto_scaling_groups::{
        DescribeAutoScalingGroupsError, DescribeAutoScalingGroupsOutput,
    };
    use aws_sdk_autoscaling::types::{LaunchTemplateSpecification, LifecycleState};
    use aws_smithy_mocks::{Rule, mock};

    use super::*;
    use crate::aws::fake::{access_denied, fake_client};
    use crate::aws::missing_permission;

    fn client(rule: &Rule) -> AutoScaling {
        AutoScaling::new(fake_client!(aws_sdk_autoscaling, [rule]))
    }

    #[tokio::test]
    async fn a_group_has_its_instances_with_health_and_version() {
        let rule = mock!(Client::describe_auto_scaling_groups).then_output(|| {
            let version = |version: &str| {
                LaunchTemplateSpecification::builder()
                    .version(version)
                    .build()
            };
            let instance = Described::builder()
                .instance_id("i-1")
                .lifecycle_state(LifecycleState::InService)
                .health_status("Unhealthy")
                .launch_template(version("3"));
            let group = AutoScalingGroup::builder()
                .desired_capacity(2)
                .launch_template(version("4"))
                .instances(instance.build());
            DescribeAutoScalingGroupsOutput::builder()
                .auto_scaling_groups(group.build())
                .build()
        });
        let group = client(&rule).find_group("servers").await.unwrap().unwrap();
        assert_eq!(
            (group.wanted, group.template_version.as_deref()),
            (2, Some("4"))
        );
        let instance = Instance {
            id: "i-1".to_owned(),
            lifecycle: "InService".to_owned(),
            healthy: false,
            template_version: Some("3".to_owned()),
        };
        assert_eq!(group.instances, [instance]);
    }

    #[tokio::test]
    async fn a_group_that_is_not_there_is_none_and_a_refusal_names_the_permission() {
        let none = mock!(Client::describe_auto_scaling_groups)
            .then_output(|| DescribeAutoScalingGroupsOutput::builder().build());
        assert_eq!(client(&none).find_group("servers").await.unwrap(), None);
        let denied = mock!(Client::describe_auto_scaling_groups)
            .then_error(|| access_denied!(DescribeAutoScalingGroupsError));
        let error = client(&denied).find_group("servers").await.unwrap_err();
        assert_eq!(
            missing_permission(&error),
            Some("autoscaling:DescribeAutoScalingGroups")
        );
    }
}
