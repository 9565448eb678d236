//! A deploy that undoes itself: the stage works as before, and it is said and recorded what has happened.

use std::path::Path;

use regex::Regex;
use serde_json::{Value, json};

use super::{Bucket, asset_of, page, run, undo, write_text};
use crate::support::stage::{Answer, Stage, call};

/// A Lambda that is well and answers 500 to everybody.
const ANSWERS_500: (&str, &str) = (
    "app.store.check().await?;",
    "app.store.check().await?;\n    return Err(Problem::internal());",
);

/// There is nothing that could be restored. A page that names a script which is not there does not load.
pub(super) fn a_first_release_that_fails_is_left_as_it_is(stage: &Stage, sources: &Path) {
    // Time for the first heartbeat, so that the page is all that fails.
    stage.configure("    verify_seconds: 10\n");
    write_text(sources, "lost");
    let failed = run(stage, "deploy", &["--undo-on-failure", "--output", "json"]);
    stage.configure("");
    assert_eq!(failed.code, Some(1), "{}", failed.said);
    assert_eq!(
        undo_of(&failed)["outcome"],
        "no-good-release",
        "{}",
        failed.said
    );
    insta::assert_snapshot!(last_words(&failed));
}

/// Leaves the stage as it was.
pub(super) fn a_release_that_fails_is_undone_by_its_own_deploy(
    stage: &Stage,
    sources: &Path,
    good: &Value,
) {
    a_site_that_does_not_load_is_undone(stage, sources, good);
    an_undoing_that_fails_is_gone_on_with(stage, sources, good);
    a_lambda_that_answers_500_is_undone_without_a_question(stage, sources, good);
}

fn a_site_that_does_not_load_is_undone(stage: &Stage, sources: &Path, good: &Value) {
    stage.configure("    verify_seconds: 2\n");
    write_text(sources, "lost");
    let failed = run(stage, "deploy", &["--undo-on-failure", "--output", "json"]);
    assert_eq!(failed.code, Some(1), "{}", failed.said);
    let undone = undo_of(&failed);
    assert_eq!(undone["outcome"], "rolled-back", "{}", failed.said);
    assert_eq!(undone["moved"], json!(["site"]));
    assert!(page(good, "/").contains("good"));
    insta::assert_snapshot!(last_words(&failed));

    let rows = run(stage, "releases", &["--output", "json"]).json["releases"].clone();
    assert_eq!(rows[0]["id"], undone["release"]);
    assert_eq!(rows[1]["id"], undone["failed_release"]);
    let column = |name: &str| [&rows[0][name], &rows[1][name], &rows[2][name]].map(Clone::clone);
    assert_eq!(column("outcome"), ["rolled back", "failed", "deployed"]);
    assert_eq!(column("live"), [true, false, false]);
    let failure = rows[1]["failure"].as_str().unwrap();
    assert!(failure.contains("which answers 40"), "{failure}");
}

/// Both causes are told, and `rollback` goes on.
fn an_undoing_that_fails_is_gone_on_with(stage: &Stage, sources: &Path, good: &Value) {
    stage.configure("    verify_seconds: 1\n    undo_on_failure: true\n");
    let bucket = Bucket::of(stage);
    let asset = asset_of(&page(good, "/"));
    let content = bucket.get(&asset);
    bucket.put(&asset, "text/javascript", b"something else");
    let failed = run(stage, "deploy", &["--output", "json"]);
    assert_eq!(failed.code, Some(1), "{}", failed.said);
    assert_eq!(undo_of(&failed)["outcome"], "failed", "{}", failed.said);
    insta::assert_snapshot!(last_words(&failed));
    assert!(page(good, "/").contains("lost"));

    bucket.put(&asset, "text/javascript", &content);
    stage.configure("");
    let back = undo::rollback(stage, &[]);
    assert_eq!(back.code, Some(0), "{}", back.said);
    assert_eq!(back.json["moved"], json!(["site"]));
    assert!(page(good, "/").contains("good"));
    write_text(sources, "good");
}

/// Whoever has configured it has agreed, also for a protected stage.
fn a_lambda_that_answers_500_is_undone_without_a_question(
    stage: &Stage,
    sources: &Path,
    good: &Value,
) {
    let file = sources.join("lambdas/api/src/health.rs");
    let text = std::fs::read_to_string(&file).unwrap();
    let (from, to) = ANSWERS_500;
    assert!(text.contains(from));
    std::fs::write(&file, text.replace(from, to)).unwrap();
    stage.configure("    verify_seconds: 6\n    undo_on_failure: true\n    protected: true\n");
    let failed = run(stage, "deploy", &["--output", "json"]);
    // Before anything can fail: a protected stage is not taken down without its name.
    stage.configure("");
    assert_eq!(failed.code, Some(1), "{}", failed.said);
    let undone = undo_of(&failed);
    assert_eq!(undone["outcome"], "rolled-back", "{}", failed.said);
    assert_eq!(undone["moved"], json!(["api"]));
    let message = failed.json["error"]["message"].as_str().unwrap();
    assert!(message.contains("GET /health answers 500"), "{message}");
    assert_eq!(call(good, "GET /health", "", "").0, 200);
    std::fs::write(&file, text).unwrap();
}

pub(super) fn undo_of(answer: &Answer) -> &Value {
    &answer.json["error"]["undo"]
}

/// What a person reads in the end: error and hint, without what differs from run to run.
pub(super) fn last_words(answer: &Answer) -> String {
    let (_, words) = answer.said.rsplit_once("\nerror: ").unwrap();
    let ids = Regex::new("\\b[0-9a-f]{8}\\b").unwrap();
    ids.replace_all(words.trim_end(), "[id]").into_owned()
}
