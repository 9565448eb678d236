//! The closed range from which a factory draws its numbers.

use crate::field::FieldError;

/// The lowest bound, and so the lowest number that a factory can hold.
pub const LOWEST: i64 = -1_000_000_000;

/// The highest bound, and so the highest number that a factory can hold.
pub const HIGHEST: i64 = 1_000_000_000;

/// A closed range of whole numbers; both ends can be drawn.
///
/// Invariant: [`LOWEST`] ≤ lower ≤ upper ≤ [`HIGHEST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Bounds {
    lower: i64,
    upper: i64,
}

impl Bounds {
    /// Returns the range from `lower` to `upper`, both included.
    ///
    /// # Errors
    /// Returns a [`FieldError`] for the field that is out of range, or for `lower` if it is above
    /// `upper`.
    pub fn new(lower: i64, upper: i64) -> Result<Self, FieldError> {
        let lower = check_bound("lower", lower)?;
        let upper = check_bound("upper", upper)?;
        if lower > upper {
            let allowed = format!("at most `upper`, which is {upper}");
            return Err(FieldError::described("lower", lower.to_string(), allowed));
        }
        Ok(Self { lower, upper })
    }

    /// Returns the range with one end or both replaced.
    ///
    /// # Errors
    /// Returns a [`FieldError`] that names a field of the edit: if the edit has only `upper` and the
    /// range becomes inverted, the error names `upper`.
    pub fn with_ends(self, lower: Option<i64>, upper: Option<i64>) -> Result<Self, FieldError> {
        let (None, Some(upper)) = (lower, upper) else {
            return Self::new(lower.unwrap_or(self.lower), upper.unwrap_or(self.upper));
        };
        let upper = check_bound("upper", upper)?;
        if upper < self.lower {
            let allowed = format!("at least `lower`, which is {}", self.lower);
            return Err(FieldError::described("upper", upper.to_string(), allowed));
        }
        Self::new(self.lower, upper)
    }

    /// Returns the lowest number that a factory can draw.
    pub fn lower(self) -> i64 {
        self.lower
    }

    /// Returns the highest number that a factory can draw.
    pub fn upper(self) -> i64 {
        self.upper
    }

    /// Returns whether a number is in the range.
    pub fn contains(self, number: i64) -> bool {
        (self.lower..=self.upper).contains(&number)
    }
}

/// Returns the number if it is between [`LOWEST`] and [`HIGHEST`].
///
/// # Errors
/// Returns a [`FieldError`] for `field` if the number is out of range.
pub(crate) fn check_bound(field: &'static str, number: i64) -> Result<i64, FieldError> {
    if is_allowed(number) {
        return Ok(number);
    }
    Err(FieldError::described(
        field,
        number.to_string(),
        allowed_values(),
    ))
}

/// Returns whether a number is between [`LOWEST`] and [`HIGHEST`].
pub fn is_allowed(number: i64) -> bool {
    (LOWEST..=HIGHEST).contains(&number)
}

/// Describes the allowed values of a bound, for error messages.
pub fn allowed_values() -> String {
    format!("a whole number from {LOWEST} to {HIGHEST}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_widest_and_the_narrowest_range_are_ranges() {
        assert!(Bounds::new(LOWEST, HIGHEST).is_ok());
        assert!(Bounds::new(7, 7).unwrap().contains(7));
    }

    #[test]
    fn a_bound_beyond_the_limits_is_named() {
        let error = Bounds::new(0, i64::MAX).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`upper` is 9223372036854775807; allowed: a whole number from -1000000000 to 1000000000"
        );
        assert_eq!(Bounds::new(LOWEST - 1, 0).unwrap_err().field, "lower");
    }

    #[test]
    fn an_inverted_range_names_the_end_that_was_given() {
        let bounds = Bounds::new(10, 20).unwrap();

        let upper = bounds.with_ends(None, Some(9)).unwrap_err();
        assert_eq!(
            upper.to_string(),
            "`upper` is 9; allowed: at least `lower`, which is 10"
        );
        let lower = bounds.with_ends(Some(21), None).unwrap_err();
        assert_eq!(
            lower.to_string(),
            "`lower` is 21; allowed: at most `upper`, which is 20"
        );
    }

    #[test]
    fn an_edit_replaces_only_the_ends_it_names() {
        let bounds = Bounds::new(10, 20).unwrap();

        assert_eq!(bounds.with_ends(None, None).unwrap(), bounds);
        assert_eq!(
            bounds.with_ends(None, Some(30)).unwrap(),
            Bounds::new(10, 30).unwrap()
        );
        assert_eq!(
            bounds.with_ends(Some(25), Some(30)).unwrap(),
            Bounds::new(25, 30).unwrap()
        );
    }

    proptest! {
        #[test]
        fn bounds_exist_exactly_when_both_ends_are_in_range_and_in_order(lower: i64, upper: i64) {
            let allowed = LOWEST <= lower && lower <= upper && upper <= HIGHEST;
            prop_assert_eq!(Bounds::new(lower, upper).is_ok(), allowed);
        }

        #[test]
        fn replacing_both_ends_is_the_same_as_a_new_range(
            lower in LOWEST - 5..=HIGHEST + 5,
            upper in LOWEST - 5..=HIGHEST + 5,
        ) {
            let replaced = Bounds::new(0, 0).unwrap().with_ends(Some(lower), Some(upper));
            prop_assert_eq!(replaced, Bounds::new(lower, upper));
        }
    }
}
