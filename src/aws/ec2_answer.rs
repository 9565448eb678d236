//! Answers of EC2's Query API as data. In: the XML of an answer, and the names of the fields that are wanted. Out: its items,
//! or code and message of an error.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_xml::decode::{Document, ScopedDecoder, XmlDecodeError, try_data};

/// The wanted fields of one item, with all their values: a field that holds a list has one for each of its items.
pub(super) type Item = BTreeMap<String, Vec<String>>;

/// Returns the items of the list `set` with those of their `fields` that are texts, and of their `lists` that hold texts.
///
/// # Errors
/// The answer is no XML.
pub(super) fn items(xml: &str, set: &str, fields: &[&str], lists: &[&str]) -> Result<Vec<Item>> {
    let read = || -> Result<Vec<Item>, XmlDecodeError> {
        let mut document = Document::new(xml);
        let mut root = document.root_element()?;
        let mut found = Vec::new();
        while let Some(mut list) = root.next_tag() {
            if list.start_el().matches(set) {
                while let Some(entry) = list.next_tag() {
                    found.push(item(entry, fields, lists)?);
                }
            }
        }
        Ok(found)
    };
    read().with_context(|| format!("EC2 answered without a readable `{set}`"))
}

fn item(
    mut entry: ScopedDecoder<'_, '_>,
    fields: &[&str],
    lists: &[&str],
) -> Result<Item, XmlDecodeError> {
    let mut item = Item::new();
    while let Some(mut field) = entry.next_tag() {
        let name = field.start_el().local().to_owned();
        let values = item.entry(name.clone()).or_default();
        if fields.contains(&name.as_str()) {
            values.push(try_data(&mut field)?.into_owned());
        } else if lists.contains(&name.as_str()) {
            while let Some(mut value) = field.next_tag() {
                values.push(try_data(&mut value)?.into_owned());
            }
        }
    }
    Ok(item)
}

/// Returns the items of the inner lists of all items of an outer list, with those of their `fields` that are texts.
///
/// # Errors
/// The answer is no XML.
pub(super) fn nested_items(
    xml: &str,
    [outer, inner]: [&str; 2],
    fields: &[&str],
) -> Result<Vec<Item>> {
    let read = || -> Result<Vec<Item>, XmlDecodeError> {
        let mut document = Document::new(xml);
        let mut root = document.root_element()?;
        let mut found = Vec::new();
        while let Some(mut list) = root.next_tag() {
            if !list.start_el().matches(outer) {
                continue;
            }
            while let Some(mut entry) = list.next_tag() {
                while let Some(mut part) = entry.next_tag() {
                    if part.start_el().matches(inner) {
                        while let Some(entry) = part.next_tag() {
                            found.push(item(entry, fields, &[])?);
                        }
                    }
                }
            }
        }
        Ok(found)
    };
    read().with_context(|| format!("EC2 answered without a readable `{outer}`"))
}

/// Returns the text of a field of the answer itself, or nothing.
///
/// # Errors
/// The answer is no XML.
pub(super) fn field(xml: &str, name: &str) -> Result<String> {
    let read = || -> Result<String, XmlDecodeError> {
        let mut document = Document::new(xml);
        let mut root = document.root_element()?;
        while let Some(mut field) = root.next_tag() {
            if field.start_el().matches(name) {
                return Ok(try_data(&mut field)?.into_owned());
            }
        }
        Ok(String::new())
    };
    read().with_context(|| format!("EC2 answered without a readable `{name}`"))
}

/// Returns the only value of a field, or nothing.
pub(super) fn first<'a>(item: &'a Item, field: &str) -> &'a str {
    let values = item.get(field);
    let value = values.and_then(|values| values.first());
    value.map_or("", String::as_str)
}

/// Reads code and message of an answer that is an error: `Response`, `Errors`, `Error`.
pub(super) fn error(xml: &str) -> ErrorMetadata {
    let errors = items(xml, "Errors", &["Code", "Message"], &[]).unwrap_or_default();
    let Some(item) = errors.first() else {
        return ErrorMetadata::builder().build();
    };
    ErrorMetadata::builder()
        .code(first(item, "Code"))
        .message(first(item, "Message"))
        .build()
}
