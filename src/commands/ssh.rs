//! `ssh`: the servers of a stage, and the one for a session. On this machine there is a process in their place. Reads only;
//! the session is started by whoever has the terminal.

use anyhow::Result;
use futures_util::future::try_join_all;

use super::status::find_stacks;
use crate::aws::{Aws, Instance};
use crate::config::{Config, Live};
use crate::error::UserError;
use crate::local::{self, Platform};
use crate::provision::FoundStack;
use crate::report::{ServerProcess, ServerRow, ServersReport};

const KIND: &str = "AWS::AutoScaling::AutoScalingGroup";

/// Finds the servers of a stage, and chooses the wanted one, or the first that is in service.
///
/// # Errors
/// `UserError::StageAbsent`, `UserError::UnknownServer`, `UserError::NoServer`, `UserError::NoSessions`,
/// `UserError::WithoutServers`; there are no credentials.
pub async fn servers(config: &Config, wanted: Option<&str>) -> Result<ServersReport> {
    if config.settings.live == Live::AppSync {
        return Err(UserError::WithoutServers(config.stage.to_string()).into());
    }
    let absent = || UserError::StageAbsent(config.stage.to_string());
    let platform = Platform::of(config);
    let endpoint = platform.find().await?.ok_or_else(absent)?;
    let report = ServersReport {
        stage: config.stage.to_string(),
        region: config.settings.region.to_string(),
        ..ServersReport::default()
    };
    if let Some((pid, log)) = platform.server_process() {
        let log = log.display().to_string();
        let process = Some(ServerProcess { pid, log });
        return Ok(ServersReport { process, ..report });
    }
    if platform.checks().await.iter().any(local::is_dead_endpoint) || platform.is_disposable() {
        return Err(UserError::NoServer(config.stage.to_string()).into());
    }
    if !config.settings.servers.session_manager {
        return Err(UserError::NoSessions(config.stage.to_string()).into());
    }
    let (aws, found) = find_stacks(config, &endpoint).await?;
    if found.iter().all(|stack| stack.stack.is_none()) {
        return Err(absent().into());
    }
    let servers = list(&aws, &found).await?;
    let chosen = Some(choose(config, &servers, wanted)?);
    Ok(ServersReport {
        servers,
        chosen,
        ..report
    })
}

async fn list(aws: &Aws, found: &[FoundStack]) -> Result<Vec<ServerRow>> {
    let groups = found.iter().flat_map(|stack| stack.of_kind(KIND));
    let asked = groups.map(|group| aws.auto_scaling.find_group(&group.physical_id));
    let groups = try_join_all(asked).await?.into_iter().flatten();
    Ok(groups
        .flat_map(|group| group.instances)
        .map(ServerRow::from)
        .collect())
}

impl From<Instance> for ServerRow {
    fn from(instance: Instance) -> Self {
        Self {
            id: instance.id,
            lifecycle: instance.lifecycle,
            healthy: instance.healthy,
        }
    }
}

fn choose(
    config: &Config,
    servers: &[ServerRow],
    wanted: Option<&str>,
) -> Result<String, UserError> {
    let stage = || config.stage.to_string();
    let Some(wanted) = wanted else {
        let in_service = |row: &&ServerRow| row.lifecycle == "InService" && row.healthy;
        let first = servers.iter().find(in_service).or(servers.first());
        return first
            .map(|row| row.id.clone())
            .ok_or_else(|| UserError::NoServer(stage()));
    };
    if servers.iter().any(|row| row.id == wanted) {
        return Ok(wanted.to_owned());
    }
    Err(UserError::UnknownServer {
        server: wanted.to_owned(),
        known: servers.iter().map(|row| row.id.clone()).collect(),
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn chosen(wanted: Option<&str>, servers: &[(&str, &str, bool)]) -> String {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("factory-tree.yaml");
        let config = Config::load(&file, Some("prod")).unwrap();
        let row = |(id, lifecycle, healthy): &(&str, &str, bool)| ServerRow {
            id: (*id).to_owned(),
            lifecycle: (*lifecycle).to_owned(),
            healthy: *healthy,
        };
        let servers: Vec<ServerRow> = servers.iter().map(row).collect();
        choose(&config, &servers, wanted)
            .unwrap_or_else(|error| format!("{error}\nhint: {}", error.hint()))
    }

    #[test]
    fn the_wanted_server_is_chosen_or_the_first_in_service() {
        let servers = [
            ("i-1", "Pending", true),
            ("i-2", "InService", false),
            ("i-3", "InService", true),
        ];
        assert_eq!(chosen(None, &servers), "i-3");
        assert_eq!(chosen(None, &servers[..2]), "i-1");
        assert_eq!(chosen(Some("i-2"), &servers), "i-2");
        insta::assert_snapshot!(chosen(Some("i-9"), &servers), @r"
        there is no server `i-9` in this stage
        hint: use one of: i-1, i-2, i-3
        ");
        insta::assert_snapshot!(chosen(None, &[]), @r"
        stage `prod` has no server
        hint: `factory-tree status` shows why; `factory-tree deploy` starts what is missing
        ");
    }
}
