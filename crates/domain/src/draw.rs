//! Draws a factory's numbers uniformly from random bits that the caller provides.

use crate::bounds::Bounds;
use crate::count::Count;

/// Returns `count` numbers, each uniform over the closed range.
///
/// `random` returns 64 uniform bits per call. If a value is in the incomplete last part of the 64-bit
/// range, the function draws again (rejection sampling), so that every number is equally likely. This
/// happens less than once in nine thousand million calls, because a range has at most 2 000 000 001
/// numbers.
///
/// # Errors
/// Returns the error of `random` if it fails.
pub fn draw<E>(
    bounds: Bounds,
    count: Count,
    mut random: impl FnMut() -> Result<u64, E>,
) -> Result<Vec<i64>, E> {
    (0..count.get())
        .map(|_| draw_one(bounds, &mut random))
        .collect()
}

fn draw_one<E>(bounds: Bounds, random: &mut impl FnMut() -> Result<u64, E>) -> Result<i64, E> {
    let size = bounds.upper().abs_diff(bounds.lower()) + 1;
    let limit = u64::MAX - u64::MAX % size;
    loop {
        let bits = random()?;
        if bits < limit {
            return Ok(bounds.lower().wrapping_add_unsigned(bits % size));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;
    use crate::bounds::{HIGHEST, LOWEST};

    /// Returns SplitMix64: each call returns 64 well-mixed bits, and the same seed gives the same sequence.
    fn bits_from(mut seed: u64) -> impl FnMut() -> Result<u64, Infallible> {
        move || {
            seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (seed ^ seed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            Ok(mixed ^ mixed >> 31)
        }
    }

    fn numbers(lower: i64, upper: i64, count: i64, seed: u64) -> Vec<i64> {
        let bounds = Bounds::new(lower, upper).unwrap();
        let Ok(numbers) = draw(bounds, Count::new(count).unwrap(), bits_from(seed));
        numbers
    }

    #[test]
    fn both_ends_can_be_drawn() {
        let drawn: Vec<i64> = (0..20).flat_map(|seed| numbers(-1, 1, 15, seed)).collect();

        for end in [-1, 0, 1] {
            assert!(drawn.contains(&end), "{end}");
        }
    }

    #[test]
    fn every_number_of_a_small_range_is_about_as_frequent() {
        let mut seen = [0_u32; 7];
        for seed in 0..4_000 {
            for number in numbers(0, 6, 15, seed) {
                seen[usize::try_from(number).unwrap()] += 1;
            }
        }

        // 60 000 draws over 7 values: 8 571 each; six standard deviations are 514.
        assert!(
            seen.iter().all(|times| times.abs_diff(8_571) < 514),
            "{seen:?}"
        );
    }

    #[test]
    fn bits_of_the_incomplete_last_part_are_drawn_again() {
        let mut bits = [u64::MAX, 5].into_iter();
        let bounds = Bounds::new(0, 9).unwrap();

        let drawn = draw(bounds, Count::new(1).unwrap(), || {
            bits.next().ok_or("used up")
        });

        assert_eq!(drawn, Ok(vec![5]));
    }

    #[test]
    fn a_failing_source_fails_the_draw() {
        let bounds = Bounds::new(0, 9).unwrap();

        assert_eq!(
            draw(bounds, Count::new(1).unwrap(), || Err("no bits")),
            Err("no bits")
        );
        assert_eq!(
            draw(bounds, Count::new(0).unwrap(), || Err("no bits")),
            Ok(vec![])
        );
    }

    proptest! {
        #[test]
        fn a_draw_never_leaves_its_range_and_has_the_asked_length(
            ends in (LOWEST..=HIGHEST, LOWEST..=HIGHEST), count in 0_i64..=15, seed: u64,
        ) {
            let (lower, upper) = (ends.0.min(ends.1), ends.0.max(ends.1));
            let drawn = numbers(lower, upper, count, seed);
            prop_assert_eq!(drawn.len(), usize::try_from(count).unwrap());
            prop_assert!(drawn.iter().all(|number| (lower..=upper).contains(number)));
        }

        #[test]
        fn the_ends_of_any_range_are_reached(
            ends in (LOWEST..=HIGHEST, LOWEST..=HIGHEST),
        ) {
            let bounds = Bounds::new(ends.0.min(ends.1), ends.0.max(ends.1)).unwrap();
            let size = bounds.upper().abs_diff(bounds.lower()) + 1;
            let mut bits = [0, size - 1].into_iter();
            let drawn = draw(bounds, Count::new(2).unwrap(), || bits.next().ok_or(()));
            prop_assert_eq!(drawn, Ok(vec![bounds.lower(), bounds.upper()]));
        }
    }
}
