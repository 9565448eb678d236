//! The runtime API that a Lambda polls, for one event. In: the event. Out: the response.
//! Source: Lambda Developer Guide, "Using the Lambda runtime API for custom runtimes".

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The id of the one request.
const REQUEST: &str = "00000000-0000-4000-8000-000000000000";

/// The largest answer that Lambda takes. Source: Lambda quotas, "Invocation payload".
const LARGEST_ANSWER: usize = 6 << 20;

/// A request of a Lambda to the runtime API.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum RuntimeRequest {
    /// It asked for an event, and got it.
    Polled(Instant),
    /// It answered.
    Responded(Instant, String),
    /// It said that it failed, and why.
    Failed(String),
}

struct Api {
    event: String,
    timeout: Duration,
    handed_out: AtomicBool,
    words: UnboundedSender<RuntimeRequest>,
}

/// Returns the routes for one event, and the receiver of the requests of the program.
pub(super) fn open(event: &str, timeout: Duration) -> (Router, UnboundedReceiver<RuntimeRequest>) {
    let (words, heard) = unbounded_channel();
    let api = Arc::new(Api {
        event: event.to_owned(),
        timeout,
        handed_out: AtomicBool::new(false),
        words,
    });
    let request = format!("/2018-06-01/runtime/invocation/{REQUEST}");
    let router = Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route(&format!("{request}/response"), post(response))
        .route(&format!("{request}/error"), post(error))
        .route("/2018-06-01/runtime/init/error", post(error))
        .layer(DefaultBodyLimit::max(LARGEST_ANSWER))
        .with_state(api);
    (router, heard)
}

/// Returns the event once; a program that asks again waits, as in Lambda, until it is ended.
async fn next(State(api): State<Arc<Api>>) -> Response {
    if api.handed_out.swap(true, Ordering::Relaxed) {
        return pending().await;
    }
    api.send_request(RuntimeRequest::Polled(Instant::now()));
    let deadline = SystemTime::now() + api.timeout;
    let deadline = deadline.duration_since(SystemTime::UNIX_EPOCH);
    let headers = [
        ("lambda-runtime-aws-request-id", REQUEST.to_owned()),
        (
            "lambda-runtime-deadline-ms",
            deadline.unwrap_or_default().as_millis().to_string(),
        ),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:us-east-1:000000000000:function:invoke".to_owned(),
        ),
        ("content-type", "application/json".to_owned()),
    ];
    (headers, api.event.clone()).into_response()
}

async fn response(State(api): State<Arc<Api>>, answer: String) -> StatusCode {
    api.send_request(RuntimeRequest::Responded(Instant::now(), answer));
    StatusCode::ACCEPTED
}

async fn error(State(api): State<Arc<Api>>, report: String) -> StatusCode {
    api.send_request(RuntimeRequest::Failed(problem(&report)));
    StatusCode::ACCEPTED
}

/// Reads `{"errorType": …, "errorMessage": …}`; anything else is reported as it is.
fn problem(report: &str) -> String {
    let parsed: Value = serde_json::from_str(report).unwrap_or_default();
    match (
        parsed["errorType"].as_str(),
        parsed["errorMessage"].as_str(),
    ) {
        (Some(kind), Some(message)) => format!("{kind}: {message}"),
        _ => report.to_owned(),
    }
}

impl Api {
    fn send_request(&self, word: RuntimeRequest) {
        // Nobody listens any more when the call has ended in another way.
        let _ = self.words.send(word);
    }
}
