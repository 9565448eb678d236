//! The service manager: told when the server is ready and that it is alive; says when to stop.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};

use crate::readiness::Readiness;

/// Reports readiness once, life at half the watchdog's time, and the coming end. Without systemd it
/// reports to nobody.
pub async fn report(readiness: Arc<Readiness>) {
    let watchdog = watch_over(sd_notify::watchdog_enabled());
    let milestones = async {
        readiness.first_ready().await;
        notify(NotifyState::Ready);
        readiness.draining().await;
        notify(NotifyState::Stopping);
    };
    tokio::join!(watchdog, milestones);
}

async fn watch_over(limit: Option<Duration>) {
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
pub async fn told_to_stop() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
