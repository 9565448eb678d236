//! Log lines: JSON on standard output, each readable alone and by a query.

use tracing_subscriber::EnvFilter;

/// Sends log lines to standard output, from level `info` unless `RUST_LOG` says otherwise.
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
