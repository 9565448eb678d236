//! The setting `live`: the carrier of changes to open pages.

use schemars::JsonSchema;
use serde::Deserialize;

/// Carrier of changes to open pages
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Live {
    /// WebSocket servers on EC2, which hold the tree in memory and give it to each page
    #[default]
    Servers,
    /// An Event API of AppSync, which costs nothing while nobody visits
    AppSync,
}

impl Live {
    /// Returns its name in `factory-tree.yaml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Servers => "servers",
            Self::AppSync => "appsync",
        }
    }

    /// Returns the other carrier.
    pub fn other(self) -> Self {
        match self {
            Self::Servers => Self::AppSync,
            Self::AppSync => Self::Servers,
        }
    }

    /// Returns whether our servers are it, so that their program is built.
    pub fn has_servers(self) -> bool {
        self == Self::Servers
    }

    /// Returns the template of the carrier, which is the short name of its stack.
    pub fn template(self) -> &'static str {
        match self {
            Self::Servers => "websocket",
            Self::AppSync => "live-appsync",
        }
    }
}
