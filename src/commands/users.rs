//! `users`: the users of a stage who may change its tree. In: a stage on which people sign in. Out: a user more or less, or
//! the list of all. Each may be repeated: what is so already is left as it is.

use anyhow::Result;

use super::deployed_stage::{DeployedStage, find_deployed_stage};
use crate::aws::{Aws, Invitation};
use crate::config::{Config, EmailAddress, UserName};
use crate::error::UserError;
use crate::local::Platform;
use crate::plan::{EDITORS, SIGN_IN};
use crate::report::{UserOutcome, UserReport, UserRow, UsersReport};

/// Asks whether a user may go.
pub type RemovalConsent<'a> = &'a dyn Fn() -> Result<()>;

/// The user pool of a stage.
struct Pool {
    aws: Aws,
    id: String,
}

/// Makes somebody an editor, and creates the user first where there is none.
///
/// # Errors
/// `UserError::NobodySignsIn`; `UserError::OtherEmail` where a user of this name has another address; AWS refuses.
pub async fn add(config: &Config, name: &UserName, email: &EmailAddress) -> Result<UserReport> {
    let pool = find_pool(config).await?;
    let (cognito, id) = (&pool.aws.cognito, pool.id.as_str());
    let known = cognito.find_user(id, name.as_str()).await?;
    let found = known.as_ref().and_then(|user| user.email.clone());
    let is_same = |theirs: &String| theirs.eq_ignore_ascii_case(email.as_str());
    if known.is_some() && !found.as_ref().is_some_and(is_same) {
        let (stage, user) = (config.stage.to_string(), name.to_string());
        return Err(UserError::OtherEmail { stage, user }.into());
    }
    let is_created = known.is_none()
        && cognito
            .create_user(id, name.as_str(), email.as_str(), Invitation::Sent)
            .await?;
    let name = known.map_or_else(|| name.to_string(), |user| user.name);
    let is_editor = !is_created && cognito.list_group(id, EDITORS).await?.contains(&name);
    if !is_editor {
        cognito.add_to_group(id, &name, EDITORS).await?;
    }
    Ok(UserReport {
        stage: config.stage.to_string(),
        user: name,
        outcome: if is_editor {
            UserOutcome::Unchanged
        } else {
            UserOutcome::Added
        },
        invited: is_created.then(|| email.to_string()),
    })
}

/// Deletes a user. Nobody is asked about one that is not there.
///
/// # Errors
/// `UserError::NobodySignsIn`; nobody consents; AWS refuses.
pub async fn remove(
    config: &Config,
    name: &UserName,
    consent: RemovalConsent<'_>,
) -> Result<UserReport> {
    let pool = find_pool(config).await?;
    let known = pool.aws.cognito.find_user(&pool.id, name.as_str()).await?;
    let is_removed = match &known {
        Some(user) => {
            consent()?;
            pool.aws.cognito.delete_user(&pool.id, &user.name).await?
        }
        None => false,
    };
    Ok(UserReport {
        stage: config.stage.to_string(),
        user: known.map_or_else(|| name.to_string(), |user| user.name),
        outcome: if is_removed {
            UserOutcome::Removed
        } else {
            UserOutcome::Absent
        },
        invited: None,
    })
}

/// Lists every user, and who of them is an editor.
///
/// # Errors
/// `UserError::NobodySignsIn`; AWS refuses.
pub async fn list(config: &Config) -> Result<UsersReport> {
    let pool = find_pool(config).await?;
    let (users, editors) = tokio::try_join!(
        pool.aws.cognito.list_users(&pool.id),
        pool.aws.cognito.list_group(&pool.id, EDITORS),
    )?;
    let mut users: Vec<UserRow> = users
        .into_iter()
        .map(|user| UserRow {
            editor: editors.contains(&user.name),
            state: UserRow::word(user.state),
            email: user.email,
            name: user.name,
        })
        .collect();
    users.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(UsersReport {
        stage: config.stage.to_string(),
        users,
    })
}

async fn find_pool(config: &Config) -> Result<Pool> {
    let stage = find_deployed_stage(config, &Platform::of(config)).await?;
    let outputs = stage.outputs();
    let absent = || UserError::NobodySignsIn(config.stage.to_string());
    let id = outputs.find(SIGN_IN, "UserPoolId").ok_or_else(absent)?;
    let DeployedStage { aws, .. } = stage;
    Ok(Pool {
        aws,
        id: id.clone(),
    })
}
