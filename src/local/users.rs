//! The one user of a local stage on which people sign in: an editor, made by the deploy, so that signing in can be tried out
//! without any e-mail. In: the stage's user pool. Out: its name and password, which `outputs` tells. The password is made up
//! once and kept beside the stage, so that it survives an endpoint that has to be started anew.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::stage::LocalStage;
use super::state;
use crate::aws::{Aws, Invitation};
use crate::content::hex;
use crate::plan::EDITORS;

/// The name of the user.
const NAME: &str = "editor";

/// A user with the password: `user.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalUser {
    /// The name.
    pub name: String,
    /// The password.
    pub password: String,
}

impl LocalUser {
    fn made_up() -> Result<Self> {
        let mut random = [0; 12];
        getrandom::fill(&mut random).context("the operating system gave no randomness")?;
        // The policy of the pool wants a letter of each kind and a sign; digits of the hash are the rest.
        let password = format!("Local-{}", hex(&random));
        Ok(Self {
            name: NAME.to_owned(),
            password,
        })
    }
}

impl LocalStage {
    /// Returns the user, if a deploy has made it and people still sign in.
    pub(super) fn user(&self) -> Option<LocalUser> {
        let read = || state::read(&self.folder.user()).ok();
        self.sign_in.then(read).flatten()
    }

    /// Makes the user where it is not there, and tells its password to the pool again where the pool is a new one.
    pub(super) async fn ensure_user(&self, aws: &Aws, user_pool: &str) -> Result<()> {
        let user = match self.user() {
            Some(user) => user,
            None => LocalUser::made_up()?,
        };
        let email = format!("{}@{}", user.name, self.domain);
        let created = aws
            .cognito
            .create_user(user_pool, &user.name, &email, Invitation::None);
        if created.await? || self.user().is_none() {
            aws.cognito
                .set_password(user_pool, &user.name, &user.password)
                .await?;
        }
        aws.cognito
            .add_to_group(user_pool, &user.name, EDITORS)
            .await?;
        state::write(&self.folder.user(), &user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_one_that_the_pool_takes_and_another_each_time() {
        let one = LocalUser::made_up().unwrap();
        let other = LocalUser::made_up().unwrap();
        assert_ne!(one, other);
        let has = |kind: fn(char) -> bool| one.password.chars().any(kind);
        assert!(has(|c| c.is_ascii_uppercase()) && has(|c| c.is_ascii_lowercase()));
        assert!(has(|c| c.is_ascii_punctuation()) && one.password.len() >= 12);
    }
}
