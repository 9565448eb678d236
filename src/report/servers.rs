//! The reports of `ssh` (the servers of a stage, and the one that a session is for, or the process in their place) and of
//! `open` (the address of the site).

use std::fmt;

use serde::Serialize;

use crate::plain::plain;

/// The servers of a stage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ServersReport {
    /// The stage.
    pub stage: String,
    /// The region of the servers.
    pub region: String,
    /// The instances of the group.
    pub servers: Vec<ServerRow>,
    /// The instance that a session is for.
    pub chosen: Option<String>,
    /// The process that is the server of a stage on this machine.
    pub process: Option<ServerProcess>,
}

/// An instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServerRow {
    /// `i-…`.
    pub id: String,
    /// Auto Scaling's word, for example `InService`.
    pub lifecycle: String,
    /// Whether Auto Scaling holds it for healthy.
    pub healthy: bool,
}

/// The server of a stage on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ServerProcess {
    /// Its pid.
    pub pid: i32,
    /// Its log file.
    pub log: String,
}

/// The result of `open`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SiteAddress {
    /// The stage.
    pub stage: String,
    /// The address of its site.
    pub site: String,
    /// Whether a browser has taken it.
    pub opened: bool,
}

impl fmt::Display for SiteAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.site)
    }
}

impl fmt::Display for ServersReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = &self.stage;
        if let Some(ServerProcess { pid, log }) = &self.process {
            return write!(
                formatter,
                "the server of stage {stage} is a process of this machine: pid {pid}\n  log  {}\n  `factory-tree logs --source server --follow` follows it",
                plain(log)
            );
        }
        write!(formatter, "servers of stage {stage} in {}", self.region)?;
        for row in &self.servers {
            let mark = if self.chosen.as_ref() == Some(&row.id) {
                "*"
            } else {
                " "
            };
            let health = if row.healthy { "healthy" } else { "unhealthy" };
            let (id, lifecycle) = (plain(&row.id), plain(&row.lifecycle));
            write!(formatter, "\n{mark} {id}  {lifecycle}  {health}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_rows_and_a_process_is_named_with_its_log() {
        let row = |id: &str, healthy| ServerRow {
            id: id.to_owned(),
            lifecycle: "InService".to_owned(),
            healthy,
        };
        let of_aws = ServersReport {
            stage: "prod".to_owned(),
            region: "eu-central-1".to_owned(),
            servers: vec![row("i-1", false), row("i-2", true)],
            chosen: Some("i-2".to_owned()),
            process: None,
        };
        let local = ServersReport {
            stage: "local".to_owned(),
            process: Some(ServerProcess {
                pid: 42,
                log: "/app/.factory-tree/local@1/server.log".to_owned(),
            }),
            ..ServersReport::default()
        };
        insta::assert_snapshot!(format!("{of_aws}\n{local}"), @r"
        servers of stage prod in eu-central-1
          i-1  InService  unhealthy
        * i-2  InService  healthy
        the server of stage local is a process of this machine: pid 42
          log  /app/.factory-tree/local@1/server.log
          `factory-tree logs --source server --follow` follows it
        ");
    }
}
