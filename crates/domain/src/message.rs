//! The messages from a server to a browser: the live channel.

use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::factory::Factory;
use crate::id::FactoryId;

/// The most bytes that one message of the live channel takes as text.
pub const MAX_BYTES: usize = 64 * 1024;

/// A message of the live channel.
///
/// A position counts a server's changes in their order; a client that comes back to the same server
/// names the last one it has seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Message {
    /// The first message of every connection.
    Hello {
        /// The build that answers.
        build: String,
        /// The run of the server that answers: another after every restart.
        server: String,
    },
    /// A piece of the tree as it stands.
    Snapshot {
        /// Some of the factories.
        factories: Vec<Factory>,
        /// Whether this is the last piece.
        last: bool,
        /// The position at which the tree stood so.
        position: u64,
    },
    /// A factory is new, or was changed.
    Changed {
        /// The whole factory.
        factory: Factory,
        /// The position of this change.
        position: u64,
    },
    /// A factory was removed.
    Removed {
        /// The factory's id.
        id: FactoryId,
        /// The revision of the removal.
        revision: u64,
        /// The position of this change.
        position: u64,
    },
}

impl Message {
    /// Returns the message that tells of a change.
    pub fn of(change: Change, position: u64) -> Self {
        match change {
            Change::Changed { factory } => Self::Changed { factory, position },
            Change::Removed { id, revision } => Self::Removed {
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
    fn the_channels_json_is_the_contracts() {
        for json in [
            r#"{"type":"hello","build":"b1","server":"s1"}"#.to_owned(),
            format!(r#"{{"type":"snapshot","factories":[{FACTORY}],"last":true,"position":3}}"#),
            format!(r#"{{"type":"changed","factory":{FACTORY},"position":4}}"#),
            r#"{"type":"removed","id":"0b4bd4a6-3c5e-4f5d-9a51-7d1f2f0c8a11","revision":8,"position":5}"#.to_owned(),
        ] {
            let message: Message = serde_json::from_str(&json).unwrap();
            assert_eq!(serde_json::to_string(&message).unwrap(), json);
        }
    }

    #[test]
    fn a_change_becomes_the_message_of_its_kind() {
        let factory: Factory = serde_json::from_str(FACTORY).unwrap();
        let id = factory.id;

        let changed = Message::of(
            Change::Changed {
                factory: factory.clone(),
            },
            4,
        );
        assert_eq!(
            changed,
            Message::Changed {
                factory,
                position: 4
            }
        );
        let removed = Message::of(Change::Removed { id, revision: 8 }, 5);
        assert_eq!(
            removed,
            Message::Removed {
                id,
                revision: 8,
                position: 5
            }
        );
    }
}
