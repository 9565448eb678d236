//! ACM: how a certificate stands.

use anyhow::{Context, Result};
use aws_sdk_acm::Client;
use aws_sdk_acm::types::{CertificateStatus, DomainStatus};

use super::fault::fault;

/// The door to ACM in one region.
#[derive(Clone, Debug)]
pub struct Acm {
    client: Client,
}

/// How a certificate stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateState {
    /// It can be used.
    Issued,
    /// ACM waits until the named validation records are seen in public DNS.
    Waiting {
        /// The domains not yet validated.
        domains: Vec<String>,
    },
    /// Refused, expired, revoked: ACM's word.
    Unusable(String),
}

impl Acm {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Returns how a certificate stands.
    ///
    /// # Errors
    /// There is no such certificate in this region, or it may not be read.
    pub async fn get_certificate_state(&self, arn: &str) -> Result<CertificateState> {
        let response = self
            .client
            .describe_certificate()
            .certificate_arn(arn)
            .send()
            .await;
        let output = response
            .map_err(fault)
            .with_context(|| format!("failed to describe certificate `{arn}`"))?;
        let certificate = output.certificate.context("ACM described no certificate")?;
        Ok(match certificate.status() {
            Some(CertificateStatus::Issued) => CertificateState::Issued,
            Some(CertificateStatus::PendingValidation) => {
                let pending = certificate
                    .domain_validation_options()
                    .iter()
                    .filter(|option| option.validation_status() != Some(&DomainStatus::Success));
                let domains = pending
                    .map(|option| option.domain_name().to_owned())
                    .collect();
                CertificateState::Waiting { domains }
            }
            Some(other) => CertificateState::Unusable(other.as_str().to_owned()),
            None => CertificateState::Unusable("unknown".to_owned()),
        })
    }
}
