//! The live channel of a stage, as a page reaches it. In: the setting `live`, the outputs of the stage's stacks and its
//! addresses. Out: what the page is told of the channel, and its URL. Nobody is asked whether it answers.

use anyhow::{Context, Result};
use serde::Serialize;

use crate::config::Live;
use crate::outputs::Outputs;
use crate::urls::Urls;

/// The live channel, in the form in which `config.json` of the site names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum LiveChannel {
    /// The WebSocket servers. A page needs their address only.
    Servers,
    /// A channel of an Event API of AppSync.
    AppSync(EventChannel),
}

/// A channel of an Event API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EventChannel {
    /// The host of the API, with its port where that is not the scheme's.
    pub host: String,
    /// The key with which pages connect and subscribe. It is public by design.
    pub key: String,
    /// The channel's path.
    pub channel: String,
}

impl LiveChannel {
    /// Returns the channel of a stage whose stacks put this out.
    ///
    /// # Errors
    /// The stack of the channel is not there, or lacks an output.
    pub fn of(live: Live, outputs: &Outputs, urls: &Urls) -> Result<Self> {
        let output = |name| {
            let value = outputs.get(live.template(), name).map(str::to_owned);
            value.with_context(|| {
                let (wanted, before) = (live.name(), live.other().name());
                format!(
                    "nothing is deployed of `live: {wanted}`: deploy, or set `live: {before}` again"
                )
            })
        };
        let host = urls.socket.split("://").nth(1).unwrap_or_default();
        match live {
            Live::Servers => Ok(Self::Servers),
            Live::AppSync => Ok(Self::AppSync(EventChannel {
                host: host.to_owned(),
                key: output("PageKey")?,
                channel: output("Channel")?,
            })),
        }
    }

    /// Returns the URL to which a page opens its WebSocket.
    /// Source: AWS AppSync Events Developer Guide, "Event API WebSocket protocol".
    pub fn socket(&self, urls: &Urls) -> String {
        match self {
            Self::Servers => urls.socket.clone(),
            Self::AppSync(_) => format!("{}/event/realtime", urls.socket),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn urls() -> Urls {
        Urls::loopback(&"tree.localhost".parse().unwrap(), 8080)
    }

    #[test]
    fn a_channel_is_named_by_host_key_and_path_and_servers_by_their_address() {
        let rows = [("PageKey", "da2-1"), ("Channel", "/tree/main")];
        let rows: BTreeMap<String, String> = rows
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let outputs = Outputs::from_iter([("live-appsync".to_owned(), rows)]);
        let channel = LiveChannel::of(Live::AppSync, &outputs, &urls()).unwrap();
        assert_eq!(
            serde_json::to_string(&channel).unwrap(),
            r#"{"kind":"appsync","host":"ws.tree.localhost:8080","key":"da2-1","channel":"/tree/main"}"#
        );
        assert_eq!(
            channel.socket(&urls()),
            "ws://ws.tree.localhost:8080/event/realtime"
        );
        let servers = LiveChannel::of(Live::Servers, &outputs, &urls()).unwrap();
        assert_eq!(
            serde_json::to_string(&servers).unwrap(),
            r#"{"kind":"servers"}"#
        );
        assert_eq!(servers.socket(&urls()), "ws://ws.tree.localhost:8080");
    }

    #[test]
    fn a_channel_without_its_stack_is_none() {
        let error = LiveChannel::of(Live::AppSync, &Outputs::default(), &urls()).unwrap_err();
        insta::assert_snapshot!(format!("{error:#}"), @"nothing is deployed of `live: appsync`: deploy, or set `live: servers` again: there is no stack `live-appsync`");
    }
}
