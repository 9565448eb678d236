//! Entity tags: the revision for a factory, and a hash of the text for a list.

use axum::http::header::IF_NONE_MATCH;
use axum::http::{HeaderMap, HeaderValue};
use sha2::{Digest, Sha256};

/// Returns the tag of a factory at a revision, like `"7"`.
pub fn of_revision(revision: u64) -> HeaderValue {
    tag(&revision.to_string())
}

/// Returns the strong tag of a body: half of its SHA-256.
pub fn of_content(body: &[u8]) -> HeaderValue {
    let hash = Sha256::digest(body);
    let text: String = hash[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    tag(&text)
}

fn tag(text: &str) -> HeaderValue {
    // Digits and letters are always a valid header value.
    HeaderValue::from_str(&format!("\"{text}\"")).unwrap_or(HeaderValue::from_static("\"\""))
}

/// Returns whether the caller already has the body of this tag (`If-None-Match`, weak comparison).
pub fn is_known(request: &HeaderMap, tag: &HeaderValue) -> bool {
    let same = |known: &str| {
        let known = known.trim();
        known == "*" || known.trim_start_matches("W/").as_bytes() == tag.as_bytes()
    };
    request
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split(',').any(same))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(if_none_match: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(IF_NONE_MATCH, HeaderValue::from_static(if_none_match));
        is_known(&headers, &of_revision(7))
    }

    #[test]
    fn a_known_tag_is_found_in_any_of_its_forms() {
        for value in ["\"7\"", "W/\"7\"", "\"1\", \"7\"", "*"] {
            assert!(known(value), "{value}");
        }
        for value in ["\"8\"", "7", "", "\"77\""] {
            assert!(!known(value), "{value}");
        }
        assert!(!is_known(&HeaderMap::new(), &of_revision(7)));
    }

    #[test]
    fn another_body_has_another_tag() {
        assert_eq!(of_content(b"a"), "\"ca978112ca1bbdcafac231b39a23dc4d\"");
        assert_ne!(of_content(b"a"), of_content(b"b"));
    }
}
