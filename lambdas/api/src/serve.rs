//! Serves a router, inside Lambda or on a socket. The router is the same.

use anyhow::{Context, Result, anyhow};
use axum::Router;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::Door;

/// Serves until Lambda ends the process, or the socket's server is told to stop.
///
/// # Errors
/// Returns an error if the listener cannot be bound or Lambda's runtime interface fails.
pub async fn serve(router: Router, door: &Door) -> Result<()> {
    match door {
        Door::Lambda => lambda_http::run(router)
            .await
            .map_err(|error| anyhow!("the Lambda runtime failed: {error}")),
        Door::Socket(address) => {
            let listener = TcpListener::bind(address)
                .await
                .with_context(|| format!("failed to listen on `{address}`"))?;
            tracing::info!(%address, "listening");
            axum::serve(listener, router)
                .with_graceful_shutdown(told_to_stop())
                .await
                .context("failed to serve")
        }
    }
}

/// Waits for SIGINT or SIGTERM.
async fn told_to_stop() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
