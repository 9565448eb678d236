//! The requests to SQS, and the handling of its errors.

use aws_sdk_sqs::config::{Credentials, Region};
use aws_sdk_sqs::operation::create_queue::CreateQueueOutput;
use aws_sdk_sqs::operation::delete_queue::DeleteQueueError;
use aws_sdk_sqs::operation::list_queue_tags::{ListQueueTagsError, ListQueueTagsOutput};
use aws_sdk_sqs::operation::receive_message::ReceiveMessageOutput;
use aws_sdk_sqs::types::Message;
use aws_sdk_sqs::types::error::QueueDoesNotExist;
use aws_smithy_mocks::{MockResponseInterceptor, Rule, RuleMode, create_mock_http_client, mock};

use super::*;

const QUEUE: &str = "arn:aws:sqs:eu-central-1:000000000000:stage-i-1-0badcafe";

fn queues(rule: &Rule) -> Queues {
    let answers = MockResponseInterceptor::new()
        .rule_mode(RuleMode::Sequential)
        .with_rule(rule);
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version_latest()
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
        .http_client(create_mock_http_client())
        .interceptor(answers)
        .build();
    Queues {
        client: Client::from_conf(config),
        topic: "arn:aws:sns:eu-central-1:000000000000:changes"
            .parse()
            .unwrap(),
        prefix: "stage-".to_owned(),
        own_prefix: "stage-i-1-".to_owned(),
    }
}

fn queue() -> Queue {
    Queue {
        url: "http://sqs/stage-i-1-0badcafe".to_owned(),
        arn: QUEUE.to_owned(),
    }
}

fn no_queue() -> QueueDoesNotExist {
    QueueDoesNotExist::builder().build()
}

#[tokio::test]
async fn a_new_queue_is_encrypted_short_lived_tagged_and_open_to_the_topic_only() {
    let rule = mock!(Client::create_queue)
        .match_requests(|request| {
            let attribute = |name| request.attributes()?.get(&name).map(String::as_str);
            let policy: serde_json::Value =
                serde_json::from_str(attribute(Attribute::Policy).unwrap()).unwrap();
            let statements = policy["Statement"].as_array().unwrap();
            request.queue_name() == Some("stage-i-1-0badcafe")
                && attribute(Attribute::SqsManagedSseEnabled) == Some("true")
                && attribute(Attribute::MessageRetentionPeriod) == Some("300")
                && request.tags().unwrap()["alive-at"] == "77"
                && statements.len() == 1
                && statements[0]["Resource"] == QUEUE
                && statements[0]["Condition"]["ArnEquals"]["aws:SourceArn"]
                    == "arn:aws:sns:eu-central-1:000000000000:changes"
        })
        .then_output(|| {
            CreateQueueOutput::builder()
                .queue_url("http://sqs/stage-i-1-0badcafe")
                .build()
        });

    assert_eq!(queues(&rule).create("0badcafe", 77).await.unwrap(), queue());
}

#[tokio::test]
async fn a_poll_waits_long_and_receives_up_to_ten() {
    let rule = mock!(Client::receive_message)
        .match_requests(|request| {
            request.wait_time_seconds() == Some(20) && request.max_number_of_messages() == Some(10)
        })
        .then_output(|| {
            let whole = Message::builder().body("b").receipt_handle("h").build();
            let broken = Message::builder().body("b").build();
            ReceiveMessageOutput::builder()
                .messages(broken)
                .messages(whole)
                .build()
        });

    let received = queues(&rule).poll(&queue()).await.unwrap();

    assert_eq!(
        received,
        [ReceivedMessage {
            body: "b".to_owned(),
            receipt_handle: "h".to_owned()
        }]
    );
}

#[tokio::test]
async fn a_deleted_queue_is_distinguished_from_a_failing_poll() {
    let deleted = mock!(Client::receive_message)
        .then_error(|| ReceiveMessageError::QueueDoesNotExist(no_queue()));
    let failing = mock!(Client::receive_message).then_http_response(|| {
        let body = r#"{"__type":"InternalError","message":"later"}"#;
        let status = 500.try_into().expect("a status code");
        aws_sdk_sqs::config::http::HttpResponse::new(status, body.into())
    });

    let gone = queues(&deleted).poll(&queue()).await.unwrap_err();
    assert!(matches!(gone, PollError::QueueGone));
    let failed = queues(&failing).poll(&queue()).await.unwrap_err();
    assert!(matches!(failed, PollError::Failed(_)));
    assert_eq!(failing.num_calls(), 1, "the feed retries, not the client");
}

#[tokio::test]
async fn deleting_a_missing_queue_succeeds() {
    let rule =
        mock!(Client::delete_queue).then_error(|| DeleteQueueError::QueueDoesNotExist(no_queue()));

    assert!(queues(&rule).delete("http://sqs/q").await.is_ok());
}

#[tokio::test]
async fn an_unreadable_alive_tag_counts_as_none() {
    for (tag, value, expected) in [
        (ALIVE_AT, "1795000000", Some(1_795_000_000)),
        (ALIVE_AT, "yesterday", None),
        ("owner", "somebody", None),
    ] {
        let rule = mock!(Client::list_queue_tags)
            .then_output(move || ListQueueTagsOutput::builder().tags(tag, value).build());
        assert_eq!(
            queues(&rule).find_alive_at("http://sqs/q").await.unwrap(),
            expected
        );
    }
}

#[tokio::test]
async fn a_deleted_queue_that_is_still_listed_has_no_alive_tag() {
    let rule = mock!(Client::list_queue_tags)
        .then_error(|| ListQueueTagsError::QueueDoesNotExist(no_queue()));

    assert_eq!(
        queues(&rule).find_alive_at("http://sqs/q").await.unwrap(),
        None
    );
}

#[test]
fn a_servers_own_queues_are_distinguished_from_those_of_other_servers() {
    let rule = mock!(Client::list_queues).then_output(|| panic!("not called"));
    let queues = queues(&rule);

    assert!(queues.is_own_queue("stage-i-1-0badcafe"));
    for name in [
        "stage-i-1-2-0badcafe",
        "stage-i-1-",
        "stage-i-1-0badcafe0",
        "stage-i-2-0badcafe",
    ] {
        assert!(!queues.is_own_queue(name), "{name}");
    }
    assert!(
        queues.is_server_queue("stage-i-2-0badcafe")
            && !queues.is_server_queue("stag-i-1-0badcafe")
    );
    assert_eq!(
        queue_name(QUEUE),
        queue_name("http://sqs/000000000000/stage-i-1-0badcafe")
    );
}
