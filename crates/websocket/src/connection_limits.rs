//! The limits on the number of connections, in total and from one address.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::HeaderMap;
use tokio::sync::watch;

/// Counts the open connections and refuses those above a limit.
#[derive(Debug)]
pub struct ConnectionLimits {
    total: usize,
    per_address: usize,
    by_address: Mutex<HashMap<IpAddr, usize>>,
    open: watch::Sender<usize>,
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
            by_address: Mutex::default(),
            open: watch::Sender::new(0),
        }
    }

    /// Returns a permit for a connection from an address.
    ///
    /// # Errors
    /// Returns the limit that is reached.
    pub fn admit(self: &Arc<Self>, address: IpAddr) -> Result<ConnectionPermit, Refusal> {
        let mut by_address = self.lock();
        if self.open_connections() >= self.total {
            return Err(Refusal::Full);
        }
        let count = by_address.entry(address).or_default();
        if *count >= self.per_address {
            return Err(Refusal::AddressFull);
        }
        *count += 1;
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

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.by_address
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut by_address = self.limits.lock();
        if let Some(count) = by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                by_address.remove(&self.address);
            }
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
        let limits = Arc::new(ConnectionLimits::new(10, 2));
        let held = [limits.admit(ONE).unwrap(), limits.admit(ONE).unwrap()];

        assert_eq!(limits.admit(ONE).unwrap_err(), Refusal::AddressFull);
        assert!(limits.admit(OTHER).is_ok());
        drop(held);
        assert!(limits.admit(ONE).is_ok());
        assert_eq!(
            (limits.open_connections(), limits.lock().len()),
            (0, 0),
            "no entry is left of a closed connection"
        );
    }

    #[test]
    fn a_full_server_admits_nobody() {
        let limits = Arc::new(ConnectionLimits::new(1, 2));
        let _held = limits.admit(ONE).unwrap();

        assert_eq!(limits.admit(OTHER).unwrap_err(), Refusal::Full);
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
