//! A log group that is read again and again. Events reach it late and out of order, so each reading
//! goes back a little and leaves out what was read before.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use anyhow::Result;

use super::{LogLine, LogSource};
use crate::aws::{CloudWatchLogs, LogEvent};

/// The largest delay of an event: the agent on a server sends every five seconds, Lambda sooner.
/// Source: CloudWatch User Guide, agent configuration file, `force_flush_interval`; the rest is room.
const LATENESS: Duration = Duration::from_secs(60);

/// A group, and what of it was read.
#[derive(Debug)]
pub(super) struct Tail {
    source: LogSource,
    group: String,
    from: SystemTime,
    seen: BTreeMap<String, SystemTime>,
}

impl Tail {
    pub(super) fn new(source: LogSource, group: String, from: SystemTime) -> Self {
        let seen = BTreeMap::new();
        Self {
            source,
            group,
            from,
            seen,
        }
    }

    /// Returns the lines that are new.
    pub(super) async fn read(&mut self, client: &CloudWatchLogs) -> Result<Vec<LogLine>> {
        let events = client.list_events(&self.group, self.from).await?;
        Ok(self.take(events))
    }

    fn take(&mut self, events: Vec<LogEvent>) -> Vec<LogLine> {
        let mut lines = Vec::new();
        for event in events {
            if self.seen.insert(event.id, event.time).is_none() {
                lines.push(LogLine::read(
                    event.time,
                    self.source.clone(),
                    &event.message,
                ));
            }
        }
        if let Some(newest) = self.seen.values().max().copied() {
            self.from = self.from.max(newest - LATENESS);
            self.seen.retain(|_, time| *time >= self.from);
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, seconds: u64) -> LogEvent {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        LogEvent {
            id: id.to_owned(),
            time,
            message: id.to_owned(),
        }
    }

    fn messages(lines: &[LogLine]) -> Vec<&str> {
        lines.iter().map(|line| line.message.as_str()).collect()
    }

    #[test]
    fn every_event_is_reported_once_however_often_it_is_listed_and_a_late_one_is_not_lost() {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let mut tail = Tail::new(LogSource::API, "g".to_owned(), start);
        let first = tail.take(vec![event("a", 1000), event("b", 1100)]);
        assert_eq!(messages(&first), ["a", "b"]);
        assert_eq!(tail.from, start + Duration::from_secs(40));
        let second = tail.take(vec![
            event("late", 1050),
            event("b", 1100),
            event("c", 1300),
        ]);
        assert_eq!(messages(&second), ["late", "c"]);
        assert_eq!(tail.seen.len(), 1, "what is not listed again is forgotten");
        assert!(tail.take(vec![event("c", 1300)]).is_empty());
        assert_eq!(tail.from, start + Duration::from_secs(240));
    }
}
