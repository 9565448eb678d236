//! Programs of this machine that a person is handed over to: a browser, a session on a server. In: the program and its arguments.
//! Out: whether it was there, and how it has ended. What a program does is not watched.

use std::io::ErrorKind;
use std::process::{ExitStatus, Stdio};

use anyhow::{Context, Result};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

/// The program that opens an address in the person's browser.
pub const BROWSER: &str = if cfg!(target_os = "macos") {
    "open"
} else {
    "xdg-open"
};

/// Returns whether a program is installed: whether it starts when it is asked for its version.
pub async fn is_installed(program: &str) -> bool {
    let started = quiet(program).arg("--version").status().await;
    !started.is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

/// Starts a program that goes on by itself, and waits until it has taken its arguments. Returns whether it has.
pub async fn start(program: &str, arguments: &[&str]) -> bool {
    let ended = quiet(program).args(arguments).status().await;
    ended.is_ok_and(|status| status.success())
}

/// Hands this terminal to a program until it ends. Ctrl-C is for the program.
///
/// # Errors
/// It does not start.
pub async fn hand_over(program: &str, arguments: &[&str]) -> Result<ExitStatus> {
    // With a listener, the signal does not end this process.
    let _interrupts = signal(SignalKind::interrupt())?;
    let mut command = Command::new(program);
    let status = command.args(arguments).status().await;
    status.with_context(|| format!("failed to start `{program}`"))
}

fn quiet(program: &str) -> Command {
    let mut command = Command::new(program);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_program_is_there_or_not_and_takes_its_arguments_or_not() {
        assert!(is_installed("cargo").await);
        assert!(!is_installed("no-such-program-anywhere").await);
        assert!(start("true", &[]).await);
        assert!(!start("false", &[]).await);
        assert!(!start("no-such-program-anywhere", &[]).await);
        let ended = hand_over("sh", &["-c", "exit 3"]).await.unwrap();
        assert_eq!(ended.code(), Some(3));
    }
}
