//! The server as browsers meet it: real sockets on a port of the system's choice.

#![expect(clippy::unwrap_used, reason = "what a test cannot do fails it")]

mod running;

mod conversation;
mod door;
mod farewell;
mod process;
