//! The DynamoDB client: reads the whole tree, and writes the heartbeat, which is no part of it.
//!
//! It needs these permissions on the table: `dynamodb:Query` for the partition of the tree, and `dynamodb:PutItem` for the
//! partition of the heartbeat.

use std::collections::HashMap;

use anyhow::{Context, Result};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::heartbeat::HeartbeatItem;
use domain::item::{FactoryItem, PARTITION};
use domain::{FactoryChange, FactoryId};

use crate::hub::TableContent;

/// A source of the whole tree.
pub trait ReadTable {
    /// Reads all items strongly consistently; removed factories are included.
    ///
    /// The result has every write that was acknowledged before the call.
    ///
    /// # Errors
    /// Returns why the table could not be read completely; a partial tree is never returned.
    fn read(&self) -> impl Future<Output = Result<TableContent>> + Send;
}

/// The table that stores the factories.
#[derive(Clone, Debug)]
pub struct Table {
    client: Client,
    name: String,
}

impl Table {
    /// Returns the table, reached through `client`.
    pub fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    /// Writes the heartbeat of this server in place of the one before.
    ///
    /// # Errors
    /// Returns why the table did not take it.
    pub async fn write_heartbeat(&self, server: &str, written_at: u64) -> Result<()> {
        let item = serde_dynamo::to_item(HeartbeatItem::new(server, written_at))?;
        let request = self.client.put_item().table_name(&self.name);
        let response = request.set_item(Some(item)).send().await;
        response
            .map(drop)
            .with_context(|| format!("failed to write a heartbeat into table `{}`", self.name))
    }
}

impl ReadTable for Table {
    async fn read(&self) -> Result<TableContent> {
        let mut items = self
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression("pk = :tree")
            .expression_attribute_values(":tree", AttributeValue::S(PARTITION.to_owned()))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut content = TableContent::default();
        while let Some(item) = items.next().await {
            let item = item.with_context(|| format!("failed to read table `{}`", self.name))?;
            add(&mut content, item);
        }
        Ok(content)
    }
}

/// Adds an item to the content. An invalid item, which another program wrote, must not hide the others.
fn add(content: &mut TableContent, item: HashMap<String, AttributeValue>) {
    let id: Option<FactoryId> = item.get("sk").and_then(|key| key.as_s().ok()?.parse().ok());
    match change_of(item) {
        Ok(change) => content.changes.push(change),
        Err(error) => {
            tracing::error!(?id, error = format!("{error:#}"), "unreadable item");
            content.unreadable.extend(id);
        }
    }
}

fn change_of(item: HashMap<String, AttributeValue>) -> Result<FactoryChange> {
    let item: FactoryItem = serde_dynamo::from_item(item)?;
    Ok(item.into_change()?)
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::operation::query::QueryOutput;
    use aws_smithy_mocks::{MockResponseInterceptor, RuleMode, create_mock_http_client, mock};
    use domain::{Bounds, Factory};

    use super::*;

    type Item = HashMap<String, AttributeValue>;

    fn factory_item(id: u128) -> FactoryItem {
        let bounds = Bounds::new(0, 9).unwrap();
        let name = "mill".parse().unwrap();
        let factory = Factory::new(FactoryId::from_random(id), name, bounds, vec![4], 2).unwrap();
        FactoryItem::from_factory(&factory, None)
    }

    fn item(item: FactoryItem) -> Item {
        serde_dynamo::to_item(item).unwrap()
    }

    #[tokio::test]
    async fn every_page_is_read_with_removals_and_unreadable_items_are_separate() {
        let first = mock!(Client::query)
            .match_requests(|request| {
                request.consistent_read() == Some(true) && request.exclusive_start_key().is_none()
            })
            .then_output(|| {
                let inverted = FactoryItem {
                    lower: 10,
                    ..factory_item(2)
                };
                QueryOutput::builder()
                    .items(item(factory_item(1)))
                    .items(item(inverted))
                    .last_evaluated_key("sk", AttributeValue::S("next".to_owned()))
                    .build()
            });
        let second = mock!(Client::query)
            .match_requests(|request| request.exclusive_start_key().is_some())
            .then_output(|| {
                let removed = FactoryItem {
                    deleted: true,
                    ..factory_item(3)
                };
                QueryOutput::builder().items(item(removed)).build()
            });
        let responses = MockResponseInterceptor::new()
            .rule_mode(RuleMode::Sequential)
            .with_rule(&first)
            .with_rule(&second);
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version_latest()
            .region(aws_sdk_dynamodb::config::Region::new("eu-central-1"))
            .credentials_provider(aws_sdk_dynamodb::config::Credentials::new(
                "k", "s", None, None, "t",
            ))
            .http_client(create_mock_http_client())
            .interceptor(responses)
            .build();

        let table = Table::new(Client::from_conf(config), "factories".to_owned());
        let content = table.read().await.unwrap();

        assert_eq!(content.unreadable, [FactoryId::from_random(2)]);
        let [
            FactoryChange::Changed { factory },
            FactoryChange::Removed { revision: 2, .. },
        ] = &content.changes[..]
        else {
            panic!("{content:?}");
        };
        assert_eq!(factory.id, FactoryId::from_random(1));
    }
}
