//! The whole road on the local stage: real templates, real binaries, the emulator with IAM enforced.

mod configurations;
mod faults;
mod pieces;
mod road;

use std::process::Command;
use std::time::Duration;

/// The time within which a change arrives. The emulator polls streams and queues in steps of tens of
/// milliseconds; the rest is for a busy machine.
const SOON: Duration = Duration::from_secs(10);

fn kill(pid: &str) {
    assert!(
        Command::new("kill")
            .args(["-KILL", pid])
            .status()
            .unwrap()
            .success(),
        "kill -9 {pid}"
    );
    // The kernel needs a moment to take it off the table.
    std::thread::sleep(Duration::from_millis(300));
}
