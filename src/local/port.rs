//! Loopback ports: the free ones, which can be reserved, and the holders of the others.

use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::ops::Range;
use std::sync::OnceLock;
use std::time::SystemTime;

use super::process::all_pids;

/// Ports of parts that nobody types. Below the range from which the kernel takes ports for outgoing
/// connections (ip(7), `ip_local_port_range`), so that none of those can sit on a port between two starts.
const INNER_PORTS: Range<u16> = 20_000..32_000;

/// Where a search for a port of the edge begins, and how far it goes.
const EDGE_PORTS: Range<u16> = 8080..9080;

/// A free port that no other stage finds while this is held, until the part that is to have it listens.
///
/// Of stages that start at the same time, each would find the same ports free; and to look whether a port is free is to
/// take it, for a moment, from who is about to listen on it. The sign of a reservation is the UDP port of the same number:
/// the kernel gives it to one process, and takes it back when that ends.
#[derive(Debug)]
pub(super) struct ReservedPort {
    pub(super) number: u16,
    _sign: UdpSocket,
}

/// Reserves a port; `None` where it is reserved or taken.
pub(super) fn reserve(port: u16) -> Option<ReservedPort> {
    let sign = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
    is_free(port).then_some(ReservedPort {
        number: port,
        _sign: sign,
    })
}

/// Returns whether nobody listens on a port of the loopback addresses.
pub(super) fn is_free(port: u16) -> bool {
    let v6 = TcpListener::bind(SocketAddr::from((Ipv6Addr::LOCALHOST, port)));
    let is_taken = |error: std::io::Error| error.kind() == std::io::ErrorKind::AddrInUse;
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).is_ok()
        && !v6.is_err_and(is_taken)
}

/// Reserves the first free port for an edge.
pub(super) fn reserve_for_edge() -> Option<ReservedPort> {
    EDGE_PORTS.into_iter().find_map(reserve)
}

/// Returns the port that an edge gets when it may choose.
pub(super) fn first_for_edge() -> u16 {
    EDGE_PORTS.start
}

/// Reserves a free port for an inner part, a random one: clients of a stage that has gone must not find another there.
pub(super) fn reserve_inner() -> Option<ReservedPort> {
    let nanoseconds = SystemTime::UNIX_EPOCH
        .elapsed()
        .unwrap_or_default()
        .subsec_nanos();
    let length = u32::from(INNER_PORTS.end - INNER_PORTS.start);
    let begin = (nanoseconds / 1000).wrapping_add(std::process::id().wrapping_mul(7919)) % length;
    let candidates = (0..length)
        .map(|step| INNER_PORTS.start + u16::try_from((begin + step) % length).unwrap_or(0));
    candidates.into_iter().find_map(reserve)
}

/// The kernel's tables of sockets: version 4 of the protocol, then version 6 (proc_pid_net(5)).
const TABLES: [&str; 2] = ["/proc/net/tcp", "/proc/net/tcp6"];

/// The sockets of this machine, each table as it was when it was first needed. The kernel walks through all places of a
/// hash table to write one, which takes milliseconds: so one serves several questions of the same moment.
#[derive(Default)]
pub(super) struct Sockets {
    tables: [OnceLock<String>; 2],
}

impl Sockets {
    /// Returns whether a process of this user listens on a port.
    pub(super) fn are_held_by(&self, port: u16, pid: i32) -> bool {
        self.tables()
            .any(|table| has_one_of(pid, &listening_sockets(table, port)))
    }

    fn tables(&self) -> impl Iterator<Item = &str> {
        let tables = TABLES.iter().zip(&self.tables);
        tables.map(|(path, table)| {
            let read = || fs::read_to_string(path).unwrap_or_default();
            table.get_or_init(read).as_str()
        })
    }
}

/// Names who listens on a port, for people: `node (pid 12)`.
pub(super) fn holder(port: u16) -> String {
    let all = Sockets::default();
    let sockets: Vec<String> = all
        .tables()
        .flat_map(|table| listening_sockets(table, port))
        .collect();
    let mut pids = all_pids().into_iter();
    let Some(pid) = pids.find(|pid| has_one_of(*pid, &sockets)) else {
        return "another process".to_owned();
    };
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    format!("{} (pid {pid})", name.trim())
}

/// Returns whether a process has one of these sockets open; not if it is another user's, whose handles cannot be seen.
fn has_one_of(pid: i32, sockets: &[String]) -> bool {
    if sockets.is_empty() {
        return false;
    }
    let Ok(handles) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    let mut targets = handles
        .flatten()
        .filter_map(|handle| fs::read_link(handle.path()).ok());
    targets.any(|target| {
        sockets
            .iter()
            .any(|socket| target.as_os_str() == socket.as_str())
    })
}

/// Says that somebody else has a port, for people.
pub(super) fn taken(port: u16) -> String {
    format!("port {port} is taken by {}", holder(port))
}

/// Returns the names, as file handles show them, of all sockets in a table that listen on a port.
fn listening_sockets(table: &str, port: u16) -> Vec<String> {
    let rows = table.lines().skip(1);
    rows.filter_map(|row| listening_inode(row, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect()
}

/// Reads one row of `/proc/net/tcp` (proc_pid_net(5)): local address, state (0A: listening), inode.
fn listening_inode(row: &str, port: u16) -> Option<&str> {
    let fields: Vec<&str> = row.split_whitespace().collect();
    let (_, local_port) = fields.get(1)?.rsplit_once(':')?;
    let is_ours = u16::from_str_radix(local_port, 16) == Ok(port) && fields.get(3) == Some(&"0A");
    is_ours.then(|| fields.get(9).copied()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(address: &str) -> (TcpListener, u16) {
        let listener = TcpListener::bind(address).unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    #[test]
    fn the_holder_of_a_port_is_named_with_its_pid() {
        // Not one of the kernel's choice: that could go to another test in between.
        let port = reserve_inner().unwrap().number;
        let (listener, port) = listen(&format!("127.0.0.1:{port}"));
        assert!(!is_free(port));
        let name = fs::read_to_string("/proc/self/comm").unwrap();
        assert_eq!(
            holder(port),
            format!("{} (pid {})", name.trim(), std::process::id())
        );
        drop(listener);
        assert!(is_free(port));
        assert_eq!(holder(port), "another process");
    }

    #[test]
    fn a_port_held_on_all_addresses_or_on_the_other_loopback_is_not_free() {
        for address in ["0.0.0.0:0", "[::1]:0"] {
            let (_listener, port) = listen(address);
            assert!(!is_free(port), "{address}");
        }
    }

    #[test]
    fn only_a_listening_socket_counts_as_holder() {
        let listening = "  0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4711 1 x";
        assert_eq!(listening_inode(listening, 8080), Some("4711"));
        assert_eq!(
            listening_inode(&listening.replace(" 0A ", " 01 "), 8080),
            None
        );
        assert_eq!(listening_inode(listening, 8081), None);
    }

    #[test]
    fn an_inner_port_is_free_and_outside_the_range_of_outgoing_connections() {
        let port = reserve_inner().unwrap().number;
        assert!(INNER_PORTS.contains(&port));
        assert!(is_free(port));
    }

    #[test]
    fn a_reserved_port_is_free_to_listen_on_and_nobody_else_reserves_it() {
        let reserved = reserve_inner().unwrap();
        let port = reserved.number;

        assert!(reserve(port).is_none());
        let (listener, _) = listen(&format!("127.0.0.1:{port}"));
        drop(reserved);
        assert!(reserve(port).is_none(), "somebody listens");
        drop(listener);
        assert!(reserve(port).is_some());
    }
}
