//! Cognito: the users of a pool, and the groups that they are in.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use aws_config::SdkConfig;
use serde_json::{Value, json};

use super::direct::{Call, Direct};
use super::fault::Fault;
use super::ssm::error;

/// The client to Cognito's user pools.
#[derive(Clone, Debug)]
pub struct Cognito {
    direct: Direct,
}

/// A user of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolUser {
    /// The name, by which nobody else in the pool is called.
    pub name: String,
    /// The address of the user's e-mail, if there is one.
    pub email: Option<String>,
    /// Whether the user can sign in, and how.
    pub state: UserState,
}

/// Whether a user can sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserState {
    /// The user has chosen a password.
    Confirmed,
    /// The user has a password for the first time only, and has not signed in with it.
    Invited,
    /// The user cannot sign in.
    Disabled,
    /// Anything else: a person must look.
    Other,
}

impl UserState {
    /// Source: Amazon Cognito user pools API Reference, `UserType`, `UserStatus` and `Enabled`.
    fn of(user: &Value) -> Self {
        match user["UserStatus"].as_str() {
            _ if user["Enabled"] == false => Self::Disabled,
            Some("CONFIRMED" | "EXTERNAL_PROVIDER") => Self::Confirmed,
            Some("FORCE_CHANGE_PASSWORD" | "RESET_REQUIRED") => Self::Invited,
            _ => Self::Other,
        }
    }
}

/// Whether a new user gets an e-mail with a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invitation {
    /// Cognito makes a password and sends it.
    Sent,
    /// Nobody is told.
    None,
}

impl Cognito {
    pub(super) fn new(config: &SdkConfig) -> Self {
        Self {
            direct: Direct::new(config, "cognito-idp", error),
        }
    }

    /// Returns a user, or `None` if there is no such user.
    ///
    /// # Errors
    /// Cognito is not reached or refuses (`cognito-idp:AdminGetUser`).
    pub async fn find_user(&self, pool: &str, name: &str) -> Result<Option<PoolUser>> {
        let body = json!({ "UserPoolId": pool, "Username": name });
        match self.ask("cognito-idp:AdminGetUser", body).await {
            Err(error) if has_code(&error, "UserNotFoundException") => Ok(None),
            answer => {
                let answer = answer.with_context(|| format!("failed to look for user `{name}`"))?;
                Ok(Some(user_of(&answer, "UserAttributes")))
            }
        }
    }

    /// Creates a user whose e-mail address counts as verified. Returns whether it was created: another request may have been
    /// faster.
    ///
    /// # Errors
    /// Cognito is not reached or refuses (`cognito-idp:AdminCreateUser`).
    pub async fn create_user(
        &self,
        pool: &str,
        name: &str,
        email: &str,
        invitation: Invitation,
    ) -> Result<bool> {
        let mut body = json!({
            "UserPoolId": pool,
            "Username": name,
            "UserAttributes": [
                { "Name": "email", "Value": email },
                { "Name": "email_verified", "Value": "true" },
            ],
        });
        match invitation {
            Invitation::Sent => body["DesiredDeliveryMediums"] = json!(["EMAIL"]),
            Invitation::None => body["MessageAction"] = json!("SUPPRESS"),
        }
        match self.ask("cognito-idp:AdminCreateUser", body).await {
            Ok(_) => Ok(true),
            Err(error) if has_code(&error, "UsernameExistsException") => Ok(false),
            Err(error) => Err(error).with_context(|| format!("failed to create user `{name}`")),
        }
    }

    /// Gives a user a password that need not be changed.
    ///
    /// # Errors
    /// Cognito is not reached or refuses (`cognito-idp:AdminSetUserPassword`).
    pub async fn set_password(&self, pool: &str, name: &str, password: &str) -> Result<()> {
        let body = json!({
            "UserPoolId": pool, "Username": name, "Password": password, "Permanent": true,
        });
        let answer = self.ask("cognito-idp:AdminSetUserPassword", body).await;
        answer.with_context(|| format!("failed to set the password of user `{name}`"))?;
        Ok(())
    }

    /// Puts a user into a group. One that is in it stays in it.
    ///
    /// # Errors
    /// Cognito is not reached or refuses (`cognito-idp:AdminAddUserToGroup`).
    pub async fn add_to_group(&self, pool: &str, name: &str, group: &str) -> Result<()> {
        let body = json!({ "UserPoolId": pool, "Username": name, "GroupName": group });
        let answer = self.ask("cognito-idp:AdminAddUserToGroup", body).await;
        answer.with_context(|| format!("failed to put user `{name}` into group `{group}`"))?;
        Ok(())
    }

    /// Deletes a user. Returns whether there was one.
    ///
    /// # Errors
    /// Cognito is not reached or refuses (`cognito-idp:AdminDeleteUser`).
    pub async fn delete_user(&self, pool: &str, name: &str) -> Result<bool> {
        let body = json!({ "UserPoolId": pool, "Username": name });
        match self.ask("cognito-idp:AdminDeleteUser", body).await {
            Ok(_) => Ok(true),
            Err(error) if has_code(&error, "UserNotFoundException") => Ok(false),
            Err(error) => Err(error).with_context(|| format!("failed to delete user `{name}`")),
        }
    }

    /// Returns every user of a pool.
    ///
    /// # Errors
    /// Cognito is not reached or refuses (`cognito-idp:ListUsers`).
    pub async fn list_users(&self, pool: &str) -> Result<Vec<PoolUser>> {
        let (mut users, mut token) = (Vec::new(), Value::Null);
        loop {
            let mut body = json!({ "UserPoolId": pool });
            if token.is_string() {
                body["PaginationToken"] = token;
            }
            let answer = self.ask("cognito-idp:ListUsers", body).await;
            let mut answer = answer.with_context(|| format!("failed to list users of `{pool}`"))?;
            let page = answer["Users"].as_array().into_iter().flatten();
            users.extend(page.map(|user| user_of(user, "Attributes")));
            token = answer["PaginationToken"].take();
            if !token.is_string() {
                return Ok(users);
            }
        }
    }

    /// Returns the names of the users that are in a group.
    ///
    /// # Errors
    /// Cognito is not reached or refuses (`cognito-idp:ListUsersInGroup`).
    pub async fn list_group(&self, pool: &str, group: &str) -> Result<BTreeSet<String>> {
        let (mut names, mut token) = (BTreeSet::new(), Value::Null);
        loop {
            let mut body = json!({ "UserPoolId": pool, "GroupName": group });
            if token.is_string() {
                body["NextToken"] = token;
            }
            let answer = self.ask("cognito-idp:ListUsersInGroup", body).await;
            let mut answer = answer.with_context(|| format!("failed to list group `{group}`"))?;
            let page = answer["Users"].as_array().into_iter().flatten();
            names.extend(page.map(|user| user_of(user, "Attributes").name));
            token = answer["NextToken"].take();
            if !token.is_string() {
                return Ok(names);
            }
        }
    }

    /// Returns how many users a pool has, about.
    ///
    /// # Errors
    /// Cognito is not reached or refuses (`cognito-idp:DescribeUserPool`).
    pub async fn count_users(&self, pool: &str) -> Result<u64> {
        let body = json!({ "UserPoolId": pool });
        let answer = self.ask("cognito-idp:DescribeUserPool", body).await;
        let answer = answer.with_context(|| format!("failed to look at user pool `{pool}`"))?;
        let users = answer["UserPool"]["EstimatedNumberOfUsers"].as_u64();
        Ok(users.unwrap_or_default())
    }

    /// Source: AWS JSON 1.1 protocol, `X-Amz-Target`.
    async fn ask(&self, permission: &'static str, body: Value) -> Result<Value> {
        let mut call = Call {
            permission,
            method: "POST",
            path: "/".to_owned(),
            headers: vec![("content-type", "application/x-amz-json-1.1".to_owned())],
            body: body.to_string(),
        };
        let target = format!("AWSCognitoIdentityProviderService.{}", call.operation());
        call.headers.push(("x-amz-target", target));
        let text = self.direct.send(call).await?;
        // Some answers are empty.
        let text = if text.is_empty() { "{}" } else { &text };
        serde_json::from_str(text).context("the answer of Cognito is not readable")
    }
}

fn has_code(error: &anyhow::Error, code: &str) -> bool {
    Fault::of(error).and_then(|fault| fault.code.as_deref()) == Some(code)
}

/// Reads a user. The answers name the list of its attributes in two ways.
fn user_of(answer: &Value, attributes: &str) -> PoolUser {
    let attributes = answer[attributes].as_array().into_iter().flatten();
    let mut emails = attributes.filter(|attribute| attribute["Name"] == "email");
    let email = emails
        .next()
        .and_then(|attribute| attribute["Value"].as_str());
    PoolUser {
        name: answer["Username"].as_str().unwrap_or_default().to_owned(),
        email: email.map(str::to_owned),
        state: UserState::of(answer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::direct::fake_config;

    fn answering(status: u16, text: &str) -> Cognito {
        Cognito::new(&fake_config(move |_| status, text))
    }

    #[tokio::test]
    async fn a_user_is_read_and_a_missing_one_is_none() {
        let text = r#"{"Username":"ada","UserAttributes":[{"Name":"sub","Value":"1"},{"Name":"email","Value":"a@b"}],"UserStatus":"FORCE_CHANGE_PASSWORD","Enabled":true}"#;
        let found = answering(200, text).find_user("p", "ada").await.unwrap();
        let ada = PoolUser {
            name: "ada".to_owned(),
            email: Some("a@b".to_owned()),
            state: UserState::Invited,
        };
        assert_eq!(found, Some(ada));
        let missing = r#"{"__type":"UserNotFoundException","message":"User does not exist."}"#;
        let cognito = answering(400, missing);
        assert_eq!(cognito.find_user("p", "eve").await.unwrap(), None);
        assert!(!cognito.delete_user("p", "eve").await.unwrap());
    }

    #[tokio::test]
    async fn a_user_that_is_there_already_is_not_created() {
        let exists =
            r#"{"__type":"UsernameExistsException","message":"User account already exists"}"#;
        let cognito = answering(400, exists);
        let created = cognito.create_user("p", "ada", "a@b", Invitation::Sent);
        assert!(!created.await.unwrap());
        assert!(answering(200, "{}").delete_user("p", "ada").await.unwrap());
    }

    #[tokio::test]
    async fn a_refusal_names_the_permission() {
        let denied = answering(400, r#"{"__type":"AccessDeniedException","Message":"no"}"#);
        let error = denied.list_users("p").await.unwrap_err();
        let permission = crate::aws::missing_permission(&error);
        assert_eq!(permission, Some("cognito-idp:ListUsers"));
    }

    #[test]
    fn every_state_has_its_meaning() {
        for (status, enabled, wanted) in [
            ("CONFIRMED", true, UserState::Confirmed),
            ("CONFIRMED", false, UserState::Disabled),
            ("FORCE_CHANGE_PASSWORD", true, UserState::Invited),
            ("ARCHIVED", true, UserState::Other),
        ] {
            let user = json!({ "UserStatus": status, "Enabled": enabled });
            assert_eq!(UserState::of(&user), wanted, "{status} {enabled}");
        }
    }
}
