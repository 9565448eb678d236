//! The credentials of the server on this machine. An EC2 instance gets those of its role from the
//! instance itself; here a role that has exactly the server's policy is assumed through STS.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::state::{self, StateFolder, create_folder};
use crate::aws::Aws;
use crate::provision::ensure_stack;

/// A role that trusts the account and has the server's policy.
const TEMPLATE: &str = include_str!("instance.yaml");

/// The length of the session: a year. The emulator sets no ceiling, and a session ends with the emulator
/// anyway; nobody renews it, as an instance's own metadata service would.
const SESSION_SECONDS: i32 = 365 * 24 * 60 * 60;

/// A session of the role: `server/session.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Session {
    /// The emulator's run that knows the session.
    emulator: String,
    role_arn: String,
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
}

/// Returns the variables by which the server proves who it is. They stay the same for as long as the
/// emulator lives and the role is the same one.
pub(super) async fn credentials(
    aws: &Aws,
    folder: &StateFolder,
    stack: &str,
    policy_arn: &str,
    emulator: &str,
) -> Result<BTreeMap<String, String>> {
    let parameters = BTreeMap::from([("PolicyArn".to_owned(), policy_arn.to_owned())]);
    let outputs = ensure_stack(aws, stack, TEMPLATE, &parameters).await?;
    let role_arn = outputs
        .get("RoleArn")
        .with_context(|| format!("stack `{stack}` puts out no RoleArn"))?;
    let path = folder.server().join("session.json");
    let is_current =
        |session: &Session| session.emulator == emulator && session.role_arn == *role_arn;
    if let Some(session) = state::read::<Session>(&path).ok().filter(is_current) {
        return Ok(session.into_environment());
    }
    let opened = aws
        .sts
        .assume_role(role_arn, "server", SESSION_SECONDS)
        .await?;
    let session = Session {
        emulator: emulator.to_owned(),
        role_arn: role_arn.clone(),
        access_key_id: opened.access_key_id,
        secret_access_key: opened.secret_access_key,
        session_token: opened.session_token,
    };
    create_folder(&folder.server())?;
    state::write(&path, &session)?;
    Ok(session.into_environment())
}

impl Session {
    fn into_environment(self) -> BTreeMap<String, String> {
        BTreeMap::from([
            ("AWS_ACCESS_KEY_ID".to_owned(), self.access_key_id),
            ("AWS_SECRET_ACCESS_KEY".to_owned(), self.secret_access_key),
            ("AWS_SESSION_TOKEN".to_owned(), self.session_token),
        ])
    }
}
