//! In: the head of a request for the live channel. Out: where the client wants to continue, or why the request is no
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

/// Returns where a client wants to continue. Returns `None` for parameters that are invalid or occur twice: the client
/// then gets a snapshot, which is always correct.
pub fn resume(query: &[(String, String)]) -> Option<Resume> {
    let only = |name: &str| {
        let mut values = query.iter().filter(|(key, _)| key == name);
        let first = values.next().map(|(_, value)| value.as_str());
        first.filter(|_| values.next().is_none())
    };
    Some(Resume {
        server: only("server")?.to_owned(),
        position: only("position")?.parse().ok()?,
    })
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

        assert_eq!(resume(&pairs(&named)), Some(expected));
        for other in [("server", "t"), ("position", "8"), ("position", "7")] {
            let doubled = [named[0], named[1], other];
            assert_eq!(resume(&pairs(&doubled)), None, "{other:?}");
        }
        assert_eq!(resume(&pairs(&[("server", "s"), ("position", "-1")])), None);
        assert_eq!(resume(&[]), None);
    }
}
