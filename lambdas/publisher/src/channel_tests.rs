use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use aws_sdk_sns::config::Credentials;
use aws_smithy_runtime_api::client::http::HttpConnectorFuture;
use aws_smithy_runtime_api::http::StatusCode;
use serde_json::{Value, json};

use super::*;
use crate::batch::MessageKind;

/// An Event API that gives scripted answers, the last one again and again, and keeps what it was asked.
#[derive(Clone, Debug, Default)]
struct FakeApi {
    answers: Arc<Mutex<VecDeque<(u16, Value)>>>,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
}

impl FakeApi {
    fn new(answers: impl IntoIterator<Item = (u16, Value)>) -> Self {
        let answers = answers.into_iter().collect();
        Self {
            answers: Arc::new(Mutex::new(answers)),
            ..Self::default()
        }
    }

    fn channel(&self, time: Duration) -> EventChannel {
        let credentials = Credentials::new("key", "secret", None, None, "test");
        EventChannel {
            connector: SharedHttpConnector::new(self.clone()),
            credentials: SharedCredentialsProvider::new(credentials),
            region: "eu-central-1".to_owned(),
            url: "https://a.example/event".to_owned(),
            host: "a.example".to_owned(),
            channel: "/tree/main".to_owned(),
            time,
        }
    }

    /// The number of events of each request.
    fn sizes(&self) -> Vec<usize> {
        let asked = self.asked.lock().unwrap();
        let events = asked
            .iter()
            .map(|(_, body)| body["events"].as_array().unwrap().len());
        events.collect()
    }
}

impl HttpConnector for FakeApi {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let head = format!(
            "{} {} {} {}",
            request.method(),
            request.uri(),
            request.headers().get("host").unwrap_or_default(),
            request.headers().get("authorization").unwrap_or_default()
        );
        let body = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        self.asked.lock().unwrap().push((head, body));
        let mut answers = self.answers.lock().unwrap();
        let (status, answer) = match answers.len() {
            0 => (200, accepted(MAX_EVENTS)),
            1 => answers[0].clone(),
            _ => answers.pop_front().unwrap(),
        };
        let status = StatusCode::try_from(status).unwrap();
        let response = HttpResponse::new(status, SdkBody::from(answer.to_string()));
        HttpConnectorFuture::ready(Ok(response))
    }
}

fn accepted(events: usize) -> Value {
    let rows = (0..events).map(|index| json!({ "identifier": "i", "index": index }));
    json!({ "successful": rows.collect::<Vec<_>>(), "failed": [] })
}

fn messages(count: usize, bytes: usize) -> Vec<TopicMessage> {
    let message = |number: usize| TopicMessage {
        sequence_number: number.to_string(),
        kind: MessageKind::Change,
        text: "x".repeat(bytes),
    };
    (1..=count).map(message).collect()
}

async fn failures(api: &FakeApi, messages: &[TopicMessage], time: Duration) -> Vec<String> {
    let failed = api.channel(time).publish(messages).await;
    failed
        .into_iter()
        .map(|message| message.sequence_number.clone())
        .collect()
}

#[tokio::test]
async fn a_request_is_signed_for_the_host_and_carries_texts_to_the_channel() {
    let api = FakeApi::default();
    assert_eq!(
        failures(&api, &messages(1, 3), TIME).await,
        Vec::<String>::new()
    );

    let asked = api.asked.lock().unwrap();
    let (head, body) = &asked[0];
    assert_eq!(body, &json!({ "channel": "/tree/main", "events": ["xxx"] }));
    assert!(
        head.starts_with("POST https://a.example/event a.example AWS4-HMAC-SHA256"),
        "{head}"
    );
    assert!(
        head.contains("/eu-central-1/appsync/aws4_request"),
        "{head}"
    );
    assert!(
        head.contains("SignedHeaders=content-type;host;x-amz-date"),
        "{head}"
    );
}

#[tokio::test]
async fn a_batch_goes_in_fives_and_in_no_more_bytes_than_appsync_takes() {
    let api = FakeApi::default();
    assert_eq!(failures(&api, &messages(12, 10), TIME).await.len(), 0);
    assert_eq!(api.sizes(), [5, 5, 2]);

    let large = FakeApi::default();
    assert_eq!(failures(&large, &messages(5, 100_000), TIME).await.len(), 0);
    assert_eq!(large.sizes(), [2, 2, 1]);
}

#[tokio::test]
async fn an_answer_of_200_that_hides_failures_fails_these_records_only() {
    let answer = json!({
        "successful": [{ "identifier": "a", "index": 0 }, { "identifier": "c", "index": 2 }],
        "failed": [{ "identifier": "b", "index": 1, "errorCode": 500, "errorMessage": "no" }],
    });
    // The fourth is in neither list.
    let api = FakeApi::new([(200, answer)]);
    assert_eq!(failures(&api, &messages(4, 1), TIME).await, ["2", "4"]);
    assert_eq!(api.sizes(), [4]);
}

#[tokio::test]
async fn what_is_throttled_or_fails_at_the_service_is_sent_again() {
    let api = FakeApi::new([(429, json!({})), (503, json!({})), (200, accepted(5))]);
    assert_eq!(
        failures(&api, &messages(5, 1), TIME).await,
        Vec::<String>::new()
    );
    assert_eq!(api.sizes(), [5, 5, 5]);
}

#[tokio::test]
async fn what_is_refused_is_not_sent_again_and_the_next_ones_are_sent() {
    let refusal = json!({ "errors": [{ "errorType": "UnauthorizedException" }] });
    let api = FakeApi::new([(401, refusal), (200, accepted(5))]);
    let failed = failures(&api, &messages(7, 1), TIME).await;
    assert_eq!(failed, ["1", "2", "3", "4", "5"]);
    assert_eq!(api.sizes(), [5, 2]);
}

#[tokio::test]
async fn an_outage_ends_with_the_time_of_the_batch_and_each_request_was_tried() {
    let api = FakeApi::new([(500, json!({}))]);
    let time = Duration::from_millis(700);
    let started = Instant::now();
    let failed = failures(&api, &messages(10, 1), time).await;
    assert_eq!(failed.len(), 10);
    assert!(started.elapsed() <= time, "{:?}", started.elapsed());
    assert!(api.sizes().len() >= 4, "{:?}", api.sizes());
}
