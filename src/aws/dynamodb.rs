//! DynamoDB: the number of items in a table. Its items are the application's affair.

use anyhow::{Context, Result};
use aws_sdk_dynamodb::Client;

use super::fault::fault;

/// The client to DynamoDB in the stage's region.
#[derive(Clone, Debug)]
pub struct DynamoDb {
    client: Client,
}

impl DynamoDb {
    pub(super) fn new(client: Client) -> Self {
        Self { client }
    }

    /// Returns about how many items a table holds: DynamoDB counts them every six hours.
    /// Source: DynamoDB API Reference, `TableDescription`, `ItemCount`.
    ///
    /// # Errors
    /// There is no such table, or it may not be described.
    pub async fn count_items(&self, table: &str) -> Result<u64> {
        let response = self.client.describe_table().table_name(table).send().await;
        let output = response
            .map_err(fault)
            .with_context(|| format!("failed to describe table `{table}`"))?;
        let items = output.table.and_then(|table| table.item_count);
        Ok(u64::try_from(items.unwrap_or_default())?)
    }
}
