//! For tests: queues, a topic and a table behind the SDK's own clients.
//!
//! The effects of the feed and the janitor can be read from it; nothing sleeps or answers late.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use aws_sdk_dynamodb::operation::query::QueryOutput;
use aws_sdk_sns::operation::list_subscriptions_by_topic::ListSubscriptionsByTopicOutput;
use aws_sdk_sns::operation::subscribe::SubscribeOutput;
use aws_sdk_sns::operation::unsubscribe::UnsubscribeOutput;
use aws_sdk_sqs::operation::create_queue::CreateQueueOutput;
use aws_sdk_sqs::operation::delete_message_batch::DeleteMessageBatchOutput;
use aws_sdk_sqs::operation::delete_queue::{DeleteQueueError, DeleteQueueOutput};
use aws_sdk_sqs::operation::get_queue_url::{GetQueueUrlError, GetQueueUrlOutput};
use aws_sdk_sqs::operation::list_queue_tags::ListQueueTagsOutput;
use aws_sdk_sqs::operation::list_queues::ListQueuesOutput;
use aws_sdk_sqs::operation::receive_message::{ReceiveMessageError, ReceiveMessageOutput};
use aws_sdk_sqs::types::Message;
use aws_sdk_sqs::types::error::QueueDoesNotExist;
use aws_smithy_mocks::{
    MockResponse, MockResponseInterceptor, Rule, RuleMode, create_mock_http_client, mock,
};
use domain::Factory;
use domain::record::Record;
use startup::Variables;

use crate::config::Config;
use crate::queues::{ALIVE_AT, Queues, name_of};
use crate::table::Table;
use crate::topic::Topic;

/// The state of the fake cloud.
#[derive(Debug, Default)]
pub(crate) struct Cloud {
    /// Queues by name, with their stamps.
    pub(crate) queues: BTreeMap<String, Option<String>>,
    /// The queues that are subscribed, by ARN.
    pub(crate) subscriptions: Vec<String>,
    /// Whether the topic keeps its subscriptions to itself.
    pub(crate) names_nobody: bool,
    /// The bodies that polls give, one each. When there are none left, polls fail.
    pub(crate) messages: VecDeque<String>,
    /// The number of deleted messages.
    pub(crate) deleted_messages: usize,
    /// The items of the table.
    pub(crate) factories: Vec<Factory>,
    /// The number of reads of the table.
    pub(crate) reads: usize,
}

/// A shared cloud.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fake(Arc<Mutex<Cloud>>);

const REGION: &str = "eu-central-1";

impl Fake {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Cloud> {
        self.0.lock().unwrap()
    }

    /// The number of queues and subscriptions.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let cloud = self.lock();
        (cloud.queues.len(), cloud.subscriptions.len())
    }

    /// The settings of a server `i-1` in this cloud.
    pub(crate) fn config() -> Config {
        Config::read(&Variables::new(|variable| {
            let value = match variable {
                "TOPIC_ARN" => "arn:aws:sns:eu-central-1:000000000000:changes",
                "QUEUE_PREFIX" => "stage",
                "ALLOWED_ORIGIN" => "https://factory-tree.com",
                "SERVER_ID" => "i-1",
                "TABLE_NAME" | "BUILD" => "x",
                _ => return None,
            };
            Some(value.to_owned())
        }))
        .unwrap()
    }

    pub(crate) fn queues(&self) -> Queues {
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version_latest()
            .region(aws_sdk_sqs::config::Region::new(REGION))
            .credentials_provider(aws_sdk_sqs::config::Credentials::new(
                "k", "s", None, None, "t",
            ))
            .http_client(create_mock_http_client())
            .interceptor(answers(
                &[
                    self.making_queues(),
                    self.finding_queues(),
                    self.moving_messages(),
                ]
                .concat(),
            ))
            .build();
        Queues::new(aws_sdk_sqs::Client::from_conf(config), &Self::config())
    }

    pub(crate) fn topic(&self) -> Topic {
        let config = aws_sdk_sns::Config::builder()
            .behavior_version_latest()
            .region(aws_sdk_sns::config::Region::new(REGION))
            .credentials_provider(aws_sdk_sns::config::Credentials::new(
                "k", "s", None, None, "t",
            ))
            .http_client(create_mock_http_client())
            .interceptor(answers(&self.subscribing()))
            .build();
        Topic::new(aws_sdk_sns::Client::from_conf(config), Self::config().topic)
    }

    pub(crate) fn table(&self) -> Table {
        let cloud = self.clone();
        let query = mock!(aws_sdk_dynamodb::Client::query).then_compute_output(move |_| {
            let mut cloud = cloud.lock();
            cloud.reads += 1;
            let records = cloud
                .factories
                .iter()
                .map(|factory| Record::of(factory, None));
            let items = records
                .map(|record| serde_dynamo::to_item(record).unwrap())
                .collect();
            QueryOutput::builder().set_items(Some(items)).build()
        });
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version_latest()
            .region(aws_sdk_dynamodb::config::Region::new(REGION))
            .credentials_provider(aws_sdk_dynamodb::config::Credentials::new(
                "k", "s", None, None, "t",
            ))
            .http_client(create_mock_http_client())
            .interceptor(answers(&[query]))
            .build();
        Table::new(
            aws_sdk_dynamodb::Client::from_conf(config),
            "factories".to_owned(),
        )
    }

    fn making_queues(&self) -> Vec<Rule> {
        use aws_sdk_sqs::Client;
        let cloud = self.clone();
        let create = mock!(Client::create_queue).then_compute_output(move |request| {
            let name = request.queue_name().unwrap().to_owned();
            let stamp = request.tags().unwrap().get(ALIVE_AT).cloned();
            let url = url(&name);
            cloud.lock().queues.insert(name, stamp);
            CreateQueueOutput::builder().queue_url(url).build()
        });
        let cloud = self.clone();
        let delete = mock!(Client::delete_queue).then_compute_response(move |request| match cloud
            .lock()
            .queues
            .remove(name_of(request.queue_url().unwrap()))
        {
            Some(_) => MockResponse::Output(DeleteQueueOutput::builder().build()),
            None => MockResponse::Error(DeleteQueueError::QueueDoesNotExist(no_queue())),
        });
        vec![create, delete]
    }

    fn finding_queues(&self) -> Vec<Rule> {
        use aws_sdk_sqs::Client;
        let cloud = self.clone();
        let list = mock!(Client::list_queues).then_compute_output(move |request| {
            let prefix = request.queue_name_prefix().unwrap().to_owned();
            let urls = cloud
                .lock()
                .queues
                .keys()
                .filter(|name| name.starts_with(&prefix))
                .map(url)
                .collect();
            ListQueuesOutput::builder()
                .set_queue_urls(Some(urls))
                .build()
        });
        let cloud = self.clone();
        let tags = mock!(Client::list_queue_tags).then_compute_output(move |request| {
            let stamp = cloud.lock().queues[name_of(request.queue_url().unwrap())].clone();
            let tags = stamp.map(|stamp| [(ALIVE_AT.to_owned(), stamp)].into());
            ListQueueTagsOutput::builder().set_tags(tags).build()
        });
        let cloud = self.clone();
        let find = mock!(Client::get_queue_url).then_compute_response(move |request| {
            let name = request.queue_name().unwrap();
            if cloud.lock().queues.contains_key(name) {
                return MockResponse::Output(
                    GetQueueUrlOutput::builder().queue_url(url(name)).build(),
                );
            }
            MockResponse::Error(GetQueueUrlError::QueueDoesNotExist(no_queue()))
        });
        vec![list, tags, find]
    }

    fn moving_messages(&self) -> Vec<Rule> {
        use aws_sdk_sqs::Client;
        let cloud = self.clone();
        let receive = mock!(Client::receive_message).then_compute_response(move |request| {
            let mut cloud = cloud.lock();
            if !cloud
                .queues
                .contains_key(name_of(request.queue_url().unwrap()))
            {
                return MockResponse::Error(ReceiveMessageError::QueueDoesNotExist(no_queue()));
            }
            let Some(body) = cloud.messages.pop_front() else {
                let quiet = aws_sdk_sqs::error::ErrorMetadata::builder()
                    .code("Quiet")
                    .build();
                return MockResponse::Error(ReceiveMessageError::generic(quiet));
            };
            let message = Message::builder()
                .body(body)
                .receipt_handle("handle")
                .build();
            MockResponse::Output(ReceiveMessageOutput::builder().messages(message).build())
        });
        let cloud = self.clone();
        let delete = mock!(Client::delete_message_batch).then_compute_output(move |request| {
            cloud.lock().deleted_messages += request.entries().len();
            let output = DeleteMessageBatchOutput::builder();
            output
                .set_successful(Some(vec![]))
                .set_failed(Some(vec![]))
                .build()
                .unwrap()
        });
        vec![receive, delete]
    }

    fn subscribing(&self) -> Vec<Rule> {
        use aws_sdk_sns::Client;
        let cloud = self.clone();
        let subscribe = mock!(Client::subscribe).then_compute_output(move |request| {
            let raw = request.attributes().unwrap().get("RawMessageDelivery");
            assert_eq!(raw.map(String::as_str), Some("true"));
            cloud
                .lock()
                .subscriptions
                .push(request.endpoint().unwrap().to_owned());
            SubscribeOutput::builder().build()
        });
        let cloud = self.clone();
        let list = mock!(Client::list_subscriptions_by_topic).then_compute_output(move |_| {
            let cloud = cloud.lock();
            let named = cloud.subscriptions.iter().filter(|_| !cloud.names_nobody);
            let subscriptions = named.map(|queue| {
                let subscription = aws_sdk_sns::types::Subscription::builder().protocol("sqs");
                let arn = format!("arn:subscription/{queue}");
                subscription.endpoint(queue).subscription_arn(arn).build()
            });
            ListSubscriptionsByTopicOutput::builder()
                .set_subscriptions(Some(subscriptions.collect()))
                .build()
        });
        let cloud = self.clone();
        let unsubscribe = mock!(Client::unsubscribe).then_compute_output(move |request| {
            let queue = request
                .subscription_arn()
                .unwrap()
                .replace("arn:subscription/", "");
            cloud.lock().subscriptions.retain(|known| *known != queue);
            UnsubscribeOutput::builder().build()
        });
        vec![subscribe, list, unsubscribe]
    }
}

fn answers(rules: &[Rule]) -> MockResponseInterceptor {
    let answers = MockResponseInterceptor::new().rule_mode(RuleMode::MatchAny);
    rules
        .iter()
        .fold(answers, MockResponseInterceptor::with_rule)
}

fn url(name: impl AsRef<str>) -> String {
    format!("http://sqs/000000000000/{}", name.as_ref())
}

fn no_queue() -> QueueDoesNotExist {
    QueueDoesNotExist::builder().build()
}
