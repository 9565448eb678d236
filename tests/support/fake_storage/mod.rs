//! Buckets and a distribution that play scripts: a real HTTP server on loopback that speaks the SDK's
//! protocol, keeps objects, verifies checksums, and fails where a script says so. What it does not know it
//! refuses, as AWS does.

mod buckets;

use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::loopback;

pub(crate) use buckets::{FakeBuckets, Request, Stored};

/// The server; its thread ends with the test's process.
pub(crate) struct FakeStorage {
    /// Where it answers.
    pub(crate) url: String,
    buckets: Arc<Mutex<FakeBuckets>>,
}

impl FakeStorage {
    /// Starts it without any object.
    pub(crate) fn start() -> Self {
        let buckets = Arc::new(Mutex::new(FakeBuckets::default()));
        let app = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&buckets));
        let url = loopback::serve(app);
        Self { url, buckets }
    }

    /// The buckets, to be scripted or read.
    pub(crate) fn buckets(&self) -> MutexGuard<'_, FakeBuckets> {
        self.buckets.lock().unwrap()
    }
}

pub(super) async fn answer(
    State(buckets): State<Arc<Mutex<FakeBuckets>>>,
    method: Method,
    uri: Uri,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let header = |name: &str| Some(headers.get(name)?.to_str().ok()?.to_owned());
    let request = Request {
        method,
        path: decoded(uri.path().trim_start_matches('/')),
        query: query.unwrap_or_default(),
        sha256: header("x-amz-checksum-sha256"),
        cache_control: header("cache-control").unwrap_or_default(),
        body: body.to_vec(),
    };
    match buckets.lock().unwrap().act(request) {
        Ok(answer) => (StatusCode::OK, answer.headers(), answer.body).into_response(),
        Err((status, code)) => {
            let status = StatusCode::from_u16(status).unwrap();
            (
                status,
                format!("<Error><Code>{code}</Code><Message>scripted</Message></Error>"),
            )
                .into_response()
        }
    }
}

/// Takes the percents out of a path.
fn decoded(path: &str) -> String {
    let mut pieces = path.split('%');
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| {
        let (code, rest) = piece.split_at(2);
        let letter = char::from(u8::from_str_radix(code, 16).unwrap());
        format!("{text}{letter}{rest}")
    })
}
