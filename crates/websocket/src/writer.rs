//! The sending half of one connection.
//!
//! In: the first messages, batches of changes from the broadcaster, replies from the connection's task. Out: frames, as
//! many as the kernel takes. Nothing here waits: where the kernel takes no more, the rest stays, and the connection's
//! task is woken, which waits for the socket and goes on. Nothing is queued for a connection but what the kernel took
//! in part and the replies: a connection has a position in the hub's history, and fetches what follows.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use axum::body::Bytes;
use tokio::net::TcpStream;
use tokio::sync::Notify;

use crate::clock;
use crate::hub::{Backlog, Hub, InitialMessages};
use crate::metrics::{Metrics, increment, increment_by};
use crate::text_frame::TextFrame;

/// The most replies that wait; a client that asks more without reading is too far behind.
const MAX_REPLIES: usize = 32;

/// The bytes that the kernel must take within the time limit of a write.
const STEP: usize = 4 * 1024;

/// The sending half of a connection, which its task and the broadcaster share.
#[derive(Debug)]
pub struct Writer {
    stream: TcpStream,
    hub: Arc<Hub>,
    metrics: Arc<Metrics>,
    state: Mutex<State>,
    attention: Notify,
}

#[derive(Debug)]
struct State {
    /// The position of the last change that was sent or is in the rest of what waits.
    position: u64,
    /// The bytes and messages that come before the next change. Most connections have none at most times: so they lie apart.
    waiting: Option<Box<Waiting>>,
    is_closing: bool,
}

#[derive(Debug, Default)]
struct Waiting {
    /// The bytes of the current frames that the kernel has not taken.
    rest: Bytes,
    /// The first messages that were not sent yet.
    initial: Option<InitialMessages>,
    replies: VecDeque<Reply>,
    /// Since when the kernel has taken less than a step, and how much of it.
    slow: Option<(Instant, usize)>,
}

/// A frame that replies to the client.
#[derive(Debug)]
struct Reply {
    /// The position that the client must have before; `None` for a frame of the protocol, which may come at any time.
    after: Option<u64>,
    bytes: Bytes,
}

/// Where the sending of a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// There is nothing to send.
    Idle,
    /// The kernel takes no more at the moment.
    Blocked,
    /// The history has forgotten what follows, or too many replies wait.
    TooFarBehind,
    /// The connection is broken.
    Broken,
}

/// Changes that follow a position, as the bytes that are the same for every connection at that position.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The position before the changes.
    pub from: u64,
    /// The position after them.
    pub to: u64,
    /// The number of messages.
    pub messages: usize,
    /// The number of messages that newer ones replaced.
    pub coalesced: usize,
    /// The frames of the messages.
    pub bytes: Bytes,
}

impl Batch {
    /// Returns a batch without changes.
    pub fn empty(position: u64) -> Self {
        Self {
            from: position,
            to: position,
            messages: 0,
            coalesced: 0,
            bytes: Bytes::new(),
        }
    }

    /// Returns the next changes after a position; `None` where the history has forgotten them.
    pub fn after(hub: &Hub, position: u64) -> Option<Self> {
        match hub.backlog_after(position) {
            Backlog::TooFarBehind => None,
            Backlog::Next {
                texts,
                position: to,
                coalesced,
            } => Some(Self {
                from: position,
                to,
                messages: texts.len(),
                coalesced,
                bytes: joined(&texts),
            }),
        }
    }
}

/// Returns the bytes of all frames; those of a single frame are not copied.
fn joined(frames: &[TextFrame]) -> Bytes {
    match frames {
        [frame] => frame.bytes().clone(),
        frames => {
            let parts: Vec<&[u8]> = frames.iter().map(|frame| &frame.bytes()[..]).collect();
            parts.concat().into()
        }
    }
}

impl Writer {
    /// Returns the sending half of a new connection, which has sent nothing yet.
    pub fn new(
        stream: TcpStream,
        hub: Arc<Hub>,
        metrics: Arc<Metrics>,
        initial: InitialMessages,
    ) -> Self {
        let state = State {
            position: initial.position,
            waiting: Some(Box::new(Waiting {
                initial: Some(initial),
                ..Waiting::default()
            })),
            is_closing: false,
        };
        Self {
            stream,
            hub,
            metrics,
            state: Mutex::new(state),
            attention: Notify::new(),
        }
    }

    /// Returns the socket, to read from it and to wait for it.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Waits until the broadcaster could not send everything.
    pub async fn wait_for_attention(&self) {
        self.attention.notified().await;
    }

    /// Returns since when the kernel takes too little; `None` unless bytes wait for it.
    pub fn slow_since(&self) -> Option<Instant> {
        let waiting = &self.lock().waiting;
        let slow = waiting.as_ref().and_then(|waiting| waiting.slow);
        slow.map(|(since, _)| since)
    }

    /// Returns the position of the last change that was sent, or is being sent.
    pub fn position(&self) -> u64 {
        self.lock().position
    }

    /// Sends a batch, or what else follows where the batch does not fit. Calls the connection's task if something stays.
    /// Returns whether the batch was taken, which the caller then counts.
    pub fn push(&self, batch: &Batch) -> bool {
        let mut state = self.lock();
        if state.is_blocked() || state.is_closing {
            // Its task is at it already.
            return false;
        }
        let fits = state.waiting.is_none() && state.position == batch.from;
        let progress = if fits {
            state.position = batch.to;
            self.write(&mut state, &batch.bytes)
        } else {
            self.pump_locked(&mut state)
        };
        drop(state);
        if progress != Progress::Idle {
            self.attention.notify_one();
        }
        fits
    }

    /// Sends all that waits, as far as the kernel takes it.
    pub fn pump(&self) -> Progress {
        self.pump_locked(&mut self.lock())
    }

    /// Sends a frame of the protocol behind those that were begun.
    pub fn reply(&self, bytes: Bytes) -> Progress {
        self.queue(Reply { after: None, bytes })
    }

    /// Sends a text behind every change that the hub knows now.
    pub fn reply_after_changes(&self, text: &TextFrame) -> Progress {
        self.queue(Reply {
            after: Some(self.hub.position()),
            bytes: text.bytes().clone(),
        })
    }

    /// Sends a close frame behind those that were begun, and nothing after it.
    pub fn close(&self, bytes: Bytes) -> Progress {
        let mut state = self.lock();
        state.is_closing = true;
        let waiting = state.waiting.get_or_insert_default();
        waiting.initial = None;
        waiting.replies.clear();
        waiting.replies.push_back(Reply { after: None, bytes });
        self.pump_locked(&mut state)
    }

    fn queue(&self, reply: Reply) -> Progress {
        let mut state = self.lock();
        let waiting = state.waiting.get_or_insert_default();
        if waiting.replies.len() >= MAX_REPLIES {
            return Progress::TooFarBehind;
        }
        waiting.replies.push_back(reply);
        self.pump_locked(&mut state)
    }

    fn pump_locked(&self, state: &mut State) -> Progress {
        let mut bytes = state.take_rest();
        loop {
            let progress = self.write(state, &bytes);
            if progress != Progress::Idle {
                return progress;
            }
            bytes = match self.next(state) {
                Ok(Some(bytes)) => bytes,
                Ok(None) => return Progress::Idle,
                Err(progress) => return progress,
            };
        }
    }

    /// Returns the bytes to send next, or `None` if there are none.
    fn next(&self, state: &mut State) -> Result<Option<Bytes>, Progress> {
        if let Some(waiting) = &mut state.waiting {
            if let Some(reply) = waiting.next_reply(state.position) {
                return Ok(Some(reply));
            }
            if let Some(initial) = &mut waiting.initial {
                if let Some(frame) = initial.next() {
                    increment(&self.metrics.deliveries);
                    return Ok(Some(frame));
                }
                waiting.initial = None;
                return self.next(state);
            }
            if waiting.replies.is_empty() {
                state.waiting = None;
            }
        }
        if state.is_closing {
            return Ok(None);
        }
        let batch = Batch::after(&self.hub, state.position).ok_or(Progress::TooFarBehind)?;
        if batch.to == batch.from {
            return Ok(None);
        }
        state.position = batch.to;
        increment_by(&self.metrics.deliveries, batch.messages);
        increment_by(&self.metrics.coalesced, batch.coalesced);
        Ok(Some(batch.bytes))
    }

    /// Writes bytes, and keeps those that the kernel does not take.
    fn write(&self, state: &mut State, bytes: &Bytes) -> Progress {
        let mut written = 0;
        while written < bytes.len() {
            match self.stream.try_write(&bytes[written..]) {
                Ok(0) => return Progress::Broken,
                Ok(taken) => written += taken,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let waiting = state.waiting.get_or_insert_default();
                    waiting.rest = bytes.slice(written..);
                    waiting.note_slowness(written);
                    return Progress::Blocked;
                }
                Err(_) => return Progress::Broken,
            }
        }
        if let Some(waiting) = &mut state.waiting {
            waiting.slow = None;
        }
        Progress::Idle
    }

    // A panic cannot leave a frame half written, so a poisoned lock is still usable.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns whether bytes wait for the kernel.
    fn is_blocked(&self) -> bool {
        let rest = self.waiting.as_ref().map(|waiting| &waiting.rest);
        rest.is_some_and(|rest| !rest.is_empty())
    }

    fn take_rest(&mut self) -> Bytes {
        let rest = self.waiting.as_mut().map(|waiting| &mut waiting.rest);
        rest.map(std::mem::take).unwrap_or_default()
    }
}

impl Waiting {
    /// Returns the next reply that may come at a position.
    fn next_reply(&mut self, position: u64) -> Option<Bytes> {
        let has_all = |after: u64| self.initial.is_none() && position >= after;
        let is_due = |reply: &Reply| reply.after.is_none_or(has_all);
        let place = self.replies.iter().position(is_due)?;
        self.replies.remove(place).map(|reply| reply.bytes)
    }

    fn note_slowness(&mut self, taken: usize) {
        let taken_before = self.slow.map_or(0, |(_, taken)| taken);
        match self.slow {
            Some((since, _)) if taken_before + taken < STEP => {
                self.slow = Some((since, taken_before + taken));
            }
            _ => self.slow = Some((clock::now(), 0)),
        }
    }
}

#[cfg(test)]
mod tests;
