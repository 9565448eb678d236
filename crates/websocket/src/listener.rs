//! The listener, and what the kernel keeps for each connection that it accepts.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

/// The options of a listener's sockets. Each accepted connection inherits them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SocketOptions {
    /// The most bytes that the kernel keeps for a client which has not received them yet; `None` lets it decide.
    pub send_buffer: Option<usize>,
    /// The number of unsent bytes from which the kernel takes no more; `None` for no limit of its own.
    pub unsent: Option<u32>,
    /// The most connections that wait to be accepted.
    pub backlog: u32,
}

impl Default for SocketOptions {
    /// Returns what a server needs whose clients may be slow and may come all at once.
    ///
    /// Linux lets a send buffer grow to 4 MiB. The changes in it are older than the hub's, and the hub cannot replace
    /// them by newer ones: a slow client would be half a minute behind before the hub noticed.
    fn default() -> Self {
        Self {
            send_buffer: Some(64 * 1024),
            unsent: Some(16 * 1024),
            backlog: 4_096,
        }
    }
}

impl SocketOptions {
    /// Listens on an address.
    ///
    /// # Errors
    /// Returns why the operating system refuses.
    pub fn listen(self, address: SocketAddr) -> io::Result<TcpListener> {
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM,
            Some(Protocol::TCP),
        )?;
        socket.set_nonblocking(true)?;
        socket.set_reuse_address(true)?;
        if let Some(bytes) = self.send_buffer {
            socket.set_send_buffer_size(bytes)?;
        }
        if let Some(bytes) = self.unsent {
            socket.set_tcp_notsent_lowat(bytes)?;
        }
        socket.bind(&address.into())?;
        socket.listen(i32::try_from(self.backlog).unwrap_or(i32::MAX))?;
        TcpListener::from_std(socket.into())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::net::TcpStream;

    use super::*;

    #[tokio::test]
    async fn a_crowd_waits_at_the_door_and_is_not_turned_away() {
        let listener = SocketOptions::default();
        let listener = listener.listen(([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();

        // Nobody accepts them. The kernel turns a connection away by silence, and its client asks again a second later.
        let mut crowd = Vec::new();
        for place in 0..400 {
            let connected = TcpStream::connect(address);
            let connected = tokio::time::timeout(Duration::from_millis(500), connected).await;
            crowd.push(connected.unwrap_or_else(|_| panic!("{place} is turned away")));
        }
    }
}
