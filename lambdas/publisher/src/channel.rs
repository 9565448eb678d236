//! Sending messages to a channel of an Event API of AppSync, by signed requests. The permission is `appsync:EventPublish` on the
//! channel's namespace.
//!
//! A request has at most five events, and an answer of 200 lists those that were accepted and those that were not. What is
//! throttled, or fails at the service, is tried again within the time that the batch has.
//! Source: AWS AppSync Events Developer Guide, "Publish events via HTTP".

use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result};
use aws_sdk_sns::config::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use serde::{Deserialize, Serialize};

use crate::batch::TopicMessage;
use crate::publish::Publish;

/// The most events of one request, and the most bytes of all of them together.
const MAX_EVENTS: usize = 5;
const MAX_BYTES: usize = 240_000;

/// The time for a full batch of the stream, twenty requests, with all that is tried again. It ends within the function's
/// timeout of 30 s (`templates/api.yaml`), so that the function can report the failed records.
const TIME: Duration = Duration::from_secs(25);

/// The longest time that one attempt may take.
const ATTEMPT: Duration = Duration::from_millis(1_200);

/// The pause after a first attempt; each further one is twice as long.
const PAUSE: Duration = Duration::from_millis(100);

const CONTENT_TYPE: &str = "application/json";

/// The channel to which the program publishes messages.
#[derive(Clone, Debug)]
pub struct EventChannel {
    connector: SharedHttpConnector,
    credentials: SharedCredentialsProvider,
    region: String,
    /// Where requests go: the host, or the endpoint that stands for all of AWS.
    url: String,
    host: String,
    channel: String,
    time: Duration,
}

#[derive(Serialize)]
struct PublishRequest<'a> {
    channel: &'a str,
    events: Vec<&'a str>,
}

#[derive(Deserialize)]
struct PublishAnswer {
    #[serde(default)]
    successful: Vec<EventResult>,
    #[serde(default)]
    failed: Vec<EventResult>,
}

/// The result of one event. The names of the code differ between the service's documents, and nobody depends on them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventResult {
    index: usize,
    #[serde(default)]
    error_message: Option<String>,
}

/// Why a request brought nothing.
struct Failure {
    problem: String,
    /// Whether another attempt may succeed.
    is_transient: bool,
}

impl EventChannel {
    /// Returns the channel of the Event API at `host`, with region, credentials and endpoint from the environment.
    ///
    /// # Errors
    /// The environment has no region, or no credentials.
    pub async fn connect(host: &str, channel: &str) -> Result<Self> {
        let config = startup::aws_config_loader().load().await;
        let connector = Connector::builder()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build();
        let region = config.region().context("`AWS_REGION` is not set")?;
        let credentials = config.credentials_provider();
        let endpoint = config.endpoint_url().map(|url| url.trim_end_matches('/'));
        let origin = endpoint.map_or_else(|| format!("https://{host}"), str::to_owned);
        Ok(Self {
            connector: SharedHttpConnector::new(connector),
            credentials: credentials.context("there are no AWS credentials")?,
            region: region.to_string(),
            url: format!("{origin}/event"),
            host: host.to_owned(),
            channel: channel.to_owned(),
            time: TIME,
        })
    }

    /// Sends one request until it brings something, or its time is up. Returns the messages that were not accepted.
    async fn publish_chunk<'a>(
        &self,
        chunk: &'a [TopicMessage],
        time: Duration,
    ) -> Vec<&'a TopicMessage> {
        let deadline = Instant::now() + time;
        let mut pause = PAUSE;
        loop {
            let failure = match self.attempt(chunk).await {
                Ok(refused) => return refused,
                Err(failure) => failure,
            };
            let is_last = !failure.is_transient || Instant::now() + pause >= deadline;
            if is_last {
                tracing::error!(error = failure.problem, "a batch could not be published");
                return chunk.iter().collect();
            }
            tracing::warn!(error = failure.problem, "a batch is sent again");
            tokio::time::sleep(pause).await;
            pause *= 2;
        }
    }

    async fn attempt<'a>(
        &self,
        chunk: &'a [TopicMessage],
    ) -> Result<Vec<&'a TopicMessage>, Failure> {
        let unsent = |error: anyhow::Error| Failure {
            problem: format!("{error:#}"),
            is_transient: false,
        };
        let request = self.request(chunk).await.map_err(unsent)?;
        let lost = |problem: String| Failure {
            problem,
            is_transient: true,
        };
        let answer = tokio::time::timeout(ATTEMPT, self.answer(request)).await;
        let answer =
            answer.map_err(|_| lost(format!("no answer within {} ms", ATTEMPT.as_millis())));
        let (status, body) = answer?.map_err(|error| lost(format!("{error:#}")))?;
        if status != 200 {
            return Err(Failure {
                problem: format!("status {status}: {}", String::from_utf8_lossy(&body)),
                is_transient: status == 429 || status >= 500,
            });
        }
        let answer: PublishAnswer = serde_json::from_slice(&body).map_err(|error| Failure {
            problem: format!("an answer that cannot be read: {error}"),
            is_transient: false,
        })?;
        for refused in &answer.failed {
            tracing::error!(reason = refused.error_message, "a message was refused");
        }
        let is_accepted = |place: usize| answer.successful.iter().any(|event| event.index == place);
        let refused = chunk.iter().enumerate();
        Ok(refused
            .filter(|(place, _)| !is_accepted(*place))
            .map(|(_, message)| message)
            .collect())
    }

    async fn answer(&self, request: HttpRequest) -> Result<(u16, Vec<u8>)> {
        let response: HttpResponse = self.connector.call(request).await?;
        let status = response.status().as_u16();
        let body = ByteStream::new(response.into_body()).collect().await?;
        Ok((status, body.to_vec()))
    }

    /// Makes and signs a request. The signature holds for minutes, so each attempt has its own.
    async fn request(&self, chunk: &[TopicMessage]) -> Result<HttpRequest> {
        let events = chunk.iter().map(|message| message.text.as_str()).collect();
        let channel = self.channel.as_str();
        let body = serde_json::to_vec(&PublishRequest { channel, events })?;
        let credentials = self.credentials.provide_credentials().await;
        let identity: Identity = credentials.context("there are no AWS credentials")?.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("appsync")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()?
            .into();
        let headers = [("host", self.host.as_str()), ("content-type", CONTENT_TYPE)];
        let signable = SignableRequest::new(
            "POST",
            &self.url,
            headers.into_iter(),
            SignableBody::Bytes(&body),
        )?;
        let (signature, _) = sign(signable, &parameters)?.into_parts();
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method("POST")?;
        request.set_uri(self.url.as_str())?;
        for (name, value) in headers {
            request.headers_mut().insert(name, value.to_owned());
        }
        for (name, value) in signature.headers() {
            request
                .headers_mut()
                .try_insert(name.to_owned(), value.to_owned())?;
        }
        Ok(request)
    }
}

impl Publish for EventChannel {
    /// Each request has its share of the time that is left, so that one that fails takes none from those behind it.
    async fn publish<'a>(&self, messages: &'a [TopicMessage]) -> Vec<&'a TopicMessage> {
        let deadline = Instant::now() + self.time;
        let chunks = chunks(messages);
        let mut failed = Vec::new();
        for (done, chunk) in chunks.iter().enumerate() {
            let left = deadline.saturating_duration_since(Instant::now());
            let share = u32::try_from(chunks.len() - done).unwrap_or(u32::MAX);
            failed.extend(self.publish_chunk(chunk, left / share).await);
        }
        failed
    }
}

/// Splits messages into requests that the service takes.
fn chunks(messages: &[TopicMessage]) -> Vec<&[TopicMessage]> {
    let mut chunks = Vec::new();
    let mut rest = messages;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fitting = rest.iter().take(MAX_EVENTS).take_while(|message| {
            bytes += message.text.len();
            bytes <= MAX_BYTES
        });
        // One that is too large by itself is refused by the service.
        let (chunk, others) = rest.split_at(fitting.count().max(1));
        chunks.push(chunk);
        rest = others;
    }
    chunks
}

#[cfg(test)]
#[path = "channel_tests.rs"]
mod tests;
