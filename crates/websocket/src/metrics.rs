//! The counters and gauges, in the format of Prometheus.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of one run. They only ever grow.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Connections that were accepted.
    pub accepted: AtomicU64,
    /// Connections that were refused: wrong origin, too many, not ready.
    pub refused: AtomicU64,
    /// Messages that were written to connections.
    pub deliveries: AtomicU64,
    /// Messages that newer ones made superfluous for a slow connection.
    pub coalesced: AtomicU64,
    /// Connections that were closed because they could not keep up.
    pub slow_closes: AtomicU64,
    /// Messages that came from the queue.
    pub received: AtomicU64,
    /// Of these, the ones that told nothing new.
    pub stale: AtomicU64,
    /// Of these, the ones that could not be read.
    pub unreadable: AtomicU64,
    /// Polls of the queue that worked.
    pub polls: AtomicU64,
    /// Polls of the queue that failed.
    pub poll_errors: AtomicU64,
    /// Reads of the whole table.
    pub table_reads: AtomicU64,
}

/// The gauges, measured at the moment of the request.
#[derive(Clone, Copy, Debug, Default)]
pub struct Gauges {
    /// Open connections.
    pub connections: usize,
    /// Factories in the tree.
    pub factories: usize,
    /// The position of the last change.
    pub position: u64,
    /// Whether `/readyz` says yes.
    pub is_ready: bool,
}

/// Adds one to a counter.
pub fn count(counter: &AtomicU64) {
    count_many(counter, 1);
}

/// Adds to a counter.
pub fn count_many(counter: &AtomicU64, times: usize) {
    counter.fetch_add(times as u64, Ordering::Relaxed);
}

impl Metrics {
    /// Writes everything in Prometheus' text format.
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
        count(&metrics.accepted);
        count_many(&metrics.deliveries, 41);

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
