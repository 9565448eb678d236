//! ACM: the state of certificates.

use std::time::SystemTime;

use anyhow::{Context, Result};
use aws_sdk_acm::Client;
use aws_sdk_acm::types::{CertificateDetail, CertificateStatus, DomainStatus};

use super::denied::failure;

/// The client to ACM in one region.
#[derive(Clone, Debug)]
pub struct Acm {
    client: Client,
}

/// The state of a certificate.
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

/// A certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The first of the domains that it is for.
    pub domain: String,
    /// Its state.
    pub state: CertificateState,
    /// Since when it is valid; `None` until it is issued.
    pub issued: Option<SystemTime>,
    /// When it ends.
    pub expires: Option<SystemTime>,
    /// ARNs of what uses it. What has just been deleted may be among them for minutes.
    pub in_use_by: Vec<String>,
}

impl Acm {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Returns a certificate.
    ///
    /// # Errors
    /// There is no such certificate in this region, or it may not be read
    /// (`acm:DescribeCertificate`).
    pub async fn get_certificate(&self, arn: &str) -> Result<Certificate> {
        let response = self
            .client
            .describe_certificate()
            .certificate_arn(arn)
            .send()
            .await;
        let output = response
            .map_err(|error| failure(error, "acm:DescribeCertificate"))
            .with_context(|| format!("failed to describe certificate `{arn}`"))?;
        let certificate = output.certificate.context("ACM described no certificate")?;
        Ok(Certificate::from(certificate))
    }

    /// Returns the state of a certificate.
    ///
    /// # Errors
    /// As `get_certificate`.
    pub async fn get_certificate_state(&self, arn: &str) -> Result<CertificateState> {
        Ok(self.get_certificate(arn).await?.state)
    }
}

impl From<CertificateDetail> for Certificate {
    fn from(detail: CertificateDetail) -> Self {
        let time = |time: Option<aws_sdk_acm::primitives::DateTime>| time?.try_into().ok();
        Self {
            state: CertificateState::from(&detail),
            in_use_by: detail.in_use_by.clone().unwrap_or_default(),
            domain: detail.domain_name.unwrap_or_default(),
            issued: time(detail.not_before),
            expires: time(detail.not_after),
        }
    }
}

impl From<&CertificateDetail> for CertificateState {
    fn from(detail: &CertificateDetail) -> Self {
        match detail.status() {
            Some(CertificateStatus::Issued) => Self::Issued,
            Some(CertificateStatus::PendingValidation) => {
                let pending = detail
                    .domain_validation_options()
                    .iter()
                    .filter(|option| option.validation_status() != Some(&DomainStatus::Success));
                let domains = pending
                    .map(|option| option.domain_name().to_owned())
                    .collect();
                Self::Waiting { domains }
            }
            Some(other) => Self::Unusable(other.as_str().to_owned()),
            None => Self::Unusable("unknown".to_owned()),
        }
    }
}

/// Returns a client to which a certificate is in use by what `users` says, at each look anew.
#[cfg(test)]
pub fn fake_acm(users: impl Fn() -> Vec<String> + Send + Sync + 'static) -> Acm {
    use aws_sdk_acm::operation::describe_certificate::DescribeCertificateOutput;

    let rule = aws_smithy_mocks::mock!(Client::describe_certificate)
        .match_requests(|_| true)
        .then_compute_output(move |_| {
            let detail = CertificateDetail::builder()
                .status(CertificateStatus::Issued)
                .set_in_use_by(Some(users()));
            DescribeCertificateOutput::builder()
                .certificate(detail.build())
                .build()
        });
    Acm::new(super::fake::fake_client!(aws_sdk_acm, [&rule]))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_sdk_acm::operation::describe_certificate::{
        DescribeCertificateError, DescribeCertificateOutput,
    };
    use aws_sdk_acm::primitives::DateTime;
    use aws_smithy_mocks::mock;

    use super::*;
    use crate::aws::fake::{access_denied, fake_client};
    use crate::aws::missing_permission;

    #[tokio::test]
    async fn an_issued_certificate_has_its_times() {
        let rule = mock!(Client::describe_certificate).then_output(|| {
            let detail = CertificateDetail::builder()
                .domain_name("factory-tree.com")
                .status(CertificateStatus::Issued)
                .not_before(DateTime::from_secs(10))
                .not_after(DateTime::from_secs(20));
            DescribeCertificateOutput::builder()
                .certificate(detail.build())
                .build()
        });
        let client = Acm::new(fake_client!(aws_sdk_acm, [&rule]));
        let at = |seconds| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        let certificate = Certificate {
            domain: "factory-tree.com".to_owned(),
            state: CertificateState::Issued,
            issued: at(10),
            expires: at(20),
            in_use_by: Vec::new(),
        };
        assert_eq!(client.get_certificate("arn:1").await.unwrap(), certificate);
    }

    #[tokio::test]
    async fn a_refusal_names_the_missing_permission() {
        let rule = mock!(Client::describe_certificate)
            .then_error(|| access_denied!(DescribeCertificateError));
        let client = Acm::new(fake_client!(aws_sdk_acm, [&rule]));
        let error = client.get_certificate("arn:1").await.unwrap_err();
        assert_eq!(missing_permission(&error), Some("acm:DescribeCertificate"));
    }
}
