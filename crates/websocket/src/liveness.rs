//! When one client is pinged, and whether it still answers.
//!
//! In: the position of the client at the end of each interval, and that a message of it came. Out: the step that is due.
//! Nothing is sent here.

use std::time::{Duration, Instant};

use crate::{clock, random};

/// The pings of a connection, and whether the client still answers.
///
/// A change that is sent keeps a load balancer from closing the connection as well as a ping does, and costs nothing more:
/// pings took a tenth of the server's time with ten thousand clients and two changes a second (`benches/live`).
#[derive(Debug)]
pub struct Liveness {
    interval_end: Instant,
    period: Duration,
    /// The steps in which intervals end, so that the server wakes once for many.
    tick: Duration,
    /// The position of the client at the end of the last interval.
    position: u64,
    /// The intervals in a row in which changes were sent, and no ping.
    busy: u8,
    unanswered: u8,
}

/// The step that the end of an interval calls for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interval {
    /// Nothing: changes were sent in it.
    Busy,
    /// A ping is to be sent.
    PingDue,
    /// The client has answered no ping.
    Unanswered,
}

impl Liveness {
    /// The number of pings without any message from the client after which the client counts as unresponsive.
    const MAX_UNANSWERED: u8 = 2;

    /// The number of intervals after which a client is pinged although changes were sent in each: a client may be gone
    /// while a proxy takes what is sent to it.
    const MAX_BUSY: u8 = 3;

    /// Begins the first interval of a client at a position. Intervals last from `ping` to a quarter more; the first ends at
    /// a random moment of that time.
    pub fn new(ping: Duration, position: u64) -> Self {
        let period = ping + random::duration_below(ping / 5);
        let tick = ping / 20;
        Self {
            interval_end: clock::next_tick(clock::now() + random::duration_below(period), tick),
            period,
            tick,
            position,
            busy: 0,
            unanswered: 0,
        }
    }

    /// Returns the end of the interval.
    pub fn interval_end(&self) -> Instant {
        self.interval_end
    }

    /// Notes that a message came, and returns whether it is the pong that was waited for.
    pub fn note_message(&mut self, is_pong: bool) -> bool {
        let was_waited_for = self.unanswered > 0;
        self.unanswered = 0;
        was_waited_for && is_pong
    }

    /// Ends an interval at which the client has a position, and begins the next.
    pub fn end_interval(&mut self, position: u64, now: Instant) -> Interval {
        self.interval_end = clock::next_tick(now + self.period, self.tick);
        let has_changes = std::mem::replace(&mut self.position, position) != position;
        if has_changes && self.unanswered == 0 && self.busy < Self::MAX_BUSY {
            self.busy += 1;
            return Interval::Busy;
        }
        self.busy = 0;
        self.unanswered += 1;
        match self.unanswered {
            ..=Self::MAX_UNANSWERED => Interval::PingDue,
            _ => Interval::Unanswered,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns how the intervals of a new connection end at whose ends the client has these positions.
    fn ends(positions: &[u64]) -> Vec<Interval> {
        let now = clock::now();
        let mut liveness = Liveness::new(Duration::from_secs(20), 7);
        let end = |position: &u64| liveness.end_interval(*position, now);
        positions.iter().map(end).collect()
    }

    #[test]
    fn a_client_that_gets_nothing_is_pinged_after_each_interval() {
        use Interval::{PingDue, Unanswered};
        assert_eq!(ends(&[7, 7, 7]), [PingDue, PingDue, Unanswered]);
    }

    #[test]
    fn a_client_that_gets_changes_is_pinged_at_every_fourth_interval_until_it_is_silent() {
        use Interval::{Busy, PingDue, Unanswered};
        let ends = ends(&[8, 9, 12, 13, 14, 15]);
        assert_eq!(ends, [Busy, Busy, Busy, PingDue, PingDue, Unanswered]);
    }

    #[test]
    fn a_client_that_answers_is_left_alone_again_while_changes_come() {
        let now = clock::now();
        let mut liveness = Liveness::new(Duration::from_secs(20), 7);
        assert_eq!(liveness.end_interval(7, now), Interval::PingDue);
        assert!(liveness.note_message(true));
        assert!(!liveness.note_message(true), "nobody waits for a second");

        assert_eq!(liveness.end_interval(8, now), Interval::Busy);
        assert_eq!(liveness.end_interval(8, now), Interval::PingDue);
    }
}
