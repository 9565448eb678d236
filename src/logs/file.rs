//! A log file that is read again and again, from where the last reading ended.

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::{LogLine, LogSource};
use crate::clock::parse_utc;

/// A file, and what of it was read.
#[derive(Debug)]
pub(super) struct Tail {
    source: LogSource,
    path: PathBuf,
    from: SystemTime,
    /// Bytes of whole lines that were read.
    read: u64,
    /// The time of the last line: a line without a time of its own is of the same one.
    last: SystemTime,
}

#[derive(Deserialize)]
struct Timed {
    timestamp: String,
}

impl Tail {
    pub(super) fn new(source: LogSource, path: PathBuf, from: SystemTime) -> Self {
        let (read, last) = (0, SystemTime::UNIX_EPOCH);
        Self {
            source,
            path,
            from,
            read,
            last,
        }
    }

    /// Returns the lines that are new. A file that is not there has none.
    pub(super) fn read(&mut self) -> Result<Vec<LogLine>> {
        let text = self.new_text();
        let text = text.with_context(|| format!("failed to read `{}`", self.path.display()))?;
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let timed: Vec<LogLine> = lines.map(|line| self.line(line)).collect();
        Ok(timed
            .into_iter()
            .filter(|line| line.at >= self.from)
            .collect())
    }

    /// A line that is still being written is left for the next time.
    fn new_text(&mut self) -> std::io::Result<String> {
        let mut file = match File::open(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(String::new()),
            opened => opened?,
        };
        if file.metadata()?.len() < self.read {
            // It was begun again.
            self.read = 0;
        }
        file.seek(SeekFrom::Start(self.read))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let whole = bytes
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |end| end + 1);
        self.read += whole as u64;
        Ok(String::from_utf8_lossy(&bytes[..whole]).into_owned())
    }

    fn line(&mut self, text: &str) -> LogLine {
        let (time, text) = apart(text);
        self.last = time.unwrap_or(self.last);
        LogLine::read(self.last, self.source.clone(), text)
    }
}

/// Returns a line's time and what it says. A line of our own programs is JSON with its time in it; the
/// mark before each run begins with one.
fn apart(text: &str) -> (Option<SystemTime>, &str) {
    if let Some((time, run)) = text
        .strip_prefix("-- ")
        .and_then(|mark| mark.split_at_checked(20))
    {
        return (parse_utc(time), run.trim_start());
    }
    let timed = serde_json::from_str::<Timed>(text).ok();
    (timed.and_then(|line| parse_utc(&line.timestamp)), text)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const START: &str = "-- 2026-11-25 01:48:06Z server starts\n";
    const LISTENING: &str = "{\"timestamp\":\"2026-11-25T01:48:06.641208Z\",\"level\":\"INFO\",\"message\":\"listening\"}\n";

    fn reported(lines: &[LogLine]) -> String {
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    #[test]
    fn new_lines_are_reported_once_with_the_time_of_the_line_before_where_they_have_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.log");
        let since = parse_utc("2026-11-25T01:48:06Z").unwrap();
        let mut tail = Tail::new(LogSource::SERVER, path.clone(), since);
        assert_eq!(tail.read().unwrap(), [], "there is no file yet");

        let mut file = File::create(&path).unwrap();
        write!(file, "from before\n{START}{LISTENING}\npanicked\nhalf a li").unwrap();
        insta::assert_snapshot!(reported(&tail.read().unwrap()), @r"
        2026-11-25T01:48:06.000Z server    -     server starts
        2026-11-25T01:48:06.641Z server    INFO  listening
        2026-11-25T01:48:06.641Z server    -     panicked
        ");
        writeln!(file, "ne").unwrap();
        insta::assert_snapshot!(
            reported(&tail.read().unwrap()),
            @"2026-11-25T01:48:06.641Z server    -     half a line"
        );
        assert_eq!(tail.read().unwrap(), []);

        std::fs::write(&path, LISTENING).unwrap();
        assert_eq!(tail.read().unwrap().len(), 1, "the file was begun anew");
    }

    #[test]
    fn what_is_older_is_not_reported() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("server.log");
        std::fs::write(&path, [START, LISTENING].concat()).unwrap();
        let since = parse_utc("2026-11-25T01:48:06.5Z").unwrap();
        let lines = Tail::new(LogSource::SERVER, path, since).read().unwrap();
        assert_eq!(lines.len(), 1);
    }
}
