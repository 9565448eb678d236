//! Sends every change to every connection.
//!
//! In: the hub's changes, and the connections. Out: one write for each connection and each batch of changes. A few
//! tasks go through all connections, a part each: to wake a task for each connection took longer than the write. A
//! connection that cannot take a batch is left to its own task, so it delays no other.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::hub::Hub;
use crate::writer::{Batch, Writer};

/// The connections that are written before other tasks get their turn: less than half a millisecond.
const TURN: usize = 32;

/// All connections, in as many parts as there are processors.
#[derive(Debug)]
pub struct Broadcaster {
    parts: Box<[Part]>,
    next: AtomicUsize,
}

/// The connections to which one task writes.
#[derive(Debug, Default)]
struct Part(Mutex<Places>);

#[derive(Debug, Default)]
struct Places {
    writers: Vec<Option<Arc<Writer>>>,
    free: Vec<usize>,
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
            next: AtomicUsize::new(0),
        }
    }

    /// Adds a connection. It must fetch by itself what the hub knew before.
    pub fn register(self: &Arc<Self>, writer: Arc<Writer>) -> Registration {
        let part = self.next.fetch_add(1, Ordering::Relaxed) % self.parts.len();
        Registration {
            place: self.parts[part].lock().add(writer),
            broadcaster: Arc::clone(self),
            part,
        }
    }

    /// Returns the number of parts, each of which needs a task that [runs](Self::run) it.
    pub fn parts(&self) -> usize {
        self.parts.len()
    }

    /// Sends the changes of the hub to the connections of a part, without end.
    pub async fn run(self: Arc<Self>, part: usize, hub: Arc<Hub>) {
        let mut positions = hub.watch_position();
        let mut position = *positions.borrow_and_update();
        while positions.changed().await.is_ok() {
            position = self.parts[part].send(&hub, &positions, position).await;
        }
    }
}

impl Part {
    /// Sends all changes after a position, and returns the position after them.
    async fn send(&self, hub: &Hub, positions: &watch::Receiver<u64>, mut position: u64) -> u64 {
        while position != *positions.borrow() {
            // Where even the broadcaster is too far behind, every connection finds out for itself.
            let batch = Batch::after(hub, position);
            let batch = batch.unwrap_or_else(|| Batch::empty(*positions.borrow()));
            self.push(&batch).await;
            position = batch.to;
        }
        position
    }

    async fn push(&self, batch: &Batch) {
        let mut begin = 0;
        loop {
            let turn = self.lock().turn(begin);
            let Some(turn) = turn else { return };
            for writer in &turn {
                writer.push(batch);
            }
            begin += TURN;
            tokio::task::yield_now().await;
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
    use super::*;

    #[test]
    fn every_place_gets_its_turn_and_a_free_one_is_taken_again() {
        let mut places = Places::default();
        assert!(places.turn(0).is_none());
        places.writers = vec![None; TURN + 1];

        assert_eq!(places.turn(0).map(|turn| turn.len()), Some(0));
        assert!(places.turn(TURN).is_some());
        assert!(places.turn(2 * TURN).is_none());
    }
}
