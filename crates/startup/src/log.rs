//! The log: one JSON object per line on standard output, readable alone and searchable by a query.

use tracing_subscriber::EnvFilter;

/// Writes log lines to standard output, from level `info` upwards unless `RUST_LOG` sets another level.
pub fn log_to_stdout() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_target(false)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(filter)
        .init();
}
