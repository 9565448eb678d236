//! The API as a client meets it: the router over the store in memory.

#![expect(clippy::unwrap_used, reason = "what a test cannot do fails it")]

mod calls;
mod document;
mod reading;
mod refusals;
mod requests;
