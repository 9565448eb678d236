//! A local stage is started, or healed: what runs as it must is left alone, everything else is started
//! again. In: the stage's settings and what is left of it on this machine. Out: a place where its endpoint
//! answers.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use super::parts::{EDGE, EMULATOR, Part, PartRecord, Parts, RunningParts, SERVER, new_run};
use super::port::Sockets;
use super::ports::{Choice, Chosen, Ports};
use super::process::ProcessId;
use super::routes::Routes;
use super::stage::{LocalStage, end_marked};
use super::state::{self, Saved, delete_folder};
use super::venv::Venv;
use super::{StageEndpoint, control, edge, emulator, port, venv};
use crate::error::UserError;
use crate::event::{Event, Reporter, task};

/// The longest time that a part may take from its start to its first good answer.
pub(super) const START_TIMEOUT: Duration = Duration::from_secs(20);

/// The longest time that a living emulator may take to answer before it is replaced: it may just be busy, and its
/// data is lost then.
const EMULATOR_TIMEOUT: Duration = Duration::from_secs(15);

/// The longest time that a living edge or server may take to answer before it is replaced.
pub(super) const RESPONSE_TIMEOUT: Duration = Duration::from_secs(3);

/// The number of times that the parts are started again because a process that reserves none took a port between
/// choosing and using it.
const PORT_ATTEMPTS: usize = 3;

impl LocalStage {
    pub(super) async fn start(&self, reporter: &dyn Reporter) -> Result<StageEndpoint> {
        check_system()?;
        self.replace_former(reporter).await?;
        self.folder.create()?;
        self.note_damage(reporter);
        self.end_unknown_processes().await?;
        // Before the environment is looked for: a stage with ports keeps others from deleting it.
        let mut chosen = self.choose_ports(reporter)?;
        let venv = venv::ensure(&self.folder, reporter).await?;
        for _attempt in 1..PORT_ATTEMPTS {
            match self.bring_up(&venv, chosen.ports, reporter).await {
                Err(_) if self.has_lost_a_port(chosen.ports) => {
                    drop(chosen);
                    chosen = self.choose_ports(reporter)?;
                }
                result => return result.map(|()| self.place(chosen.ports)),
            }
        }
        self.bring_up(&venv, chosen.ports, reporter).await?;
        Ok(self.place(chosen.ports))
    }

    /// A stage that an older version has left gives way to this one.
    async fn replace_former(&self, reporter: &dyn Reporter) -> Result<()> {
        let removed = self.remove_former().await?;
        if !removed.is_empty() {
            reporter.report(Event::Note(format!(
                "removed a stage that an older version of factory-tree had left: {}",
                removed.join(", ")
            )));
        }
        Ok(())
    }

    fn note_damage(&self, reporter: &dyn Reporter) {
        for path in [
            self.folder.ports(),
            self.folder.running(),
            self.folder.parts(),
            self.folder.routes(),
        ] {
            if state::read::<serde_json::Value>(&path) == Saved::Damaged {
                reporter.report(Event::Note(format!(
                    "{} was damaged: it is created again",
                    path.display()
                )));
            }
        }
    }

    /// Kills the processes of the stage if the record of its parts or ports is missing.
    async fn end_unknown_processes(&self) -> Result<()> {
        if self.running().is_some() && self.ports().is_some() {
            return Ok(());
        }
        end_marked(&self.folder).await?;
        state::delete_file(&self.folder.running())
    }

    fn choose_ports(&self, reporter: &dyn Reporter) -> Result<Chosen> {
        let (running, known) = (self.running(), self.ports());
        let choice = Choice {
            stage: self.stage.as_str(),
            configured: self.port,
            known,
            running: running.as_ref(),
            sockets: Sockets::default(),
        };
        let chosen = choice.ports(reporter)?;
        if known != Some(chosen.ports) {
            state::write(&self.folder.ports(), &chosen.ports)?;
        }
        Ok(chosen)
    }

    /// Starts emulator and edge where they do not run, or do not run as they must.
    async fn bring_up(&self, venv: &Venv, ports: Ports, reporter: &dyn Reporter) -> Result<()> {
        let running = self.running();
        let record = |name: &str| running.as_ref().and_then(|running| running.parts.get(name));
        let emulator = emulator::part(&self.folder, venv, &self.region, ports.emulator, new_run());
        let answers = emulator::check(ports.emulator, EMULATOR_TIMEOUT);
        let emulator = keep_or_renew(record(EMULATOR), emulator, ports.emulator, answers).await;
        let edge = edge::part(&self.folder, ports.edge, new_run())?;
        let answers = edge::check(ports.edge, RESPONSE_TIMEOUT);
        let edge = keep_or_renew(record(EDGE), edge, ports.edge, answers).await;
        let healed = [
            (EMULATOR, record(EMULATOR), &emulator),
            (EDGE, record(EDGE), &edge),
        ];
        report_restarts(running.as_ref(), &healed, reporter);
        let keeps_data = record(EMULATOR).is_some_and(|record| record.part == emulator);
        let mut parts = Parts::from([(EDGE.to_owned(), edge)]);
        if keeps_data {
            parts.extend(record(SERVER).map(|record| (SERVER.to_owned(), record.part.clone())));
        } else {
            // It would sign off from a topic that is gone.
            record(SERVER)
                .and_then(PartRecord::living)
                .inspect(|process| process.kill());
            self.begin_anew(&parts, running.is_some()).await?;
        }
        parts.insert(EMULATOR.to_owned(), emulator);
        self.point_routes_at(ports)?;
        if running.is_some_and(|running| running.has_applied(&parts)) {
            return control::apply(&self.folder, &parts).await.map(drop);
        }
        let started = self.start_parts(&parts, ports);
        task(reporter, "local stage", |()| "started".to_owned(), started).await
    }

    /// Forgets what belonged to an emulator that is gone: its files, the server that it served, the routes
    /// to what it held.
    async fn begin_anew(&self, others: &Parts, was_running: bool) -> Result<()> {
        if was_running {
            control::apply(&self.folder, others).await?;
        }
        delete_folder(&self.folder.temporary())?;
        self.folder.create()?;
        state::delete_file(&self.folder.routes())
    }

    pub(super) fn point_routes_at(&self, ports: Ports) -> Result<()> {
        let saved = state::read::<Routes>(&self.folder.routes()).ok();
        let routes = Routes {
            emulator: ports.emulator,
            server: ports.server,
            ..saved.clone().unwrap_or_default()
        };
        if saved.as_ref() == Some(&routes) {
            return Ok(());
        }
        state::write(&self.folder.routes(), &routes)
    }

    async fn start_parts(&self, parts: &Parts, ports: Ports) -> Result<()> {
        control::apply(&self.folder, parts).await?;
        let emulator = emulator::wait(ports.emulator, START_TIMEOUT);
        let edge = edge::wait(ports.edge, START_TIMEOUT);
        tokio::try_join!(
            self.wait_for(EMULATOR, ports.emulator, emulator),
            self.wait_for(EDGE, ports.edge, edge),
        )
        .map(drop)
    }

    /// Waits for a part's first good answer, or for its end.
    async fn wait_for(
        &self,
        name: &str,
        port: u16,
        answer: impl Future<Output = Result<(), String>>,
    ) -> Result<()> {
        let Some(problem) = self.wait_for_problem(name, port, answer).await else {
            return Ok(());
        };
        let log_lines = self.folder.log_end(name);
        let problem = if log_lines.is_empty() {
            problem
        } else {
            format!("{problem}; the end of its log:\n{log_lines}")
        };
        let (part, stage) = (name.to_owned(), self.stage.to_string());
        Err(UserError::PartFailed {
            part,
            stage,
            problem,
            log: self.folder.log(name),
        }
        .into())
    }

    /// Waits as `wait_for` does, and returns what went wrong, if anything did: also that another process has taken
    /// the port in the meantime, and gives the good answer.
    pub(super) async fn wait_for_problem(
        &self,
        name: &str,
        port: u16,
        answer: impl Future<Output = Result<(), String>>,
    ) -> Option<String> {
        tokio::select! {
            seen = answer => seen.err().or_else(|| self.end_of(name)).or_else(|| {
                let is_its_own = self.holds(name, port);
                (!is_its_own).then(|| port::taken(port))
            }),
            how = self.wait_for_end_of(name) => Some(how),
        }
    }

    fn holds(&self, name: &str, port: u16) -> bool {
        self.running()
            .is_some_and(|running| running.holds(name, port, &Sockets::default()))
    }

    async fn wait_for_end_of(&self, name: &str) -> String {
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            if let Some(how) = self.end_of(name) {
                return how;
            }
        }
    }

    fn end_of(&self, name: &str) -> Option<String> {
        let running = self.running()?;
        running
            .parts
            .get(name)
            .filter(|record| record.living().is_none())
            .map(PartRecord::end)
    }

    /// Returns whether another process has the port of a part.
    fn has_lost_a_port(&self, ports: Ports) -> bool {
        let lost = |name, port| !self.holds(name, port) && !port::is_free(port);
        lost(EDGE, ports.edge) || lost(EMULATOR, ports.emulator)
    }
}

/// Fails unless this is Linux: processes are identified by `/proc`.
fn check_system() -> Result<()> {
    if Path::new("/proc/self/stat").exists() {
        return Ok(());
    }
    Err(UserError::Tool {
        program: "the local stage".to_owned(),
        problem: "needs Linux: there is no /proc here".to_owned(),
        hint: "run it on Linux or in a Linux virtual machine, or deploy to a stage in AWS"
            .to_owned(),
    }
    .into())
}

/// Returns the part as it was started if it lives, is what is wanted, and answers on its port; else the wanted one.
async fn keep_or_renew(
    record: Option<&PartRecord>,
    wanted: Part,
    port: u16,
    answers: impl Future<Output = Result<(), String>>,
) -> Part {
    let works = |process: ProcessId| !process.is_stopped();
    match record {
        Some(record)
            if record.part.is_like(&wanted)
                && record.living().is_some_and(works)
                && answers.await.is_ok()
                && record.holds(port, &Sockets::default()) =>
        {
            record.part.clone()
        }
        _ => wanted,
    }
}

fn report_restarts(
    running: Option<&RunningParts>,
    parts: &[(&str, Option<&PartRecord>, &Part)],
    reporter: &dyn Reporter,
) {
    if running.is_some_and(|running| running.living_supervisor().is_none()) {
        let note = "the supervisor had ended: a new one takes over the running parts";
        reporter.report(Event::Note(note.to_owned()));
    }
    for (name, record, part) in parts {
        let Some(record) = record.filter(|record| record.part != **part) else {
            continue;
        };
        let how = match record.living() {
            None => format!("had ended ({})", record.end()),
            Some(_) if record.part.is_like(part) => "did not answer".to_owned(),
            Some(_) => "is of another build or other settings".to_owned(),
        };
        let cure = match *name {
            EMULATOR => "it is started again, empty, and everything is provisioned again",
            _ => "it is started again",
        };
        reporter.report(Event::Note(format!("the {name} {how}: {cure}")));
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::event::SilentReporter;
    use crate::local::test_supervisor::{Stage, local_stage};

    /// Two stages that start at the same time choose the same port; the edge of one gets it, and answers for both.
    #[tokio::test]
    async fn a_good_answer_of_another_process_is_none() {
        let stage = Stage::new(&[EDGE]);
        let supervisor = stage.supervise();
        let running = stage.wait_until_applied().await;
        let local = local_stage(stage.folder.clone());
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = other.local_addr().unwrap().port();

        let problem = local.wait_for_problem(EDGE, port, async { Ok(()) }).await;
        assert_eq!(problem, Some(port::taken(port)));
        let ports = Ports {
            edge: port,
            ..Ports::default()
        };
        assert!(local.has_lost_a_port(ports));
        state::write(&stage.folder.ports(), &ports).unwrap();
        let chosen = local.choose_ports(&SilentReporter).unwrap();
        assert_ne!(chosen.ports.edge, port);

        let record = &running.parts[EDGE];
        let wanted = Part {
            run: new_run(),
            ..record.part.clone()
        };
        let next = keep_or_renew(Some(record), wanted.clone(), port, async { Ok(()) }).await;
        assert_eq!(next, wanted);
        supervisor.stop().await;
    }
}
