//! Loads the whole table into the hub.

use std::sync::Arc;

use anyhow::Result;

use crate::hub::Hub;
use crate::metrics::{Metrics, increment};
use crate::table::Table;

/// Reads the table and gives its content to the hub.
#[derive(Clone, Debug)]
pub struct TreeLoader {
    /// The DynamoDB client.
    pub table: Table,
    /// The hub that owns the tree.
    pub hub: Arc<Hub>,
    /// The counters.
    pub metrics: Arc<Metrics>,
}

impl TreeLoader {
    /// Reads the table, and gives its content to the hub.
    ///
    /// # Errors
    /// Returns why the table could not be read; the hub then stays unchanged.
    pub async fn load(&self) -> Result<()> {
        let known = self.hub.known_revisions();
        let content = self.table.read().await?;
        increment(&self.metrics.table_reads);
        self.hub.reconcile(&known, content);
        Ok(())
    }
}
