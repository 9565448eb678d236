//! All of AWS that a deploy of a stage in AWS asks, behind one address: the fake CloudFormation and the fake storage; and the
//! public addresses of the stage, which answer with what was deployed. What neither knows is denied.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::extract::{FromRequestParts, RawQuery, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};

use super::fake_account::{self, FakeAccount};
use super::fake_storage::{self, FakeBuckets, Stored};
use super::loopback;

/// The services.
#[derive(Clone, Default)]
pub(crate) struct FakeAws {
    account: Arc<Mutex<FakeAccount>>,
    buckets: Arc<Mutex<FakeBuckets>>,
}

impl FakeAws {
    /// The account, to be scripted or looked at.
    pub(crate) fn account(&self) -> MutexGuard<'_, FakeAccount> {
        self.account.lock().unwrap()
    }

    /// Puts an object into a bucket.
    pub(crate) fn put_object(&self, bucket: &str, key: &str, bytes: &[u8]) {
        let stored = Stored {
            bytes: bytes.to_vec(),
            etag: "etag".to_owned(),
            cache_control: String::new(),
            modified: SystemTime::now(),
        };
        let mut buckets = self.buckets.lock().unwrap();
        buckets.objects.insert(format!("{bucket}/{key}"), stored);
    }

    /// Serves the API of AWS and returns its URL.
    pub(crate) fn serve_api(&self) -> String {
        let app = Router::new().fallback(answer_api);
        loopback::serve(app.with_state(self.clone()))
    }

    /// Serves the public addresses of the stage whose stacks begin with this name, and returns the URL for all of them.
    pub(crate) fn serve_stage(&self, stage: &'static str) -> String {
        let aws = self.clone();
        let app = Router::new().fallback(move |request: Request| {
            let aws = aws.clone();
            async move { aws.answer_public(stage, request).await }
        });
        loopback::serve(app)
    }

    async fn answer_public(&self, stage: &str, request: Request) -> Response {
        let host = request.headers()[header::HOST].to_str().unwrap().to_owned();
        let path = request.uri().path().to_owned();
        let build = |stack: &str, parameter: &str| {
            let stack = format!("{stage}-{stack}");
            self.account()
                .parameter(&stack, parameter)
                .unwrap_or_default()
        };
        let json =
            |text: String| ([(header::CONTENT_TYPE, "application/json")], text).into_response();
        match host.split('.').next().unwrap_or_default() {
            "www" => {
                let site = host.trim_start_matches("www.");
                Redirect::permanent(&format!("https://{site}{}", request.uri())).into_response()
            }
            "api" => json(format!(r#"{{"build":"{}"}}"#, build("api", "ApiBuild"))),
            "ws" if path == "/heartbeat" => json(format!(
                r#"{{"server":"i-1","written_ms_ago":0,"heard_ms_ago":0,"publisher":"{}"}}"#,
                build("api", "PublisherBuild")
            )),
            "ws" => hello(build("websocket", "ServerBuild"), request).await,
            _ if path == "/" => {
                ([(header::CONTENT_TYPE, "text/html")], "<!doctype html>").into_response()
            }
            _ if path == "/factories" => json(r#"{"factories":[],"cursor":null}"#.to_owned()),
            _ => {
                let key = format!("{stage}-site-bucketname{path}");
                let buckets = self.buckets.lock().unwrap();
                let stored = buckets.objects.get(&key).map(|object| object.bytes.clone());
                stored.map_or_else(
                    || StatusCode::NOT_FOUND.into_response(),
                    |bytes| json(String::from_utf8(bytes).unwrap()),
                )
            }
        }
    }
}

async fn hello(build: String, request: Request) -> Response {
    let (mut head, _) = request.into_parts();
    let upgrade = WebSocketUpgrade::from_request_parts(&mut head, &()).await;
    let Ok(upgrade) = upgrade else {
        return StatusCode::UPGRADE_REQUIRED.into_response();
    };
    upgrade.on_upgrade(|mut socket| async move {
        let text = format!(r#"{{"type":"hello","build":"{build}"}}"#);
        let _ = socket.send(Message::Text(text.into())).await;
        // Until the peer goes.
        while socket.recv().await.is_some() {}
    })
}

/// Answers what a deploy asks of EC2 and Systems Manager: a region with two zones, in which everything is offered.
fn answer_about_the_region(headers: &HeaderMap, body: &Bytes) -> Option<String> {
    let target = headers.get("x-amz-target");
    if target.is_some_and(|target| target == "AmazonSSM.GetParameter") {
        return Some(r#"{"Parameter":{"Value":"ami-1"}}"#.to_owned());
    }
    let question = std::str::from_utf8(body).ok()?;
    let (set, item) = match question.split(['=', '&']).nth(1)? {
        "DescribeAvailabilityZones" => (
            "availabilityZoneInfo",
            "<zoneName>ZONE</zoneName><zoneState>available</zoneState><zoneType>availability-zone</zoneType>\
             <optInStatus>opt-in-not-required</optInStatus>",
        ),
        "DescribeInstanceTypeOfferings" => ("instanceTypeOfferingSet", "<location>ZONE</location>"),
        "DescribeVpcEndpointServices" => {
            return Some(format!(
                "<R><serviceDetailSet>{}</serviceDetailSet></R>",
                services()
            ));
        }
        _ => return None,
    };
    let items = ZONES.map(|zone| format!("<item>{}</item>", item.replace("ZONE", zone)));
    Some(format!("<R><{set}>{}</{set}></R>", items.concat()))
}

const ZONES: [&str; 2] = ["us-east-1a", "us-east-1b"];

/// The interface endpoints that servers in a private network need.
fn services() -> String {
    let zones = ZONES.map(|zone| format!("<item>{zone}</item>")).concat();
    let names = ["cloudformation", "logs", "sns", "sqs", "ssm", "ssmmessages"];
    let rows = names.map(|name| {
        format!(
            "<item><serviceName>com.amazonaws.us-east-1.{name}</serviceName>\
             <availabilityZoneSet>{zones}</availabilityZoneSet></item>"
        )
    });
    rows.concat()
}

async fn answer_api(
    State(aws): State<FakeAws>,
    method: Method,
    uri: Uri,
    query: RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let kind = headers.get(header::CONTENT_TYPE);
    let is = |begin: &str| kind.is_some_and(|kind| kind.as_bytes().starts_with(begin.as_bytes()));
    if let Some(region) = answer_about_the_region(&headers, &body) {
        return region.into_response();
    }
    if is("application/x-www-form-urlencoded") {
        return fake_account::answer(State(aws.account), body).await;
    }
    let target = headers.get("x-amz-target");
    if target.is_some_and(|target| target == "AmazonSQS.ListQueues") {
        return "{}".into_response();
    }
    if method == Method::POST && uri.path() == "/" {
        let text = r#"{"__type":"AccessDeniedException","message":"not granted here"}"#;
        return (StatusCode::BAD_REQUEST, text).into_response();
    }
    fake_storage::answer(
        State(aws.buckets),
        method,
        uri,
        query,
        headers,
        Body::from(body),
    )
    .await
}
