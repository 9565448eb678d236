//! The heartbeat: one item of the table that is no factory. Its record travels as the record of a factory does.
//!
//! A server writes it, the publisher makes a [`Signal`](crate::change::Signal) of its record, and every server gets that by
//! way of its own queue. There is one item, in a partition of its own: whoever reads the tree does not see it, and the next
//! heartbeat replaces it.

use serde::{Deserialize, Serialize};

/// The partition key of the heartbeat, and its sort key. The servers may write no other item.
pub const PARTITION: &str = "heartbeat";

/// The heartbeat as an item of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatItem {
    /// The partition key: [`PARTITION`].
    pub pk: String,
    /// The sort key: [`PARTITION`].
    pub sk: String,
    /// The name of the server that wrote it.
    pub server: String,
    /// When it was written, in milliseconds since 1970. The stream has no record of a write that changes nothing, so no two
    /// heartbeats of a server are equal.
    pub written_at: u64,
}

impl HeartbeatItem {
    /// Returns the heartbeat of a server.
    pub fn new(server: &str, written_at: u64) -> Self {
        Self {
            pk: PARTITION.to_owned(),
            sk: PARTITION.to_owned(),
            server: server.to_owned(),
            written_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::{self, FactoryItem};

    #[test]
    fn a_heartbeat_is_no_factory_and_not_in_the_tree() {
        let json = serde_json::to_string(&HeartbeatItem::new("i-1-run", 7)).unwrap();

        assert_eq!(
            json,
            r#"{"pk":"heartbeat","sk":"heartbeat","server":"i-1-run","written_at":7}"#
        );
        assert!(serde_json::from_str::<FactoryItem>(&json).is_err());
        assert_ne!(PARTITION, item::PARTITION);
    }
}
