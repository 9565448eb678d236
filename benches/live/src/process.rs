//! A process as the kernel accounts for it.

use std::time::Duration;

use anyhow::{Context, Result};

/// The length of the kernel's clock tick, by which it counts the time of processes.
const TICK: Duration = Duration::from_millis(10);

/// Returns the resident memory of a process in KiB.
///
/// # Errors
/// Returns that the process is gone.
pub fn memory(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let text = line.context("the process has no memory")?;
    Ok(text.trim().trim_end_matches(" kB").parse()?)
}

/// Returns the number of open descriptors of a process.
///
/// # Errors
/// Returns that the process is gone.
pub fn descriptors(pid: u32) -> Result<usize> {
    Ok(std::fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}

/// Returns the time that all threads of a process have taken.
///
/// # Errors
/// Returns that the process is gone.
pub fn time(pid: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let (_, fields) = stat.rsplit_once(") ").context("no fields")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let ticks =
        |place: usize| -> Result<u32> { Ok(fields.get(place).context("a field")?.parse()?) };
    Ok(TICK * (ticks(11)? + ticks(12)?))
}
