//! The number of numbers that a factory draws at once.

use crate::field::FieldError;

/// The fewest numbers that a generation draws.
pub const MIN: u8 = 0;

/// The most numbers that a factory holds.
pub const MAX: u8 = 15;

/// The number of numbers to draw.
///
/// Invariant: [`MIN`] to [`MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Count(u8);

impl Count {
    /// Returns the count after checking it.
    ///
    /// # Errors
    /// Returns a [`FieldError`] for the field `count` if it is below [`MIN`] or above [`MAX`].
    pub fn new(count: i64) -> Result<Self, FieldError> {
        u8::try_from(count)
            .ok()
            .filter(|count| (MIN..=MAX).contains(count))
            .map(Self)
            .ok_or_else(|| FieldError::described("count", count.to_string(), allowed_values()))
    }

    /// Returns the count as a number.
    pub fn get(self) -> u8 {
        self.0
    }
}

/// Describes the allowed values of a count, for error messages.
pub fn allowed_values() -> String {
    format!("a whole number from {MIN} to {MAX}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_to_fifteen_are_counts() {
        for count in 0..=15 {
            assert_eq!(i64::from(Count::new(count).unwrap().get()), count);
        }
    }

    #[test]
    fn sixteen_and_all_beyond_are_refused_without_wrapping() {
        for count in [16, -1, 256, 257, i64::MIN, i64::MAX] {
            assert_eq!(
                Count::new(count).unwrap_err().to_string(),
                format!("`count` is {count}; allowed: a whole number from 0 to 15")
            );
        }
    }
}
