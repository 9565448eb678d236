//! The cursor of a list, which marks the start of the next page. It is opaque to callers.

use domain::{FactoryId, FieldError};

/// The prefix that distinguishes this form of cursor from later ones.
const VERSION: char = 'a';

/// Returns the cursor of the page after a factory.
pub fn after(id: FactoryId) -> String {
    format!("{VERSION}{}", id.to_string().replace('-', ""))
}

/// Returns the factory after which the page starts.
///
/// # Errors
/// Returns an error for the field `cursor` if the text is no cursor.
pub fn parse(cursor: &str) -> Result<FactoryId, FieldError> {
    let refused = || FieldError::text("cursor", cursor, "the `cursor` of an earlier page");
    let digits = cursor.strip_prefix(VERSION).ok_or_else(refused)?;
    if digits.len() != 32 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(refused());
    }
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &digits[part]);
    parts.join("-").parse().map_err(|_| refused())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_factory() {
        for bits in [0, 1, u128::MAX] {
            let id = FactoryId::from_random(bits);
            assert_eq!(parse(&after(id)), Ok(id));
        }
    }

    #[test]
    fn other_text_is_refused_by_name() {
        let id = "0b4bd4a6-3c5e-4f5d-9a51-7d1f2f0c8a11";
        for text in [
            "",
            "a",
            "x",
            id,
            &format!("b{}", "0".repeat(32)),
            &format!("a{}é", "0".repeat(30)),
        ] {
            assert_eq!(parse(text).unwrap_err().field, "cursor", "{text}");
        }
    }
}
