//! The counters and gauges, in the text format of Prometheus.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

/// The counters of one run, which never decrease.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Accepted connections.
    pub accepted: AtomicU64,
    /// Refused connections: wrong origin, too many, or not ready.
    pub refused: AtomicU64,
    /// Messages written to connections.
    pub deliveries: AtomicU64,
    /// Messages that a slow connection skipped because newer ones replaced them.
    pub coalesced: AtomicU64,
    /// Connections closed because they were too slow.
    pub slow_closes: AtomicU64,
    /// Messages received from the queue.
    pub received: AtomicU64,
    /// Received messages that were not newer than the known revision.
    pub stale: AtomicU64,
    /// Received messages that could not be read.
    pub unreadable: AtomicU64,
    /// Successful polls of the queue.
    pub polls: AtomicU64,
    /// Failed polls of the queue.
    pub poll_errors: AtomicU64,
    /// Reads of the whole table.
    pub table_reads: AtomicU64,
    /// Heartbeats that came through the topic and the queue.
    pub heartbeats: AtomicU64,
    /// Reads of the whole table because no heartbeat came.
    pub fallback_reads: AtomicU64,
}

/// The current values, measured at each request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gauges {
    /// Open connections.
    pub connections: usize,
    /// Factories in the tree.
    pub factories: usize,
    /// The position of the last change.
    pub position: u64,
    /// Whether `/readyz` reports that the server is ready.
    pub is_ready: bool,
}

/// Adds one to a counter.
pub fn increment(counter: &AtomicU64) {
    increment_by(counter, 1);
}

/// Adds a number to a counter.
pub fn increment_by(counter: &AtomicU64, times: usize) {
    counter.fetch_add(times as u64, Ordering::Relaxed);
}

impl Metrics {
    /// Returns all counters and gauges in the text format of Prometheus.
    pub fn render(&self, gauges: Gauges) -> String {
        let mut text = String::new();
        for (name, value) in [
            ("connections", gauges.connections as u64),
            ("factories", gauges.factories as u64),
            ("position", gauges.position),
            ("ready", u64::from(gauges.is_ready)),
        ] {
            line(&mut text, name, "gauge", value);
        }
        for (name, counter) in [
            ("accepted_total", &self.accepted),
            ("refused_total", &self.refused),
            ("deliveries_total", &self.deliveries),
            ("coalesced_total", &self.coalesced),
            ("slow_closes_total", &self.slow_closes),
            ("queue_messages_total", &self.received),
            ("queue_messages_stale_total", &self.stale),
            ("queue_messages_unreadable_total", &self.unreadable),
            ("queue_polls_total", &self.polls),
            ("queue_poll_errors_total", &self.poll_errors),
            ("table_reads_total", &self.table_reads),
            ("heartbeats_total", &self.heartbeats),
            ("fallback_reads_total", &self.fallback_reads),
        ] {
            line(&mut text, name, "counter", counter.load(Ordering::Relaxed));
        }
        text
    }
}

fn line(text: &mut String, name: &str, kind: &str, value: u64) {
    let name = format!("factory_tree_websocket_{name}");
    // Writing to a string cannot fail.
    let _ = writeln!(text, "# TYPE {name} {kind}\n{name} {value}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_prometheus() {
        let metrics = Metrics::default();
        increment(&metrics.accepted);
        increment_by(&metrics.deliveries, 41);

        let text = metrics.render(Gauges {
            connections: 1,
            position: 7,
            ..Gauges::default()
        });

        insta::assert_snapshot!(text.lines().take(12).collect::<Vec<_>>().join("\n"), @r"
        # TYPE factory_tree_websocket_connections gauge
        factory_tree_websocket_connections 1
        # TYPE factory_tree_websocket_factories gauge
        factory_tree_websocket_factories 0
        # TYPE factory_tree_websocket_position gauge
        factory_tree_websocket_position 7
        # TYPE factory_tree_websocket_ready gauge
        factory_tree_websocket_ready 0
        # TYPE factory_tree_websocket_accepted_total counter
        factory_tree_websocket_accepted_total 1
        # TYPE factory_tree_websocket_refused_total counter
        factory_tree_websocket_refused_total 0
        ");
        assert!(text.contains("\nfactory_tree_websocket_deliveries_total 41\n"));
    }
}
