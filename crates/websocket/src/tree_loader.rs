//! Loads the whole table into the hub.

use std::sync::Arc;

use anyhow::Result;
use tokio::sync::Mutex;

use crate::clock;
use crate::hub::Hub;
use crate::metrics::{Metrics, increment};
use crate::readiness::Readiness;
use crate::table::{ReadTable, Table};

/// Reads the table and gives its content to the hub.
#[derive(Clone, Debug)]
pub struct TreeLoader<T = Table> {
    /// The table.
    pub table: T,
    /// The hub that owns the tree.
    pub hub: Arc<Hub>,
    /// The counters.
    pub metrics: Arc<Metrics>,
    /// The readiness, which the loader updates.
    pub readiness: Arc<Readiness>,
    /// Held during a read, so that no read ends after one that began later.
    pub turn: Arc<Mutex<()>>,
}

impl<T: ReadTable> TreeLoader<T> {
    /// Reads the table, and gives its content to the hub.
    ///
    /// # Errors
    /// Returns why the table could not be read; the hub then stays unchanged.
    pub async fn load(&self) -> Result<()> {
        let _turn = self.turn.lock().await;
        let asked = clock::now();
        let known = self.hub.known_revisions();
        let content = self.table.read().await?;
        increment(&self.metrics.table_reads);
        self.hub.reconcile(&known, content);
        self.readiness.record_table_read(asked);
        Ok(())
    }
}
