//! The tools of the build as child processes: started here and nowhere else, named in errors with
//! a hint how to install them. Their output is kept, and printed when they fail.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::messages;
use crate::error::UserError;
use crate::event::{Event, Reporter};

/// The variables that `cargo run` and `cargo test` set for the program that they start, us. A cargo below us must not
/// inherit it: ring's build script watches these names, so it, and all that depends on it, would be
/// compiled again whenever the deployer is started in another way than the last time.
/// Source: The Cargo Book, "Environment variables Cargo sets for crates"; `ring/build.rs`.
const CARGO_RUN_VARIABLES: [&str; 18] = [
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_LINKS",
    "CARGO_MANIFEST_PATH",
    "CARGO_PKG_AUTHORS",
    "CARGO_PKG_DESCRIPTION",
    "CARGO_PKG_HOMEPAGE",
    "CARGO_PKG_LICENSE",
    "CARGO_PKG_LICENSE_FILE",
    "CARGO_PKG_NAME",
    "CARGO_PKG_README",
    "CARGO_PKG_REPOSITORY",
    "CARGO_PKG_RUST_VERSION",
    "CARGO_PKG_VERSION",
    "CARGO_PKG_VERSION_MAJOR",
    "CARGO_PKG_VERSION_MINOR",
    "CARGO_PKG_VERSION_PATCH",
    "CARGO_PKG_VERSION_PRE",
    "CARGO_PRIMARY_PACKAGE",
];

/// Asks a program for its version and returns the first line of its answer, or `None` when it is not
/// installed.
///
/// # Errors
/// It is there, but does not run, or refuses.
pub(super) async fn ask_version(program: &str, folder: &Path) -> Result<Option<String>> {
    let asked = Command::new(program)
        .arg("--version")
        .current_dir(folder)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await;
    let output = match asked {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("failed to start `{program}`")),
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().next().unwrap_or_default();
        anyhow::bail!(
            "`{program} --version` failed with {}: {said}",
            output.status
        );
    }
    let answer = String::from_utf8_lossy(&output.stdout);
    Ok(Some(answer.lines().next().unwrap_or_default().to_owned()))
}

/// A tool to run.
pub(super) struct Tool<'a> {
    /// The program, found by PATH.
    pub(super) program: &'a str,
    /// Its arguments.
    pub(super) arguments: &'a [&'a str],
    /// Variables that it gets beside those of this process.
    pub(super) environment: &'a [(&'static str, String)],
    /// The folder that it runs in.
    pub(super) folder: &'a Path,
    /// A locked file that it is to hold as long as it runs, with all that it starts, also when this
    /// process is killed. It is handed down as stdin: a lock belongs to the open file, not to who opened
    /// it (flock(2)), and stdin is what every program hands down to those that it starts.
    pub(super) holds: Option<&'a File>,
    /// The cure when the program is not installed.
    pub(super) cure: &'a str,
}

impl Tool<'_> {
    /// Runs the tool to its end and returns what it wrote to stdout. Each line of its stderr goes to
    /// `on_line`. When it fails, the output of both is reported unchanged.
    ///
    /// # Errors
    /// `UserError::Tool` when it is not installed, `UserError::Build` when it refuses.
    pub(super) async fn run(
        &self,
        reporter: &dyn Reporter,
        mut on_line: impl FnMut(&str) + Send,
    ) -> Result<String> {
        let mut command = self.command();
        if let Some(file) = self.holds {
            command.stdin(file.try_clone()?);
        }
        let mut child = command.spawn().map_err(|error| self.not_started(error))?;
        // It keeps a copy of what the child holds.
        drop(command);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let stdout = BufReader::new(stdout.context("stdout is piped")?);
        let mut stderr = BufReader::new(stderr.context("stderr is piped")?).lines();
        let read_stdout = async {
            let mut text = String::new();
            let mut stdout = stdout;
            tokio::io::AsyncReadExt::read_to_string(&mut stdout, &mut text)
                .await
                .map(|_| text)
        };
        let read_stderr = async {
            let mut said = Vec::new();
            while let Some(line) = stderr.next_line().await? {
                on_line(&line);
                said.push(line);
            }
            Ok(said)
        };
        let (answer, mut said) = tokio::try_join!(read_stdout, read_stderr)
            .with_context(|| format!("failed to read what `{}` says", self.program))?;
        let status = child.wait().await?;
        if status.success() {
            return Ok(answer);
        }
        let human = answer.lines().filter(|line| !line.starts_with('{'));
        said.extend(human.map(str::to_owned));
        let errors = messages::errors(said.iter().map(String::as_str), self.folder);
        said.into_iter()
            .for_each(|line| reporter.report(Event::ToolOutput(line)));
        let command = format!("{} {}", self.program, self.arguments.join(" "));
        Err(UserError::Build {
            command,
            status: status.to_string(),
            errors,
        }
        .into())
    }

    /// Runs a tool that the build can do without, quietly. Returns what it wrote to stdout, or `None`
    /// if it is not installed or refuses.
    pub(super) async fn ask(&self) -> Option<String> {
        let output = self.command().output().await.ok()?;
        let text = || String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then(text)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        command
            .args(self.arguments)
            .current_dir(self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        CARGO_RUN_VARIABLES
            .iter()
            .for_each(|name| _ = command.env_remove(name));
        let ours = self.environment.iter();
        command.envs(ours.map(|(name, value)| (name, value)));
        command
    }

    fn not_started(&self, error: std::io::Error) -> anyhow::Error {
        if error.kind() == ErrorKind::NotFound {
            return UserError::Tool {
                program: self.program.to_owned(),
                problem: "is not installed, or not on PATH".to_owned(),
                hint: self.cure.to_owned(),
            }
            .into();
        }
        anyhow::Error::new(error).context(format!("failed to start `{}`", self.program))
    }
}
