//! The messages that pages were given in some schedules, and the trees that they made of them: the site's test gives the same to the page's code.

use serde::Serialize;

use crate::page::Event;
use crate::step::schedule;
use crate::world;

/// The seeds whose pages are recorded.
const SEEDS: u64 = 24;

/// The vectors of one page.
#[derive(Debug, Serialize)]
struct Vector {
    seed: u64,
    page: usize,
    events: Vec<Event>,
}

/// Returns the vectors as JSON, one page a line.
///
/// # Errors
/// Returns the rule that a schedule breaks.
pub fn json() -> Result<String, String> {
    let mut lines = Vec::new();
    for seed in 0..SEEDS {
        for (page, events) in world::recorded(&schedule(seed))?.into_iter().enumerate() {
            let vector = Vector { seed, page, events };
            lines.push(serde_json::to_string(&vector).map_err(|error| error.to_string())?);
        }
    }
    Ok(format!("[\n{}\n]\n", lines.join(",\n")))
}
