//! The dependencies of the handlers: the store, the settings, and clock and randomness as parameters.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::HeaderValue;

use crate::config::Config;

/// The state of the router. Cheap to clone.
#[derive(Debug)]
pub struct App<S> {
    /// Where factories are kept.
    pub store: Arc<S>,
    /// The one origin whose pages may call.
    pub allowed_origin: HeaderValue,
    /// The content id of this build.
    pub build: Arc<str>,
    /// The clock, in seconds since 1970.
    pub now: fn() -> u64,
    /// 64 uniform random bits a call.
    pub random: fn() -> Result<u64, getrandom::Error>,
}

impl<S> App<S> {
    /// Returns the state with the system's clock and the operating system's randomness.
    pub fn new(store: S, config: &Config) -> Self {
        Self {
            store: Arc::new(store),
            allowed_origin: config.allowed_origin.clone(),
            build: config.build.as_str().into(),
            now: seconds_since_1970,
            random: getrandom::u64,
        }
    }
}

// Not derived: a derived `Clone` would ask for `S: Clone`.
impl<S> Clone for App<S> {
    fn clone(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            allowed_origin: self.allowed_origin.clone(),
            build: Arc::clone(&self.build),
            now: self.now,
            random: self.random,
        }
    }
}

fn seconds_since_1970() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_secs())
}
