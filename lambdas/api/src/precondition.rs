//! `If-Match`: the revision of a factory that the caller has seen.

use axum::http::HeaderMap;
use axum::http::header::IF_MATCH;
use domain::FieldError;

use crate::problem::{Problem, ProblemKind};

/// Returns the revision that the caller has seen.
///
/// # Errors
/// Returns `precondition-required` if the header is missing, and `invalid-field` if it is anything
/// but one quoted revision: `*` and lists would overwrite what the caller has not seen.
pub fn seen_revision(headers: &HeaderMap) -> Result<u64, Problem> {
    let Some(value) = headers.get(IF_MATCH) else {
        return Err(Problem::new(
            ProblemKind::PreconditionRequired,
            "send the revision that you have seen, like If-Match: \"7\"",
        ));
    };
    let text = value.to_str().unwrap_or_default().trim();
    parse(text).ok_or_else(|| {
        FieldError::text("If-Match", text, "one revision in quotes, like \"7\"").into()
    })
}

fn parse(text: &str) -> Option<u64> {
    let digits = text.strip_prefix('"')?.strip_suffix('"')?;
    let revision: u64 = digits.parse().ok()?;
    // The tag of a revision has one form: neither a sign nor a zero before it.
    (digits == revision.to_string()).then_some(revision)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_quoted_revision_is_read() {
        assert_eq!(parse("\"7\""), Some(7));
        assert_eq!(parse("\"18446744073709551615\""), Some(u64::MAX));
    }

    #[test]
    fn anything_else_is_not() {
        for text in [
            "",
            "7",
            "*",
            "\"\"",
            "\"+7\"",
            "\"7",
            "W/\"7\"",
            "\"7\", \"8\"",
            "\"a\"",
            "\"09\"",
            "\"00\"",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse("\"18446744073709551616\""), None);
    }
}
