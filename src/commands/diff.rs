//! `diff`: the differences between two releases. Reads only.

use anyhow::Result;

use super::deployed_stage::{RECENT, ReleaseHistory, load_release_history};
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
    let history = load_release_history(config, &Platform::of(config)).await?;
    let to = async {
        match to {
            Some(id) => history.read_one(id).await,
            None => find_live(config, &history).await,
        }
    };
    let (from, to) = tokio::try_join!(history.read_one(from), to)?;
    Ok(DiffReport::of(&from, &to))
}

async fn find_live(config: &Config, history: &ReleaseHistory) -> Result<ReleaseRecord> {
    let mut records = history.read_newest(RECENT).await?;
    match history.live.position(&records) {
        Some(position) => Ok(records.swap_remove(position)),
        None => Err(UserError::UnrecordedRelease(config.stage.to_string()).into()),
    }
}
