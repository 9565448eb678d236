//! The load for WebSocket servers that send the same text to all: connections, what they receive, and the figures.
//!
//! In: a server that is listening. Out: figures. One thread drives all connections, and the same code drives every server.

pub mod client;
pub mod crowd;
pub mod figures;
pub mod process;
pub mod served;
pub mod subject;
