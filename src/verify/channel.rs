//! The checks of an Event API of AppSync: a page can subscribe, and a heartbeat that is written into the table comes out of the
//! channel, by way of the table's stream and the publisher. In: the channel, and who writes the heartbeat. Out: how long it took,
//! or which hop failed.
//! Source: AWS AppSync Events Developer Guide, "Event API WebSocket protocol".

use std::pin::Pin;
use std::time::{Duration, Instant, SystemTime};

use axum::http::{HeaderValue, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::ask::{self, Socket};
use crate::config::Network;
use crate::live::{EventChannel, LiveChannel};
use crate::urls::Urls;

/// The longest time from the table to the channel in one attempt. What comes later comes in the next one.
const ARRIVAL: Duration = Duration::from_secs(4);

/// The name of the writer of these heartbeats, in the place of a server's.
const WRITER: &str = "verify";

/// The result of a write; the error is worded for a person.
pub type Written<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>;

/// A way to write a heartbeat into the table of a stage.
pub trait WriteHeartbeat: Sync {
    /// Writes the heartbeat of a writer at a time, in milliseconds since 1970, in place of the last one.
    fn write(&self, writer: &'static str, written_at: u128) -> Written<'_>;
}

/// A WebSocket that has subscribed to a channel.
pub(super) struct Subscription {
    socket: Socket,
    id: String,
}

/// Subscribes to a channel as a page does.
pub(super) async fn subscribe(
    channel: &EventChannel,
    urls: &Urls,
    network: &Network,
) -> Result<Subscription, String> {
    let url = LiveChannel::AppSync(channel.clone()).socket(urls);
    let words = |error: &dyn std::fmt::Display| format!("{url}: {error}");
    let authorization = json!({ "host": channel.host, "x-api-key": channel.key });
    let encoded = URL_SAFE_NO_PAD.encode(authorization.to_string());
    let protocols = format!("aws-appsync-event-ws, header-{encoded}");
    let protocols = HeaderValue::try_from(protocols).map_err(|error| words(&error))?;
    let mut request = url
        .as_str()
        .into_client_request()
        .map_err(|error| words(&error))?;
    request
        .headers_mut()
        .insert(header::SEC_WEBSOCKET_PROTOCOL, protocols);
    let socket = ask::open_socket(request, &urls.site, network).await?;
    let mut subscription = Subscription {
        socket,
        id: subscription_id(),
    };
    subscription
        .send(json!({ "type": "connection_init" }))
        .await?;
    subscription.wait_for("connection_ack").await?;
    let subscribe = json!({
        "type": "subscribe",
        "id": subscription.id,
        "channel": channel.channel,
        "authorization": authorization,
    });
    subscription.send(subscribe).await?;
    subscription.wait_for("subscribe_success").await?;
    Ok(subscription)
}

/// Returns an id of the form of a UUID. It need only differ from others of the same connection, which has none.
fn subscription_id() -> String {
    let since_1970 = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    format!(
        "00000000-0000-4000-8000-{:012x}",
        since_1970.as_micros() % (1 << 48)
    )
}

impl Subscription {
    async fn send(&mut self, message: Value) -> Result<(), String> {
        let sent = self.socket.send(Message::text(message.to_string())).await;
        sent.map_err(|error| format!("the channel was closed: {error}"))
    }

    /// Returns the next message of the protocol.
    async fn next(&mut self) -> Result<Value, String> {
        while let Some(message) = self.socket.next().await {
            let message = message.map_err(|error| format!("the channel was closed: {error}"))?;
            if let Message::Text(text) = message {
                return serde_json::from_str(&text)
                    .map_err(|error| format!("the channel sends no JSON: {error}"));
            }
        }
        Err("the channel was closed".to_owned())
    }

    async fn wait_for(&mut self, kind: &str) -> Result<(), String> {
        loop {
            let message = self.next().await?;
            let actual = message["type"].as_str().unwrap_or_default();
            if actual == kind {
                return Ok(());
            }
            if actual.ends_with("error") {
                return Err(format!("{actual} in place of {kind}: {}", reason(&message)));
            }
        }
    }

    /// Waits for a heartbeat and returns the build of the publisher that has carried it.
    async fn heartbeat(&mut self) -> Result<String, String> {
        loop {
            let message = self.next().await?;
            if let Some(publisher) = events(&message).find_map(|event| publisher_of(&event)) {
                return Ok(publisher);
            }
        }
    }
}

/// Returns the events of a message: each is a text that is JSON, and one message may have a list of them.
fn events(message: &Value) -> impl Iterator<Item = Value> {
    let event = &message["event"];
    let list = event.as_array().cloned();
    let texts = list.unwrap_or_else(|| vec![event.clone()]);
    texts
        .into_iter()
        .filter_map(|text| serde_json::from_str(text.as_str()?).ok())
}

fn publisher_of(event: &Value) -> Option<String> {
    let is_heartbeat = event["type"] == "heartbeat";
    let publisher = event["publisher"].as_str().filter(|_| is_heartbeat)?;
    Some(publisher.to_owned())
}

fn reason(message: &Value) -> String {
    let error = &message["errors"][0];
    let text = |name: &str| error[name].as_str().unwrap_or_default();
    match (text("errorType"), text("message")) {
        ("", "") => "no reason is told".to_owned(),
        (kind, "") => kind.to_owned(),
        (kind, text) => format!("{kind}: {text}"),
    }
}

/// Writes a heartbeat, and waits until it comes out of the channel through this publisher.
pub(super) async fn check_heartbeat(
    channel: &EventChannel,
    writer: &dyn WriteHeartbeat,
    publisher: Option<&str>,
    (urls, network): (&Urls, &Network),
) -> Result<String, String> {
    let mut subscription = subscribe(channel, urls, network).await?;
    let since_1970 = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    let started = Instant::now();
    let written = writer.write(WRITER, since_1970.as_millis()).await;
    written.map_err(|error| format!("it is not written into the table: {error}"))?;
    let heard = tokio::time::timeout(ARRIVAL, subscription.heartbeat()).await;
    let lost = "it is written into the table, and it does not come out of the channel: stream, publisher or Event API loses it";
    let actual = heard.unwrap_or_else(|_| Err(lost.to_owned()))?;
    match publisher {
        Some(expected) if expected != actual => Err(format!(
            "the last one came through publisher {actual}, not {expected}"
        )),
        _ => Ok(format!(
            "{} ms from the table to the channel, through publisher {actual}",
            started.elapsed().as_millis()
        )),
    }
}

#[cfg(test)]
#[path = "channel_tests.rs"]
mod tests;
