//! The certificates of the stacks: one that is not issued, or soon ends, makes the stage degraded.

use std::time::{Duration, SystemTime};

use anyhow::Result;
use futures_util::future::try_join_all;
use serde::Serialize;

use super::{FoundStack, text};
use crate::aws::{Aws, Certificate, CertificateState, StackResource};
use crate::check::Check;
use crate::plain::plain;

const KIND: &str = "AWS::CertificateManager::Certificate";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// ACM renews 60 days before the end and warns 45 days before it, so whatever comes this close has been
/// failing to renew for weeks. Source: ACM User Guide, "Managed certificate renewal".
const SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// A certificate of a stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CertificateRow {
    /// The stack's short name.
    pub stack: String,
    /// The first of its domains.
    pub domain: String,
    /// `issued`, `waiting` for its validation, or ACM's own word for what cannot be used.
    pub state: String,
    /// The domains that it waits for.
    pub waiting_for: Vec<String>,
    /// Since when it is valid (RFC 3339, UTC).
    pub issued: Option<String>,
    /// When it ends (RFC 3339, UTC).
    pub expires: Option<String>,
    #[serde(skip)]
    times: (Option<SystemTime>, Option<SystemTime>),
}

pub(super) async fn ask(aws: &Aws, found: &[FoundStack]) -> Result<Vec<CertificateRow>> {
    let all = found
        .iter()
        .flat_map(|stack| stack.of_kind(KIND).map(move |resource| (stack, resource)));
    // Before it has an ARN there is nothing to ask for; the stack's own state says the rest.
    let made = all.filter(|(_, resource)| resource.physical_id.starts_with("arn:"));
    try_join_all(made.map(|(stack, resource)| ask_one(aws, stack, resource))).await
}

async fn ask_one(
    aws: &Aws,
    stack: &FoundStack,
    resource: &StackResource,
) -> Result<CertificateRow> {
    let client = aws.acm_in(&stack.plan.region);
    let certificate = client.get_certificate(&resource.physical_id).await?;
    Ok(row(&stack.plan.name, certificate))
}

pub(super) fn row(stack: &str, certificate: Certificate) -> CertificateRow {
    let (state, waiting_for) = match certificate.state {
        CertificateState::Issued => ("issued".to_owned(), Vec::new()),
        CertificateState::Waiting { domains } => ("waiting".to_owned(), domains),
        CertificateState::Unusable(word) => (word, Vec::new()),
    };
    CertificateRow {
        stack: stack.to_owned(),
        domain: certificate.domain,
        state,
        waiting_for,
        issued: text(certificate.issued),
        expires: text(certificate.expires),
        times: (certificate.issued, certificate.expires),
    }
}

pub(super) fn check(row: &CertificateRow, now: SystemTime) -> Check {
    let (ok, detail) = judge(row, now);
    Check {
        name: row.stack.clone(),
        ok,
        detail,
    }
}

fn judge(row: &CertificateRow, now: SystemTime) -> (bool, String) {
    let domain = plain(&row.domain);
    if row.state == "waiting" {
        let domains = plain(&row.waiting_for.join(", "));
        return (
            false,
            format!("{domain} waits for the validation of {domains}"),
        );
    }
    if row.state != "issued" {
        return (false, format!("{domain} is {}", plain(&row.state)));
    }
    let (issued, expires) = row.times;
    let age = issued
        .and_then(|issued| now.duration_since(issued).ok())
        .map(days);
    let age = age.map_or_else(String::new, |age| format!(", {age} old"));
    match expires.map(|expires| expires.duration_since(now)) {
        None => (true, format!("{domain} issued{age}")),
        Some(Ok(left)) => (
            left > SOON,
            format!("{domain} issued{age}, expires in {}", days(left)),
        ),
        Some(Err(over)) => (
            false,
            format!("{domain} expired {} ago", days(over.duration())),
        ),
    }
}

/// `1 day`, `30 days`.
fn days(time: Duration) -> String {
    match time.as_secs() / DAY.as_secs() {
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    }
}
