//! The swap of a function: nobody who asks meanwhile sees it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::scope;

use serde_json::Value;

use crate::support::stage::{Stage, call};

/// The number of callers at the same time: a function that is swapped is always at work for some of them.
const CALLERS: usize = 4;

/// Deploys while the API is asked without a pause; every answer is a good one. Returns the report.
pub(super) fn deploy_unnoticed(stage: &Stage, report: &Value) -> Value {
    let is_done = AtomicBool::new(false);
    let ask = || {
        let mut answers = Vec::new();
        while !is_done.load(Ordering::Relaxed) {
            answers.push(call(report, "GET /health", "", ""));
        }
        answers
    };
    scope(|scope| {
        let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(ask)).collect();
        let deployed = stage.run("deploy");
        is_done.store(true, Ordering::Relaxed);
        let answers = callers.into_iter().map(|caller| caller.join().unwrap());
        let answers: Vec<_> = answers.flatten().collect();
        assert_eq!(deployed.code, Some(0), "{}", deployed.said);
        let bad: Vec<_> = answers
            .iter()
            .filter(|(status, _)| *status != 200)
            .collect();
        assert!(bad.is_empty(), "of {} answers: {bad:?}", answers.len());
        assert!(answers.len() > CALLERS, "nobody asked");
        deployed.json
    })
}
