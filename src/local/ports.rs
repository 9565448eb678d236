//! The ports of a stage. In: the ports of its last run, its living parts, its settings. Out: ports
//! that are free, or held by the stage's own parts.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::parts::{EDGE, EMULATOR, RunningParts, SERVER};
use super::port::{self, Sockets};
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

impl Choice<'_> {
    pub(super) fn ports(&self, reporter: &dyn Reporter) -> Result<Ports> {
        let known = self.known.unwrap_or_default();
        Ok(Ports {
            edge: self.edge_port(known.edge, reporter)?,
            emulator: self.inner_port(EMULATOR, known.emulator)?,
            server: self.inner_port(SERVER, known.server)?,
        })
    }

    fn edge_port(&self, known: u16, reporter: &dyn Reporter) -> Result<u16> {
        let remembered = Some(known).filter(|known| *known != 0);
        let wanted = self
            .configured
            .or(remembered)
            .unwrap_or(port::first_for_edge());
        if port::is_free(wanted) || self.holds(EDGE, wanted) {
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
        let found = port::find_for_edge().context("no loopback port from 8080 to 9079 is free")?;
        let note = format!(
            "{}: stage `{}` uses port {found}",
            port::taken(wanted),
            self.stage
        );
        reporter.report(Event::Note(note));
        Ok(found)
    }

    fn inner_port(&self, part: &str, known: u16) -> Result<u16> {
        if known != 0 && (self.holds(part, known) || port::is_free(known)) {
            return Ok(known);
        }
        port::find_inner().with_context(|| format!("no loopback port is free for the {part}"))
    }

    fn holds(&self, part: &str, port: u16) -> bool {
        self.running
            .is_some_and(|running| running.holds(part, port, &self.sockets))
    }
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

    fn choose(configured: Option<u16>, known: Option<Ports>, notes: &Notes) -> Result<Ports> {
        Choice {
            stage: "local",
            configured,
            known,
            running: None,
            sockets: Sockets::default(),
        }
        .ports(notes)
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
    fn free_ports_that_were_used_before_are_used_again() {
        let port = port::find_inner().unwrap();
        let known = Ports {
            edge: port,
            ..choose(Some(port), None, &Notes::default()).unwrap()
        };
        assert_eq!(choose(None, Some(known), &Notes::default()).unwrap(), known);
    }
}
