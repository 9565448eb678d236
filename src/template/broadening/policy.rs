//! Policies: statements that allow more, or no longer deny, wherever in a resource they are; managed
//! policies, boundaries, and who may invoke a Lambda.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::template::render::shown;

/// One action of one principal on one resource, under one condition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Grant {
    allows: bool,
    principal: String,
    action: String,
    resource: String,
    /// JSON, or empty.
    condition: String,
}

/// Returns what policies allow that they did not before.
pub(super) fn widened(kind: &str, before: &Value, after: &Value) -> Vec<String> {
    let (old, new) = (grants(kind, before), grants(kind, after));
    let is_old = |grant: &Grant| old.iter().any(|known| known.covers(grant));
    let allowed = new
        .iter()
        .filter(|grant| grant.allows && !is_old(grant))
        .map(|grant| format!("allows {grant}"));
    let still_denied = |grant: &Grant| new.iter().any(|denial| denial.covers(grant));
    let undenied = old
        .iter()
        .filter(|grant| !grant.allows && !still_denied(grant))
        .map(|grant| format!("no longer denies {grant}"));
    let mut found: Vec<String> = allowed.chain(undenied).collect();
    found.extend(attached(before, after));
    found
}

/// Managed policies that are new, and a boundary that is gone or another.
fn attached(before: &Value, after: &Value) -> Vec<String> {
    let policies = |properties: &Value| strings(&properties["ManagedPolicyArns"]);
    let (old, new) = (policies(before), policies(after));
    let mut found: Vec<String> = new
        .difference(&old)
        .map(|policy| format!("has managed policy {policy}"))
        .collect();
    let (old, new) = (
        &before["PermissionsBoundary"],
        &after["PermissionsBoundary"],
    );
    if !old.is_null() && old != new && !after.is_null() {
        found.push(format!("is no longer bounded by {}", shown(old)));
    }
    found
}

impl Grant {
    /// Returns whether what the other grants (or denies) is granted (or denied) by this one already.
    fn covers(&self, other: &Self) -> bool {
        self.allows == other.allows
            && matches(&self.principal, &other.principal)
            && matches(&self.action, &other.action)
            && matches(&self.resource, &other.resource)
            && (self.condition.is_empty() || self.condition == other.condition)
    }
}

impl std::fmt::Display for Grant {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} on {}", self.action, self.resource)?;
        if !self.principal.is_empty() {
            write!(formatter, " to {}", self.principal)?;
        }
        if !self.condition.is_empty() {
            write!(formatter, " if {}", self.condition)?;
        }
        Ok(())
    }
}

fn grants(kind: &str, properties: &Value) -> BTreeSet<Grant> {
    let mut found = BTreeSet::new();
    collect(properties, &mut found);
    if kind == "AWS::Lambda::Permission" {
        found.extend(invocation(properties));
    }
    found
}

/// Finds statements by their looks, wherever they are: in `PolicyDocument`, `AssumeRolePolicyDocument`,
/// `KeyPolicy`, `Policies`, ….
fn collect(value: &Value, found: &mut BTreeSet<Grant>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(entries) => {
            let effect = entries.get("Effect").and_then(Value::as_str);
            match effect {
                Some("Allow" | "Deny") => found.extend(statement(value)),
                _ => entries.values().for_each(|entry| collect(entry, found)),
            }
        }
        _ => {}
    }
}

fn statement(statement: &Value) -> Vec<Grant> {
    let part = |name: &str| {
        let mut values = strings(&statement[name]);
        let all_but = strings(&statement[format!("Not{name}")]);
        if !all_but.is_empty() {
            let all_but: Vec<String> = all_but.into_iter().collect();
            values.insert(format!("all but {}", all_but.join(" and ")));
        }
        if values.is_empty() {
            values.insert(String::new());
        }
        values
    };
    let (principals, actions, resources) = (part("Principal"), part("Action"), part("Resource"));
    let condition = &statement["Condition"];
    let condition = if condition.is_null() {
        String::new()
    } else {
        condition.to_string()
    };
    let mut found = Vec::new();
    for principal in &principals {
        for action in &actions {
            let on = resources.iter().map(|resource| Grant {
                allows: statement["Effect"] == "Allow",
                principal: principal.clone(),
                action: action.clone(),
                resource: if resource.is_empty() {
                    "itself".to_owned()
                } else {
                    resource.clone()
                },
                condition: condition.clone(),
            });
            found.extend(on);
        }
    }
    found
}

/// `AWS::Lambda::Permission` is a statement in other words.
fn invocation(permission: &Value) -> Option<Grant> {
    let restrictions = [
        "SourceArn",
        "SourceAccount",
        "PrincipalOrgID",
        "EventSourceToken",
    ];
    let condition = restrictions.iter().filter_map(|name| {
        let value = permission.get(*name)?;
        Some(format!("{name} is {}", shown(value)))
    });
    let condition: Vec<String> = condition.collect();
    Some(Grant {
        allows: true,
        principal: shown(permission.get("Principal")?),
        action: shown(permission.get("Action")?),
        resource: shown(permission.get("FunctionName")?),
        condition: condition.join(" and "),
    })
}

/// Returns one or several values as text. Principals are grouped by their kind: `{"Service": [...]}`.
fn strings(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Null => BTreeSet::new(),
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Object(sorts) if sorts.keys().all(|sort| is_principal(sort)) => {
            sorts.values().flat_map(strings).collect()
        }
        single => BTreeSet::from([shown(single)]),
    }
}

fn is_principal(sort: &str) -> bool {
    matches!(sort, "AWS" | "Service" | "Federated" | "CanonicalUser")
}

/// Returns whether a pattern of IAM (`*` is any text, `?` any one character) takes in everything that
/// another pattern takes in. Case is not looked at: actions have none, and names differ by more.
fn matches(pattern: &str, other: &str) -> bool {
    fn from(pattern: &[u8], other: &[u8]) -> bool {
        match (pattern, other) {
            ([b'*', pattern @ ..], _) => {
                from(pattern, other)
                    || (!other.is_empty() && from(&[b"*", pattern].concat(), &other[1..]))
            }
            ([b'?', pattern @ ..], [one, other @ ..]) if *one != b'*' => from(pattern, other),
            ([one, pattern @ ..], [same, other @ ..]) if one.eq_ignore_ascii_case(same) => {
                from(pattern, other)
            }
            (pattern, other) => pattern.is_empty() && other.is_empty(),
        }
    }
    from(pattern.as_bytes(), other.as_bytes())
}
