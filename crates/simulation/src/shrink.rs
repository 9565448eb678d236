//! In: a schedule that breaks a rule. Out: a short one that breaks one, too.

use crate::step::Step;
use crate::world;

/// Leaves out steps as long as the schedule breaks a rule: first many at once, then one by one.
pub fn shortest(mut steps: Vec<Step>) -> Vec<Step> {
    let mut length = steps.len() / 2;
    while length > 0 {
        let before = steps.len();
        let mut place = 0;
        while place < steps.len() {
            let mut fewer = steps.clone();
            fewer.drain(place..(place + length).min(steps.len()));
            if world::run(&fewer).is_err() {
                steps = fewer;
            } else {
                place += length;
            }
        }
        if steps.len() == before || length > 1 {
            length /= 2;
        }
    }
    steps
}
