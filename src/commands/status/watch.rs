//! `status --watch`: reports the health of a stage again and again, until a signal comes.

use std::time::Duration;

use anyhow::Result;

use super::status;
use crate::config::Config;
use crate::event::{Event, Reporter};
use crate::report::StatusReport;
use crate::status::StatusScope;

/// The pause between two looks.
const REST: Duration = Duration::from_secs(3);

/// Reports the health of a stage again and again, for ever.
///
/// # Errors
/// The first look fails, or stdout is closed. A later look that fails is reported, and the next may
/// succeed.
pub async fn watch(
    config: &Config,
    scope: StatusScope,
    mut on_report: impl FnMut(StatusReport) -> Result<()>,
    reporter: &dyn Reporter,
) -> Result<std::convert::Infallible> {
    on_report(status(config, scope).await?)?;
    let mut reported = String::new();
    loop {
        tokio::time::sleep(REST).await;
        let problem = match status(config, scope).await {
            Ok(report) => {
                on_report(report)?;
                String::new()
            }
            Err(error) => format!("{error:#}"),
        };
        if problem != reported && !problem.is_empty() {
            reporter.report(Event::Warning(problem.clone()));
        }
        reported = problem;
    }
}
