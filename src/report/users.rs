//! The reports of `users`: what became of one user, and the list of all.

use std::fmt;

use serde::Serialize;

use crate::aws::UserState;
use crate::plain::plain;

/// The result of `users add` and of `users remove`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UserReport {
    /// The stage.
    pub stage: String,
    /// The user.
    pub user: String,
    /// What became of the user.
    pub outcome: UserOutcome,
    /// Where an invitation was sent: an e-mail with a password for the first time.
    pub invited: Option<String>,
}

/// What became of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum UserOutcome {
    /// Is an editor now.
    Added,
    /// Was an editor before.
    Unchanged,
    /// Is deleted.
    Removed,
    /// Was not there.
    Absent,
}

/// The result of `users list`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UsersReport {
    /// The stage.
    pub stage: String,
    /// Every user, by name.
    pub users: Vec<UserRow>,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UserRow {
    /// The name.
    pub name: String,
    /// The address of the user's e-mail.
    pub email: Option<String>,
    /// Whether the user may change the tree.
    pub editor: bool,
    /// `active`, `invited`, `disabled` or `other`.
    pub state: &'static str,
}

impl UserRow {
    /// Returns the word for a state.
    pub fn word(state: UserState) -> &'static str {
        match state {
            UserState::Confirmed => "active",
            UserState::Invited => "invited",
            UserState::Disabled => "disabled",
            UserState::Other => "other",
        }
    }
}

impl fmt::Display for UserReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            stage,
            user,
            outcome,
            invited,
        } = self;
        let user = plain(user);
        match outcome {
            UserOutcome::Added => write!(
                formatter,
                "stage {stage}: {user} is an editor now, and may change the tree"
            )?,
            UserOutcome::Unchanged => {
                write!(formatter, "stage {stage}: {user} was an editor before")?;
            }
            UserOutcome::Removed => write!(
                formatter,
                "stage {stage}: {user} is removed; a token from before is good for five minutes more"
            )?,
            UserOutcome::Absent => write!(formatter, "stage {stage}: there is no user {user}")?,
        }
        if let Some(email) = invited {
            let email = plain(email);
            write!(
                formatter,
                "\n  an e-mail to {email} has a password, which is good for seven days"
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for UsersReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stage, users } = self;
        if users.is_empty() {
            return write!(
                formatter,
                "stage {stage}: no users\n  `factory-tree users add NAME --email ADDRESS` adds one"
            );
        }
        write!(formatter, "users of stage {stage}")?;
        let longest = users.iter().map(|row| plain(&row.name).chars().count());
        let width = longest.max().unwrap_or_default();
        for row in users {
            let role = if row.editor { "editor" } else { "reader" };
            let (name, state) = (plain(&row.name), row.state);
            let email = plain(row.email.as_deref().unwrap_or("no e-mail"));
            write!(formatter, "\n  {name:<width$}  {role}  {state:<8}  {email}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(user: &str, outcome: UserOutcome, invited: Option<&str>) -> UserReport {
        UserReport {
            stage: "prod".to_owned(),
            user: user.to_owned(),
            outcome,
            invited: invited.map(str::to_owned),
        }
    }

    #[test]
    fn what_became_of_a_user_reads_so() {
        let all = [
            of("ada", UserOutcome::Added, Some("ada@example.com")),
            of("ada", UserOutcome::Unchanged, None),
            of("ada", UserOutcome::Removed, None),
            of("e\u{1b}ve", UserOutcome::Absent, None),
        ];
        let texts = all.map(|report| report.to_string());
        insta::assert_snapshot!(texts.join("\n"), @r"
stage prod: ada is an editor now, and may change the tree
  an e-mail to ada@example.com has a password, which is good for seven days
stage prod: ada was an editor before
stage prod: ada is removed; a token from before is good for five minutes more
stage prod: there is no user e\u{1b}ve
");
    }

    #[test]
    fn users_are_rows() {
        let row = |name: &str, editor, state, email: Option<&str>| UserRow {
            name: name.to_owned(),
            email: email.map(str::to_owned),
            editor,
            state,
        };
        let report = |users| UsersReport {
            stage: "prod".to_owned(),
            users,
        };
        let some = report(vec![
            row("ada", true, "active", Some("ada@example.com")),
            row("gottfried", false, "invited", None),
        ]);
        let none = report(Vec::new());
        insta::assert_snapshot!(format!("{some}\n{none}"), @r"
users of stage prod
  ada        editor  active    ada@example.com
  gottfried  reader  invited   no e-mail
stage prod: no users
  `factory-tree users add NAME --email ADDRESS` adds one
");
    }
}
