//! The health of the parts of a local stage. Nothing is changed here, and nothing is waited for longer than
//! two seconds.

use std::time::Duration;

use super::parts::{EDGE, EMULATOR, RunningParts, SERVER, SUPERVISOR};
use super::port::Sockets;
use super::ports::Ports;
use super::state::{self, StateFolder};
use super::{edge, emulator, port, probe, server};
use crate::check::Check;

/// The longest time that a part may take to answer.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Checks every part of a stage, its server among them if it has one; returns no checks if the stage does not exist.
pub(super) async fn check(folder: &StateFolder, has_server: bool) -> Vec<Check> {
    if !folder.path().exists() {
        return Vec::new();
    }
    let running = state::read::<RunningParts>(&folder.running()).ok();
    let ports = state::read::<Ports>(&folder.ports())
        .ok()
        .unwrap_or_default();
    let running = running.as_ref();
    let sockets = Sockets::default();
    let server = async {
        let answers = probe::check_ok(ports.server, server::READY, TIMEOUT);
        match has_server {
            true => Some(check_part(running, SERVER, ports.server, &sockets, answers).await),
            false => None,
        }
    };
    let (emulator, edge, server) = tokio::join!(
        check_part(
            running,
            EMULATOR,
            ports.emulator,
            &sockets,
            emulator::check(ports.emulator, TIMEOUT)
        ),
        check_part(
            running,
            EDGE,
            ports.edge,
            &sockets,
            edge::check(ports.edge, TIMEOUT)
        ),
        server,
    );
    [check_supervisor(running), emulator, edge]
        .into_iter()
        .chain(server)
        .collect()
}

fn check_supervisor(running: Option<&RunningParts>) -> Check {
    let (ok, detail) = match running.map(|running| running.supervisor) {
        None => (false, "not started".to_owned()),
        Some(process) if !process.is_alive() => (false, "gone".to_owned()),
        Some(process) if process.is_stopped() => (false, format!("{process}, stopped by a signal")),
        Some(process) => (true, process.to_string()),
    };
    Check {
        name: SUPERVISOR.to_owned(),
        ok,
        detail,
    }
}

async fn check_part(
    running: Option<&RunningParts>,
    name: &str,
    port: u16,
    sockets: &Sockets,
    probe: impl Future<Output = Result<(), String>>,
) -> Check {
    let record = running.and_then(|running| running.parts.get(name));
    let is_its_own = |port| record.is_some_and(|record| record.holds(port, sockets));
    let (ok, detail) = match record.map(|record| record.living().ok_or(record)) {
        None => (false, "not started".to_owned()),
        Some(Err(record)) => (false, record.end()),
        Some(Ok(process)) => match probe.await {
            Err(seen) => (false, format!("{process}, {seen}")),
            Ok(()) if is_its_own(port) => (true, format!("{process}, port {port}")),
            Ok(()) => (false, format!("{process}, {}", port::taken(port))),
        },
    };
    Check {
        name: name.to_owned(),
        ok,
        detail,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::net::TcpListener;
    use std::process::Command;
    use std::time::Instant;

    use super::*;
    use crate::local::parts::{Part, PartRecord, Stop};
    use crate::local::ports::Ports;
    use crate::local::process::ProcessId;

    fn record(process: Option<ProcessId>, ended: Option<&str>) -> PartRecord {
        let (args, environment, inputs) = (Vec::new(), BTreeMap::new(), Vec::new());
        let part = Part {
            program: "p".into(),
            args,
            environment,
            inputs,
            stop: Stop::Ask,
            run: String::new(),
        };
        PartRecord {
            part,
            process,
            ended: ended.map(str::to_owned),
        }
    }

    #[tokio::test]
    async fn every_part_is_reported_with_what_was_seen_of_it_and_none_is_waited_for_long() {
        let root = tempfile::tempdir().unwrap();
        let folder = StateFolder::new(root.path().join("local"));
        folder.create().unwrap();
        // Accepts connections, and sends no response.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let emulator = silent.local_addr().unwrap().port();
        state::write(
            &folder.ports(),
            &Ports {
                edge: 1,
                emulator,
                server: 1,
            },
        )
        .unwrap();
        let own = ProcessId::own();
        let parts = BTreeMap::from([
            (EMULATOR.to_owned(), record(own, None)),
            (EDGE.to_owned(), record(None, Some("killed by signal 9"))),
        ]);
        let running = RunningParts {
            supervisor: own.unwrap(),
            executable: String::new(),
            parts,
        };
        state::write(&folder.running(), &running).unwrap();
        let began = Instant::now();
        let checks = check(&folder, true).await;
        assert!(began.elapsed() < TIMEOUT + Duration::from_millis(500));
        let lines = checks
            .iter()
            .map(|check| format!("{} {} {}", check.name, check.ok, check.detail));
        let text = lines.collect::<Vec<_>>().join("\n");
        let text = text
            .replace(&std::process::id().to_string(), "PID")
            .replace(&emulator.to_string(), "PORT");
        insta::assert_snapshot!(text, @r"
        supervisor true pid PID
        emulator false pid PID, not answering on port PORT within 2 s
        edge false killed by signal 9
        server false not started
        ");
        assert_eq!(check(&folder, false).await.len(), 3);
    }

    /// Of two stages that start at the same time, the edge of one has the port of both.
    #[tokio::test]
    async fn a_part_that_another_process_answers_for_is_reported_with_that_process() {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = other.local_addr().unwrap().port();
        let mut part = Command::new("sleep").arg("100").spawn().unwrap();
        let process = ProcessId::of(i32::try_from(part.id()).unwrap());
        let running = RunningParts {
            supervisor: ProcessId::own().unwrap(),
            executable: String::new(),
            parts: BTreeMap::from([(EDGE.to_owned(), record(process, None))]),
        };
        let seen = check_part(Some(&running), EDGE, port, &Sockets::default(), async {
            Ok(())
        })
        .await;
        part.kill().unwrap();
        part.wait().unwrap();
        assert!(!seen.ok);
        let detail = format!("{}, {}", process.unwrap(), port::taken(port));
        assert_eq!(seen.detail, detail);
        assert!(detail.ends_with(&format!("(pid {})", std::process::id())));
    }

    #[tokio::test]
    async fn what_never_ran_is_not_started() {
        let root = tempfile::tempdir().unwrap();
        let checks = check(&StateFolder::new(root.path().to_owned()), true).await;
        assert!(
            checks
                .iter()
                .all(|check| !check.ok && check.detail == "not started")
        );
        assert_eq!(checks.len(), 4);
    }
}
