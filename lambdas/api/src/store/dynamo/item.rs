//! Items of the table as factories, and the other way round.

use std::collections::HashMap;

use anyhow::{Context, anyhow};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::record::{PARTITION, Record};
use domain::{Factory, FactoryId};
use serde_dynamo::from_item;

use crate::store::{Creation, StoreError};

/// An item as the SDK has it.
pub(super) type Item = HashMap<String, AttributeValue>;

/// Says what the item that stood in the way of a creation is.
pub(super) fn existing(item: Item, request: &str) -> Result<Creation, StoreError> {
    let record: Record = from_item(item).map_err(broken)?;
    if record.deleted {
        return Ok(Creation::Removed);
    }
    if record.request.as_deref() != Some(request) {
        return Ok(Creation::Taken);
    }
    record
        .into_factory()
        .map(Creation::Repeated)
        .map_err(broken)
}

/// Returns the factory of an item, or `None` if it was removed.
pub(super) fn present(item: Item) -> Result<Option<Factory>, StoreError> {
    let record: Record = from_item(item).map_err(broken)?;
    if record.deleted {
        return Ok(None);
    }
    record.into_factory().map(Some).map_err(broken)
}

/// Returns the factory of a listed item. One that breaks a rule, written by somebody else, must not
/// hide all others: it is logged and left out.
pub(super) fn readable(item: Item) -> Option<Factory> {
    let key = item.get("sk").cloned();
    present(item).unwrap_or_else(|error| {
        tracing::error!(
            ?key,
            error = format!("{:#}", anyhow!(error)),
            "unreadable item"
        );
        None
    })
}

pub(super) fn id_of(key: &Item) -> Result<FactoryId, StoreError> {
    let text = key.get("sk").and_then(|value| value.as_s().ok());
    let text = text
        .context("a page without a key to go on from")
        .map_err(StoreError::Broken)?;
    text.parse().map_err(broken)
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
