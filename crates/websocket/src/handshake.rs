//! In: the head of a request for the live channel. Out: what the client asks for, or why the request is no
//! handshake (RFC 6455, section 4.2.1). What it says twice counts as nothing: readers on the way disagree about such
//! a request.

use axum::http::header::{
    CONNECTION, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::hub::Resume;

/// The one version of the protocol.
pub const VERSION: HeaderValue = HeaderValue::from_static("13");

/// The parameters of a client's address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters {
    /// Where it wants to continue. `None` for parameters that are invalid or occur twice: it then gets a snapshot, which is
    /// always correct.
    pub resume: Option<Resume>,
    /// Whether it can read a compressed snapshot.
    pub compressed: bool,
}

/// Why a request is no handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// The client speaks another version of the protocol.
    #[error("the version of the protocol is 13")]
    Version,
    /// The key is not 16 bytes in Base64.
    #[error("Sec-WebSocket-Key has to be 16 bytes in Base64")]
    Key,
}

/// Checks the version and the key of a handshake.
///
/// # Errors
/// Returns what the handshake lacks.
pub fn check(headers: &HeaderMap) -> Result<(), HandshakeError> {
    if only(headers, &SEC_WEBSOCKET_VERSION) != Some(&VERSION) {
        return Err(HandshakeError::Version);
    }
    let key = only(headers, &SEC_WEBSOCKET_KEY);
    if !key.is_some_and(|key| is_key(key.as_bytes())) {
        return Err(HandshakeError::Key);
    }
    Ok(())
}

/// Returns the response to a handshake that was checked (RFC 6455, section 4.2.2).
pub fn response(headers: &HeaderMap) -> Response {
    let key = only(headers, &SEC_WEBSOCKET_KEY).map_or(&b""[..], HeaderValue::as_bytes);
    let headers = [
        (CONNECTION, "upgrade".to_owned()),
        (UPGRADE, "websocket".to_owned()),
        (SEC_WEBSOCKET_ACCEPT, derive_accept_key(key)),
    ];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

/// Returns whether the request comes from a page of this origin and of no other.
pub fn is_from(headers: &HeaderMap, origin: &HeaderValue) -> bool {
    only(headers, &ORIGIN) == Some(origin)
}

/// Returns the value of a header that occurs once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    first.filter(|_| values.next().is_none())
}

/// Returns whether a text is 16 bytes in Base64: 22 digits, of which the last one has only two bits, and the padding.
fn is_key(text: &[u8]) -> bool {
    let Some(digits) = text.strip_suffix(b"==") else {
        return false;
    };
    let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/".contains(byte);
    digits.len() == 22
        && digits.iter().all(is_digit)
        && digits.last().is_some_and(|last| b"AQgw".contains(last))
}

/// Returns what a client asks for: `server` and `position`, and `snapshot=deflate`.
pub fn parameters(query: &[(String, String)]) -> Parameters {
    let only = |name: &str| {
        let mut values = query.iter().filter(|(key, _)| key == name);
        let first = values.next().map(|(_, value)| value.as_str());
        first.filter(|_| values.next().is_none())
    };
    let resume = || {
        Some(Resume {
            server: only("server")?.to_owned(),
            position: only("position")?.parse().ok()?,
        })
    };
    Parameters {
        resume: resume(),
        compressed: only("snapshot") == Some("deflate"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(query: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        query.iter().map(owned).collect()
    }

    #[test]
    fn a_key_is_sixteen_bytes() {
        for key in ["dGhlIHNhbXBsZSBub25jZQ==", "AAAAAAAAAAAAAAAAAAAAAA=="] {
            assert!(is_key(key.as_bytes()), "{key}");
        }
        for key in [
            "",
            "x",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZR==",
            "dGhlIHNhbXBsZSBub25j*Q==",
            "dGhlIHNhbXBsZSBub25jZWU=",
            "AAAAAAAAAAAAAAAAAAAAAAAA==",
        ] {
            assert!(!is_key(key.as_bytes()), "{key}");
        }
    }

    #[test]
    fn a_parameter_that_occurs_twice_is_none() {
        let named = [("server", "s"), ("position", "7")];
        let expected = Resume {
            server: "s".to_owned(),
            position: 7,
        };

        let resume = |query: &[(&str, &str)]| parameters(&pairs(query)).resume;
        assert_eq!(resume(&named), Some(expected));
        for other in [("server", "t"), ("position", "8"), ("position", "7")] {
            let doubled = [named[0], named[1], other];
            assert_eq!(resume(&doubled), None, "{other:?}");
        }
        assert_eq!(resume(&[("server", "s"), ("position", "-1")]), None);
        assert_eq!(resume(&[]), None);
        let compressed = |query: &[(&str, &str)]| parameters(&pairs(query)).compressed;
        assert!(compressed(&[("snapshot", "deflate")]));
        assert!(!compressed(&[("snapshot", "gzip")]));
        assert!(!compressed(&[
            ("snapshot", "deflate"),
            ("snapshot", "deflate")
        ]));
        assert!(!compressed(&named));
    }
}
