//! `releases`: the releases of a stage, newest first. Reads only.

use anyhow::Result;

use super::deployed_stage::{RECENT, load_release_history};
use crate::config::Config;
use crate::local::Platform;
use crate::report::{ReleaseRow, ReleasesReport};

/// The number of releases that are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// The newest twenty.
    Recent,
    /// Every one.
    All,
}

/// Reads the releases of a stage: one listing, then every record that is listed, at the same time.
///
/// # Errors
/// `UserError::StageAbsent`; there are no credentials, or AWS refuses the call.
pub async fn releases(config: &Config, extent: Extent) -> Result<ReleasesReport> {
    let history = load_release_history(config, &Platform::of(config)).await?;
    let count = match extent {
        Extent::Recent => RECENT,
        Extent::All => history.keys.len(),
    };
    // One more: the oldest that is listed is compared with it.
    let records = history.read_newest(count.saturating_add(1)).await?;
    let live = history.live.position(&records);
    let rows = records.iter().enumerate().take(count);
    let rows = rows.map(|(place, record)| {
        let before = records.get(place + 1);
        ReleaseRow::of(record, before, live == Some(place))
    });
    Ok(ReleasesReport {
        stage: config.stage.to_string(),
        releases: rows.collect(),
        older: history.keys.len().saturating_sub(count),
    })
}
