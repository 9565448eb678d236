//! The service manager: gets notifications about the server's state, and sends the stop signal.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};

use crate::readiness::Readiness;

/// Notifies the service manager when the server is ready and when it starts to stop, and sends watchdog
/// notifications at half the watchdog's time. Without systemd this has no effect.
pub async fn notify_states(readiness: Arc<Readiness>) {
    let watchdog = notify_watchdog(sd_notify::watchdog_enabled());
    let transitions = async {
        readiness.wait_until_subscribed().await;
        notify(NotifyState::Ready);
        readiness.wait_until_draining().await;
        notify(NotifyState::Stopping);
    };
    tokio::join!(watchdog, transitions);
}

async fn notify_watchdog(limit: Option<Duration>) {
    let Some(limit) = limit else { return };
    let mut ticks = tokio::time::interval(limit / 2);
    loop {
        ticks.tick().await;
        notify(NotifyState::Watchdog);
    }
}

fn notify(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "failed to notify the service manager");
    }
}

/// Waits for SIGINT or SIGTERM.
pub async fn wait_for_stop_signal() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
