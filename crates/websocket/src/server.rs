//! One run of the server: everything that its requests and connections share.

use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderValue;
use tokio::sync::watch;

use crate::config::Config;
use crate::hub::Hub;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::peer::Timing;
use crate::readiness::Readiness;

/// Everything that requests and connections share.
#[derive(Debug)]
pub struct Server {
    /// This run's name, another one after every restart.
    pub name: String,
    /// The source of the clients' messages.
    pub hub: Arc<Hub>,
    /// Whether more clients may come.
    pub readiness: Arc<Readiness>,
    /// The counters.
    pub metrics: Arc<Metrics>,
    /// The limit of clients.
    pub limits: Arc<Limits>,
    /// The one origin whose pages may connect.
    pub allowed_origin: HeaderValue,
    /// The time limits.
    pub timing: Timing,
    /// Over how long connections are closed at the most.
    pub drain: Duration,
    /// Tells connections to close, each at a random moment of this time.
    pub closing: watch::Sender<Option<Duration>>,
}

impl Server {
    /// Returns the server of one run, `run` being its random name.
    pub fn new(config: &Config, run: &str) -> Self {
        let name = format!("{}-{run}", config.server_id);
        let limits = Limits::new(config.max_connections, config.max_connections_per_address);
        Self {
            hub: Arc::new(Hub::new(&config.build, &name)),
            name,
            readiness: Arc::default(),
            metrics: Arc::default(),
            limits: Arc::new(limits),
            allowed_origin: config.allowed_origin.clone(),
            timing: Timing::default(),
            drain: config.drain,
            closing: watch::Sender::new(None),
        }
    }
}
