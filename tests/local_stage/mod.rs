//! The whole road on the local stage: real templates, real binaries, the emulator with IAM enforced.

mod appsync;
mod company;
mod configurations;
mod faults;
mod granted;
mod heartbeat;
mod incident;
mod own;
mod pace;
mod pieces;
mod previews;
mod reads;
mod road;
mod signed_in;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// The time within which a change arrives. It takes tens of milliseconds; the rest is for a busy machine.
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
    let started = Instant::now();
    while is_running(pid) {
        assert!(started.elapsed() < SOON, "process {pid} does not end");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A zombie is dead; that nobody has asked for its exit status is its parent's affair.
fn is_running(pid: &str) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}
