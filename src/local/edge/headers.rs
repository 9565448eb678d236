//! The headers that a proxy changes: it drops those that are meant for one hop only, and adds the client.

use std::net::IpAddr;

use hyper::HeaderMap;
use hyper::header::{self, HeaderName, HeaderValue};

/// Headers for one hop (RFC 9110, section 7.6.1), and `Expect`, which this hop has answered.
const ONE_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::EXPECT,
];

/// Returns whether the other side wants this connection for a WebSocket.
pub(super) fn is_websocket(headers: &HeaderMap) -> bool {
    let names_websocket = headers
        .get_all(header::UPGRADE)
        .iter()
        .any(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"));
    names_websocket
        && connection_tokens(headers)
            .iter()
            .any(|token| token == "upgrade")
}

/// Drops every header that is meant for one hop only.
pub(super) fn drop_one_hop(headers: &mut HeaderMap) {
    for token in connection_tokens(headers) {
        headers.remove(token.as_str());
    }
    for name in ONE_HOP {
        headers.remove(name);
    }
}

/// Sets the `Upgrade` headers for a WebSocket again: they hold for one hop only.
pub(super) fn ask_for_websocket(headers: &mut HeaderMap) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
}

/// Adds the client's address behind those that are there, as load balancers do.
pub(super) fn append_client(headers: &mut HeaderMap, client: IpAddr) {
    const NAME: HeaderName = HeaderName::from_static("x-forwarded-for");
    let before = headers
        .get_all(&NAME)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let chain: Vec<String> = before
        .map(str::to_owned)
        .chain([client.to_string()])
        .collect();
    if let Ok(value) = HeaderValue::try_from(chain.join(", ")) {
        headers.insert(NAME, value);
    }
}

/// Sets the protocol of the client's request: `X-Forwarded-Proto`.
pub(super) fn set_protocol(headers: &mut HeaderMap, protocol: &'static str) {
    headers.insert("x-forwarded-proto", HeaderValue::from_static(protocol));
}

/// Sets the port of the client's request: `X-Forwarded-Port`.
pub(super) fn set_port(headers: &mut HeaderMap, port: u16) {
    headers.insert("x-forwarded-port", HeaderValue::from(port));
}

fn connection_tokens(headers: &HeaderMap) -> Vec<String> {
    let values = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok());
    let tokens = values
        .flat_map(|value| value.split(','))
        .map(|token| token.trim().to_ascii_lowercase());
    tokens.filter(|token| !token.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn headers_of_one_hop_are_dropped_also_those_that_connection_names() {
        let mut headers = headers(&[
            ("connection", "close, X-Secret"),
            ("x-secret", "1"),
            ("transfer-encoding", "chunked"),
            ("expect", "100-continue"),
            ("accept", "*/*"),
        ]);
        drop_one_hop(&mut headers);
        assert_eq!(
            headers.keys().map(HeaderName::as_str).collect::<Vec<_>>(),
            ["accept"]
        );
    }

    #[test]
    fn a_websocket_is_asked_for_by_both_headers_in_any_case() {
        assert!(is_websocket(&headers(&[
            ("upgrade", "WebSocket"),
            ("connection", "keep-alive, Upgrade")
        ])));
        assert!(!is_websocket(&headers(&[
            ("upgrade", "websocket"),
            ("connection", "keep-alive")
        ])));
        assert!(!is_websocket(&headers(&[
            ("upgrade", "h2c"),
            ("connection", "upgrade")
        ])));
    }

    #[test]
    fn the_client_is_added_behind_the_addresses_that_are_there() {
        let mut headers = headers(&[("x-forwarded-for", "203.0.113.9")]);
        append_client(&mut headers, IpAddr::from([127, 0, 0, 1]));
        assert_eq!(headers["x-forwarded-for"], "203.0.113.9, 127.0.0.1");
    }
}
