//! The API as a client uses it: the router over the store in memory.

#![expect(clippy::unwrap_used, reason = "a test reports a mistake by failing")]

mod client;
mod document;
mod door;
mod reading;
mod refusals;
mod requests;
mod signed_in;
