//! A crowd of clients on one thread.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::ops::Range;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::client::{Client, Received, SharedBuffer};

/// The connections that are opened at the same time, where it is no storm.
const OPENING: usize = 64;

/// The counters of a crowd.
#[derive(Debug, Default)]
pub struct Counters {
    /// The time from its sending to its receipt of each broadcast that a client has received.
    pub latencies: RefCell<Vec<Duration>>,
    /// The clients that have the whole tree.
    pub trees: Cell<usize>,
    /// The clients that were refused or lost their connection.
    pub failed: Cell<usize>,
    buffer: SharedBuffer,
}

/// Clients that read until they are dropped.
#[derive(Debug)]
pub struct Crowd {
    /// The messages that they have received.
    pub counters: Rc<Counters>,
    clients: Vec<JoinHandle<()>>,
}

/// Returns the microseconds since 1970.
pub fn microseconds() -> u64 {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX)
}

impl Crowd {
    /// Connects clients, `at_once` of them at the same time. Their numbers choose the addresses from which they come.
    /// Must run in a `LocalSet`.
    pub fn connect(server: SocketAddr, numbers: Range<usize>, at_once: usize) -> Self {
        let counters = Rc::<Counters>::default();
        let opening = Rc::new(Semaphore::new(at_once));
        let clients = numbers.map(|number| {
            let (counters, opening) = (Rc::clone(&counters), Rc::clone(&opening));
            tokio::task::spawn_local(async move {
                if take_part(server, number, &counters, &opening)
                    .await
                    .is_err()
                {
                    counters.failed.set(counters.failed.get() + 1);
                }
            })
        });
        Self {
            clients: clients.collect(),
            counters,
        }
    }

    /// Connects clients, a few at the same time, and waits until each has the whole tree.
    ///
    /// # Errors
    /// Returns that one of them was refused.
    pub async fn connected(server: SocketAddr, clients: usize) -> Result<Self> {
        let crowd = Self::connect(server, 0..clients, OPENING);
        crowd
            .wait_for_trees(clients, Duration::from_secs(120))
            .await?;
        Ok(crowd)
    }

    /// Waits until each client has the whole tree.
    ///
    /// # Errors
    /// Returns how many have it when the time is over.
    pub async fn wait_for_trees(&self, clients: usize, limit: Duration) -> Result<()> {
        let start = Instant::now();
        while self.counters.trees.get() < clients {
            let (trees, failed) = (self.counters.trees.get(), self.counters.failed.get());
            ensure!(
                start.elapsed() < limit,
                "{trees} of {clients} have the tree, {failed} failed"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for client in &self.clients {
            client.abort();
        }
    }
}

async fn take_part(
    server: SocketAddr,
    number: usize,
    counters: &Counters,
    opening: &Semaphore,
) -> Result<()> {
    let permit = opening.acquire().await?;
    let mut client = Client::connect(server, number).await?;
    drop(permit);
    let hand_on = |received| match received {
        Received::Broadcast(sent) => {
            let latency = Duration::from_micros(microseconds().saturating_sub(sent));
            counters.latencies.borrow_mut().push(latency);
        }
        Received::Tree => counters.trees.set(counters.trees.get() + 1),
        Received::Other => {}
    };
    client.read(&counters.buffer, hand_on).await
}
