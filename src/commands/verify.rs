//! The last step of a deploy and of a rollback. In: the builds that should answer. Out: their checks, or the error of a stage
//! that does not work. Where heartbeats are lost, AWS is asked for the place.

use std::time::Duration;

use anyhow::Result;

use crate::aws::Aws;
use crate::check::Check;
use crate::config::Config;
use crate::error::UserError;
use crate::event::Reporter;
use crate::local::StageEndpoint;
use crate::outputs::Outputs;
use crate::status;
use crate::verify::{self, Expected};

/// Asks the running system; the deploy has succeeded only when it answers with this very release. `outputs` are those of the
/// stage's stacks.
pub(super) async fn verify(
    config: &Config,
    expected: &Expected,
    endpoint: &StageEndpoint,
    (aws, outputs): (&Aws, &Outputs),
    reporter: &dyn Reporter,
) -> Result<Vec<Check>> {
    let patience = Duration::from_secs(config.settings.verify_seconds.into());
    let checks = verify::wait_until_healthy(
        &endpoint.urls,
        expected,
        &config.network,
        patience,
        reporter,
    )
    .await;
    let failing: Vec<&Check> = checks.iter().filter(|check| !check.ok).collect();
    if failing.is_empty() {
        return Ok(checks);
    }
    let mut problem = verify::summary(&failing);
    if failing.iter().any(|check| check.name == verify::HEARTBEAT) {
        let hop = status::find_losing_hop(aws, outputs).await;
        problem.push_str(&format!("; {hop}"));
    }
    let stage = config.stage.to_string();
    Err(UserError::Unhealthy { stage, problem }.into())
}
