//! The program of a Lambda as a child process, with an environment that is given and nothing else.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use anyhow::{Context, Result};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

use crate::event::{Event, Reporter};

/// A running program.
pub(super) struct FunctionProcess {
    child: Child,
}

/// The lines that a running program writes to stdout and stderr.
pub(super) struct Log {
    stdout: ChildStdout,
    stderr: ChildStderr,
}

impl FunctionProcess {
    /// Starts a program.
    ///
    /// # Errors
    /// It does not start.
    pub(super) fn start(
        program: &Path,
        environment: &BTreeMap<String, String>,
    ) -> Result<(Self, Log)> {
        let mut child = Command::new(program)
            .env_clear()
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("failed to start `{}`", program.display()))?;
        let stdout = child.stdout.take().context("stdout is piped")?;
        let stderr = child.stderr.take().context("stderr is piped")?;
        Ok((Self { child }, Log { stdout, stderr }))
    }

    /// Waits until it ends by itself.
    pub(super) async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Returns the most memory that it has held so far, in bytes, where the kernel reports it.
    /// Source: proc_pid_status(5), `VmHWM`.
    pub(super) fn peak_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()?)).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
        Some(kibibytes << 10)
    }

    /// Kills it, as Lambda does: without a signal that it could handle.
    pub(super) async fn stop(mut self) {
        // It may have ended already.
        let _ = self.child.kill().await;
    }
}

impl Log {
    /// Reports every line, until the program has ended.
    pub(super) async fn forward_output(self, reporter: &dyn Reporter) {
        tokio::join!(lines(self.stdout, reporter), lines(self.stderr, reporter));
    }
}

async fn lines(output: impl AsyncRead + Unpin, reporter: &dyn Reporter) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        reporter.report(Event::ToolOutput(line));
    }
}
