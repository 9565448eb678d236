//! Vite's own server at the site's address, for as long as somebody develops. In: the folder of the
//! site's sources. Out: a process that ends with this one, and `vite.json`, by which the edge finds it.
//! The site that was deployed stays as it is, and is there again when Vite ends.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, anyhow};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use super::edge::Claim;
use super::process::ProcessId;
use super::stage::LocalStage;
use super::start::START_TIMEOUT;
use super::state;
use super::{port, probe};
use crate::error::UserError;
use crate::event::{Event, Reporter};

/// Vite's program, from the site's folder. Without npm between us there is one process to end.
const PROGRAM: &str = "node_modules/vite/bin/vite.js";

/// Ends Vite with the process that started it, however that ends: its stdin is a pipe that only we hold.
const END_WITH_US: &str =
    "data:text/javascript,process.stdin.resume().on('end',()=>process.exit())";

/// Vite, at work. It ends when this goes out of scope.
#[derive(Debug)]
pub struct Vite {
    child: Child,
    /// Waiting for the child would close it, and end Vite with that.
    _stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
    stderr: Lines<BufReader<ChildStderr>>,
    claim: PathBuf,
}

impl LocalStage {
    /// Starts Vite on the site's sources and puts it at the site's address.
    ///
    /// # Errors
    /// Node.js is not there (`UserError::Tool`), or Vite does not answer within 20 s; its own words go to
    /// the reporter.
    pub async fn start_vite(&self, site: &Path, reporter: &dyn Reporter) -> Result<Vite> {
        let reserved = port::reserve_inner().context("no loopback port is free for Vite")?;
        let port = reserved.number;
        let mut vite = Vite::spawn(site, port, self.folder.vite())?;
        tokio::select! {
            answers = probe::wait_until_ok(port, "/", START_TIMEOUT) => {
                answers.map_err(|problem| anyhow!("Vite is {problem}"))?;
            }
            error = vite.forward_output(reporter) => return Err(error),
        }
        let process = vite.child.id().and_then(|pid| i32::try_from(pid).ok());
        let process = process
            .and_then(ProcessId::of)
            .context("Vite has ended at once")?;
        let host = self.domain.to_string();
        state::write(
            &self.folder.vite(),
            &Claim {
                host,
                port,
                process,
            },
        )?;
        Ok(vite)
    }
}

impl Vite {
    fn spawn(site: &Path, port: u16, claim: PathBuf) -> Result<Self> {
        let port = port.to_string();
        let mut command = Command::new("node");
        command
            .args(["--import", END_WITH_US, PROGRAM, "--host", "127.0.0.1"])
            .args(["--port", &port, "--strictPort", "--clearScreen", "false"])
            .current_dir(site)
            .env("NO_COLOR", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A Ctrl-C at the terminal is for us: we end Vite when we are done.
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| UserError::Tool {
            program: "node".to_owned(),
            problem: format!("could not be started: {error}"),
            hint: "install Node.js 20.19 or newer, with npm (https://nodejs.org)".to_owned(),
        })?;
        let stdin = child.stdin.take().context("stdin is piped")?;
        let stdout = child.stdout.take().context("stdout is piped")?;
        let stderr = child.stderr.take().context("stderr is piped")?;
        Ok(Self {
            child,
            _stdin: stdin,
            stdout: BufReader::new(stdout).lines(),
            stderr: BufReader::new(stderr).lines(),
            claim,
        })
    }

    /// Reports Vite's output until it ends, and returns how it ended. May be dropped and called again.
    pub async fn forward_output(&mut self, reporter: &dyn Reporter) -> anyhow::Error {
        loop {
            let line = tokio::select! {
                Ok(Some(line)) = self.stdout.next_line() => line,
                Ok(Some(line)) = self.stderr.next_line() => line,
                ended = self.child.wait() => return match ended {
                    Ok(status) => anyhow!("Vite ended: {status}"),
                    Err(error) => anyhow::Error::new(error).context("failed to wait for Vite"),
                },
            };
            if is_news(&line) {
                reporter.report(Event::ToolOutput(line));
            }
        }
    }
}

/// Its greeting names an address that only the edge is to use.
fn is_news(line: &str) -> bool {
    let text = line.trim();
    !text.is_empty() && !text.starts_with("VITE v") && !text.starts_with('➜')
}

impl Drop for Vite {
    /// Ends Vite and whatever it may have started, and gives the host back to its distribution.
    fn drop(&mut self) {
        let pid = self.child.id().and_then(|pid| i32::try_from(pid).ok());
        if let Some(group) = pid.and_then(Pid::from_raw) {
            // It may have ended in this very moment: nothing is lost.
            let _ = kill_process_group(group, Signal::KILL);
        }
        // A claim whose process is dead is not believed, so one that stays does no harm.
        let _ = state::delete_file(&self.claim);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_vite_that_goes_out_of_scope_ends_and_its_claim_with_it() {
        let root = tempfile::tempdir().unwrap();
        let program = root.path().join(PROGRAM);
        std::fs::create_dir_all(program.parent().unwrap()).unwrap();
        std::fs::write(&program, "setInterval(() => {}, 1000)").unwrap();
        let file = root.path().join("vite.json");
        std::fs::write(&file, "{}").unwrap();
        let vite = Vite::spawn(root.path(), 5173, file.clone()).unwrap();
        let process = ProcessId::of(i32::try_from(vite.child.id().unwrap()).unwrap()).unwrap();
        drop(vite);
        let timeout = std::time::Duration::from_secs(5);
        assert_eq!(
            super::super::process::wait_for_end(&[process], timeout).await,
            []
        );
        assert!(!file.exists());
    }

    #[test]
    fn the_greeting_is_not_passed_on_and_what_it_says_of_a_change_is() {
        assert!(!is_news("  VITE v8.3.8  ready in 755 ms"));
        assert!(!is_news("  ➜  Local:   http://127.0.0.1:5173/"));
        assert!(!is_news(""));
        assert!(is_news(
            "10:22:33 AM [vite] (client) hmr update /src/App.vue"
        ));
    }
}
