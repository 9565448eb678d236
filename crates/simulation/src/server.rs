//! A server: its queue, and the real hub, inbox, loader and decisions, driven step by step.

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use anyhow::Result;
use domain::message::LiveMessage;
use domain::{FactoryChange, FactoryId};
use websocket::fallback::Fallback;
use websocket::feed::LONG_SILENCE;
use websocket::feed_timing::FeedTiming;
use websocket::heartbeat::{Beat, Rhythm};
use websocket::hub::history::Limits;
use websocket::hub::{Backlog, Hub, InitialMessages};
use websocket::inbox::Inbox;
use websocket::metrics::Metrics;
use websocket::readiness::Readiness;
use websocket::text_frame::TextFrame;
use websocket::tree_loader::TreeLoader;

use crate::table::Table;

/// The sizes of a server's hub: so small that a schedule exceeds each of them.
pub const LIMITS: Limits = Limits {
    capacity: 12,
    coalesce_above: 4,
    chunk: 3,
    snapshot_age: 6,
};

/// The reason of a read of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reason {
    /// A new queue was subscribed; the queue is polled after the read.
    Subscription,
    /// No heartbeat came.
    Fallback,
    /// The read is part of the upkeep.
    Upkeep,
}

type Load = Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// A server of the simulation.
pub struct Server {
    /// The name of this run.
    pub name: String,
    /// The hub.
    pub hub: Arc<Hub>,
    /// The messages of the queue; `None` if there is no queue.
    pub queue: Option<Vec<String>>,
    /// Whether the topic sends to the queue.
    pub is_subscribed: bool,
    loader: TreeLoader<Table>,
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
    loads: Vec<(Reason, Load)>,
    fallback: Fallback,
    rhythm: Rhythm,
    last_poll: Instant,
    /// The newest revision of each factory that this server was told.
    told: HashMap<FactoryId, u64>,
}

impl fmt::Debug for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Server")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Server {
    /// Starts a server: it subscribes a queue and begins to read the table.
    pub fn start(name: String, table: &Table, now: Instant) -> Self {
        let hub = Arc::new(Hub::with_limits("build", &name, LIMITS));
        let loader = TreeLoader {
            table: table.clone(),
            hub: Arc::clone(&hub),
            metrics: Arc::default(),
            readiness: Arc::default(),
            turn: Arc::default(),
        };
        let mut server = Self {
            name,
            hub,
            queue: None,
            is_subscribed: false,
            metrics: Arc::clone(&loader.metrics),
            readiness: Arc::clone(&loader.readiness),
            loader,
            loads: Vec::new(),
            fallback: Fallback::default(),
            rhythm: Rhythm::new(FeedTiming::default()),
            last_poll: now,
            told: HashMap::new(),
        };
        server.subscribe();
        server
    }

    /// Returns whether pages may connect.
    pub fn is_loaded(&self) -> bool {
        self.hub.is_loaded()
    }

    /// Makes a new queue in place of the one before, subscribes it, and begins to read the table.
    fn subscribe(&mut self) {
        self.queue = Some(Vec::new());
        self.is_subscribed = true;
        // The real feed drops what the queue before was at.
        self.loads.retain(|(reason, _)| *reason == Reason::Fallback);
        self.load(Reason::Subscription);
    }

    fn load(&mut self, reason: Reason) {
        let loader = self.loader.clone();
        let load = Box::pin(async move { loader.load().await });
        self.loads.push((reason, load));
    }

    fn is_polling(&self) -> bool {
        let is_new = |(reason, _): &(Reason, Load)| *reason == Reason::Subscription;
        self.is_loaded() && !self.loads.iter().any(is_new)
    }

    /// The topic sends a message.
    pub fn enqueue(&mut self, message: &str) {
        if self.is_subscribed
            && let Some(queue) = &mut self.queue
        {
            queue.push(message.to_owned());
        }
    }

    /// Polls the queue: takes one message, and leaves it there if the queue will deliver it again.
    pub fn poll(&mut self, pick: u8, again: bool, now: Instant) {
        if !self.is_polling() {
            return;
        }
        let Some(queue) = &mut self.queue else {
            return self.subscribe();
        };
        if let Some(place) = usize::from(pick).checked_rem(queue.len()) {
            let message = queue[place].clone();
            if !again {
                // The rest of the queue keeps its order: several polls with one pick deliver messages that follow each other.
                queue.remove(place);
            }
            self.take(&message, now);
        }
        let silence = now.saturating_duration_since(self.last_poll);
        self.last_poll = now;
        if silence > LONG_SILENCE {
            self.load(Reason::Upkeep);
        }
    }

    fn take(&mut self, message: &str, now: Instant) {
        if let Ok(change) = serde_json::from_str::<FactoryChange>(message) {
            self.tell(change.id(), change.revision());
        }
        let inbox = Inbox {
            hub: &self.hub,
            readiness: &self.readiness,
            metrics: &self.metrics,
        };
        inbox.take(message, now);
    }

    fn tell(&mut self, id: FactoryId, revision: u64) {
        let told = self.told.entry(id).or_default();
        *told = revision.max(*told);
    }

    /// Returns whether a message about a factory waits in the queue.
    pub fn awaits(&self, id: FactoryId) -> bool {
        let is_about = |message: &String| {
            serde_json::from_str::<FactoryChange>(message).is_ok_and(|change| change.id() == id)
        };
        self.queue.iter().flatten().any(is_about)
    }

    /// Returns whether the hub knows a factory at a revision.
    pub fn knows(&self, id: FactoryId, revision: u64) -> bool {
        self.hub.known_revisions().get(&id) == Some(&revision)
    }

    /// Loses a message of the queue.
    pub fn lose(&mut self, pick: u8) {
        if let Some(queue) = &mut self.queue
            && let Some(place) = usize::from(pick).checked_rem(queue.len())
        {
            queue.swap_remove(place);
        }
    }

    /// Does the upkeep.
    pub fn keep_up(&mut self) {
        if !self.is_polling() {
            return;
        }
        if self.is_subscribed && self.queue.is_some() {
            self.load(Reason::Upkeep);
        } else {
            self.subscribe();
        }
    }

    /// Looks whether to read the table in place of the queue.
    pub fn fall_back(&mut self, now: Instant) {
        let is_under_way = self
            .loads
            .iter()
            .any(|(reason, _)| *reason == Reason::Fallback);
        if self.is_loaded() && !is_under_way && self.fallback.is_due(self.is_quiet(now)) {
            self.load(Reason::Fallback);
        }
    }

    fn is_quiet(&self, now: Instant) -> bool {
        let quiet = FeedTiming::default().quiet;
        !self.readiness.has_heard_within(quiet, now)
    }

    /// Looks whether to send a heartbeat, and returns whether it sends one.
    pub fn beat(&mut self, now: Instant) -> bool {
        if !self.is_polling() {
            return false;
        }
        match self.rhythm.next(&self.readiness, now) {
            Beat::Rest => false,
            Beat::Send => {
                self.rhythm.record_sent(now);
                true
            }
            Beat::Replace(_) => {
                self.subscribe();
                self.rhythm.start_again();
                false
            }
        }
    }

    /// Goes on with the reads of the table. Returns whether one ended.
    pub fn read(&mut self, now: Instant) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        let Some((reason, load)) = self.loads.first_mut() else {
            return false;
        };
        let Poll::Ready(result) = load.as_mut().poll(&mut context) else {
            return false;
        };
        let reason = *reason;
        drop(self.loads.remove(0));
        match (reason, result) {
            (Reason::Subscription, Ok(())) => {
                self.readiness.set_subscribed(now);
                self.last_poll = now;
            }
            // The real feed begins again, with a new queue.
            (Reason::Subscription, Err(_)) => self.subscribe(),
            (Reason::Fallback, Ok(())) => self.fallback.record_read(self.is_quiet(now)),
            (Reason::Upkeep, Ok(())) | (_, Err(_)) => {}
        }
        for (id, revision) in self.hub.known_revisions() {
            self.tell(id, revision);
        }
        true
    }

    /// Everything under way ends: messages expire, requests time out.
    pub fn drop_all_under_way(&mut self, passed: Duration) {
        if passed > websocket::queues::RETENTION
            && let Some(queue) = &mut self.queue
        {
            queue.clear();
        }
        // A request to the table takes some seconds at most, and then the read fails.
        let has_subscription = self
            .loads
            .iter()
            .any(|(reason, _)| *reason == Reason::Subscription);
        self.loads.clear();
        if has_subscription {
            self.subscribe();
        }
    }

    /// Takes everything that is left, and reads the table.
    pub fn settle(&mut self, now: Instant) {
        self.drain(now);
        self.keep_up();
        while !self.loads.is_empty() {
            self.read(now);
        }
    }

    /// Ends the reads that have begun, and takes everything that is left in the queue.
    pub fn drain(&mut self, now: Instant) {
        for _ in 0..64 {
            if self.loads.is_empty() {
                break;
            }
            self.read(now);
        }
        while self.queue.as_ref().is_some_and(|queue| !queue.is_empty()) {
            self.poll(0, false, now);
        }
    }

    /// Checks that a new page gets no factory older than this server was told, and so none whose removal it was told.
    ///
    /// # Errors
    /// Returns the factory.
    pub fn check(&self, initial: &InitialMessages) -> Result<(), String> {
        let mut shown = HashMap::new();
        show(&mut shown, &initial.texts());
        let mut position = initial.position;
        while let Backlog::Next {
            texts,
            position: next,
            ..
        } = self.hub.backlog_after(position)
            && !texts.is_empty()
        {
            show(&mut shown, &texts);
            position = next;
        }
        let mut shown = shown.into_iter();
        match shown.find(|(id, revision)| self.told.get(id) > Some(revision)) {
            Some(old) => Err(format!(
                "{} shows {old:?} and was told a newer revision",
                self.name
            )),
            None => Ok(()),
        }
    }
}

/// Applies messages to the revisions that a page shows.
fn show(shown: &mut HashMap<FactoryId, u64>, texts: &[TextFrame]) {
    for text in texts {
        match serde_json::from_str(text.as_str()) {
            Ok(LiveMessage::Snapshot { factories, .. }) => {
                shown.extend(
                    factories
                        .iter()
                        .map(|factory| (factory.id, factory.revision)),
                );
            }
            Ok(LiveMessage::Changed { factory, .. }) => {
                shown.insert(factory.id, factory.revision);
            }
            Ok(LiveMessage::Removed { id, .. }) => {
                shown.remove(&id);
            }
            Ok(LiveMessage::Hello { .. }) | Err(_) => {}
        }
    }
}
