//! `build`: everything that a deploy would ship, and nothing sent anywhere.

use std::time::Instant;

use anyhow::Result;

use super::step;
use crate::config::Config;
use crate::event::{Reporter, Step};
use crate::report::{BuildReport, seconds};

/// Builds what a stage ships.
///
/// # Errors
/// As `build::build`.
pub async fn build(config: &Config, reporter: &dyn Reporter) -> Result<BuildReport> {
    let started = Instant::now();
    let mut steps = Vec::new();
    let work = crate::build::build(config, reporter);
    let artifacts = step(Step::Build, &mut steps, reporter, work).await?;
    let seconds = seconds(started.elapsed());
    let here = std::env::current_dir().unwrap_or_default();
    Ok(BuildReport::of(config, &artifacts, &here, seconds, steps))
}
