//! The one door to DynamoDB: reads the whole tree. Needs `dynamodb:Query` on the table.

use std::collections::HashMap;

use anyhow::{Context, Result};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::record::{PARTITION, Record};
use domain::{Change, FactoryId};

use crate::hub::TableContent;

/// The table that keeps the factories.
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

    /// Reads everything strongly consistently, removed factories included.
    ///
    /// Every write that was acknowledged before the call is in the answer.
    ///
    /// # Errors
    /// Returns why the table could not be read to its end: half a tree is no answer.
    pub async fn read(&self) -> Result<TableContent> {
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

/// Adds an item. One that somebody else wrote must not keep the others from being told.
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

fn change_of(item: HashMap<String, AttributeValue>) -> Result<Change> {
    let record: Record = serde_dynamo::from_item(item)?;
    Ok(record.into_change()?)
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::operation::query::QueryOutput;
    use aws_smithy_mocks::{MockResponseInterceptor, RuleMode, create_mock_http_client, mock};
    use domain::{Bounds, Factory};

    use super::*;

    type Item = HashMap<String, AttributeValue>;

    fn record(id: u128) -> Record {
        let bounds = Bounds::new(0, 9).unwrap();
        let name = "mill".parse().unwrap();
        let factory = Factory::new(FactoryId::from_random(id), name, bounds, vec![4], 2).unwrap();
        Record::of(&factory, None)
    }

    fn item(record: Record) -> Item {
        serde_dynamo::to_item(record).unwrap()
    }

    #[tokio::test]
    async fn every_page_is_read_removals_included_and_unreadable_items_set_apart() {
        let first = mock!(Client::query)
            .match_requests(|request| {
                request.consistent_read() == Some(true) && request.exclusive_start_key().is_none()
            })
            .then_output(|| {
                let inverted = Record {
                    lower: 10,
                    ..record(2)
                };
                QueryOutput::builder()
                    .items(item(record(1)))
                    .items(item(inverted))
                    .last_evaluated_key("sk", AttributeValue::S("next".to_owned()))
                    .build()
            });
        let second = mock!(Client::query)
            .match_requests(|request| request.exclusive_start_key().is_some())
            .then_output(|| {
                let removed = Record {
                    deleted: true,
                    ..record(3)
                };
                QueryOutput::builder().items(item(removed)).build()
            });
        let answers = MockResponseInterceptor::new()
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
            .interceptor(answers)
            .build();

        let table = Table::new(Client::from_conf(config), "factories".to_owned());
        let content = table.read().await.unwrap();

        assert_eq!(content.unreadable, [FactoryId::from_random(2)]);
        let [
            Change::Changed { factory },
            Change::Removed { revision: 2, .. },
        ] = &content.changes[..]
        else {
            panic!("{content:?}");
        };
        assert_eq!(factory.id, FactoryId::from_random(1));
    }
}
