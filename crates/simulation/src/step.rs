//! The steps of a schedule. A step names its objects by numbers that always fit: each is taken modulo what there is, and a
//! step without an object does nothing. So a schedule from which steps are left out is a schedule, too.

use crate::random::Random;

/// The number of servers.
pub const SERVERS: usize = 2;

/// The number of pages.
pub const PAGES: usize = 3;

/// The number of different factories.
pub const FACTORIES: u64 = 6;

/// The number of steps of a schedule.
pub const STEPS: usize = 96;

/// One step of a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A person creates a factory, or edits it if it is there.
    Write(u8),
    /// A person edits a factory so often that a slow connection gets only the newest changes.
    WriteOften(u8),
    /// A person removes a factory.
    Remove(u8),
    /// A person undoes a removal.
    Restore(u8),
    /// A person's request is sent again, after others may have written.
    WriteAgain(u8),
    /// The time to live deletes the items that have expired.
    Expire,
    /// An operator deletes an item; no removal is written.
    Delete(u8),
    /// The stream calls the publisher with some records.
    Publish(u8, PublishFault),
    /// The queue of a server delivers a message.
    Deliver(usize, u8),
    /// The queue of a server delivers a message, and will deliver it again.
    DeliverTwice(usize, u8),
    /// A message of a server's queue is lost.
    Lose(usize, u8),
    /// A server looks whether to send a heartbeat.
    Beat(usize),
    /// A server looks whether to read the table because no heartbeat comes.
    FallBack(usize),
    /// A server does its upkeep: it looks for its subscription and reads the table.
    Upkeep(usize),
    /// A read of the table goes on: it begins, one of its pages is read, or it ends.
    Read(usize),
    /// A read of the table fails.
    FailRead(usize),
    /// A server starts, or is killed and starts again.
    Restart(usize),
    /// The queue of a server is deleted.
    LoseQueue(usize),
    /// The subscription of a server's queue is deleted.
    Unsubscribe(usize),
    /// A page connects to a server.
    Connect(usize, usize),
    /// The connection of a page breaks; what is under way is lost.
    Cut(usize),
    /// A server writes to a page's connection what fits.
    Serve(usize),
    /// A page receives some of the messages under way.
    Receive(usize, u8),
    /// A page asks the API about one factory, as after a write of its own.
    Ask(usize, u8),
    /// A page without a connection reads the list.
    Poll(usize),
    /// Time passes for all.
    Wait(Pause),
    /// A server stands still while time passes, or its clock jumps forward.
    Freeze(usize),
}

/// A fault of one call of the publisher.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishFault {
    /// None.
    None,
    /// The topic takes all but one message.
    One(u8),
    /// The topic takes nothing.
    All,
    /// The topic takes everything, but the result is lost, so the stream sends the records again.
    LostResult,
}

/// A time that passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// Some seconds, from 1 to 16.
    Seconds(u8),
    /// Longer than a server believes a silent topic, and shorter than a queue keeps its messages.
    Minute,
    /// Longer than a queue keeps its messages.
    TenMinutes,
    /// Longer than a removal can be undone.
    TwoDays,
}

impl Step {
    /// Returns the next step of a schedule.
    pub fn next(random: &mut Random) -> Self {
        let mut byte = |limit: u64| u8::try_from(random.below(limit)).unwrap_or(u8::MAX);
        let kind = byte(100);
        let (id, pick) = (byte(FACTORIES), byte(64));
        let (server, page) = (usize::from(byte(2)), usize::from(byte(3)));
        match kind {
            0..10 => Self::Write(id),
            10 if pick < 32 => Self::WriteOften(id),
            10..16 => Self::Remove(id),
            16 if pick < 32 => Self::Delete(id),
            16 => Self::Remove(id),
            17..20 => Self::Restore(id),
            20 => Self::WriteAgain(id),
            21 => Self::Expire,
            22..35 => Self::Publish(1 + pick % 8, PublishFault::of(byte(10))),
            35..47 => Self::Deliver(server, pick),
            47..51 => Self::DeliverTwice(server, pick),
            51 => Self::Lose(server, pick),
            52 => Self::Beat(server),
            53 => Self::FallBack(server),
            54..57 => Self::Upkeep(server),
            57..69 => Self::Read(server),
            69 => Self::FailRead(server),
            70 => Self::Restart(server),
            71 => Self::LoseQueue(server),
            72 => Self::Unsubscribe(server),
            73..77 => Self::Connect(page, server),
            77 => Self::Cut(page),
            78..86 => Self::Serve(page),
            86..94 => Self::Receive(page, 1 + pick % 8),
            94 => Self::Ask(page, id),
            95 => Self::Poll(page),
            96..98 => Self::Wait(Pause::of(pick)),
            98 => Self::Freeze(server),
            _ => Self::WriteAgain(id),
        }
    }
}

impl Step {
    /// Returns whether servers learn of a change only by reading the table once more after this step.
    pub fn loses_changes(self) -> bool {
        match self {
            Self::Delete(_) | Self::Lose(..) | Self::LoseQueue(_) | Self::Unsubscribe(_) => true,
            Self::Wait(pause) => !matches!(pause, Pause::Seconds(_)),
            _ => false,
        }
    }
}

impl PublishFault {
    fn of(pick: u8) -> Self {
        match pick {
            0 => Self::All,
            1 => Self::LostResult,
            2 | 3 => Self::One(pick),
            _ => Self::None,
        }
    }
}

impl Pause {
    fn of(pick: u8) -> Self {
        match pick % 16 {
            0..10 => Self::Seconds(1 + pick % 16),
            10..13 => Self::Minute,
            13..15 => Self::TenMinutes,
            _ => Self::TwoDays,
        }
    }

    /// Returns the seconds that pass.
    pub fn seconds(self) -> u64 {
        match self {
            Self::Seconds(seconds) => seconds.into(),
            Self::Minute => 61,
            Self::TenMinutes => 600,
            Self::TwoDays => 2 * 24 * 60 * 60,
        }
    }
}

/// Returns the schedule of a seed. In every fourth one no change is lost, so that each must come by the topic.
pub fn schedule(seed: u64) -> Vec<Step> {
    let mut random = Random(seed);
    let steps = (0..STEPS).map(|_| Step::next(&mut random));
    let may_lose = !seed.is_multiple_of(4);
    steps
        .filter(|step| may_lose || !step.loses_changes())
        .collect()
}
