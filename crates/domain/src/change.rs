//! The message from the table over the topic to every server: one factory's newest state.

use serde::{Deserialize, Serialize};

use crate::factory::Factory;
use crate::id::FactoryId;

/// The newest state of one factory; also the JSON of one message on the topic.
///
/// A change is the whole state, never a difference, so that it may arrive twice, late or alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Change {
    /// The factory is there, and stands so.
    Changed {
        /// The whole factory.
        factory: Factory,
    },
    /// The factory was removed.
    Removed {
        /// The factory's id.
        id: FactoryId,
        /// The revision of the removal, one above the factory's last.
        revision: u64,
    },
}

impl Change {
    /// Returns the factory that changed.
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
    fn the_topics_json_is_the_contracts() {
        for json in [
            r#"{"type":"changed","factory":{"id":"0b4bd4a6-3c5e-4f5d-9a51-7d1f2f0c8a11","name":"a","lower":0,"upper":9,"numbers":[],"revision":2}}"#,
            r#"{"type":"removed","id":"0b4bd4a6-3c5e-4f5d-9a51-7d1f2f0c8a11","revision":3}"#,
        ] {
            let change: Change = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&change).unwrap(), json);
        }
    }
}
