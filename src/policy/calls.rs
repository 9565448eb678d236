//! The calls that the deployer itself makes to AWS, beside those of CloudFormation. Every method that a
//! client in `src/aws/` calls has its row; a test reads the clients and finds what is missing. After a new
//! row, `distil.py` says whether IAM can narrow it.

/// A method of an SDK client, and the actions that IAM asks for it, for all commands on a stage that is
/// on AWS.
/// Source: Service Authorization Reference, the table of each service.
pub(super) const CALLS: [(&str, &[&str]); 69] = [
    ("describe_certificate", &["acm:DescribeCertificate"]),
    (
        "describe_auto_scaling_groups",
        &["autoscaling:DescribeAutoScalingGroups"],
    ),
    ("cancel_update_stack", &["cloudformation:CancelUpdateStack"]),
    (
        "continue_update_rollback",
        &["cloudformation:ContinueUpdateRollback"],
    ),
    // Tags of a stack are a permission of their own.
    (
        "create_change_set",
        &[
            "cloudformation:CreateChangeSet",
            "cloudformation:TagResource",
            "cloudformation:UntagResource",
        ],
    ),
    ("delete_change_set", &["cloudformation:DeleteChangeSet"]),
    ("delete_stack", &["cloudformation:DeleteStack"]),
    ("describe_change_set", &["cloudformation:DescribeChangeSet"]),
    ("describe_events", &["cloudformation:DescribeEvents"]),
    (
        "describe_stack_drift_detection_status",
        &["cloudformation:DescribeStackDriftDetectionStatus"],
    ),
    (
        "describe_stack_events",
        &["cloudformation:DescribeStackEvents"],
    ),
    (
        "describe_stack_resource_drifts",
        &["cloudformation:DescribeStackResourceDrifts"],
    ),
    ("describe_stacks", &["cloudformation:DescribeStacks"]),
    // CloudFormation reads every resource with the caller's rights.
    ("detect_stack_drift", &["cloudformation:DetectStackDrift"]),
    ("get_template", &["cloudformation:GetTemplate"]),
    ("execute_change_set", &["cloudformation:ExecuteChangeSet"]),
    ("list_change_sets", &["cloudformation:ListChangeSets"]),
    (
        "list_stack_resources",
        &["cloudformation:ListStackResources"],
    ),
    ("list_stacks", &["cloudformation:ListStacks"]),
    ("rollback_stack", &["cloudformation:RollbackStack"]),
    (
        "update_termination_protection",
        &["cloudformation:UpdateTerminationProtection"],
    ),
    ("create_invalidation", &["cloudfront:CreateInvalidation"]),
    // Only for the edge of a local stage, which keeps answers as the policy says.
    ("get_cache_policy", &[]),
    (
        "admin_add_user_to_group",
        &["cognito-idp:AdminAddUserToGroup"],
    ),
    ("admin_create_user", &["cognito-idp:AdminCreateUser"]),
    ("admin_delete_user", &["cognito-idp:AdminDeleteUser"]),
    ("admin_get_user", &["cognito-idp:AdminGetUser"]),
    // Only for the user of a local stage.
    ("admin_set_user_password", &[]),
    ("describe_user_pool", &["cognito-idp:DescribeUserPool"]),
    ("list_users", &["cognito-idp:ListUsers"]),
    ("list_users_in_group", &["cognito-idp:ListUsersInGroup"]),
    ("list_distributions", &["cloudfront:ListDistributions"]),
    ("describe_alarms", &["cloudwatch:DescribeAlarms"]),
    ("describe_table", &["dynamodb:DescribeTable"]),
    (
        "describe_availability_zones",
        &["ec2:DescribeAvailabilityZones"],
    ),
    (
        "describe_instance_type_offerings",
        &["ec2:DescribeInstanceTypeOfferings"],
    ),
    ("describe_instances", &["ec2:DescribeInstances"]),
    (
        "describe_vpc_endpoint_services",
        &["ec2:DescribeVpcEndpointServices"],
    ),
    ("get_console_output", &["ec2:GetConsoleOutput"]),
    (
        "get_event_source_mapping",
        &["lambda:GetEventSourceMapping"],
    ),
    ("get_item", &["dynamodb:GetItem"]),
    ("get_records", &["dynamodb:GetRecords"]),
    ("get_shard_iterator", &["dynamodb:GetShardIterator"]),
    // The heartbeat of `verify`, where no server writes one.
    ("put_item", &["dynamodb:PutItem"]),
    ("query", &["dynamodb:Query"]),
    ("invoke_function", &["lambda:InvokeFunction"]),
    ("filter_log_events", &["logs:FilterLogEvents"]),
    (
        "change_resource_record_sets",
        &["route53:ChangeResourceRecordSets"],
    ),
    ("get_hosted_zone", &["route53:GetHostedZone"]),
    (
        "list_resource_record_sets",
        &["route53:ListResourceRecordSets"],
    ),
    ("abort_multipart_upload", &["s3:AbortMultipartUpload"]),
    ("complete_multipart_upload", &["s3:PutObject"]),
    ("create_multipart_upload", &["s3:PutObject"]),
    (
        "delete_objects",
        &["s3:DeleteObject", "s3:DeleteObjectVersion"],
    ),
    ("get_object", &["s3:GetObject"]),
    ("list_object_versions", &["s3:ListBucketVersions"]),
    ("list_objects_v2", &["s3:ListBucket"]),
    ("put_object", &["s3:PutObject"]),
    ("upload_part", &["s3:PutObject"]),
    ("get_service_quota", &["servicequotas:GetServiceQuota"]),
    (
        "change_message_visibility_batch",
        &["sqs:ChangeMessageVisibility"],
    ),
    ("delete_message_batch", &["sqs:DeleteMessage"]),
    ("delete_queue", &["sqs:DeleteQueue"]),
    ("get_queue_attributes", &["sqs:GetQueueAttributes"]),
    ("list_queues", &["sqs:ListQueues"]),
    ("receive_message", &["sqs:ReceiveMessage"]),
    ("get_parameter", &["ssm:GetParameter"]),
    // Only for the server of a local stage.
    ("assume_role", &[]),
    // Always allowed (STS API Reference, GetCallerIdentity).
    ("get_caller_identity", &[]),
];

/// The calls of `plan`. It executes no change set, and reads no object.
pub(super) const CALLS_OF_PLAN: [&str; 14] = [
    "create_change_set",
    "delete_change_set",
    "describe_availability_zones",
    "describe_change_set",
    "describe_events",
    "describe_instance_type_offerings",
    "describe_stacks",
    "describe_vpc_endpoint_services",
    "get_caller_identity",
    "get_parameter",
    "get_template",
    "list_change_sets",
    "list_objects_v2",
    "list_stacks",
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    /// The methods that the clients call. A call without an SDK crate has the permission in place of a method.
    fn called() -> BTreeSet<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/aws");
        let method = regex::Regex::new(r"client\s*\.(\w+)\(\)").unwrap();
        let direct = regex::Regex::new(
            r#"(?:query\(\s*|permission: |ask(?:_stream|_table)?\()"[\w-]+:(\w+)""#,
        )
        .unwrap();
        let capital = regex::Regex::new("(.)([A-Z])").unwrap();
        let snake = |name: &str| capital.replace_all(name, "${1}_$2").to_lowercase();
        let mut found = BTreeSet::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let file = entry.unwrap().path();
            let is_test = file.to_string_lossy().ends_with("tests.rs");
            if file.is_dir() || is_test {
                continue;
            }
            let text = std::fs::read_to_string(&file).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap();
            found.extend(method.captures_iter(code).map(|found| found[1].to_owned()));
            found.extend(direct.captures_iter(code).map(|found| snake(&found[1])));
        }
        found
    }

    #[test]
    fn every_call_of_the_deployer_has_its_row_and_every_row_its_call() {
        let rows = CALLS.iter().map(|(call, _)| (*call).to_owned());
        assert_eq!(rows.collect::<BTreeSet<_>>(), called());
    }

    #[test]
    fn every_call_of_plan_has_its_row() {
        let rows = CALLS.map(|(call, _)| call);
        let without: Vec<_> = CALLS_OF_PLAN
            .iter()
            .filter(|call| !rows.contains(call))
            .collect();
        assert_eq!(without, Vec::<&&str>::new());
    }
}
