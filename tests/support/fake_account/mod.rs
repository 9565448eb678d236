//! A CloudFormation that plays scripts: a real HTTP server on loopback that speaks the SDK's protocol
//! (AWS Query: forms in, XML out), keeps stacks, and takes as long for each resource as a script says.
//! It fails where a script says so. What it does not know it refuses, as AWS does.

mod account;
mod ec2;
mod form;
mod operation;
mod xml;

use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::loopback;

pub(crate) use account::{FakeAccount, Fault};
use form::Form;
pub(crate) use operation::Resource;

/// The server; its thread ends with the test's process.
pub(crate) struct FakeCloudFormation {
    /// Where it answers.
    pub(crate) url: String,
    account: Arc<Mutex<FakeAccount>>,
}

impl FakeCloudFormation {
    /// Starts it with an empty account.
    pub(crate) fn start() -> Self {
        let account = Arc::new(Mutex::new(FakeAccount::default()));
        let app = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&account));
        let url = loopback::serve(app);
        Self { url, account }
    }

    /// The account, to be scripted or looked at.
    pub(crate) fn account(&self) -> MutexGuard<'_, FakeAccount> {
        self.account.lock().unwrap()
    }
}

pub(super) async fn answer(
    State(account): State<Arc<Mutex<FakeAccount>>>,
    body: Bytes,
) -> Response {
    let form = Form::parse(&body);
    let action = form.get("Action").unwrap_or_default().to_owned();
    let fault = {
        let mut account = account.lock().unwrap();
        account.calls.push(action.clone());
        account.next_fault(&action)
    };
    match fault {
        Some(Fault::Silence(time)) => {
            tokio::time::sleep(time).await;
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
        Some(Fault::Error(status, code, message)) => {
            return ec2::refusal(&action, status, &code, &message)
                .unwrap_or_else(|| refuse(status, &code, &message));
        }
        None => {}
    }
    let mut account = account.lock().unwrap();
    if let Some(answer) = ec2::answer(&action, &form, &account) {
        return answer.into_response();
    }
    match account.act(&action, &form) {
        Ok(result) => xml::document(&action, &result).into_response(),
        Err((code, message)) => refuse(400, &code, &message),
    }
}

fn refuse(status: u16, code: &str, message: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    (status, xml::error(code, message)).into_response()
}
