//! The console of a server that did not come up: its install script writes what went wrong there. In: the events of an
//! operation in which a group of servers failed. Out: the last lines that one of its servers wrote. A console that cannot be
//! read leaves the error poorer; it never takes its place.

use anyhow::Result;

use super::target::StackTarget;
use crate::aws::{Ec2, StackEvent};
use crate::event::Event;
use crate::plain::plain;

const GROUP: &str = "AWS::AutoScaling::AutoScalingGroup";

/// The number of lines that an error shows.
const LINES: usize = 20;

/// The length from which on a line is cut, in characters.
const WIDTH: usize = 240;

/// The words before an instance's id in the event of its signal.
const SIGNAL: &str = "FAILURE signal with UniqueId ";

/// Returns what the console of a server of a failed group ends with, as lines of an error. Nothing if it is no group, or no
/// server of it has written anything.
pub(super) async fn ending(
    target: &StackTarget<'_>,
    (kind, group): (&str, &str),
    events: &[StackEvent],
) -> Option<String> {
    let ec2 = target.ec2.filter(|_| kind == GROUP)?;
    let of_group: Vec<&StackEvent> = events
        .iter()
        .filter(|event| event.logical_id == group)
        .collect();
    match read(ec2, &of_group).await {
        Ok(found) => found.and_then(|(instance, text)| excerpt(&instance, &text)),
        Err(error) => {
            let problem = format!("the failed server's console cannot be read: {error:#}");
            target.reporter.report(Event::Warning(problem));
            None
        }
    }
}

/// Returns a server of the group, one that has signalled its failure if there is one, and the text of its console.
async fn read(ec2: &Ec2, events: &[&StackEvent]) -> Result<Option<(String, String)>> {
    let reasons = events.iter().filter_map(|event| event.reason.as_deref());
    let mut servers: Vec<String> = reasons.filter_map(signalled).collect();
    if servers.is_empty() {
        let mut names = events.iter().map(|event| event.physical_id.as_str());
        let Some(name) = names.rfind(|name| !name.is_empty()) else {
            return Ok(None);
        };
        servers = ec2.instances_of(name).await?;
    }
    let Some(server) = servers.pop() else {
        return Ok(None);
    };
    let text = ec2.console_output(&server).await?;
    Ok(Some((server, text)))
}

/// Returns the instance whose signal of failure an event tells.
fn signalled(reason: &str) -> Option<String> {
    let (_, instance) = reason.split_once(SIGNAL)?;
    instance.split_whitespace().next().map(str::to_owned)
}

/// Returns the end of a console: of what cloud-init has written, the install script among it, if anything is marked as such.
/// Source: cloud-init, "Where are the logs?": its stages write to the console by way of the journal, `cloud-init[PID]:` before
/// each line.
fn excerpt(instance: &str, console: &str) -> Option<String> {
    let of_cloud_init = |line: &str| {
        let (_, rest) = line.split_once("cloud-init[")?;
        let (_, text) = rest.split_once("]: ")?;
        Some(plain(text))
    };
    let mut lines: Vec<String> = console.lines().filter_map(of_cloud_init).collect();
    if lines.is_empty() {
        lines = console.lines().map(plain).collect();
    }
    lines.retain(|line| !line.is_empty());
    let last = lines.split_off(lines.len().saturating_sub(LINES));
    let cut = |line: &String| format!("\n    {}", line.chars().take(WIDTH).collect::<String>());
    let text: String = last.iter().map(cut).collect();
    (!text.is_empty()).then(|| format!("\n  the console of server {instance} ends with:{text}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_that_has_signalled_its_failure_is_the_one_to_read() {
        let failure = "Received FAILURE signal with UniqueId i-0ea37c";
        assert_eq!(signalled(failure).as_deref(), Some("i-0ea37c"));
        let success = "Received SUCCESS signal with UniqueId i-0ea37c";
        assert_eq!(signalled(success), None);
    }

    #[test]
    fn of_a_console_the_last_lines_of_the_install_script_are_shown() {
        let boot = "[    0.000000] Linux version 6.1\n[    3.1] systemd[1]: Started.\n";
        let line = |text: &str| format!("[   30.123456] cloud-init[2214]: {text}\r\n");
        let many: String = (0..30)
            .map(|number| line(&format!("line {number}")))
            .collect();
        let console = format!(
            "{boot}{many}{}{}[   31.0] systemd[1]: Reached target.\n",
            line(&"x".repeat(300)),
            line("\u{1b}[31mno queue\u{1b}[0m")
        );
        let shown = excerpt("i-0abc", &console).unwrap();
        let lines: Vec<&str> = shown.lines().skip(1).collect();
        assert_eq!(lines[0], "  the console of server i-0abc ends with:");
        assert_eq!((lines.len(), lines[1]), (1 + LINES, "    line 12"));
        assert_eq!(lines[19].len(), 4 + WIDTH);
        assert_eq!(lines[20], "    \\u{1b}[31mno queue\\u{1b}[0m");
    }

    #[test]
    fn a_console_without_marks_is_shown_as_it_is_and_an_empty_one_not_at_all() {
        let shown = excerpt("i-1", "Kernel panic\n\n").unwrap();
        assert_eq!(
            shown,
            "\n  the console of server i-1 ends with:\n    Kernel panic"
        );
        assert_eq!(excerpt("i-1", "\n"), None);
    }
}
