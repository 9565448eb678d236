//! A fake AWS account for tests: queues, a topic and a table behind the SDK's own clients.
//!
//! Tests can inspect its state. It replies at once and never sleeps.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use aws_sdk_dynamodb::operation::put_item::PutItemOutput;
use aws_sdk_dynamodb::operation::query::QueryOutput;
use aws_sdk_sns::operation::list_subscriptions_by_topic::ListSubscriptionsByTopicOutput;
use aws_sdk_sns::operation::subscribe::SubscribeOutput;
use aws_sdk_sns::operation::unsubscribe::UnsubscribeOutput;
use aws_sdk_sqs::operation::create_queue::{CreateQueueError, CreateQueueOutput};
use aws_sdk_sqs::operation::delete_message_batch::DeleteMessageBatchOutput;
use aws_sdk_sqs::operation::delete_queue::{DeleteQueueError, DeleteQueueOutput};
use aws_sdk_sqs::operation::get_queue_url::{GetQueueUrlError, GetQueueUrlOutput};
use aws_sdk_sqs::operation::list_queue_tags::ListQueueTagsOutput;
use aws_sdk_sqs::operation::list_queues::ListQueuesOutput;
use aws_sdk_sqs::operation::receive_message::{ReceiveMessageError, ReceiveMessageOutput};
use aws_sdk_sqs::operation::tag_queue::TagQueueOutput;
use aws_sdk_sqs::types::Message;
use aws_sdk_sqs::types::error::QueueDoesNotExist;
use aws_smithy_mocks::{
    MockResponse, MockResponseInterceptor, Rule, RuleMode, create_mock_http_client, mock,
};
use domain::Factory;
use domain::change::Signal;
use domain::heartbeat::HeartbeatItem;
use domain::item::FactoryItem;
use startup::Variables;

use crate::config::Config;
use crate::queues::{ALIVE_AT, Queues, queue_name};
use crate::table::Table;
use crate::topic::Topic;

/// The state of the fake account.
#[derive(Debug, Default)]
pub(crate) struct AccountState {
    /// The queues by name, with their alive tags.
    pub(crate) queues: BTreeMap<String, Option<String>>,
    /// The ARNs of the subscribed queues.
    pub(crate) subscriptions: Vec<String>,
    /// Whether the topic omits its subscriptions from its list.
    pub(crate) hides_subscriptions: bool,
    /// The bodies that polls return, one per poll. Polls fail if there are none left.
    pub(crate) messages: VecDeque<String>,
    /// Whether nothing that is written into the table comes through the topic.
    pub(crate) loses_messages: bool,
    /// Whether no queue can be created or polled.
    pub(crate) has_no_queues: bool,
    /// The number of heartbeats that were written into the table.
    pub(crate) heartbeats: usize,
    /// The number of deleted messages.
    pub(crate) deleted_messages: usize,
    /// The factories in the table.
    pub(crate) factories: Vec<Factory>,
    /// The number of reads of the table.
    pub(crate) reads: usize,
}

impl AccountState {
    /// Carries a heartbeat on to the queue, as the publisher and the topic do.
    fn beat(&mut self, heartbeat: HeartbeatItem) {
        self.heartbeats += 1;
        if !self.loses_messages && !self.subscriptions.is_empty() {
            let signal = Signal::Heartbeat {
                server: heartbeat.server,
                publisher: "publisher".to_owned(),
            };
            self.messages
                .push_back(serde_json::to_string(&signal).unwrap());
        }
    }
}

/// A fake account that clients and a test share.
#[derive(Clone, Debug, Default)]
pub(crate) struct FakeAccount(Arc<Mutex<AccountState>>);

const REGION: &str = "eu-central-1";

impl FakeAccount {
    pub(crate) fn lock(&self) -> MutexGuard<'_, AccountState> {
        self.0.lock().unwrap()
    }

    /// Returns the numbers of queues and subscriptions.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let account = self.lock();
        (account.queues.len(), account.subscriptions.len())
    }

    /// Returns the settings of a server `i-1` in this account.
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
            .interceptor(responses(
                &[
                    self.queue_writes(),
                    self.queue_reads(),
                    self.message_calls(),
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
            .interceptor(responses(&self.subscription_calls()))
            .build();
        Topic::new(aws_sdk_sns::Client::from_conf(config), Self::config().topic)
    }

    pub(crate) fn table(&self) -> Table {
        let account = self.clone();
        let query = mock!(aws_sdk_dynamodb::Client::query).then_compute_output(move |_| {
            let mut account = account.lock();
            account.reads += 1;
            let records = account
                .factories
                .iter()
                .map(|factory| FactoryItem::from_factory(factory, None));
            let items = records
                .map(|record| serde_dynamo::to_item(record).unwrap())
                .collect();
            QueryOutput::builder().set_items(Some(items)).build()
        });
        let account = self.clone();
        let put = mock!(aws_sdk_dynamodb::Client::put_item).then_compute_output(move |request| {
            let item = request.item().unwrap().clone();
            let heartbeat: HeartbeatItem = serde_dynamo::from_item(item).unwrap();
            account.lock().beat(heartbeat);
            PutItemOutput::builder().build()
        });
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version_latest()
            .region(aws_sdk_dynamodb::config::Region::new(REGION))
            .credentials_provider(aws_sdk_dynamodb::config::Credentials::new(
                "k", "s", None, None, "t",
            ))
            .http_client(create_mock_http_client())
            .interceptor(responses(&[query, put]))
            .build();
        Table::new(
            aws_sdk_dynamodb::Client::from_conf(config),
            "factories".to_owned(),
        )
    }

    fn queue_writes(&self) -> Vec<Rule> {
        use aws_sdk_sqs::Client;
        let account = self.clone();
        let create = mock!(Client::create_queue).then_compute_response(move |request| {
            let name = request.queue_name().unwrap().to_owned();
            let alive_at = request.tags().unwrap().get(ALIVE_AT).cloned();
            let url = url(&name);
            let mut account = account.lock();
            if account.has_no_queues {
                return MockResponse::Error(CreateQueueError::generic(quiet()));
            }
            account.queues.insert(name, alive_at);
            MockResponse::Output(CreateQueueOutput::builder().queue_url(url).build())
        });
        let tag = mock!(Client::tag_queue).then_output(|| TagQueueOutput::builder().build());
        let account = self.clone();
        let delete =
            mock!(Client::delete_queue).then_compute_response(move |request| {
                match account
                    .lock()
                    .queues
                    .remove(queue_name(request.queue_url().unwrap()))
                {
                    Some(_) => MockResponse::Output(DeleteQueueOutput::builder().build()),
                    None => MockResponse::Error(DeleteQueueError::QueueDoesNotExist(no_queue())),
                }
            });
        vec![create, tag, delete]
    }

    fn queue_reads(&self) -> Vec<Rule> {
        use aws_sdk_sqs::Client;
        let account = self.clone();
        let list = mock!(Client::list_queues).then_compute_output(move |request| {
            let prefix = request.queue_name_prefix().unwrap().to_owned();
            let urls = account
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
        let account = self.clone();
        let tags = mock!(Client::list_queue_tags).then_compute_output(move |request| {
            let alive_at = account.lock().queues[queue_name(request.queue_url().unwrap())].clone();
            let tags = alive_at.map(|alive_at| [(ALIVE_AT.to_owned(), alive_at)].into());
            ListQueueTagsOutput::builder().set_tags(tags).build()
        });
        let account = self.clone();
        let find = mock!(Client::get_queue_url).then_compute_response(move |request| {
            let name = request.queue_name().unwrap();
            if account.lock().queues.contains_key(name) {
                return MockResponse::Output(
                    GetQueueUrlOutput::builder().queue_url(url(name)).build(),
                );
            }
            MockResponse::Error(GetQueueUrlError::QueueDoesNotExist(no_queue()))
        });
        vec![list, tags, find]
    }

    fn message_calls(&self) -> Vec<Rule> {
        use aws_sdk_sqs::Client;
        let account = self.clone();
        let receive = mock!(Client::receive_message).then_compute_response(move |request| {
            let mut account = account.lock();
            if !account
                .queues
                .contains_key(queue_name(request.queue_url().unwrap()))
            {
                return MockResponse::Error(ReceiveMessageError::QueueDoesNotExist(no_queue()));
            }
            if account.has_no_queues {
                return MockResponse::Error(ReceiveMessageError::generic(quiet()));
            }
            let Some(body) = account.messages.pop_front() else {
                return MockResponse::Error(ReceiveMessageError::generic(quiet()));
            };
            let message = Message::builder()
                .body(body)
                .receipt_handle("handle")
                .build();
            MockResponse::Output(ReceiveMessageOutput::builder().messages(message).build())
        });
        let account = self.clone();
        let delete = mock!(Client::delete_message_batch).then_compute_output(move |request| {
            account.lock().deleted_messages += request.entries().len();
            let output = DeleteMessageBatchOutput::builder();
            output
                .set_successful(Some(vec![]))
                .set_failed(Some(vec![]))
                .build()
                .unwrap()
        });
        vec![receive, delete]
    }

    fn subscription_calls(&self) -> Vec<Rule> {
        use aws_sdk_sns::Client;
        let account = self.clone();
        let subscribe = mock!(Client::subscribe).then_compute_output(move |request| {
            let raw = request.attributes().unwrap().get("RawMessageDelivery");
            assert_eq!(raw.map(String::as_str), Some("true"));
            account
                .lock()
                .subscriptions
                .push(request.endpoint().unwrap().to_owned());
            SubscribeOutput::builder().build()
        });
        let account = self.clone();
        let list = mock!(Client::list_subscriptions_by_topic).then_compute_output(move |_| {
            let account = account.lock();
            let named = account
                .subscriptions
                .iter()
                .filter(|_| !account.hides_subscriptions);
            let subscriptions = named.map(|queue| {
                let subscription = aws_sdk_sns::types::Subscription::builder().protocol("sqs");
                let arn = format!("arn:subscription/{queue}");
                subscription.endpoint(queue).subscription_arn(arn).build()
            });
            ListSubscriptionsByTopicOutput::builder()
                .set_subscriptions(Some(subscriptions.collect()))
                .build()
        });
        let account = self.clone();
        let unsubscribe = mock!(Client::unsubscribe).then_compute_output(move |request| {
            let queue = request
                .subscription_arn()
                .unwrap()
                .replace("arn:subscription/", "");
            account.lock().subscriptions.retain(|known| *known != queue);
            UnsubscribeOutput::builder().build()
        });
        vec![subscribe, list, unsubscribe]
    }
}

fn responses(rules: &[Rule]) -> MockResponseInterceptor {
    let responses = MockResponseInterceptor::new().rule_mode(RuleMode::MatchAny);
    rules
        .iter()
        .fold(responses, MockResponseInterceptor::with_rule)
}

fn url(name: impl AsRef<str>) -> String {
    format!("http://sqs/000000000000/{}", name.as_ref())
}

fn quiet() -> aws_sdk_sqs::error::ErrorMetadata {
    let quiet = aws_sdk_sqs::error::ErrorMetadata::builder();
    quiet.code("Quiet").build()
}

fn no_queue() -> QueueDoesNotExist {
    QueueDoesNotExist::builder().build()
}
