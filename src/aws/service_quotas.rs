//! Service Quotas: the quotas of the account.

use anyhow::{Context, Result};
use aws_sdk_servicequotas::Client;

use super::fault::fault;

/// The client to Service Quotas.
#[derive(Clone, Debug)]
pub struct ServiceQuotas {
    client: Client,
}

impl ServiceQuotas {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Returns a quota as it is applied to the account in the stage's region, in the quota's own unit.
    ///
    /// # Errors
    /// There is no such quota, or it may not be read.
    pub async fn get_quota(&self, service: &str, code: &str) -> Result<f64> {
        let request = self.client.get_service_quota().service_code(service);
        let output = request
            .quota_code(code)
            .send()
            .await
            .map_err(fault)
            .with_context(|| format!("failed to read quota `{code}` of `{service}`"))?;
        let quota = output.quota.and_then(|quota| quota.value);
        quota.with_context(|| format!("quota `{code}` of `{service}` has no value"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_servicequotas::operation::get_service_quota::GetServiceQuotaOutput;
    use aws_sdk_servicequotas::types::ServiceQuota;
    use aws_smithy_mocks::{MockResponseInterceptor, RuleMode, create_mock_http_client, mock};

    #[tokio::test]
    async fn a_quota_is_its_value() {
        let rule = mock!(Client::get_service_quota)
            .match_requests(|request| request.quota_code() == Some("L-1"))
            .then_output(|| {
                let quota = ServiceQuota::builder().value(5.0).build();
                GetServiceQuotaOutput::builder().quota(quota).build()
            });
        let answers = MockResponseInterceptor::new()
            .rule_mode(RuleMode::MatchAny)
            .with_rule(&rule);
        let config = aws_sdk_servicequotas::Config::builder()
            .behavior_version_latest()
            .region(aws_sdk_servicequotas::config::Region::new("eu-central-1"))
            .credentials_provider(aws_sdk_servicequotas::config::Credentials::new(
                "k", "s", None, None, "t",
            ))
            .http_client(create_mock_http_client())
            .interceptor(answers)
            .build();
        let client = ServiceQuotas::new(Client::from_conf(config));
        assert_eq!(client.get_quota("ec2", "L-1").await.unwrap(), 5.0);
    }
}
