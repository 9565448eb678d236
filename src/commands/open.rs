//! `open`: the address of a stage's site. Nobody is asked: whether it answers is shown by the browser.

use anyhow::Result;

use crate::config::Config;
use crate::error::UserError;
use crate::local::Platform;
use crate::report::SiteAddress;

/// Returns the address of the site.
///
/// # Errors
/// `UserError::StageAbsent`: the stage is one of this machine, and nothing of it is there.
pub async fn address(config: &Config) -> Result<SiteAddress> {
    let absent = || UserError::StageAbsent(config.stage.to_string());
    let endpoint = Platform::of(config).find().await?.ok_or_else(absent)?;
    Ok(SiteAddress {
        stage: config.stage.to_string(),
        site: endpoint.urls.site,
        opened: false,
    })
}
