//! The ports of a stage. In: the ports of its last run, its living parts, its settings. Out: ports
//! that are reserved for the stage, or held by its own parts.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::parts::{EDGE, EMULATOR, RunningParts, SERVER};
use super::port::{self, ReservedPort, Sockets};
use crate::error::UserError;
use crate::event::{Event, Reporter};

/// The ports of a stage: `ports.json`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ports {
    pub(super) edge: u16,
    pub(super) emulator: u16,
    pub(super) server: u16,
}

/// The inputs of the choice.
pub(super) struct Choice<'a> {
    pub(super) stage: &'a str,
    /// The edge's port, if the settings name one.
    pub(super) configured: Option<u16>,
    /// The ports of the last run: a port is kept for as long as possible, because addresses contain it.
    pub(super) known: Option<Ports>,
    pub(super) running: Option<&'a RunningParts>,
    pub(super) sockets: Sockets,
}

/// The ports that were chosen.
#[derive(Debug)]
pub(super) struct Chosen {
    pub(super) ports: Ports,
    /// Those of parts that do not run yet stay reserved while this is held.
    _reserved: Vec<ReservedPort>,
}

impl Choice<'_> {
    pub(super) fn ports(&self, reporter: &dyn Reporter) -> Result<Chosen> {
        let known = self.known.unwrap_or_default();
        let mut reserved = Vec::new();
        let ports = Ports {
            edge: self.edge_port(known.edge, &mut reserved, reporter)?,
            emulator: self.inner_port(EMULATOR, known.emulator, &mut reserved)?,
            server: self.inner_port(SERVER, known.server, &mut reserved)?,
        };
        Ok(Chosen {
            ports,
            _reserved: reserved,
        })
    }

    fn edge_port(
        &self,
        known: u16,
        reserved: &mut Vec<ReservedPort>,
        reporter: &dyn Reporter,
    ) -> Result<u16> {
        let remembered = Some(known).filter(|known| *known != 0);
        let wanted = self
            .configured
            .or(remembered)
            .unwrap_or(port::first_for_edge());
        if self.keeps(EDGE, wanted, reserved) {
            return Ok(wanted);
        }
        if self.configured.is_some() {
            return Err(UserError::PortTaken {
                port: wanted,
                stage: self.stage.to_owned(),
                by: port::holder(wanted),
            }
            .into());
        }
        let found =
            port::reserve_for_edge().context("no loopback port from 8080 to 9079 is free")?;
        let note = format!(
            "{}: stage `{}` uses port {}",
            port::taken(wanted),
            self.stage,
            found.number
        );
        reporter.report(Event::Note(note));
        Ok(number_of(found, reserved))
    }

    fn inner_port(&self, part: &str, known: u16, reserved: &mut Vec<ReservedPort>) -> Result<u16> {
        if known != 0 && self.keeps(part, known, reserved) {
            return Ok(known);
        }
        let found = port::reserve_inner();
        let found = found.with_context(|| format!("no loopback port is free for the {part}"))?;
        Ok(number_of(found, reserved))
    }

    /// Returns whether a part has a port, or may have it and it is reserved now.
    fn keeps(&self, part: &str, port: u16, reserved: &mut Vec<ReservedPort>) -> bool {
        let found = port::reserve(port);
        let keeps = found.is_some() || self.holds(part, port);
        reserved.extend(found);
        keeps
    }

    fn holds(&self, part: &str, port: u16) -> bool {
        self.running
            .is_some_and(|running| running.holds(part, port, &self.sockets))
    }
}

fn number_of(found: ReservedPort, reserved: &mut Vec<ReservedPort>) -> u16 {
    let number = found.number;
    reserved.push(found);
    number
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Notes(Mutex<Vec<String>>);

    impl Reporter for Notes {
        fn report(&self, event: Event) {
            if let Event::Note(text) = event {
                self.0.lock().unwrap().push(text);
            }
        }
    }

    fn choice(configured: Option<u16>, known: Option<Ports>) -> Choice<'static> {
        Choice {
            stage: "local",
            configured,
            known,
            running: None,
            sockets: Sockets::default(),
        }
    }

    fn choose(configured: Option<u16>, known: Option<Ports>, notes: &Notes) -> Result<Ports> {
        let chosen = choice(configured, known).ports(notes);
        chosen.map(|chosen| chosen.ports)
    }

    fn taken() -> (TcpListener, u16, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port, port::holder(port))
    }

    #[test]
    fn a_configured_port_that_is_taken_is_an_error_that_names_the_holder() {
        let (_listener, port, holder) = taken();
        let error = choose(Some(port), None, &Notes::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("port {port} of stage `local` is taken by {holder}")
        );
        assert!(
            holder.ends_with(&format!("(pid {})", std::process::id())),
            "{holder}"
        );
    }

    #[test]
    fn a_remembered_port_that_is_taken_is_replaced_with_a_note_that_names_the_holder() {
        let (_listener, port, holder) = taken();
        let notes = Notes::default();
        let ports = choose(
            None,
            Some(Ports {
                edge: port,
                ..Ports::default()
            }),
            &notes,
        )
        .unwrap();
        assert!((8080..9080).contains(&ports.edge));
        let note = format!(
            "port {port} is taken by {holder}: stage `local` uses port {}",
            ports.edge
        );
        assert_eq!(*notes.0.lock().unwrap(), [note]);
    }

    #[test]
    fn stages_that_start_at_the_same_time_choose_different_ports() {
        let notes = Notes::default();
        let one = choice(None, None).ports(&notes).unwrap();
        let other = choice(None, Some(one.ports)).ports(&notes).unwrap();
        assert_ne!(one.ports.edge, other.ports.edge);
        assert_ne!(one.ports.emulator, other.ports.emulator);
        assert_ne!(one.ports.server, other.ports.server);
    }

    #[test]
    fn free_ports_that_were_used_before_are_used_again() {
        let port = port::reserve_inner().unwrap().number;
        let known = Ports {
            edge: port,
            ..choose(Some(port), None, &Notes::default()).unwrap()
        };
        assert_eq!(choose(None, Some(known), &Notes::default()).unwrap(), known);
    }
}
