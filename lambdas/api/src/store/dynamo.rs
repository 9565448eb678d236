//! Stores factories in a DynamoDB table, one item each. Only this module and its children name the SDK's types.
//!
//! It needs the permissions `dynamodb:GetItem`, `Query`, `PutItem` and `UpdateItem` on the table, and nothing else.

use std::time::Duration;

use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure, Select,
};
use domain::item::{FactoryItem, PARTITION};
use domain::{Factory, FactoryId, NewFactory, UserName};
use serde_dynamo::to_item;

use super::{CreateOutcome, FactoryStore, PAGE, Page, Removal, StoreError, WriteOutcome};

mod failure;
mod item;
#[cfg(test)]
mod tests;

use failure::store_error;
use item::{
    Item, broken, conflict, id_of, key, number, present_factory, readable_factory,
    replaced_numbers, text, was_removed_at,
};

/// A table of factories.
#[derive(Clone, Debug)]
pub struct DynamoStore {
    client: Client,
    table: String,
}

impl DynamoStore {
    /// Returns the store of a table, with region, credentials and endpoint from the environment.
    pub async fn connect(table: &str) -> Self {
        // API Gateway times out after 30 s, and a person stops waiting much earlier.
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(Duration::from_secs(1))
            .operation_attempt_timeout(Duration::from_secs(2))
            .operation_timeout(Duration::from_secs(5))
            .build();
        let config = startup::aws_config_loader()
            .timeout_config(timeouts)
            .load()
            .await;
        Self::new(Client::new(&config), table)
    }

    /// Returns the store of a table, reached through `client`.
    pub fn new(client: Client, table: &str) -> Self {
        Self {
            client,
            table: table.to_owned(),
        }
    }

    /// Returns the item of a key, read strongly consistently.
    async fn get(&self, sort_key: String) -> Result<Option<Item>, StoreError> {
        let response = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("pk", text(PARTITION))
            .key("sk", text(sort_key))
            .consistent_read(true)
            .send()
            .await;
        Ok(response.map_err(store_error)?.item)
    }

    /// Returns a query for the factories that are not removed.
    fn query_present(&self) -> aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :tree")
            .filter_expression("attribute_not_exists(#deleted)")
            .expression_attribute_names("#deleted", "deleted")
            .expression_attribute_values(":tree", text(PARTITION))
    }

    /// Returns an update of a factory that DynamoDB refuses unless the factory exists at `revision`.
    fn update_at(&self, id: FactoryId, revision: u64) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(PARTITION))
            .key("sk", text(id))
            .condition_expression("#revision = :seen AND attribute_not_exists(#deleted)")
            .expression_attribute_names("#revision", "revision")
            .expression_attribute_names("#deleted", "deleted")
            .expression_attribute_values(":seen", number(revision))
            .expression_attribute_values(":next", number(revision.saturating_add(1)))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    /// Returns the values of an update to `next`, which DynamoDB refuses unless the factory is at the revision before.
    fn update_to(&self, next: &Factory) -> UpdateItemFluentBuilder {
        let numbers = next.numbers().iter().map(number).collect();
        self.update_at(next.id, next.revision - 1)
            .expression_attribute_names("#name", "name")
            .expression_attribute_names("#lower", "lower")
            .expression_attribute_names("#upper", "upper")
            .expression_attribute_names("#numbers", "numbers")
            .expression_attribute_values(":name", text(&next.name))
            .expression_attribute_values(":lower", number(next.bounds.lower()))
            .expression_attribute_values(":upper", number(next.bounds.upper()))
            .expression_attribute_values(":numbers", AttributeValue::L(numbers))
    }
}

/// The update of all fields that an edit or a draw may change.
const SET_FIELDS: &str = "#name = :name, #lower = :lower, #upper = :upper, \
                          #numbers = :numbers, #revision = :next";
/// On the right stands the value before the update.
const KEEP_NUMBERS: &str = "#replaced = #numbers";

/// Gives an update its expression, and its writer: the user, or nobody in the place of the one before.
fn write(
    update: UpdateItemFluentBuilder,
    set: &str,
    remove: &[&str],
    by: Option<&UserName>,
) -> UpdateItemFluentBuilder {
    let update = update.expression_attribute_names("#changed_by", "changed_by");
    let (set, remove, update) = match by {
        Some(user) => (
            format!("{set}, #changed_by = :changed_by"),
            remove.to_vec(),
            update.expression_attribute_values(":changed_by", text(user)),
        ),
        None => (set.to_owned(), [remove, &["#changed_by"]].concat(), update),
    };
    let removed = match remove.as_slice() {
        [] => String::new(),
        names => format!(" REMOVE {}", names.join(", ")),
    };
    update.update_expression(format!("SET {set}{removed}"))
}

impl FactoryStore for DynamoStore {
    /// Reads a key that no factory has, strongly consistently.
    async fn check(&self) -> Result<(), StoreError> {
        self.get("health".to_owned()).await.map(drop)
    }

    async fn list(&self, after: Option<FactoryId>) -> Result<Page, StoreError> {
        let mut start = after.map(|id| key(&id.to_string()));
        let mut factories = Vec::new();
        loop {
            let room = PAGE.saturating_sub(factories.len());
            let response = self
                .query_present()
                .consistent_read(true)
                .limit(i32::try_from(room).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(store_error)?;
            let items = response.items.unwrap_or_default();
            factories.extend(items.into_iter().filter_map(readable_factory));
            start = response.last_evaluated_key;
            let last = start.as_ref().and_then(id_of);
            // A page cannot end at an item of another program: no cursor leads behind it.
            if start.is_none() || last.is_some() {
                return Ok(Page { factories, last });
            }
        }
    }

    async fn count(&self) -> Result<usize, StoreError> {
        let mut pages = self
            .query_present()
            .select(Select::Count)
            .into_paginator()
            .send();
        let mut factories = 0;
        while let Some(page) = pages.next().await {
            let counted = page.map_err(store_error)?.count();
            factories += usize::try_from(counted).unwrap_or_default();
        }
        Ok(factories)
    }

    async fn find(&self, id: FactoryId) -> Result<Option<Factory>, StoreError> {
        let item = self.get(id.to_string()).await?;
        item.map_or(Ok(None), present_factory)
    }

    async fn create(
        &self,
        new: &NewFactory,
        factory: &Factory,
    ) -> Result<CreateOutcome, StoreError> {
        let request = serde_json::to_string(&new.request()).map_err(broken)?;
        let record = FactoryItem::from_factory(factory, Some(request.clone()));
        let response = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(to_item(record).map_err(broken)?))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = response else {
            return Ok(CreateOutcome::Created);
        };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(refused)) => {
                conflict(refused.item().cloned().unwrap_or_default(), &request)
            }
            _ => Err(store_error(error)),
        }
    }

    async fn update(&self, next: &Factory) -> Result<WriteOutcome, StoreError> {
        let by = next.changed_by.as_ref();
        let update = write(self.update_to(next), SET_FIELDS, &[], by);
        update_outcome(update.send().await, next)
    }

    async fn update_numbers(&self, next: &Factory) -> Result<WriteOutcome, StoreError> {
        let update = self
            .update_to(next)
            .expression_attribute_names("#replaced", "replaced");
        let set = format!("{KEEP_NUMBERS}, {SET_FIELDS}");
        let update = write(update, &set, &[], next.changed_by.as_ref());
        update_outcome(update.send().await, next)
    }

    async fn find_replaced(&self, id: FactoryId) -> Result<Option<Vec<i64>>, StoreError> {
        let item = self.get(id.to_string()).await?;
        item.map_or(Ok(None), replaced_numbers)
    }

    async fn remove(&self, removal: &Removal) -> Result<WriteOutcome, StoreError> {
        let revision = removal.revision;
        let update = self
            .update_at(removal.id, revision)
            .expression_attribute_names("#expires", "expires")
            .expression_attribute_values(":true", AttributeValue::Bool(true))
            .expression_attribute_values(":expires", number(removal.expires));
        let set = "#deleted = :true, #expires = :expires, #revision = :next";
        let update = write(update, set, &[], removal.by.as_ref());
        let Err(error) = update.send().await else {
            return Ok(WriteOutcome::Done);
        };
        let is_repeated = refused_item(&error).is_some_and(|item| was_removed_at(item, revision));
        if is_repeated {
            return Ok(WriteOutcome::Repeated);
        }
        update_refusal(error)
    }

    async fn restore(
        &self,
        id: FactoryId,
        now: u64,
        by: Option<UserName>,
    ) -> Result<Option<Factory>, StoreError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("pk", text(PARTITION))
            .key("sk", text(id))
            .condition_expression("#deleted = :true AND #expires > :now")
            .expression_attribute_names("#revision", "revision")
            .expression_attribute_names("#deleted", "deleted")
            .expression_attribute_names("#expires", "expires")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":true", AttributeValue::Bool(true))
            .expression_attribute_values(":now", number(now))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let (set, remove) = ("#revision = #revision + :one", ["#deleted", "#expires"]);
        match write(update, set, &remove, by.as_ref()).send().await {
            Ok(output) => present_factory(output.attributes.unwrap_or_default()),
            Err(error) => match update_refusal(error)? {
                WriteOutcome::Stale(current) => Ok(Some(current)),
                WriteOutcome::Done | WriteOutcome::Repeated | WriteOutcome::Gone => Ok(None),
            },
        }
    }
}

/// Returns the outcome of an update to `next`.
fn update_outcome<T>(
    response: Result<T, aws_sdk_dynamodb::error::SdkError<UpdateItemError>>,
    next: &Factory,
) -> Result<WriteOutcome, StoreError> {
    let Err(error) = response else {
        return Ok(WriteOutcome::Done);
    };
    match update_refusal(error)? {
        // The SDK retried after a lost response: the first attempt had succeeded.
        WriteOutcome::Stale(current) if current == *next => Ok(WriteOutcome::Done),
        write => Ok(write),
    }
}

/// Returns the reason why DynamoDB refused an update.
fn update_refusal(
    error: aws_sdk_dynamodb::error::SdkError<UpdateItemError>,
) -> Result<WriteOutcome, StoreError> {
    let Some(UpdateItemError::ConditionalCheckFailedException(refused)) = error.as_service_error()
    else {
        return Err(store_error(error));
    };
    let current = refused.item().cloned().map_or(Ok(None), present_factory)?;
    Ok(current.map_or(WriteOutcome::Gone, WriteOutcome::Stale))
}

/// Returns the item as it stands, if DynamoDB refused an update because of it.
fn refused_item(error: &aws_sdk_dynamodb::error::SdkError<UpdateItemError>) -> Option<&Item> {
    match error.as_service_error()? {
        UpdateItemError::ConditionalCheckFailedException(refused) => refused.item(),
        _ => None,
    }
}
