//! The limits on connections, in total and from one address: how many are open, how often new ones come, and how many
//! bytes of the tree they draw.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use tokio::sync::watch;

use crate::bucket::Bucket;

/// The share of its burst that an address gets back every second. All connections of an address may come again at
/// once, as after a restart of the server, and then again half a minute later.
const REFILL: f64 = 1.0 / 32.0;

/// The bytes of the tree that an address may draw at once, for each connection that it may have.
const BYTES_PER_CONNECTION: f64 = 1024.0 * 1024.0;

/// The number of addresses from which the server looks for those that it can forget.
const MANY_ADDRESSES: usize = 1_024;

/// The time between two looks for addresses to forget.
const LOOKING_INTERVAL: Duration = Duration::from_secs(1);

/// Counts the open connections and refuses those above a limit.
#[derive(Debug)]
pub struct ConnectionLimits {
    total: usize,
    per_address: usize,
    addresses: Mutex<Addresses>,
    open: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Addresses {
    known: HashMap<IpAddr, Address>,
    /// When the server last looked for addresses to forget.
    looked_at: Option<Instant>,
}

/// The use that one address has made of the server.
#[derive(Debug)]
struct Address {
    open: usize,
    handshakes: Bucket,
    bytes: Bucket,
}

/// Why a connection is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The server has reached its total limit.
    #[error("the server has as many connections as it can hold")]
    Full,
    /// The address has reached its limit.
    #[error("your address has as many connections as one address may have")]
    AddressFull,
    /// The address connects too often, or its connections have drawn too much.
    #[error("your address connects too often; wait a moment")]
    AddressBusy,
}

/// The permit of one open connection; dropping it releases its place.
#[derive(Debug)]
pub struct ConnectionPermit {
    limits: Arc<ConnectionLimits>,
    address: IpAddr,
}

impl ConnectionLimits {
    /// Returns limits without an open connection.
    pub fn new(total: usize, per_address: usize) -> Self {
        Self {
            total,
            per_address,
            addresses: Mutex::default(),
            open: watch::Sender::new(0),
        }
    }

    /// Returns a permit for a connection from an address.
    ///
    /// # Errors
    /// Returns the limit that is reached.
    pub fn admit(
        self: &Arc<Self>,
        address: IpAddr,
        now: Instant,
    ) -> Result<ConnectionPermit, Refusal> {
        let mut addresses = self.lock();
        if self.open_connections() >= self.total {
            return Err(Refusal::Full);
        }
        addresses.forget_the_rested(now);
        let known = addresses
            .known
            .entry(address)
            .or_insert_with(|| Address::new(self.per_address, now));
        if known.open >= self.per_address {
            return Err(Refusal::AddressFull);
        }
        if !known.handshakes.has(1.0, now) || !known.bytes.has(0.0, now) {
            return Err(Refusal::AddressBusy);
        }
        known.handshakes.spend(1.0, now);
        known.open += 1;
        self.open.send_modify(|open| *open += 1);
        Ok(ConnectionPermit {
            limits: Arc::clone(self),
            address,
        })
    }

    /// Returns the number of open connections.
    pub fn open_connections(&self) -> usize {
        *self.open.borrow()
    }

    /// Waits until no connection is open.
    pub async fn wait_until_empty(&self) {
        let mut open = self.open.subscribe();
        // The sender lives as long as `self`.
        let _ = open.wait_for(|open| *open == 0).await;
    }

    fn lock(&self) -> MutexGuard<'_, Addresses> {
        self.addresses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Addresses {
    /// Forgets the addresses that have no connection and whose buckets are full, where there are many: at most once a
    /// second, because it looks at each of them.
    fn forget_the_rested(&mut self, now: Instant) {
        let is_soon = |last: Instant| now.saturating_duration_since(last) < LOOKING_INTERVAL;
        if self.known.len() < MANY_ADDRESSES || self.looked_at.is_some_and(is_soon) {
            return;
        }
        self.looked_at = Some(now);
        self.known
            .retain(|_, known| known.open > 0 || !known.is_rested(now));
    }
}

impl Address {
    #[expect(
        clippy::cast_precision_loss,
        reason = "so many connections need no exact number"
    )]
    fn new(per_address: usize, now: Instant) -> Self {
        let handshakes = per_address as f64;
        let bytes = handshakes * BYTES_PER_CONNECTION;
        Self {
            open: 0,
            handshakes: Bucket::new(handshakes, (handshakes * REFILL).max(1.0), now),
            bytes: Bucket::new(bytes, bytes * REFILL, now),
        }
    }

    fn is_rested(&mut self, now: Instant) -> bool {
        self.handshakes.is_full(now) && self.bytes.is_full(now)
    }
}

impl ConnectionPermit {
    /// Charges the address for so many bytes of the tree.
    pub fn charge(&self, bytes: usize, now: Instant) {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        if let Some(known) = self.limits.lock().known.get_mut(&self.address) {
            known.bytes.spend(bytes.into(), now);
        }
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        if let Some(known) = self.limits.lock().known.get_mut(&self.address) {
            known.open -= 1;
        }
        self.limits.open.send_modify(|open| *open -= 1);
    }
}

/// Returns the client's address: the last entry of `X-Forwarded-For`, which the load balancer added (a client
/// can forge the entries before it), or without that header the address of the TCP peer.
pub fn client_address(headers: &HeaderMap, peer: SocketAddr) -> IpAddr {
    let last = headers.get_all("x-forwarded-for").iter().next_back();
    let hop = last.and_then(|value| value.to_str().ok()?.rsplit(',').next());
    hop.and_then(|hop| hop.trim().parse().ok())
        .unwrap_or(peer.ip())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    #[test]
    fn an_address_gets_permits_up_to_its_limit_and_releases_them() {
        let now = Instant::now();
        let later = now + Duration::from_secs(60);
        let limits = Arc::new(ConnectionLimits::new(10, 2));
        let admit = |now| limits.admit(ONE, now);
        let held = [admit(now).unwrap(), admit(now).unwrap()];

        assert_eq!(admit(later).unwrap_err(), Refusal::AddressFull);
        assert!(limits.admit(OTHER, now).is_ok());
        drop(held);
        assert!(admit(later).is_ok());
        assert_eq!(limits.open_connections(), 0);
    }

    #[test]
    fn an_address_that_comes_again_and_again_waits_and_others_do_not() {
        let now = Instant::now();
        let limits = Arc::new(ConnectionLimits::new(10_000, 64));

        for _ in 0..64 {
            assert!(limits.admit(ONE, now).is_ok());
        }
        assert_eq!(limits.admit(ONE, now).unwrap_err(), Refusal::AddressBusy);
        assert!(limits.admit(OTHER, now).is_ok());
        let later = now + Duration::from_secs(1);
        let admitted = (0..64).filter(|_| limits.admit(ONE, later).is_ok());
        assert_eq!(admitted.count(), 2, "two a second");
    }

    #[test]
    fn an_address_that_draws_too_much_waits_and_others_do_not() {
        let now = Instant::now();
        let limits = Arc::new(ConnectionLimits::new(10_000, 64));

        let mut drawn = 0;
        while let Ok(permit) = limits.admit(ONE, now) {
            permit.charge(3 << 20, now);
            drawn += 3;
        }
        assert_eq!(drawn, 66, "64 MiB, and what the last one took too much");
        assert!(limits.admit(OTHER, now).is_ok());
        let later = now + Duration::from_millis(1_100);
        assert!(limits.admit(ONE, later).is_ok(), "2 MiB a second");
    }

    #[test]
    fn addresses_that_have_rested_are_forgotten() {
        let now = Instant::now();
        let limits = Arc::new(ConnectionLimits::new(10_000, 64));
        let held = limits.admit(ONE, now).unwrap();
        for last in 0..2_000_u32 {
            let address = IpAddr::V4((0x0a00_0000 + last).into());
            drop(limits.admit(address, now).unwrap());
        }
        assert_eq!(limits.lock().known.len(), 2_001);

        let later = now + Duration::from_secs(40);
        let _other = limits.admit(OTHER, later).unwrap();
        assert_eq!(limits.lock().known.len(), 2, "both have a connection");
        drop(held);
    }

    #[test]
    fn a_full_server_admits_nobody() {
        let now = Instant::now();
        let limits = Arc::new(ConnectionLimits::new(1, 2));
        let _held = limits.admit(ONE, now).unwrap();

        assert_eq!(limits.admit(OTHER, now).unwrap_err(), Refusal::Full);
    }

    #[test]
    fn only_the_last_entry_of_the_header_counts() {
        let peer = SocketAddr::from(([10, 0, 0, 9], 4_000));
        let address = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", HeaderValue::from_static(value));
            client_address(&headers, peer).to_string()
        };

        assert_eq!(address("203.0.113.9, 192.0.2.1"), "192.0.2.1");
        assert_eq!(address("2001:db8::1"), "2001:db8::1");
        assert_eq!(address("nonsense"), "10.0.0.9");
        assert_eq!(
            client_address(&HeaderMap::new(), peer).to_string(),
            "10.0.0.9"
        );
    }

    #[test]
    fn a_second_header_line_comes_after_the_first() {
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", HeaderValue::from_static("203.0.113.9"));
        headers.append("x-forwarded-for", HeaderValue::from_static("192.0.2.1"));

        assert_eq!(
            client_address(&headers, SocketAddr::from(([10, 0, 0, 9], 1))),
            ONE
        );
    }
}
