//! Sends every change to every connection.
//!
//! In: the hub's changes, and the connections. Out: one write for each connection and each batch of changes. A few
//! threads go through all connections, a part each: to wake a task for each connection took longer than the write. Where
//! there are few connections, one thread writes them all: to share them with another processor costs more than it saves
//! (`benches/live`). A connection that cannot take a batch is left to its own task, so it delays no other.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::hub::Hub;
use crate::metrics::{Metrics, increment_by};
use crate::writer::{Batch, Writer};

/// The connections that are written before others get the processor: about a millisecond. Without turns, or with a quarter of
/// this, the median of a delivery is longer (`benches/README.md`).
const TURN: usize = 128;

/// The connections up to which the first part takes all of them: one thread writes to them in about 20 ms.
const FEW: usize = 2_048;

/// All connections, in at most as many parts as there are processors.
#[derive(Debug)]
pub struct Broadcaster {
    parts: Box<[Part]>,
}

/// The connections to which one thread writes.
#[derive(Debug, Default)]
struct Part(Mutex<Places>);

#[derive(Debug, Default)]
struct Places {
    writers: Vec<Option<Arc<Writer>>>,
    free: Vec<usize>,
}

/// The threads that send; dropping it ends them, each after the changes that it has begun to send.
#[derive(Debug)]
pub struct Sending {
    _running: watch::Sender<()>,
}

/// The place of a connection; dropping it ends the sending.
#[derive(Debug)]
pub struct Registration {
    broadcaster: Arc<Broadcaster>,
    part: usize,
    place: usize,
}

impl Broadcaster {
    /// Returns a broadcaster without connections.
    pub fn new(parts: usize) -> Self {
        Self {
            parts: (0..parts.max(1)).map(|_| Part::default()).collect(),
        }
    }

    /// Adds a connection. It must fetch by itself what the hub knew before.
    pub fn register(self: &Arc<Self>, writer: Arc<Writer>) -> Registration {
        let part = self.part_with_room();
        Registration {
            place: self.parts[part].lock().add(writer),
            broadcaster: Arc::clone(self),
            part,
        }
    }

    /// Returns the first part while it has few connections, and then the one that has the fewest.
    fn part_with_room(&self) -> usize {
        let taken = |part: &usize| self.parts[*part].lock().taken();
        if taken(&0) < FEW {
            return 0;
        }
        (0..self.parts.len()).min_by_key(taken).unwrap_or(0)
    }

    /// Starts a thread for each part, which sends the changes of the hub to its connections. A thread and no task: a task that
    /// lets others have their turn is taken over by another worker of the runtime, which has to be woken for that.
    ///
    /// # Panics
    /// Panics outside a runtime, and where the system has no thread left.
    pub fn start(self: &Arc<Self>, hub: &Arc<Hub>, metrics: &Arc<Metrics>) -> Sending {
        let running = watch::Sender::new(());
        for part in 0..self.parts.len() {
            let (hub, metrics) = (Arc::clone(hub), Arc::clone(metrics));
            let work = Arc::clone(self).run(part, hub, metrics);
            let (mut stopped, runtime) = (running.subscribe(), Handle::current());
            thread::spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = work => {}
                        _ = stopped.changed() => {}
                    }
                });
            });
        }
        Sending { _running: running }
    }

    /// Returns the work that sends every change from now on to the connections of a part, without end.
    ///
    /// A function and no `async fn`: that would look at the hub only when its thread runs, and miss the changes before.
    fn run(
        self: Arc<Self>,
        part: usize,
        hub: Arc<Hub>,
        metrics: Arc<Metrics>,
    ) -> impl Future<Output = ()> + Send {
        let mut positions = hub.watch_position();
        let mut position = *positions.borrow_and_update();
        async move {
            while positions.changed().await.is_ok() {
                // Where even the broadcaster is too far behind, every connection finds out for itself.
                while position != *positions.borrow() {
                    let batch = Batch::after(&hub, position);
                    let batch = batch.unwrap_or_else(|| Batch::empty(*positions.borrow()));
                    self.parts[part].push(&batch, &metrics);
                    position = batch.to;
                }
            }
        }
    }
}

impl Part {
    fn push(&self, batch: &Batch, metrics: &Metrics) {
        let mut begin = 0;
        loop {
            let turn = self.lock().turn(begin);
            let Some(turn) = turn else { return };
            // Counted for all at once: processors that count at the same time wait for each other.
            let taken = turn.iter().filter(|writer| writer.push(batch)).count();
            increment_by(&metrics.deliveries, taken * batch.messages);
            increment_by(&metrics.coalesced, taken * batch.coalesced);
            begin += TURN;
            thread::yield_now();
        }
    }

    // A panic cannot leave a place half taken, so a poisoned lock is still usable.
    fn lock(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Places {
    fn add(&mut self, writer: Arc<Writer>) -> usize {
        if let Some(place) = self.free.pop() {
            self.writers[place] = Some(writer);
            return place;
        }
        self.writers.push(Some(writer));
        self.writers.len() - 1
    }

    /// Returns the number of connections.
    fn taken(&self) -> usize {
        self.writers.len() - self.free.len()
    }

    /// Returns the connections of the next places, or `None` after the last place.
    fn turn(&self, begin: usize) -> Option<Vec<Arc<Writer>>> {
        let end = self.writers.len().min(begin + TURN);
        let places = self.writers.get(begin..end)?;
        (begin < end).then(|| places.iter().flatten().cloned().collect())
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut places = self.broadcaster.parts[self.part].lock();
        places.writers[self.place] = None;
        places.free.push(self.place);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn the_threads_end_when_nobody_wants_them_to_send() {
        let hub = Arc::new(Hub::new("a build", "a run"));
        let sending = Arc::new(Broadcaster::new(2)).start(&hub, &Arc::default());
        assert_eq!(Arc::strong_count(&hub), 3);

        drop(sending);
        let ended = async {
            while Arc::strong_count(&hub) > 1 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let ended = tokio::time::timeout(Duration::from_secs(10), ended).await;
        assert!(ended.is_ok(), "a thread goes on");
    }

    #[test]
    fn every_place_gets_its_turn_and_a_free_one_is_taken_again() {
        let mut places = Places::default();
        assert!(places.turn(0).is_none());
        places.writers = vec![None; TURN + 1];

        assert_eq!(places.turn(0).map(|turn| turn.len()), Some(0));
        assert!(places.turn(TURN).is_some());
        assert!(places.turn(2 * TURN).is_none());
    }

    #[test]
    fn few_connections_are_written_by_one_thread_and_a_crowd_is_shared() {
        let broadcaster = Broadcaster::new(2);
        let fill = |part: usize, taken| {
            broadcaster.parts[part].lock().writers = vec![None; taken];
        };

        assert_eq!(broadcaster.part_with_room(), 0);
        fill(0, FEW - 1);
        assert_eq!(broadcaster.part_with_room(), 0);
        fill(0, FEW);
        assert_eq!(broadcaster.part_with_room(), 1);
        fill(1, FEW + 1);
        assert_eq!(broadcaster.part_with_room(), 0);
        broadcaster.parts[1].lock().free = vec![0, 1];
        assert_eq!(broadcaster.part_with_room(), 1);
    }
}
