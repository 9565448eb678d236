//! The resources and the condition of each granted action: the stage's own names wherever IAM and the
//! names that CloudFormation makes allow it. Pure.
//!
//! A name that CloudFormation makes begins with the stack's (CloudFormation User Guide, "Name type"),
//! and the stacks of a stage begin with its prefix. Ids that AWS makes up (EC2, CloudFront, KMS,
//! certificates) can only be narrowed to region and account: there the condition carries the weight.

use std::collections::{BTreeMap, BTreeSet};

use super::document::Condition;
use super::permissions::FACTS;
use crate::config::{CLOUDFRONT_REGION, Config};

/// The number of characters of the stage's prefix that a generated name is sure to keep. CloudFormation shortens the
/// stack's name where the whole would be too long (63 for a bucket), by a rule that is not published.
const KEPT_CHARACTERS: usize = 24;

/// The stage to which grants are narrowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct GrantTarget {
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub(super) partition: &'static str,
    pub(super) region: String,
    /// Twelve digits, or `*` when the stage does not say.
    pub(super) account: String,
    /// The prefix of the names of the stage's stacks.
    pub(super) prefix: String,
    pub(super) domain: String,
    /// The id of the zone, or `*` when the stage makes one.
    pub(super) zone: String,
}

impl GrantTarget {
    pub(super) fn of(config: &Config) -> Self {
        let settings = &config.settings;
        let region = settings.region.to_string();
        let account = settings.account.as_ref().map(ToString::to_string);
        let zone = settings.hosted_zone_id.as_ref().map(ToString::to_string);
        let any = || "*".to_owned();
        Self {
            partition: partition(&region),
            region,
            account: account.unwrap_or_else(any),
            prefix: config.stack_name(""),
            domain: settings.domain.to_string(),
            zone: zone.unwrap_or_else(any),
        }
    }

    /// Fills a pattern's names in: `{p}`artition, `{r}`egion, `{a}`ccount, `{stage}` prefix and so on.
    fn fill(&self, pattern: &str) -> String {
        let kept: String = self.prefix.chars().take(KEPT_CHARACTERS).collect();
        pattern
            .replace("{p}", self.partition)
            .replace("{r}", &self.region)
            .replace("{a}", &self.account)
            .replace("{stage}", &kept)
            .replace("{stack}", &self.prefix)
            .replace("{domain}", &self.domain)
            .replace("{zone}", &self.zone)
    }

    /// Returns the regions of the stage: its own, and that of what is global.
    fn regions(&self) -> Vec<String> {
        let all = BTreeSet::from([self.region.clone(), CLOUDFRONT_REGION.to_owned()]);
        all.into_iter().collect()
    }
}

/// Source: AWS General Reference, "Amazon Resource Names".
fn partition(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}

/// Returns the resources that an action is granted on, or `None` for a service that nobody has thought
/// of yet.
pub(super) fn resources(action: &str, target: &GrantTarget) -> Option<BTreeSet<String>> {
    if FACTS.without_resources.contains(action) {
        return Some(BTreeSet::from(["*".to_owned()]));
    }
    let (service, name) = action.split_once(':')?;
    let patterns = patterns(service, name)?;
    Some(
        patterns
            .iter()
            .map(|pattern| target.fill(pattern))
            .collect(),
    )
}

/// The ARN formats are those of the Service Authorization Reference.
fn patterns(service: &str, name: &str) -> Option<&'static [&'static str]> {
    Some(match service {
        "acm" => &[
            "arn:{p}:acm:{r}:{a}:certificate/*",
            "arn:{p}:acm:us-east-1:{a}:certificate/*",
        ],
        "apigateway" => &[
            "arn:{p}:apigateway:{r}::/apis",
            "arn:{p}:apigateway:{r}::/apis/*",
            "arn:{p}:apigateway:{r}::/domainnames",
            "arn:{p}:apigateway:{r}::/domainnames/api.{domain}",
            "arn:{p}:apigateway:{r}::/domainnames/api.{domain}/*",
            "arn:{p}:apigateway:{r}::/tags/*",
        ],
        "autoscaling" => {
            &["arn:{p}:autoscaling:{r}:{a}:autoScalingGroup:*:autoScalingGroupName/{stage}*"]
        }
        "cloudformation" => &[
            "arn:{p}:cloudformation:{r}:{a}:stack/{stack}*",
            "arn:{p}:cloudformation:us-east-1:{a}:stack/{stack}*",
        ],
        "cloudfront" if name.ends_with("Function") => {
            &["arn:{p}:cloudfront::{a}:function/{stack}*"]
        }
        "cloudfront" => &["arn:{p}:cloudfront::{a}:*"],
        // Metrics belong to nobody.
        "cloudwatch" if name.contains("Metric") && !name.ends_with("Alarm") => &["*"],
        "cloudwatch" => &["arn:{p}:cloudwatch:{r}:{a}:alarm:{stage}*"],
        "dynamodb" => &["arn:{p}:dynamodb:{r}:{a}:table/{stage}*"],
        // A launch names the image and its snapshot, which are not ours.
        "ec2" if name == "RunInstances" => &[
            "arn:{p}:ec2:{r}:{a}:*",
            "arn:{p}:ec2:{r}::image/*",
            "arn:{p}:ec2:{r}::snapshot/*",
        ],
        "ec2" => &["arn:{p}:ec2:{r}:{a}:*"],
        // Load balancers and target groups get names of five letters of the stack's.
        "elasticloadbalancing" => &["arn:{p}:elasticloadbalancing:{r}:{a}:*"],
        "iam" => iam(name),
        "kms" => &["arn:{p}:kms:{r}:{a}:key/*"],
        "lambda" if name.ends_with("EventSourceMapping") => {
            &["arn:{p}:lambda:{r}:{a}:event-source-mapping:*"]
        }
        "lambda" if name.ends_with("Resource") || name == "ListTags" => &[
            "arn:{p}:lambda:{r}:{a}:event-source-mapping:*",
            "arn:{p}:lambda:{r}:{a}:function:{stage}*",
        ],
        "lambda" => &["arn:{p}:lambda:{r}:{a}:function:{stage}*"],
        "logs" => &[
            "arn:{p}:logs:{r}:{a}:log-group:{stage}*",
            "arn:{p}:logs:{r}:{a}:log-group:/aws/vendedlogs/{stack}*",
        ],
        // The zone of an endpoint's private name is AWS's own.
        "route53" if name == "AssociateVPCWithHostedZone" => &[
            "arn:{p}:ec2:{r}:{a}:vpc/*",
            "arn:{p}:route53:::hostedzone/*",
        ],
        "route53" if name == "GetChange" => &["arn:{p}:route53:::change/*"],
        "route53" => &["arn:{p}:route53:::hostedzone/{zone}"],
        // The star at the end reaches over the slash: bucket and objects.
        "s3" => &["arn:{p}:s3:::{stage}*"],
        "servicequotas" => &["arn:{p}:servicequotas:{r}:{a}:*"],
        "sns" => &["arn:{p}:sns:{r}:{a}:{stage}*"],
        "sqs" => &["arn:{p}:sqs:{r}:{a}:{stage}*"],
        // A parameter without a name of its own is not named by its stack. The second is public.
        "ssm" => &[
            "arn:{p}:ssm:{r}:{a}:parameter/*",
            "arn:{p}:ssm:{r}::parameter/aws/service/*",
        ],
        _ => return None,
    })
}

fn iam(name: &str) -> &'static [&'static str] {
    if name == "CreateServiceLinkedRole" {
        &["arn:{p}:iam::{a}:role/aws-service-role/*"]
    } else if name.contains("InstanceProfile") {
        &["arn:{p}:iam::{a}:instance-profile/{stage}*"]
    } else if name.contains("Role") {
        &["arn:{p}:iam::{a}:role/{stage}*"]
    } else {
        &["arn:{p}:iam::{a}:policy/{stage}*"]
    }
}

/// The caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// The deployer.
    Deployer,
    /// CloudFormation, for the deployer.
    CloudFormation,
}

/// Returns the condition under which an action is granted. `services` are those that the stage's roles
/// trust, `linked` those that make a role of their own.
pub(super) fn condition(
    action: &str,
    caller: Caller,
    resources: &BTreeSet<String>,
    target: &GrantTarget,
    services: &[String],
    linked: &[String],
) -> Condition {
    let strings = |operator: &str, key: &str, values: &[String]| {
        let keys = BTreeMap::from([(key.to_owned(), values.to_vec())]);
        (operator.to_owned(), keys)
    };
    match action {
        "iam:PassRole" => {
            return Condition::from([strings("StringEquals", "iam:PassedToService", services)]);
        }
        "iam:CreateServiceLinkedRole" => {
            return Condition::from([strings("StringEquals", "iam:AWSServiceName", linked)]);
        }
        // Lambda reads its archive with the rights of the deploying role, which needs this grant.
        "s3:GetObject" => return Condition::new(),
        _ => {}
    }
    let mut condition = Condition::new();
    if resources.iter().any(|resource| names_no_region(resource)) {
        let regions = target.regions();
        condition.extend([strings("StringEquals", "aws:RequestedRegion", &regions)]);
    }
    if caller == Caller::CloudFormation {
        let via = ["cloudformation.amazonaws.com".to_owned()];
        condition.extend([strings("ForAnyValue:StringEquals", "aws:CalledVia", &via)]);
    }
    match action {
        "iam:AttachRolePolicy" | "iam:DetachRolePolicy" => {
            let own = [target.fill("arn:{p}:iam::{a}:policy/{stage}*")];
            condition.extend([strings("ArnLike", "iam:PolicyARN", &own)]);
        }
        "route53:ChangeResourceRecordSets" => {
            let names = [target.domain.clone(), format!("*.{}", target.domain)];
            let key = "route53:ChangeResourceRecordSetsNormalizedRecordNames";
            condition.extend([strings("ForAllValues:StringLike", key, &names)]);
        }
        _ => {}
    }
    condition
}

/// Returns whether a resource may be in any region: the fourth part of its ARN is empty.
fn names_no_region(resource: &str) -> bool {
    resource.split(':').nth(3).is_none_or(str::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_of_every_known_type_has_its_resources() {
        let target = GrantTarget {
            partition: "aws",
            region: "eu-central-1".to_owned(),
            account: "*".to_owned(),
            prefix: "factory-tree-prod-".to_owned(),
            domain: "factory-tree.com".to_owned(),
            zone: "*".to_owned(),
        };
        let optional = [
            "acm-pca",
            "cognito-idp",
            "elasticfilesystem",
            "firehose",
            "kinesis",
            "s3files",
            "s3tables",
            "vpc-lattice",
            "vpce",
        ];
        for actions in FACTS.types.values().flat_map(BTreeMap::values) {
            for action in actions {
                let service = action.split(':').next().unwrap();
                assert!(
                    resources(action, &target).is_some() || optional.contains(&service),
                    "{action}"
                );
            }
        }
    }
}
