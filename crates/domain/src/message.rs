//! The messages of the live channel, from a server to a browser.

use serde::{Deserialize, Serialize};

use crate::change::FactoryChange;
use crate::factory::Factory;
use crate::id::FactoryId;

/// The most bytes of one message of the live channel as text.
pub const MAX_BYTES: usize = 64 * 1024;

/// A message of the live channel.
///
/// A position is the number of a change in the order of one server. A client that reconnects to the same
/// server sends the last position that it has received.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum LiveMessage {
    /// The first message of every connection.
    Hello {
        /// The build id of the server.
        build: String,
        /// The name of this run of the server; every restart has another one.
        server: String,
    },
    /// A part of the current tree.
    Snapshot {
        /// The factories of this part.
        factories: Vec<Factory>,
        /// Whether this is the last part.
        last: bool,
        /// The position of the last change that the snapshot includes.
        position: u64,
    },
    /// A factory was created, edited or restored.
    Changed {
        /// The whole factory.
        factory: Factory,
        /// The position of this change.
        position: u64,
    },
    /// A factory was removed.
    Removed {
        /// The id of the removed factory.
        id: FactoryId,
        /// The revision of the removal.
        revision: u64,
        /// The position of this change.
        position: u64,
    },
}

impl LiveMessage {
    /// Returns the message that reports a change.
    pub fn from_change(change: FactoryChange, position: u64) -> Self {
        match change {
            FactoryChange::Changed { factory } => Self::Changed { factory, position },
            FactoryChange::Removed { id, revision } => Self::Removed {
                id,
                revision,
                position,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTORY: &str = r#"{"id":"0b4bd4a6-3c5e-4f5d-9a51-7d1f2f0c8a11","name":"a","lower":0,"upper":9,"numbers":[4],"revision":7}"#;

    #[test]
    fn the_channels_json_follows_the_contract() {
        for json in [
            r#"{"type":"hello","build":"b1","server":"s1"}"#.to_owned(),
            format!(r#"{{"type":"snapshot","factories":[{FACTORY}],"last":true,"position":3}}"#),
            format!(r#"{{"type":"changed","factory":{FACTORY},"position":4}}"#),
            r#"{"type":"removed","id":"0b4bd4a6-3c5e-4f5d-9a51-7d1f2f0c8a11","revision":8,"position":5}"#.to_owned(),
        ] {
            let message: LiveMessage = serde_json::from_str(&json).unwrap();
            assert_eq!(serde_json::to_string(&message).unwrap(), json);
        }
    }

    #[test]
    fn a_change_becomes_the_message_of_its_kind() {
        let factory: Factory = serde_json::from_str(FACTORY).unwrap();
        let id = factory.id;

        let changed = LiveMessage::from_change(
            FactoryChange::Changed {
                factory: factory.clone(),
            },
            4,
        );
        assert_eq!(
            changed,
            LiveMessage::Changed {
                factory,
                position: 4
            }
        );
        let removed = LiveMessage::from_change(FactoryChange::Removed { id, revision: 8 }, 5);
        assert_eq!(
            removed,
            LiveMessage::Removed {
                id,
                revision: 8,
                position: 5
            }
        );
    }
}
