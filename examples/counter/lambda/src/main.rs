//! Counts the factories. In: any event; by the template, a batch of changes from a queue. Out: the number of factories in
//! the table, as the answer and in the log.

use anyhow::{Context, Result, anyhow};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, Select};
use domain::item::PARTITION;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::{Value, json};
use startup::Variables;

#[tokio::main]
async fn main() -> Result<()> {
    startup::log_to_stdout();
    let variables = Variables::from_env();
    let table = variables.get_text("TABLE_NAME", "the name of the table of factories")?;
    let client = Client::new(&startup::aws_config_loader().load().await);
    let handler = service_fn(|_: LambdaEvent<Value>| async {
        let factories = count(&client, &table).await?;
        tracing::info!(factories, "counted");
        Ok::<_, lambda_runtime::Error>(json!({ "factories": factories }))
    });
    let ran = lambda_runtime::run(handler).await;
    ran.map_err(|error| anyhow!("the Lambda runtime failed: {error}"))
}

/// Counts the factories of the tree, page by page. A removed one stays in the table for a while, and does not count.
async fn count(client: &Client, table: &str) -> Result<i32> {
    let query = client
        .query()
        .table_name(table)
        .consistent_read(true)
        .select(Select::Count)
        .key_condition_expression("pk = :tree")
        .filter_expression("attribute_not_exists(deleted) OR deleted = :no")
        .expression_attribute_values(":tree", AttributeValue::S(PARTITION.to_owned()))
        .expression_attribute_values(":no", AttributeValue::Bool(false));
    let mut pages = query.into_paginator().send();
    let mut factories = 0;
    while let Some(page) = pages.next().await {
        factories += page.context("failed to count the factories")?.count;
    }
    Ok(factories)
}
