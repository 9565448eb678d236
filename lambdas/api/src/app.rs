//! The state that the handlers share: the store, the settings, the clock and the source of randomness.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::http::HeaderValue;

use crate::config::Config;
use crate::room::Room;
use crate::sign_in::SignIn;

/// The state of the router. Cheap to clone.
#[derive(Debug)]
pub struct App<S> {
    /// The store of the factories.
    pub store: Arc<S>,
    /// The one origin whose pages may send requests.
    pub allowed_origin: HeaderValue,
    /// The identity provider whose editors may write; `None` where everybody may.
    pub sign_in: Option<Arc<SignIn>>,
    /// The content id of this build.
    pub build: Arc<str>,
    /// The room that is left for more factories.
    pub room: Arc<Room>,
    /// The clock, in seconds since 1970.
    pub now: fn() -> u64,
    /// The source of randomness: 64 uniform random bits per call.
    pub random: fn() -> Result<u64, getrandom::Error>,
}

impl<S> App<S> {
    /// Returns the state with the system's clock and the operating system's randomness.
    pub fn new(store: S, config: &Config) -> Self {
        Self {
            store: Arc::new(store),
            allowed_origin: config.allowed_origin.clone(),
            sign_in: config.sign_in.clone().map(Arc::new),
            build: config.build.as_str().into(),
            room: Arc::default(),
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
            sign_in: self.sign_in.clone(),
            build: Arc::clone(&self.build),
            room: Arc::clone(&self.room),
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
