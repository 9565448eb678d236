//! Conversions between items of the table and factories.

use std::collections::HashMap;

use anyhow::anyhow;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::item::{FactoryItem, PARTITION};
use domain::{Factory, FactoryId};
use serde_dynamo::from_item;

use crate::store::{CreateOutcome, StoreError};

/// An item in the SDK's form.
pub(super) type Item = HashMap<String, AttributeValue>;

/// Returns the outcome of a creation whose id already has an item.
pub(super) fn conflict(item: Item, request: &str) -> Result<CreateOutcome, StoreError> {
    let item: FactoryItem = from_item(item).map_err(broken)?;
    if item.deleted {
        return Ok(CreateOutcome::Removed);
    }
    if item.request.as_deref() != Some(request) {
        return Ok(CreateOutcome::Taken);
    }
    item.into_factory()
        .map(CreateOutcome::Repeated)
        .map_err(broken)
}

/// Returns the factory of an item, or `None` if it was removed.
pub(super) fn present_factory(item: Item) -> Result<Option<Factory>, StoreError> {
    let item: FactoryItem = from_item(item).map_err(broken)?;
    if item.deleted {
        return Ok(None);
    }
    item.into_factory().map(Some).map_err(broken)
}

/// Returns the numbers that the last draw of a factory replaced, or `None` if it was removed or has drawn only once.
pub(super) fn replaced_numbers(item: Item) -> Result<Option<Vec<i64>>, StoreError> {
    let item: FactoryItem = from_item(item).map_err(broken)?;
    Ok(item.replaced.filter(|_| !item.deleted))
}

/// Returns the factory of a listed item. An invalid item, which another program wrote, must not hide the
/// others: the function logs it and returns `None`.
pub(super) fn readable_factory(item: Item) -> Option<Factory> {
    let key = item.get("sk").cloned();
    present_factory(item).unwrap_or_else(|error| {
        tracing::error!(
            ?key,
            error = format!("{:#}", anyhow!(error)),
            "unreadable item"
        );
        None
    })
}

/// Returns whether the removal of a factory at `revision` led to this item.
pub(super) fn was_removed_at(item: &Item, revision: u64) -> bool {
    let item = from_item::<_, FactoryItem>(item.clone());
    item.is_ok_and(|item| item.deleted && Some(item.revision) == revision.checked_add(1))
}

/// Returns the factory's id in a key, or `None` for the key of another program's item.
pub(super) fn id_of(key: &Item) -> Option<FactoryId> {
    key.get("sk")?.as_s().ok()?.parse().ok()
}

pub(super) fn key(sort_key: &str) -> Item {
    HashMap::from([
        ("pk".to_owned(), text(PARTITION)),
        ("sk".to_owned(), text(sort_key)),
    ])
}

pub(super) fn broken(error: impl Into<anyhow::Error>) -> StoreError {
    StoreError::Broken(error.into())
}

pub(super) fn text(value: impl ToString) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

pub(super) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}
