//! The GitHub workflow that may assume the deploying role: one repository, one environment, exactly. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use super::document::{Condition, PolicyDocument, Statement};

/// Where GitHub's tokens come from.
/// Source: GitHub Docs, "Configuring OpenID Connect in Amazon Web Services".
const PROVIDER: &str = "token.actions.githubusercontent.com";

/// A repository on GitHub, as the subject of its tokens names it: `OWNER/REPO`, or `OWNER@ID/REPO@ID` with the ids that
/// GitHub gave both. Every repository that was made, renamed or moved since 2026-07-15 has them in its tokens.
/// Source: GitHub Docs, "OpenID Connect", "Immutable subject claims".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    text: String,
    has_ids: bool,
}

/// Worded as the cure: clap prints it after "invalid value … for '--github'".
#[derive(Debug, thiserror::Error)]
#[error(
    "use OWNER@ID/REPO@ID, such as octo-org@123456/factory-tree@456789, which `{}` prints; or OWNER/REPO where the tokens name \
     no ids: letters, digits, `-`, `_` and `.`, and nothing else",
    ASK_IDS
)]
pub struct InvalidRepository;

/// The command that prints a repository with its ids.
/// Source: GitHub REST API, "Get a repository"; GitHub CLI manual, "gh api".
pub(super) const ASK_IDS: &str =
    r#"gh api repos/OWNER/REPO | jq -r '"\(.owner.login)@\(.owner.id)/\(.name)@\(.id)"'"#;

impl FromStr for Repository {
    type Err = InvalidRepository;

    /// No wildcard gets in, and no `$`: IAM fills in its variables even where it compares exactly.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (owner, repository) = text.split_once('/').ok_or(InvalidRepository)?;
        let ((owner, owner_id), (repository, repository_id)) =
            (split_id(owner)?, split_id(repository)?);
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        let owner_fits = (1..=39).contains(&owner.len())
            && owner.chars().all(is_word)
            && !owner.starts_with('-')
            && !owner.ends_with('-');
        let repository_fits = (1..=100).contains(&repository.len())
            && repository.chars().all(|c| is_word(c) || c == '.')
            && repository != "."
            && repository != "..";
        if owner_fits && repository_fits && owner_id == repository_id {
            let (text, has_ids) = (text.to_owned(), owner_id);
            Ok(Self { text, has_ids })
        } else {
            Err(InvalidRepository)
        }
    }
}

impl Repository {
    /// Returns whether it is named with its ids.
    pub fn has_ids(&self) -> bool {
        self.has_ids
    }
}

/// Splits an id off a name. Returns the name, and whether an id follows it.
fn split_id(text: &str) -> Result<(&str, bool), InvalidRepository> {
    let Some((name, id)) = text.split_once('@') else {
        return Ok((text, false));
    };
    // GitHub counts from 1, in 64 bits at most.
    let is_id = (1..=19).contains(&id.len())
        && id.chars().all(|c| c.is_ascii_digit())
        && !id.starts_with('0');
    if is_id {
        Ok((name, true))
    } else {
        Err(InvalidRepository)
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// The name of an environment on GitHub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment(String);

/// Worded as the cure: clap prints it after "invalid value … for '--environment'".
#[derive(Debug, thiserror::Error)]
#[error("use the environment's name as GitHub shows it: letters, digits, `-`, `_` and `.`")]
pub struct InvalidEnvironment;

impl FromStr for Environment {
    type Err = InvalidEnvironment;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if (1..=255).contains(&text.len()) && text.chars().all(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidEnvironment)
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Returns the trust policy of the deploying role. `partition` and `account` are those of the role.
pub(super) fn trust(
    repository: &Repository,
    environment: &Environment,
    partition: &str,
    account: &str,
) -> PolicyDocument {
    let equal = |key: &str, value: String| (format!("{PROVIDER}:{key}"), vec![value]);
    let subject = format!("repo:{repository}:environment:{environment}");
    let audience = "sts.amazonaws.com".to_owned();
    let keys = BTreeMap::from([equal("aud", audience), equal("sub", subject)]);
    let provider = format!("arn:{partition}:iam::{account}:oidc-provider/{PROVIDER}");
    PolicyDocument::of(vec![Statement {
        sid: "OneEnvironmentOfOneRepository".to_owned(),
        effect: "Allow",
        principal: BTreeMap::from([("Federated".to_owned(), provider)]),
        action: BTreeSet::from(["sts:AssumeRoleWithWebIdentity".to_owned()]),
        resource: BTreeSet::new(),
        condition: Condition::from([("StringEquals".to_owned(), keys)]),
    }])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_role_trusts_one_environment_of_one_repository() {
        let (repository, environment) = ("octo-org/factory-tree", "prod");
        let document = trust(
            &repository.parse().unwrap(),
            &environment.parse().unwrap(),
            "aws",
            "123456789012",
        );
        insta::assert_snapshot!(serde_json::to_string_pretty(&document).unwrap(), @r#"
{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "OneEnvironmentOfOneRepository",
      "Effect": "Allow",
      "Principal": {
        "Federated": "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"
      },
      "Action": [
        "sts:AssumeRoleWithWebIdentity"
      ],
      "Condition": {
        "StringEquals": {
          "token.actions.githubusercontent.com:aud": [
            "sts.amazonaws.com"
          ],
          "token.actions.githubusercontent.com:sub": [
            "repo:octo-org/factory-tree:environment:prod"
          ]
        }
      }
    }
  ]
}
"#);
    }

    #[test]
    fn a_repository_with_ids_is_trusted_by_these_and_by_nothing_else() {
        let document = trust(
            &"octo-org@123456/factory-tree@456789".parse().unwrap(),
            &"prod".parse().unwrap(),
            "aws",
            "123456789012",
        );
        let text = serde_json::to_string(&document).unwrap();
        let subject = "repo:octo-org@123456/factory-tree@456789:environment:prod";
        assert!(
            text.contains(&format!(
                r#"token.actions.githubusercontent.com:sub":["{subject}"]"#
            )),
            "{text}"
        );
    }

    #[test]
    fn nothing_but_one_plain_repository_gets_in() {
        for wrong in [
            "",
            "octo",
            "octo/",
            "/tree",
            "octo/*",
            "*/tree",
            "octo/tree/x",
            "octo/${aws:x}",
            "octo/tr ee",
            "-octo/tree",
            "octo/..",
            "octo/tree:ref",
            "octo@1/tree",
            "octo/tree@1",
            "octo@/tree@1",
            "octo@1/tree@0",
            "octo@1/tree@01",
            "octo@1/tree@1@2",
            "octo@x/tree@1",
            "octo@1/tree@*",
        ] {
            assert!(wrong.parse::<Repository>().is_err(), "{wrong}");
        }
        assert!("octo_ent/my.tree-1".parse::<Repository>().is_ok());
        assert!("octo-org@123456/tree@456789".parse::<Repository>().is_ok());
    }

    #[test]
    fn an_environment_has_no_wildcard() {
        for wrong in ["", "*", "pr?d", "a:b", "${x}"] {
            assert!(wrong.parse::<Environment>().is_err(), "{wrong}");
        }
    }
}
