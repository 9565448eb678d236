//! The id of a factory: a UUID that the client or the API generates.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::field::FieldError;

/// The description of a valid id, for error messages.
const ALLOWED: &str = "a UUID like 0b4bd4a6-3c5e-4f5d-9a51-7d1f2f0c8a11";

/// The positions of the hyphens in the text form.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

/// The id of a factory.
///
/// Invariant: its text is a UUID in lower case, 8-4-4-4-12. Ids have the same order as their texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FactoryId(u128);

impl FactoryId {
    /// Returns a version 4 UUID from 128 random bits.
    pub fn from_random(bits: u128) -> Self {
        const VERSION_4: u128 = 0x4 << 76;
        const VARIANT_1: u128 = 0x2 << 62;
        Self(bits & !(0xf << 76) & !(0x3 << 62) | VERSION_4 | VARIANT_1)
    }
}

impl FromStr for FactoryId {
    type Err = FieldError;

    /// Parses the 36-character form, in upper or lower case.
    ///
    /// # Errors
    /// Returns a [`FieldError`] for the field `id` if the text has any other form.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text)
            .map(Self)
            .ok_or_else(|| FieldError::text("id", text, ALLOWED))
    }
}

fn parse(text: &str) -> Option<u128> {
    if text.len() != 36 {
        return None;
    }
    text.bytes().enumerate().try_fold(0, |bits, (place, byte)| {
        if HYPHENS.contains(&place) {
            return (byte == b'-').then_some(bits);
        }
        let digit = char::from(byte).to_digit(16)?;
        Some(bits << 4 | u128::from(digit))
    })
}

impl fmt::Display for FactoryId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = self.0;
        write!(
            formatter,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            bits >> 96,
            bits >> 80 & 0xffff,
            bits >> 64 & 0xffff,
            bits >> 48 & 0xffff,
            bits & 0xffff_ffff_ffff
        )
    }
}

impl TryFrom<String> for FactoryId {
    type Error = FieldError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<FactoryId> for String {
    fn from(id: FactoryId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "0b4bd4a6-3c5e-4f5d-9a51-7d1f2f0c8a11";

    #[test]
    fn upper_case_is_read_and_lower_case_is_kept() {
        let id: FactoryId = TEXT.to_uppercase().parse().unwrap();

        assert_eq!(id.to_string(), TEXT);
    }

    #[test]
    fn anything_but_a_uuid_is_refused() {
        let shifted = "0b4bd4a63-c5e-4f5d-9a51-7d1f2f0c8a11";
        let signed = "+b4bd4a6-3c5e-4f5d-9a51-7d1f2f0c8a11";
        for text in ["", "1", shifted, signed, &TEXT[1..], &format!("{TEXT}0")] {
            let error = text.parse::<FactoryId>().unwrap_err();
            assert_eq!(error.field, "id", "{text}");
        }
    }

    #[test]
    fn a_multi_byte_character_at_a_hyphens_place_is_refused_without_a_panic() {
        let text = "0b4bd4aé3c5e-4f5d-9a51-7d1f2f0c8a11";
        assert_eq!(text.len(), 36);

        assert!(text.parse::<FactoryId>().is_err());
    }

    #[test]
    fn a_random_id_carries_version_and_variant() {
        for bits in [0, u128::MAX] {
            let text = FactoryId::from_random(bits).to_string();
            assert_eq!(&text[14..15], "4");
            assert!("89ab".contains(&text[19..20]), "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_id_survives_its_text(bits: u128) {
            let id = FactoryId(bits);
            prop_assert_eq!(id.to_string().parse::<FactoryId>().unwrap(), id);
        }

        #[test]
        fn ids_order_as_their_texts_do(one: u128, other: u128) {
            let (one, other) = (FactoryId(one), FactoryId(other));
            prop_assert_eq!(one.cmp(&other), one.to_string().cmp(&other.to_string()));
        }
    }
}
