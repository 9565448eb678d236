//! The emulator lets nobody wait where AWS would not: neither for the network to acknowledge half a message, nor for the
//! next look into a queue.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::stage::{Stage, call};

/// How long each is tried again. One time below the bound shows that there is no timer, which every one would contain: so
/// a busy machine fails nothing.
const PATIENCE: Duration = Duration::from_secs(60);

/// Less than what a Lambda waited for its event, until the kernel acknowledged the head of the answer that carries it.
const CALL: Duration = Duration::from_millis(40);

/// Less than what is left of the 100 ms between two looks when a message comes soon after the first.
const DELIVERY: Duration = Duration::from_millis(40);

/// How long after the beginning of a poll its message is sent.
const AFTER_THE_FIRST_LOOK: Duration = Duration::from_millis(20);

pub(super) fn nobody_waits_for_a_timer(stage: &Stage, report: &Value) {
    let call_time = shortest(CALL, || time_of_a_call(report));
    assert!(call_time < CALL, "a Lambda answers after {call_time:?}");

    let emulator = Emulator::of(stage);
    let queue = emulator.ask("CreateQueue", &json!({ "QueueName": "pace" }))["QueueUrl"].clone();
    let delivery_time = shortest(DELIVERY, || time_of_a_delivery(&emulator, &queue));
    assert!(
        delivery_time < DELIVERY,
        "a poll answers after {delivery_time:?}"
    );
    emulator.ask("DeleteQueue", &json!({ "QueueUrl": queue }));
}

/// Measures until a time is below a bound, or patience ends; returns the shortest.
fn shortest(bound: Duration, measure: impl Fn() -> Duration) -> Duration {
    let started = Instant::now();
    let mut shortest = measure();
    while shortest >= bound && started.elapsed() < PATIENCE {
        shortest = shortest.min(measure());
    }
    shortest
}

fn time_of_a_call(report: &Value) -> Duration {
    let started = Instant::now();
    let missing = "GET /factories/0b4bd4a6-3c5e-4f5d-9a51-7d1f2f0c8a11";
    let (status, answer) = call(report, missing, "", "");
    assert_eq!(status, 404, "{answer}");
    started.elapsed()
}

/// Returns the time from a message's sending to the answer of the poll that waits for it.
fn time_of_a_delivery(emulator: &Emulator, queue: &Value) -> Duration {
    let poll = json!({ "QueueUrl": queue, "WaitTimeSeconds": 5 });
    std::thread::scope(|scope| {
        let poll = scope.spawn(|| (emulator.ask("ReceiveMessage", &poll), Instant::now()));
        std::thread::sleep(AFTER_THE_FIRST_LOOK);
        let message = json!({ "QueueUrl": queue, "MessageBody": "now" });
        let sent = Instant::now();
        emulator.ask("SendMessage", &message);
        let (answer, received) = poll.join().unwrap();
        let handle = &answer["Messages"][0]["ReceiptHandle"];
        let taken = json!({ "QueueUrl": queue, "ReceiptHandle": handle });
        emulator.ask("DeleteMessage", &taken);
        received - sent
    })
}

/// The endpoint of a stage, which takes the account's own key.
struct Emulator(u16);

impl Emulator {
    fn of(stage: &Stage) -> Self {
        let ports = std::fs::read_to_string(stage.state().join("ports.json")).unwrap();
        let ports: Value = serde_json::from_str(&ports).unwrap();
        Self(u16::try_from(ports["emulator"].as_u64().unwrap()).unwrap())
    }

    /// Asks SQS; returns its answer.
    fn ask(&self, action: &str, body: &Value) -> Value {
        let body = body.to_string();
        let length = body.len();
        let mut stream = TcpStream::connect(("127.0.0.1", self.0)).unwrap();
        let request = format!(
            "POST / HTTP/1.1\r\nHost: sqs\r\nConnection: close\r\nX-Amz-Target: AmazonSQS.{action}\r\n\
             Content-Type: application/x-amz-json-1.0\r\nContent-Length: {length}\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/sqs/aws4_request, \
             SignedHeaders=host, Signature=none\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 "), "{action}: {answer}");
        serde_json::from_str(body).unwrap_or_default()
    }
}
