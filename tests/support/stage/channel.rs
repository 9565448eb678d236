//! The Event API of a stage, spoken to as its page does.
//! Source: AWS AppSync Events Developer Guide, "Event API WebSocket protocol".

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{self, Message, client::IntoClientRequest};

use super::connect;
use super::socket::{Socket, is_timeout, upgrade};

/// Returns the event of a message of an Event API, or the message of a server as it is.
pub(crate) fn event(message: &str) -> String {
    let parsed: Value = serde_json::from_str(message).unwrap_or_default();
    parsed["event"].as_str().unwrap_or(message).to_owned()
}

/// Opens a WebSocket to the Event API of a stage with this key, in the protocol of AppSync's documents. Nothing is sent yet.
pub(crate) fn open_channel(report: &Value, config: &Value, key: &str) -> Result<Socket, String> {
    let url = config["socket"].as_str().unwrap();
    let mut request = url
        .into_client_request()
        .map_err(|error| error.to_string())?;
    let authorization = json!({ "host": config["live"]["host"], "x-api-key": key });
    let encoded = URL_SAFE_NO_PAD.encode(authorization.to_string());
    let protocols = format!("aws-appsync-event-ws, header-{encoded}");
    let origin = report["urls"]["site"].as_str().unwrap();
    let headers = request.headers_mut();
    headers.insert("Origin", origin.parse().unwrap());
    headers.insert("Sec-WebSocket-Protocol", protocols.parse().unwrap());
    let address = url.trim_start_matches("ws://").split('/').next().unwrap();
    upgrade(request, connect(address))
}

/// Sends a message of the protocol and returns the first answer that is no keep-alive.
pub(crate) fn ask_channel(socket: &mut Socket, message: &Value) -> Result<Value, String> {
    let sent = socket.send(Message::text(message.to_string()));
    sent.map_err(|error| error.to_string())?;
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(10) {
        match socket.read() {
            Ok(Message::Text(text)) if !text.contains(r#""ka""#) => {
                return serde_json::from_str(&text).map_err(|error| error.to_string());
            }
            Ok(_) => {}
            Err(tungstenite::Error::Io(error)) if is_timeout(&error) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    Err("no answer".to_owned())
}

/// Returns the message by which a page subscribes to a channel with this key.
pub(crate) fn subscription(config: &Value, channel: &str, key: &str) -> Value {
    json!({
        "type": "subscribe",
        "id": "11111111-1111-4111-8111-111111111111",
        "channel": channel,
        "authorization": { "host": config["live"]["host"], "x-api-key": key },
    })
}

/// Subscribes to the channel of a stage as its page does.
pub(crate) fn subscribe(report: &Value, config: &Value) -> Result<Socket, String> {
    let text = |name: &str| config["live"][name].as_str().unwrap();
    let mut socket = open_channel(report, config, text("key"))?;
    ask_channel(&mut socket, &json!({ "type": "connection_init" }))?;
    let subscribe = subscription(config, text("channel"), text("key"));
    let answer = ask_channel(&mut socket, &subscribe)?;
    if answer["type"] == "subscribe_success" {
        return Ok(socket);
    }
    Err(answer.to_string())
}
