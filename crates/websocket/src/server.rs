//! One run of the server: everything that its requests and connections share.

use std::sync::Arc;
use std::time::Duration;

use axum::http::HeaderValue;
use tokio::sync::watch;

use crate::broadcaster::Broadcaster;
use crate::config::Config;
use crate::connection::Timing;
use crate::connection_limits::ConnectionLimits;
use crate::hub::Hub;
use crate::metrics::Metrics;
use crate::readiness::Readiness;

/// The state that requests and connections share.
#[derive(Debug)]
pub struct Server {
    /// The name of this run; every restart has another one.
    pub name: String,
    /// The build id of the server.
    pub build: String,
    /// The hub that provides the messages for clients.
    pub hub: Arc<Hub>,
    /// Sends the changes of the hub to every connection.
    pub broadcaster: Arc<Broadcaster>,
    /// Whether the server accepts new connections.
    pub readiness: Arc<Readiness>,
    /// The counters.
    pub metrics: Arc<Metrics>,
    /// The limits on the number of connections.
    pub limits: Arc<ConnectionLimits>,
    /// The one origin whose pages may connect.
    pub allowed_origin: HeaderValue,
    /// The ping interval and the time limits of connections.
    pub timing: Timing,
    /// The longest time over which connections are closed at the end.
    pub drain: Duration,
    /// Sends every connection the drain time; the connection closes at a random moment within it.
    pub closing: watch::Sender<Option<Duration>>,
}

impl Server {
    /// Returns the state of one run; `run` is the random suffix of its name.
    pub fn new(config: &Config, run: &str) -> Self {
        let name = format!("{}-{run}", config.server_id);
        let limits =
            ConnectionLimits::new(config.max_connections, config.max_connections_per_address);
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            broadcaster: Arc::new(Broadcaster::new(processors)),
            hub: Arc::new(Hub::new(&config.build, &name)),
            name,
            build: config.build.clone(),
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
