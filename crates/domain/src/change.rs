//! The message that the topic delivers to every server: the newest state of one factory.

use serde::{Deserialize, Serialize};

use crate::factory::Factory;
use crate::id::FactoryId;

/// The newest state of one factory; also the JSON of one message on the topic.
///
/// A change carries the whole state, never a difference. So a receiver can apply it correctly if it arrives twice,
/// late, or without the changes before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum FactoryChange {
    /// The factory was created, edited or restored, and this is its state.
    Changed {
        /// The whole factory.
        factory: Factory,
    },
    /// The factory was removed.
    Removed {
        /// The id of the removed factory.
        id: FactoryId,
        /// The revision of the removal, which is one above the factory's last revision.
        revision: u64,
    },
}

/// A message on the topic that is no change. It is shown to nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Signal {
    /// The whole way works: a server wrote a [`HeartbeatItem`](crate::heartbeat::HeartbeatItem) into the table, and the
    /// publisher made this message of its record.
    Heartbeat {
        /// The name of the server that wrote it.
        server: String,
        /// The build id of the publisher that made the message.
        publisher: String,
    },
}

impl FactoryChange {
    /// Returns the id of the factory that changed.
    pub fn id(&self) -> FactoryId {
        match self {
            Self::Changed { factory } => factory.id,
            Self::Removed { id, .. } => *id,
        }
    }

    /// Returns the revision that the factory has after the change.
    pub fn revision(&self) -> u64 {
        match self {
            Self::Changed { factory } => factory.revision,
            Self::Removed { revision, .. } => *revision,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_topics_json_follows_the_contract() {
        for json in [
            r#"{"type":"changed","factory":{"id":"0b4bd4a6-3c5e-4f5d-9a51-7d1f2f0c8a11","name":"a","lower":0,"upper":9,"numbers":[],"revision":2}}"#,
            r#"{"type":"removed","id":"0b4bd4a6-3c5e-4f5d-9a51-7d1f2f0c8a11","revision":3}"#,
        ] {
            let change: FactoryChange = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&change).unwrap(), json);
        }
    }

    #[test]
    fn a_heartbeat_is_no_change() {
        let json = r#"{"type":"heartbeat","server":"i-1-run","publisher":"b1"}"#;

        let signal: Signal = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&signal).unwrap(), json);
        assert!(serde_json::from_str::<FactoryChange>(json).is_err());
        let removed =
            r#"{"type":"removed","id":"0b4bd4a6-3c5e-4f5d-9a51-7d1f2f0c8a11","revision":3}"#;
        assert!(serde_json::from_str::<Signal>(removed).is_err());
    }
}
