//! Serves a router, inside Lambda or on a socket. The router is the same.

use anyhow::{Context, Result, anyhow};
use axum::Router;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::ServeMode;

/// Serves until Lambda ends the process, or the server on a socket gets a stop signal.
///
/// # Errors
/// Returns an error if the listener cannot be bound or Lambda's runtime interface fails.
pub async fn serve(router: Router, mode: &ServeMode) -> Result<()> {
    match mode {
        ServeMode::Lambda => lambda_http::run(router)
            .await
            .map_err(|error| anyhow!("the Lambda runtime failed: {error}")),
        ServeMode::Socket(address) => {
            let listener = TcpListener::bind(address)
                .await
                .with_context(|| format!("failed to listen on `{address}`"))?;
            // The operating system chooses the port where the address names none.
            let address = listener.local_addr().context("failed to listen")?;
            tracing::info!(%address, "listening");
            axum::serve(listener, router)
                .with_graceful_shutdown(wait_for_stop_signal())
                .await
                .context("failed to serve")
        }
    }
}

/// Waits for SIGINT or SIGTERM.
async fn wait_for_stop_signal() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
