//! One client per AWS service, in the verbs that this program needs. SDK types stop here: what comes
//! out is ours. No step's logic is here, and nothing is printed.

mod acm;
mod autoscaling;
mod change_set;
mod changes;
mod cloudformation;
mod cloudfront;
mod cloudwatch;
mod cognito;
mod deletion;
mod denied;
mod direct;
mod drift;
mod dynamodb;
mod ec2;
mod ec2_answer;
#[cfg(test)]
mod fake;
mod fault;
mod http;
mod lambda;
mod lazy;
mod logs;
mod messages;
mod rollback;
mod route53;
mod s3;
mod service_quotas;
mod sqs;
mod ssm;
mod stack;
mod stream_records;
mod sts;
mod upload;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_sts::config::{Credentials, ProvideCredentials, SharedCredentialsProvider};

use crate::config::{Network, Region};
#[cfg(test)]
pub use acm::fake_acm;
pub use acm::{Acm, Certificate, CertificateState};
pub use autoscaling::{AutoScaling, Group, Instance};
pub use change_set::{
    ChangeSet, ChangeSetKind, ChangeSetRequest, ChangeSetState, DeploymentMode, MOST_TRIGGERS,
    RollbackTriggers, TemplateSource,
};
pub use cloudformation::{CloudFormation, Protection};
pub use cloudfront::{Alias, CachePolicy, CachedBehavior, CloudFront};
pub use cloudwatch::{Alarm, AlarmState, CloudWatch};
pub use cognito::{Cognito, Invitation, PoolUser, UserState};
pub use denied::missing_permission;
pub use drift::{DriftedResource, PropertyDrift};
pub use dynamodb::DynamoDb;
pub use ec2::{AvailabilityZone, Ec2};
pub use fault::Fault;
use http::Trust;
pub use lambda::{Lambda, Mapping};
pub use lazy::Lazy;
pub use logs::{CloudWatchLogs, LogEvent};
pub use messages::TakenMessage;
pub use rollback::{FailedEvent, Operation};
pub use route53::{DnsRecord, Route53, Zone};
pub use s3::{BucketContent, Object, S3};
pub use service_quotas::ServiceQuotas;
pub use sqs::{Depth, Sqs};
pub use ssm::Ssm;
pub use stack::{Stack, StackEvent, StackResource, StackState, status_names};
pub use stream_records::{JsonItem, RecordKey, SequenceNumber, Shard, StreamRecords};
pub use sts::{Identity, SessionCredentials, Sts};
pub use upload::Upload;

/// The way to the AWS API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// As the environment says: profile, variables, single sign-on, `AWS_ENDPOINT_URL`.
    Environment,
    /// One endpoint for all services that takes any credentials as the account's root.
    Endpoint {
        /// Its URL, without a slash at the end.
        url: String,
    },
}

/// All clients, for one stage.
#[derive(Clone, Debug)]
pub struct Aws {
    config: Arc<SdkConfig>,
    /// Stacks in the stage's own region.
    pub cloudformation: Lazy<CloudFormation>,
    /// Buckets and their objects.
    pub s3: Lazy<S3>,
    /// Tables.
    pub dynamodb: Lazy<DynamoDb>,
    /// Distributions' caches.
    pub cloudfront: Lazy<CloudFront>,
    /// Hosted zones.
    pub route53: Lazy<Route53>,
    /// The quotas of the account.
    pub service_quotas: Lazy<ServiceQuotas>,
    /// The identity of the caller.
    pub sts: Lazy<Sts>,
    /// Alarms in the stage's own region.
    pub cloudwatch: Lazy<CloudWatch>,
    /// Logs in the stage's own region.
    pub logs: Lazy<CloudWatchLogs>,
    /// Groups of instances in the stage's own region.
    pub auto_scaling: Lazy<AutoScaling>,
    /// Queues in the stage's own region.
    pub sqs: Lazy<Sqs>,
    /// The way from streams to functions, in the stage's own region.
    pub lambda: Lazy<Lambda>,
    /// The records of streams, and items, in the stage's own region.
    pub stream_records: Lazy<StreamRecords>,
    /// Zones, and what they offer, in the stage's own region.
    pub ec2: Lazy<Ec2>,
    /// Parameters that AWS publishes, in the stage's own region.
    pub ssm: Lazy<Ssm>,
    /// Users and their groups, in the stage's own region.
    pub cognito: Lazy<Cognito>,
}

impl Aws {
    /// Prepares the clients. Nothing is asked yet.
    pub async fn connect(access: &Access, region: &Region, network: &Network) -> Self {
        let config = Arc::new(sdk_config(access, region, network).await);
        Self {
            cloudformation: Lazy::new(&config, |config| {
                CloudFormation::new(aws_sdk_cloudformation::Client::new(config))
            }),
            s3: Lazy::new(&config, S3::new),
            dynamodb: Lazy::new(&config, |config| {
                DynamoDb::new(aws_sdk_dynamodb::Client::new(config))
            }),
            cloudfront: Lazy::new(&config, |config| {
                CloudFront::new(aws_sdk_cloudfront::Client::new(config))
            }),
            route53: Lazy::new(&config, |config| {
                Route53::new(aws_sdk_route53::Client::new(config))
            }),
            service_quotas: Lazy::new(&config, |config| {
                ServiceQuotas::new(aws_sdk_servicequotas::Client::new(config))
            }),
            sts: Lazy::new(&config, |config| Sts::new(aws_sdk_sts::Client::new(config))),
            cloudwatch: Lazy::new(&config, |config| {
                CloudWatch::new(aws_sdk_cloudwatch::Client::new(config))
            }),
            logs: Lazy::new(&config, |config| {
                CloudWatchLogs::new(aws_sdk_cloudwatchlogs::Client::new(config))
            }),
            auto_scaling: Lazy::new(&config, |config| {
                AutoScaling::new(aws_sdk_autoscaling::Client::new(config))
            }),
            sqs: Lazy::new(&config, |config| Sqs::new(aws_sdk_sqs::Client::new(config))),
            lambda: Lazy::new(&config, Lambda::new),
            stream_records: Lazy::new(&config, StreamRecords::new),
            ec2: Lazy::new(&config, Ec2::new),
            ssm: Lazy::new(&config, Ssm::new),
            cognito: Lazy::new(&config, Cognito::new),
            config,
        }
    }

    /// Returns the environment by which another program reaches AWS as we do: credentials that are valid by
    /// themselves, as Lambda gives them, the region, and the endpoint where there is one.
    ///
    /// # Errors
    /// There are no credentials.
    pub async fn lend(&self) -> Result<BTreeMap<String, String>> {
        let provider = self.config.credentials_provider();
        let provider = provider.context("there are no credentials to lend")?;
        let found = provider.provide_credentials().await;
        let credentials = found.context("failed to get credentials to lend")?;
        let region = self.config.region().map(ToString::to_string);
        let rows = [
            ("AWS_ACCESS_KEY_ID", Some(credentials.access_key_id())),
            (
                "AWS_SECRET_ACCESS_KEY",
                Some(credentials.secret_access_key()),
            ),
            ("AWS_SESSION_TOKEN", credentials.session_token()),
            ("AWS_REGION", region.as_deref()),
            ("AWS_DEFAULT_REGION", region.as_deref()),
            ("AWS_ENDPOINT_URL", self.config.endpoint_url()),
        ];
        let known = rows
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)));
        Ok(known
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect())
    }

    /// Returns the client to the stacks of a region.
    pub fn cloudformation_in(&self, region: &Region) -> CloudFormation {
        let config = aws_sdk_cloudformation::config::Builder::from(&*self.config)
            .region(aws_sdk_cloudformation::config::Region::new(
                region.to_string(),
            ))
            .build();
        CloudFormation::new(aws_sdk_cloudformation::Client::from_conf(config))
    }

    /// Returns the client to the alarms of a region.
    pub fn cloudwatch_in(&self, region: &Region) -> CloudWatch {
        let config = aws_sdk_cloudwatch::config::Builder::from(&*self.config)
            .region(aws_sdk_cloudwatch::config::Region::new(region.to_string()))
            .build();
        CloudWatch::new(aws_sdk_cloudwatch::Client::from_conf(config))
    }

    /// Returns the client to the certificates of a region.
    pub fn acm_in(&self, region: &Region) -> Acm {
        let config = aws_sdk_acm::config::Builder::from(&*self.config)
            .region(aws_sdk_acm::config::Region::new(region.to_string()))
            .build();
        Acm::new(aws_sdk_acm::Client::from_conf(config))
    }
}

/// A dead endpoint is known at once; a stuck one after this long, per attempt. Uploads of tens of
/// megabytes over a slow line still fit.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(120);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

async fn sdk_config(access: &Access, region: &Region, network: &Network) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build();
    let region = aws_config::Region::new(region.to_string());
    match access {
        Access::Environment => {
            let loader = aws_config::defaults(BehaviorVersion::latest()).region(region);
            loader
                .http_client(http::client(Trust::System, network))
                .timeout_config(timeouts)
                .load()
                .await
        }
        // Made by hand: nothing of the person's AWS set-up may leak into a stage that is not on AWS.
        Access::Endpoint { url } => SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(region)
            .endpoint_url(url)
            .credentials_provider(SharedCredentialsProvider::new(root_credentials()))
            .http_client(http::client(trust_of(url), network))
            .timeout_config(timeouts)
            .retry_config(RetryConfig::standard())
            .build(),
    }
}

/// The local stage's endpoint is plain HTTP on loopback, and then there is nobody to believe.
fn trust_of(url: &str) -> Trust {
    if url.starts_with("http://") {
        Trust::Nobody
    } else {
        Trust::System
    }
}

/// An endpoint of our own takes any key for the root of its one account.
fn root_credentials() -> Credentials {
    Credentials::new("test", "test", None, None, "local endpoint")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn another_program_gets_what_it_needs_to_reach_the_same_aws() {
        let url = "http://127.0.0.1:24566".to_owned();
        let region = "eu-central-1".parse().unwrap();
        let aws = Aws::connect(&Access::Endpoint { url }, &region, &Network::default()).await;
        let lent = aws.lend().await.unwrap();
        let lines: Vec<_> = lent
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        AWS_ACCESS_KEY_ID=test
        AWS_DEFAULT_REGION=eu-central-1
        AWS_ENDPOINT_URL=http://127.0.0.1:24566
        AWS_REGION=eu-central-1
        AWS_SECRET_ACCESS_KEY=test
        ");
    }
}
