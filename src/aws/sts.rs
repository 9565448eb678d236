//! STS: the identity of the credentials, and sessions of roles.

use anyhow::{Context, Result};
use aws_sdk_sts::Client;

use super::fault::fault;

/// The client to STS.
#[derive(Clone, Debug)]
pub struct Sts {
    client: Client,
}

/// Whose credentials these are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Twelve digits.
    pub account: String,
    /// User, role session or root.
    pub arn: String,
}

/// Credentials of a role's session.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionCredentials {
    /// Public half.
    pub access_key_id: String,
    /// Secret half. Never printed.
    pub secret_access_key: String,
    /// Goes with both.
    pub session_token: String,
}

impl std::fmt::Debug for SessionCredentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("SessionCredentials");
        shown.field("access_key_id", &self.access_key_id);
        shown.finish_non_exhaustive()
    }
}

impl Sts {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Returns whose credentials we have.
    ///
    /// # Errors
    /// There are none, they have expired, or STS is not reached: the reason in one line.
    pub async fn get_identity(&self) -> Result<Identity> {
        let response = self.client.get_caller_identity().send().await;
        let output = response.map_err(fault)?;
        Ok(Identity {
            account: output.account.context("STS named no account")?,
            arn: output.arn.context("STS named no identity")?,
        })
    }

    /// Opens a session of a role, for `seconds`.
    ///
    /// # Errors
    /// The role does not trust us, or there is no such role.
    pub async fn assume_role(
        &self,
        role_arn: &str,
        session: &str,
        seconds: i32,
    ) -> Result<SessionCredentials> {
        let request = self.client.assume_role().role_arn(role_arn);
        let response = request
            .role_session_name(session)
            .duration_seconds(seconds)
            .send()
            .await;
        let output = response
            .map_err(fault)
            .with_context(|| format!("failed to assume role `{role_arn}`"))?;
        let credentials = output.credentials.context("STS sent no credentials")?;
        Ok(SessionCredentials {
            access_key_id: credentials.access_key_id,
            secret_access_key: credentials.secret_access_key,
            session_token: credentials.session_token,
        })
    }
}
