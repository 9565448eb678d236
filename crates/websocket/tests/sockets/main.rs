//! The server over real sockets, on a port that the operating system chooses.

#![expect(clippy::unwrap_used, reason = "a test reports a mistake by failing")]

mod admission;
mod conformance;
mod hostile;
mod messages;
mod process;
mod shutdown;
mod test_server;
