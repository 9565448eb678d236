//! The roll-out of a release on this machine: the routes that the zone's records make, and the server of the new
//! bundle, if the stage has one. In: a provisioned stage and its release. Out: whether anything changed.
//!
//! A new server is started beside the one that serves. Only when it is ready, the edge sends clients to it
//! and the old one is asked to close its connections and to end. One that does not become ready is ended,
//! and the old one has never noticed.

use std::collections::BTreeMap;
use std::time::SystemTime;

use anyhow::Result;

use super::parts::{EMULATOR, NEXT_SERVER, Part, Parts, SERVER, new_run};
use super::ports::Ports;
use super::routes::{RouteTarget, Routes};
use super::server::{self, ServerSettings};
use super::stage::LocalStage;
use super::start::{RESPONSE_TIMEOUT, START_TIMEOUT};
use super::{ServerRelease, control, emulator, instance, port, probe, routes, state};
use crate::aws::{Aws, DnsRecord};
use crate::clock;
use crate::error::UserError;
use crate::event::{Event, Reporter, task};
use crate::urls::sign_in_host;

impl LocalStage {
    pub(super) async fn roll_out(
        &self,
        aws: &Aws,
        zone: &str,
        server: Option<&ServerRelease>,
        reporter: &dyn Reporter,
    ) -> Result<bool> {
        let ports = self
            .ports()
            .ok_or_else(|| self.emulator_error("its state files are gone"))?;
        state::write(&self.folder.deployed(), &clock::rfc3339(SystemTime::now()))?;
        let rerouted = self.route(aws, zone, ports).await?;
        let Some(release) = server else {
            // A switch that was cut off has left it.
            return self.stop_server().await;
        };
        let part = self.wanted_server(aws, release, ports).await?;
        if self.serves(&part, ports).await {
            return Ok(rerouted);
        }
        self.report_server_restart(&part, reporter);
        let started = self.replace_server(aws, release, part, ports);
        task(reporter, "server", |()| "started".to_owned(), started).await?;
        server::delete_other_bundles(&self.folder, &release.build)?;
        Ok(true)
    }

    /// Stops the server. Returns whether there was one.
    pub(super) async fn stop_server(&self) -> Result<bool> {
        let running = self.running();
        if running.is_none_or(|running| !running.parts.contains_key(SERVER)) {
            return Ok(false);
        }
        self.run_parts(|parts| parts.remove(SERVER)).await?;
        Ok(true)
    }

    /// Starts the wanted server: beside the one that runs, or in the place of one that has ended.
    async fn replace_server(
        &self,
        aws: &Aws,
        release: &ServerRelease,
        wanted: Part,
        ports: Ports,
    ) -> Result<()> {
        let running = self.running();
        if running.is_none_or(|running| running.living(SERVER).is_none()) {
            self.run_parts(|parts| parts.insert(SERVER.to_owned(), wanted))
                .await?;
            return self.wait_for_server(SERVER, release, ports).await;
        }
        let reserved = port::reserve_inner();
        let reserved = reserved.ok_or_else(|| self.emulator_error("no loopback port is free"))?;
        let beside = Ports {
            server: reserved.number,
            ..ports
        };
        let next = self.wanted_server(aws, release, beside).await?;
        self.run_parts(|parts| parts.insert(NEXT_SERVER.to_owned(), next.clone()))
            .await?;
        if let Err(error) = self.wait_for_server(NEXT_SERVER, release, beside).await {
            self.run_parts(|parts| parts.remove(NEXT_SERVER)).await?;
            return Err(error);
        }
        self.promote(next, beside).await
    }

    /// Sends clients to the server that is ready now, and ends the one before.
    async fn promote(&self, next: Part, ports: Ports) -> Result<()> {
        self.point_routes_at(ports)?;
        state::write(&self.folder.ports(), &ports)?;
        self.run_parts(|parts| {
            parts.remove(NEXT_SERVER);
            parts.insert(SERVER.to_owned(), next)
        })
        .await
    }

    /// Writes the routes of the zone's records and of the distributions' behaviours. The edge sees the new file by itself.
    async fn route(&self, aws: &Aws, zone: &str, ports: Ports) -> Result<bool> {
        let (records, behaviors) = tokio::try_join!(
            aws.route53.list_records(zone),
            aws.cloudfront.list_cached_behaviors(),
        )?;
        let routes = Routes {
            emulator: ports.emulator,
            server: ports.server,
            hosts: self.hosts(&records),
            cached: routes::cached(behaviors),
        };
        if state::read::<Routes>(&self.folder.routes()).ok().as_ref() == Some(&routes) {
            return Ok(false);
        }
        state::write(&self.folder.routes(), &routes)?;
        Ok(true)
    }

    /// Returns the hosts of the zone's records, and that of the sign-in pages, whose name in AWS is none of the zone's.
    fn hosts(&self, records: &[DnsRecord]) -> BTreeMap<String, RouteTarget> {
        let mut hosts = routes::hosts(records);
        if self.sign_in {
            hosts.insert(sign_in_host(&self.domain), RouteTarget::SignIn);
        }
        hosts
    }

    async fn wanted_server(
        &self,
        aws: &Aws,
        release: &ServerRelease,
        ports: Ports,
    ) -> Result<Part> {
        let running = self.running();
        let emulator = running
            .as_ref()
            .and_then(|running| running.living(EMULATOR));
        let run = &emulator
            .ok_or_else(|| self.emulator_error("it has ended during the deploy"))?
            .part
            .run;
        let (stack, policy) = (&self.instance_stack, &release.policy_arn);
        let credentials = instance::credentials(aws, &self.folder, stack, policy, run).await?;
        let settings = ServerSettings {
            folder: &self.folder,
            region: self.region.as_str(),
            port: ports.server,
            endpoint: &emulator::url(ports.emulator),
            emulator: run,
            credentials,
        };
        server::prepare(release, settings, new_run()).await
    }

    /// Returns whether the server runs as wanted and is ready.
    async fn serves(&self, wanted: &Part, ports: Ports) -> bool {
        let running = self.running();
        let record = running.as_ref().and_then(|running| running.living(SERVER));
        record.is_some_and(|record| {
            record.part.is_like(wanted) && record.holds(ports.server, &port::Sockets::default())
        }) && probe::wait_until_ok(ports.server, server::READY, RESPONSE_TIMEOUT)
            .await
            .is_ok()
    }

    fn report_server_restart(&self, wanted: &Part, reporter: &dyn Reporter) {
        let running = self.running();
        let record = running
            .as_ref()
            .and_then(|running| running.parts.get(SERVER));
        let Some(record) = record.filter(|record| record.part.is_like(wanted)) else {
            return;
        };
        let how = match record.living() {
            None => format!("had ended ({})", record.end()),
            Some(_) => "was not ready".to_owned(),
        };
        reporter.report(Event::Note(format!(
            "the server {how}: it is started again"
        )));
    }

    /// Applies a change to the parts that run now.
    async fn run_parts(&self, change: impl FnOnce(&mut Parts) -> Option<Part>) -> Result<()> {
        let running = self
            .running()
            .ok_or_else(|| self.emulator_error("it has ended during the deploy"))?;
        let now = running.parts.into_iter();
        let mut parts: Parts = now.map(|(name, record)| (name, record.part)).collect();
        change(&mut parts);
        control::apply(&self.folder, &parts).await.map(drop)
    }

    async fn wait_for_server(
        &self,
        name: &str,
        release: &ServerRelease,
        ports: Ports,
    ) -> Result<()> {
        let ready = probe::wait_until_ok(ports.server, server::READY, START_TIMEOUT);
        let problem = match self.wait_for_problem(name, ports.server, ready).await {
            None => return Ok(()),
            Some(problem) => problem,
        };
        let serves = match name {
            NEXT_SERVER => "; the server before it serves on",
            _ => "",
        };
        let log_lines = self.folder.log_end(SERVER);
        Err(UserError::PartFailed {
            part: format!("server of bundle `{}`", release.build),
            stage: self.stage.to_string(),
            problem: format!("{problem}{serves}; the end of its log:\n{log_lines}"),
            log: self.folder.log(SERVER),
        }
        .into())
    }

    fn emulator_error(&self, problem: &str) -> UserError {
        UserError::PartFailed {
            part: EMULATOR.to_owned(),
            stage: self.stage.to_string(),
            problem: problem.to_owned(),
            log: self.folder.log(EMULATOR),
        }
    }
}
