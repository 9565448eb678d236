//! Many schedules, each of which must keep the rules.

#![expect(clippy::unwrap_used, reason = "a test reports a mistake by failing")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use simulation::shrink::shortest;
use simulation::step::schedule;
use simulation::{vectors, world};

/// The number of schedules, unless the variable `SCHEDULES` names another.
const SCHEDULES: u64 = 100_000;

/// The vectors that the site's test reads.
const VECTORS: &str = "../../site/src/composables/__tests__/knownFactories.vectors.json";

/// Returns the first seeds below `count` whose schedules break a rule, a few at most.
fn broken_seeds(count: u64) -> Vec<u64> {
    let next = AtomicU64::new(0);
    let threads = std::thread::available_parallelism().unwrap().get();
    let search = || {
        let mut broken = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= count || broken.len() > 9 {
                return broken;
            }
            if world::run(&schedule(seed)).is_err() {
                broken.push(seed);
            }
        }
    };
    let mut broken = std::thread::scope(|scope| {
        let searches: Vec<_> = (0..threads).map(|_| scope.spawn(search)).collect();
        let found = searches.into_iter().map(|search| search.join().unwrap());
        found.flatten().collect::<Vec<_>>()
    });
    broken.sort_unstable();
    broken
}

#[test]
fn no_schedule_shows_anything_older_twice_or_wrong() {
    let count = std::env::var("SCHEDULES").ok();
    let count = count.map_or(SCHEDULES, |count| count.parse().unwrap());
    let start = Instant::now();

    let broken = broken_seeds(count);

    let seconds = start.elapsed().as_secs_f64();
    if let Some(seed) = broken.first() {
        let steps = shortest(schedule(*seed));
        let fault = world::run(&steps).unwrap_err();
        panic!("after {seconds:.1} s, seeds {broken:?}; seed {seed}: {steps:#?}: {fault}");
    }
}

/// A fault in a part that no schedule reaches is not found by any number of schedules.
#[test]
fn schedules_reach_slow_pages_deleted_items_and_the_topic_alone() {
    let mut reached = [0; 4];
    for seed in 0..1_000 {
        let of = world::run(&schedule(seed)).unwrap();
        let counts = [
            of.coalesced,
            of.left_behind,
            of.deleted,
            of.compared_without_upkeep,
        ];
        for (total, count) in reached.iter_mut().zip(counts) {
            *total += usize::from(count > 0);
        }
    }

    assert!(
        reached.iter().all(|schedules| *schedules >= 10),
        "{reached:?}"
    );
}

#[test]
fn a_seed_always_has_the_same_result() {
    assert_eq!(vectors::json().unwrap(), vectors::json().unwrap());
}

#[test]
fn the_sites_vectors_are_those_of_the_simulation() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(VECTORS);
    let vectors = vectors::json().unwrap();
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        std::fs::write(&file, &vectors).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap();
    assert!(kept == vectors, "run this test with INSTA_UPDATE=always");
}
