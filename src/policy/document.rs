//! IAM's policy documents as data, and how grants are packed into as few as the quota allows. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

/// The longest managed policy, in characters; white space does not count.
/// Source: IAM User Guide, "IAM and AWS STS quotas".
pub const MAX_CHARACTERS: usize = 6144;

/// Operator → key → values.
pub type Condition = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// One policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyDocument {
    /// The version of the policy language.
    version: &'static str,
    /// Its statements.
    pub statement: Vec<Statement>,
}

/// One grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    /// Its name: letters and digits.
    pub sid: String,
    /// `Allow` or `Deny`.
    pub effect: &'static str,
    /// The principal, in a trust policy.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub principal: BTreeMap<String, String>,
    /// The actions.
    pub action: BTreeSet<String>,
    /// To what. Empty in a trust policy.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub resource: BTreeSet<String>,
    /// Under which condition.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub condition: Condition,
}

impl PolicyDocument {
    /// Makes a policy of statements.
    pub fn of(statement: Vec<Statement>) -> Self {
        Self {
            version: "2012-10-17",
            statement,
        }
    }

    /// Returns how long the policy is as IAM counts it.
    pub fn characters(&self) -> usize {
        let text = serde_json::to_string(self).unwrap_or_default();
        text.chars().filter(|c| !c.is_whitespace()).count()
    }
}

/// Packs statements into documents that IAM accepts, in order. One that is too long for the rest of a
/// document is parted: some of its actions go into the next.
pub(super) fn pack(statements: Vec<Statement>) -> Vec<PolicyDocument> {
    let mut documents = Vec::new();
    let mut open: Vec<Statement> = Vec::new();
    for statement in statements {
        let mut rest = Some(statement);
        while let Some(statement) = rest {
            let (fitting, left) = part(&open, statement);
            open.extend(fitting);
            rest = left;
            if rest.is_some() {
                documents.push(PolicyDocument::of(std::mem::take(&mut open)));
            }
        }
    }
    if !open.is_empty() {
        documents.push(PolicyDocument::of(open));
    }
    documents
}

/// Parts a statement into what fits behind others and what does not. At least one action fits into an
/// empty document.
fn part(open: &[Statement], statement: Statement) -> (Option<Statement>, Option<Statement>) {
    let fits = |part: &Statement| {
        let all = open.iter().chain([part]).cloned().collect();
        PolicyDocument::of(all).characters() <= MAX_CHARACTERS
    };
    if fits(&statement) {
        return (Some(statement), None);
    }
    let mut actions: Vec<String> = statement.action.iter().cloned().collect();
    let with = |actions: &[String]| Statement {
        action: actions.iter().cloned().collect(),
        ..statement.clone()
    };
    let least = usize::from(open.is_empty());
    let mut count = actions.len() - 1;
    while count > least && !fits(&with(&actions[..count])) {
        count -= 1;
    }
    if count == 0 || !(fits(&with(&actions[..count])) || open.is_empty()) {
        return (None, Some(statement));
    }
    let left = actions.split_off(count);
    (Some(with(&actions)), Some(with(&left)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(sid: &str, actions: usize) -> Statement {
        Statement {
            sid: sid.to_owned(),
            effect: "Allow",
            principal: BTreeMap::new(),
            action: (0..actions).map(|n| format!("s3:Action{n:04}")).collect(),
            resource: BTreeSet::from(["*".to_owned()]),
            condition: Condition::new(),
        }
    }

    #[test]
    fn what_is_too_long_for_one_policy_is_parted_and_nothing_is_lost() {
        let documents = pack(vec![statement("A", 300), statement("B", 300)]);
        assert!(documents.len() > 1);
        let mut actions = 0;
        for document in &documents {
            assert!(document.characters() <= MAX_CHARACTERS);
            assert!(!document.statement.is_empty());
            actions += document
                .statement
                .iter()
                .map(|row| row.action.len())
                .sum::<usize>();
        }
        assert_eq!(actions, 600);
        // Filled up before the next is begun.
        assert!(
            documents[0].characters() > MAX_CHARACTERS - 20,
            "{}",
            documents[0].characters()
        );
    }

    #[test]
    fn white_space_does_not_count() {
        let document = PolicyDocument::of(vec![statement("A", 1)]);
        let pretty = serde_json::to_string_pretty(&document).unwrap();
        let dense = pretty.chars().filter(|c| !c.is_whitespace()).count();
        assert_eq!(document.characters(), dense);
    }
}
