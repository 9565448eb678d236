//! The last step of a deploy and of a rollback. In: the builds that should answer. Out: their checks, or the error of a stage
//! that does not work. Where heartbeats are lost, AWS is asked for the place.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;

use crate::aws::Aws;
use crate::check::Check;
use crate::config::Config;
use crate::error::UserError;
use crate::event::Reporter;
use crate::live::LiveChannel;
use crate::local::StageEndpoint;
use crate::outputs::Outputs;
use crate::status;
use crate::verify::{self, Expected, OutsideView, WriteHeartbeat, Written};

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
    let live = LiveChannel::of(config.settings.live, outputs, &endpoint.urls)?;
    let table = TableHeartbeat {
        aws,
        table: outputs.get("data", "TableName")?,
    };
    let stage = OutsideView {
        urls: &endpoint.urls,
        live: Ok(&live),
        network: &config.network,
        heartbeat: Some(&table),
    };
    let checks = verify::wait_until_healthy(stage, expected, patience, reporter).await;
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

/// The table of a stage without servers: nobody else writes a heartbeat into it.
struct TableHeartbeat<'a> {
    aws: &'a Aws,
    table: &'a str,
}

impl WriteHeartbeat for TableHeartbeat<'_> {
    /// The item is the one that a server writes (`domain::heartbeat`).
    fn write(&self, writer: &'static str, written_at: u128) -> Written<'_> {
        let item = json!({
            "pk": { "S": "heartbeat" },
            "sk": { "S": "heartbeat" },
            "server": { "S": writer },
            "written_at": { "N": written_at.to_string() },
        });
        Box::pin(async move {
            let item = item.as_object().cloned().unwrap_or_default();
            let written = self.aws.stream_records.put_item(self.table, &item).await;
            written.map_err(|error| format!("{error:#}"))
        })
    }
}
