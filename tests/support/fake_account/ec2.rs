//! The instances of the account's group, and their consoles, in the form of EC2.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::prelude::{BASE64_STANDARD, Engine};

use super::account::FakeAccount;
use super::form::Form;

const ACTIONS: [&str; 2] = ["DescribeInstances", "GetConsoleOutput"];

/// Returns the refusal of EC2, if the action is one of its.
pub(super) fn refusal(action: &str, status: u16, code: &str, message: &str) -> Option<Response> {
    let status = StatusCode::from_u16(status).unwrap();
    let error = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    let body = format!("<Response><Errors>{error}</Errors></Response>");
    ACTIONS
        .contains(&action)
        .then(|| (status, body).into_response())
}

/// Returns the answer of EC2, if the action is one of its.
pub(super) fn answer(action: &str, form: &Form, account: &FakeAccount) -> Option<String> {
    let body = match action {
        "DescribeInstances" => {
            assert_eq!(
                form.get("Filter.1.Name"),
                Some("tag:aws:autoscaling:groupName")
            );
            let servers = account.servers.iter();
            let instances: String = servers
                .map(|(id, _)| format!("<item><instanceId>{id}</instanceId></item>"))
                .collect();
            format!(
                "<reservationSet><item><instancesSet>{instances}</instancesSet></item></reservationSet>"
            )
        }
        "GetConsoleOutput" => {
            let said = account.consoles.get(form.get("InstanceId")?).cloned();
            let output = BASE64_STANDARD.encode(said.unwrap_or_default());
            format!("<output>{output}</output>")
        }
        _ => return None,
    };
    Some(format!("<{action}Response>{body}</{action}Response>"))
}
