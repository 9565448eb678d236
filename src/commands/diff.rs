//! `diff`: what one release brought that another did not. Reads only.

use anyhow::Result;

use super::past::{Past, RECENT, look_back};
use crate::config::Config;
use crate::error::UserError;
use crate::local::Platform;
use crate::release::{ReleaseId, ReleaseRecord};
use crate::report::DiffReport;

/// Holds a release against another one, or against the live one.
///
/// # Errors
/// `UserError::StageAbsent`; an id means no release or several; nobody knows which release is live.
pub async fn diff(config: &Config, from: &ReleaseId, to: Option<&ReleaseId>) -> Result<DiffReport> {
    let past = look_back(config, &Platform::of(config)).await?;
    let to = async {
        match to {
            Some(id) => past.read_one(id).await,
            None => find_live(config, &past).await,
        }
    };
    let (from, to) = tokio::try_join!(past.read_one(from), to)?;
    Ok(DiffReport::of(&from, &to))
}

async fn find_live(config: &Config, past: &Past) -> Result<ReleaseRecord> {
    let mut records = past.read_newest(RECENT).await?;
    match past.live.position(&records) {
        Some(place) => Ok(records.swap_remove(place)),
        None => Err(UserError::LiveUnknown(config.stage.to_string()).into()),
    }
}
