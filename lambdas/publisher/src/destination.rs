//! The destination of messages: the choice that the settings make.

use crate::batch::TopicMessage;
use crate::channel::EventChannel;
use crate::config;
use crate::publish::Publish;
use crate::topic::Topic;

/// The destination that the settings name.
#[derive(Clone, Debug)]
pub enum Destination {
    /// The topic of the servers.
    Topic(Topic),
    /// The channel of the pages.
    Channel(EventChannel),
}

impl Destination {
    /// Returns the destination, with region, credentials and endpoint from the environment.
    ///
    /// # Errors
    /// Returns an error if the environment has no region or no credentials for a channel.
    pub async fn connect(settings: &config::Destination) -> anyhow::Result<Self> {
        Ok(match settings {
            config::Destination::Topic { arn } => Self::Topic(Topic::connect(arn).await),
            config::Destination::Channel { host, channel } => {
                Self::Channel(EventChannel::connect(host, channel).await?)
            }
        })
    }
}

impl Publish for Destination {
    async fn publish<'a>(&self, messages: &'a [TopicMessage]) -> Vec<&'a TopicMessage> {
        match self {
            Self::Topic(topic) => topic.publish(messages).await,
            Self::Channel(channel) => channel.publish(messages).await,
        }
    }
}
