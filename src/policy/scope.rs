//! The resources and the condition of each granted action: the stage's own names wherever IAM and the
//! names that CloudFormation makes allow it. Pure.
//!
//! A name that CloudFormation makes begins with the stack's (CloudFormation User Guide, "Name type"),
//! and the stacks of a stage begin with its prefix. Ids that AWS makes up (EC2, CloudFront, KMS,
//! certificates) can only be narrowed to region and account: there the condition carries the weight.

use std::collections::{BTreeMap, BTreeSet};

use super::document::Condition;
use super::permissions::FACTS;
use crate::config::{CLOUDFRONT_REGION, Config, Live, OtherStage, kept};

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
    /// The carrier of its changes.
    pub(super) live: Live,
    /// The prefixes of other stages that begin with this one.
    pub(super) longer_prefixes: Vec<String>,
    /// The domains of other stages that are below this one.
    pub(super) lower_domains: Vec<String>,
}

impl GrantTarget {
    /// Returns the target of a stage, or of all stages of a pattern.
    pub(super) fn of(config: &Config) -> Self {
        let (prefix, domain) = match config.all_of_pattern() {
            None => (config.stack_name(""), config.settings.domain.to_string()),
            Some(of) => (of.pattern.stack_prefix(&config.name), of.domains.clone()),
        };
        let settings = &config.settings;
        let region = settings.region.to_string();
        let account = settings.account.as_ref().map(ToString::to_string);
        let zone = settings.hosted_zone_id.as_ref().map(ToString::to_string);
        let any = || "*".to_owned();
        Self {
            partition: partition(&region),
            region,
            account: account.unwrap_or_else(any),
            longer_prefixes: longer_prefixes(config, &prefix),
            lower_domains: lower_domains(config, &domain),
            prefix,
            domain,
            zone: zone.unwrap_or_else(any),
            live: settings.live,
        }
    }

    /// Fills a pattern's names in: `{p}`artition, `{r}`egion, `{a}`ccount and so on. `{stack}` is the stage's prefix, for
    /// names that may be long enough for the whole of it; `{stage}` is as much of it as a short name keeps.
    fn fill(&self, pattern: &str) -> String {
        self.fill_for(pattern, &self.prefix)
    }

    /// Fills a pattern in, for a stage with this prefix.
    fn fill_for(&self, pattern: &str, prefix: &str) -> String {
        pattern
            .replace("{p}", self.partition)
            .replace("{r}", &self.region)
            .replace("{a}", &self.account)
            .replace("{stage}", kept(prefix))
            .replace("{stack}", prefix)
            .replace("{domain}", &self.domain)
            .replace("{zone}", &self.zone)
    }

    /// Returns the regions of the stage: its own, and that of what is global.
    fn regions(&self) -> Vec<String> {
        let all = BTreeSet::from([self.region.clone(), CLOUDFRONT_REGION.to_owned()]);
        all.into_iter().collect()
    }
}

fn longer_prefixes(config: &Config, ours: &str) -> Vec<String> {
    let others = config.other_stages.iter();
    let prefixes = others.map(|OtherStage { stack_prefix, .. }| stack_prefix.clone());
    prefixes.filter(|other| other.starts_with(ours)).collect()
}

/// Returns the domains of other stages that are below ours, or that a star of ours would cover too.
fn lower_domains(config: &Config, ours: &str) -> Vec<String> {
    let below = format!(".{ours}");
    let is_covered = |other: &str| match ours.split_once('*') {
        Some((start, end)) => other.starts_with(start) && other.ends_with(end),
        None => other.ends_with(&below),
    };
    let others = config.other_stages.iter();
    let domains = others.map(|OtherStage { domain, .. }| domain.clone());
    domains.filter(|other| is_covered(other)).collect()
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
    // Without an Event API there is no log of one.
    let is_there = |pattern: &&&str| target.live == Live::AppSync || !pattern.contains(EVENT_LOGS);
    Some(
        patterns
            .iter()
            .filter(is_there)
            .map(|pattern| target.fill(pattern))
            .collect(),
    )
}

/// The log groups of Event APIs. AppSync names each after the id of its API.
const EVENT_LOGS: &str = "log-group:/aws/appsync/apis/";

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
        "appsync" => &[
            "arn:{p}:appsync:{r}:{a}:apis/*",
            "arn:{p}:appsync:{r}:{a}:domainnames/ws.{domain}",
        ],
        "autoscaling" => {
            &["arn:{p}:autoscaling:{r}:{a}:autoScalingGroup:*:autoScalingGroupName/{stack}*"]
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
        "cloudwatch" => &["arn:{p}:cloudwatch:{r}:{a}:alarm:{stack}*"],
        // The id of a pool is AWS's own; a tag tells it from others, for who may change its users.
        "cognito-idp" => &["arn:{p}:cognito-idp:{r}:{a}:userpool/*"],
        "dynamodb" => &["arn:{p}:dynamodb:{r}:{a}:table/{stack}*"],
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
            "arn:{p}:logs:{r}:{a}:log-group:{stack}*",
            "arn:{p}:logs:{r}:{a}:log-group:/aws/vendedlogs/{stack}*",
            "arn:{p}:logs:{r}:{a}:log-group:/aws/appsync/apis/*",
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
        "sns" => &["arn:{p}:sns:{r}:{a}:{stack}*"],
        "sqs" => &["arn:{p}:sqs:{r}:{a}:{stage}*"],
        // The image of the servers, a public parameter: of no account, which some endpoints do not know.
        "ssm" if name == "GetParameter" => &[
            "arn:{p}:ssm:{r}:{a}:parameter/aws/service/*",
            "arn:{p}:ssm:{r}::parameter/aws/service/*",
        ],
        // A parameter without a name of its own is not named by its stack. The second is public.
        "ssm" => &[
            "arn:{p}:ssm:{r}:{a}:parameter/*",
            "arn:{p}:ssm:{r}::parameter/aws/service/*",
        ],
        _ => return None,
    })
}

/// Returns the resources of other stages that the name of this one would reach with these actions: their names begin with
/// ours.
pub(super) fn resources_of_others<'a>(
    actions: impl IntoIterator<Item = &'a String>,
    target: &GrantTarget,
) -> BTreeSet<String> {
    let split = actions
        .into_iter()
        .filter_map(|action| action.split_once(':'));
    let patterns = split.filter_map(|(service, name)| patterns(service, name));
    let named: BTreeSet<&str> = patterns
        .flatten()
        .copied()
        .filter(|pattern| pattern.contains("{stack}") || pattern.contains("{stage}"))
        .collect();
    let prefixes = target.longer_prefixes.iter();
    prefixes
        .flat_map(|prefix| named.iter().map(|pattern| target.fill_for(pattern, prefix)))
        .collect()
}

/// Returns the condition that a change of records is one of another stage, whose domain is below ours; `None` if there is no
/// such stage. Its zone may be delegated from ours, by records of the types NS and DS.
/// Source: Service Authorization Reference, "Condition keys for Amazon Route 53".
pub(super) fn records_of_others(target: &GrantTarget) -> Option<Condition> {
    let key = |name: &str| format!("route53:ChangeResourceRecordSets{name}");
    let domains = target.lower_domains.iter();
    let names: Vec<String> = domains
        .flat_map(|domain| [domain.clone(), format!("*.{domain}")])
        .collect();
    let types = ["NS", "DS"].map(str::to_owned).to_vec();
    let of = |name: &str, values| BTreeMap::from([(key(name), values)]);
    (!names.is_empty()).then(|| {
        Condition::from([
            (
                "ForAnyValue:StringLike".to_owned(),
                of("NormalizedRecordNames", names),
            ),
            (
                "ForAnyValue:StringNotEquals".to_owned(),
                of("RecordTypes", types),
            ),
        ])
    })
}

fn iam(name: &str) -> &'static [&'static str] {
    if name == "CreateServiceLinkedRole" {
        &["arn:{p}:iam::{a}:role/aws-service-role/*"]
    } else if name.contains("InstanceProfile") {
        &["arn:{p}:iam::{a}:instance-profile/{stack}*"]
    } else if name.contains("Role") {
        &["arn:{p}:iam::{a}:role/{stage}*"]
    } else {
        &["arn:{p}:iam::{a}:policy/{stack}*"]
    }
}

/// The stack of the users who sign in. Its template gives the user pool a tag with this name.
const OF_USERS: &str = "{stack}auth";

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
        _ if caller == Caller::Deployer && action.starts_with("cognito-idp:") => {
            let stack = [target.fill(OF_USERS)];
            let key = "aws:ResourceTag/factory-tree:stack";
            condition.extend([strings("StringEquals", key, &stack)]);
        }
        "iam:AttachRolePolicy" | "iam:DetachRolePolicy" => {
            let own = [target.fill("arn:{p}:iam::{a}:policy/{stack}*")];
            condition.extend([strings("ArnLike", "iam:PolicyARN", &own)]);
        }
        "dynamodb:PutItem" if caller == Caller::Deployer => {
            let heartbeat = ["heartbeat".to_owned()];
            let key = "dynamodb:LeadingKeys";
            condition.extend([strings("ForAllValues:StringEquals", key, &heartbeat)]);
        }
        // A console may show what others' programs say.
        "ec2:GetConsoleOutput" => {
            let groups = [target.fill("{stack}*")];
            let key = "aws:ResourceTag/aws:autoscaling:groupName";
            condition.extend([strings("StringLike", key, &groups)]);
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
            live: Live::Servers,
            longer_prefixes: Vec::new(),
            lower_domains: Vec::new(),
        };
        let optional = [
            "acm-pca",
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
