//! The public addresses of a stage. In: a domain, and a port where the stage is on this machine. Out: the URLs of
//! site, API and live channel. Nobody is asked whether they answer.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde::Serialize;

use crate::config::DomainName;

/// The public addresses of a stage, without a slash at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Urls {
    /// The page.
    pub site: String,
    /// The HTTP API.
    pub api: String,
    /// The live channel.
    pub socket: String,
}

impl Urls {
    /// Returns the addresses of a domain in AWS.
    pub fn secure(domain: &DomainName) -> Self {
        Self {
            site: format!("https://{domain}"),
            api: format!("https://api.{domain}"),
            socket: format!("wss://ws.{domain}"),
        }
    }

    /// Returns the addresses of a domain on one loopback port.
    pub fn loopback(domain: &DomainName, port: u16) -> Self {
        Self {
            site: format!("http://{domain}:{port}"),
            api: format!("http://api.{domain}:{port}"),
            socket: format!("ws://ws.{domain}:{port}"),
        }
    }
}

/// Returns the loopback address of a name that means this machine, or `None` for any other name.
/// `localhost` and all names below it are loopback (RFC 6761, section 6.3), but the C library's resolver
/// does not know those below it.
pub fn loopback_address(host: &str, port: u16) -> Option<SocketAddr> {
    let bare = host
        .trim_end_matches('.')
        .trim_start_matches('[')
        .trim_end_matches(']');
    let lower = bare.to_ascii_lowercase();
    if lower == "localhost" || lower.ends_with(".localhost") {
        return Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    let address: IpAddr = lower.parse().ok()?;
    address
        .is_loopback()
        .then_some(SocketAddr::new(address, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_below_localhost_are_loopback_and_others_are_not() {
        let address = |host| loopback_address(host, 80).map(|address| address.to_string());
        assert_eq!(
            address("ws.factory-tree.localhost"),
            Some("127.0.0.1:80".to_owned())
        );
        assert_eq!(address("LOCALHOST."), Some("127.0.0.1:80".to_owned()));
        assert_eq!(address("[::1]"), Some("[::1]:80".to_owned()));
        assert_eq!(address("notlocalhost"), None);
        assert_eq!(address("localhost.example.com"), None);
        assert_eq!(address("10.0.0.1"), None);
    }
}
