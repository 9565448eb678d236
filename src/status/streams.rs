//! The event source mappings: one that is off, or whose last call failed, makes the stage degraded. Nothing reaches the topic
//! through it.

use anyhow::Result;
use futures_util::future::try_join_all;
use serde::Serialize;

use crate::aws::{Aws, Mapping};
use crate::check::Check;
use crate::plain::plain;
use crate::provision::FoundStack;

const KIND: &str = "AWS::Lambda::EventSourceMapping";

/// An event source mapping.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StreamRow {
    /// Its name in the template.
    pub name: String,
    /// Its state, and the result of its last call.
    #[serde(flatten)]
    pub mapping: Mapping,
}

pub(super) async fn ask(aws: &Aws, found: &[FoundStack]) -> Result<Vec<StreamRow>> {
    let mappings = found.iter().flat_map(|stack| stack.of_kind(KIND));
    let rows = mappings.map(async |resource| {
        // A mapping's physical id is its UUID.
        let mapping = aws.lambda.find_mapping(&resource.physical_id).await?;
        anyhow::Ok(mapping.map(|mapping| StreamRow {
            name: resource.logical_id.clone(),
            mapping,
        }))
    });
    Ok(try_join_all(rows).await?.into_iter().flatten().collect())
}

/// A check for each mapping.
pub(super) fn checks(rows: &[StreamRow]) -> Vec<Check> {
    let checks = rows.iter().map(|row| Check {
        name: format!("stream {}", row.name),
        ok: row.mapping.works(),
        detail: describe(&row.mapping),
    });
    checks.collect()
}

/// Returns state and last result in words.
pub(super) fn describe(mapping: &Mapping) -> String {
    let state = plain(&mapping.state);
    if mapping.last_result.is_empty() {
        return state;
    }
    format!("{state}, last result: {}", plain(&mapping.last_result))
}
