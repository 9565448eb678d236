//! A bad release is undone without any tool of the build, and without touching what is not ours. The site is
//! a small one that builds in a moment; everything else is real.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::{Bucket, api_of, asset_of, change_the_api, page, run, swap, write_text};
use crate::support::stage::{Answer, Stage, a_change_arrives, call, stacks_with};

/// Within this time a change arrives, on a busy machine too.
const SOON: Duration = Duration::from_secs(10);

/// Leaves the stage as it was, and the sources of the api.
pub(super) fn a_bad_release_is_undone_and_nothing_else(
    stage: &Stage,
    sources: &Path,
    good: &Value,
) {
    let api = api_build(good);
    let bucket = Bucket::of(stage);
    bucket.put("foreign.txt", "text/plain", b"not ours");

    write_text(sources, "bad");
    let bad = stage.deploy();
    let untouched = stacks_with(&bad, "unchanged");
    assert_eq!(untouched.len(), 7, "a site is no reason to touch a stack");
    let asset = asset_of(&page(&bad, "/"));
    a_bad_site_is_undone(stage, good);

    let unchanged = change_the_api(sources);
    let worse = swap::deploy_unnoticed(stage, good);
    assert_eq!(stacks_with(&worse, "updated"), ["api"]);
    assert_ne!(api_build(&worse), api);
    a_change_arrives(&worse, SOON).unwrap();
    let template = break_template(stage);
    a_bad_lambda_is_undone_also_after_a_kill(stage, good);
    assert_eq!(api_build(good), api);
    stage.change_template("api.yaml", |_| template.clone());

    a_protected_stage_asks_first(stage, &worse);
    a_release_that_lost_a_file_is_refused(stage, &bucket, &asset, &bad);
    assert_eq!(bucket.get("foreign.txt"), b"not ours");
    what_was_released_is_reported(stage, good, &worse);
    std::fs::write(api_of(sources), unchanged).unwrap();
}

fn a_bad_site_is_undone(stage: &Stage, good: &Value) {
    let back = rollback(stage, &[]);
    assert_eq!(back.code, Some(0), "{}", back.said);
    assert_eq!(back.json["outcome"], "rolled back");
    assert_eq!(back.json["rolled_back_to"], good["release"]);
    assert_eq!(back.json["moved"], serde_json::json!(["site"]));
    assert_eq!(back.json["stacks"], serde_json::json!([]));
    assert!(page(good, "/").contains("good"));
    assert!(page(good, "/favicon.svg").contains("good"));
}

/// The first rollback is killed when the site is back and the Lambda is not: the next one means the same
/// release and ends the work.
fn a_bad_lambda_is_undone_also_after_a_kill(stage: &Stage, good: &Value) {
    kill_rollback_at(stage, "provision");
    assert!(
        page(good, "/").contains("good"),
        "the site comes back first"
    );
    let back = rollback(stage, &[]);
    assert_eq!(back.code, Some(0), "{}", back.said);
    assert_eq!(back.json["outcome"], "rolled back", "{}", back.json);
    assert_eq!(back.json["build"], good["build"]);
    let again = rollback(stage, &[back.json["release"].as_str().unwrap()]);
    assert_eq!(again.json["outcome"], "unchanged", "{}", again.said);
}

/// A rollback restores the release, not the present sources.
fn break_template(stage: &Stage) -> String {
    stage.change_template("api.yaml", |text| {
        text.replace("AWS::Lambda::Function", "AWS::Lambda::NoSuchType")
    })
}

fn a_release_that_lost_a_file_is_refused(stage: &Stage, bucket: &Bucket, asset: &str, bad: &Value) {
    bucket.put(asset, "text/plain", b"something else");
    let refused = rollback(stage, &[bad["release"].as_str().unwrap()]);
    assert_eq!(refused.code, Some(1), "{}", refused.said);
    assert!(
        refused.said.contains(&format!("`{asset}` was changed")),
        "{}",
        refused.said
    );
    assert!(
        refused.said.contains("nothing was touched"),
        "{}",
        refused.said
    );
    assert!(page(bad, "/").contains("good"));
}

fn a_protected_stage_asks_first(stage: &Stage, worse: &Value) {
    stage.configure("    protected: true\n");
    let release = worse["release"].as_str().unwrap();
    let unnamed = rollback(stage, &[release, "--yes"]);
    let mut of_environment = without_tools(stage);
    of_environment
        .args([release, "--yes"])
        .env("FACTORY_TREE_STAGE", "releases");
    let of_environment = Answer::from(of_environment.output().unwrap());
    let refused = rollback(stage, &[release]);
    // Before anything can fail: a protected stage is not taken down without its name.
    stage.configure("");
    assert_eq!(unnamed.code, Some(3), "by default: {}", unnamed.said);
    assert_eq!(of_environment.code, Some(3), "{}", of_environment.said);
    assert_eq!(refused.code, Some(3), "{}", refused.said);
    let said = &refused.said;
    assert!(said.contains("`factory-tree rollback "), "{said}");
    assert!(said.contains(" --yes --stage releases`"), "{said}");
    assert!(page(worse, "/").contains("good"));
}

fn what_was_released_is_reported(stage: &Stage, good: &Value, worse: &Value) {
    let reported = run(stage, "releases", &["--output", "json"]);
    assert_eq!(reported.code, Some(0), "{}", reported.said);
    let rows = &reported.json["releases"].as_array().unwrap()[..5];
    let column = |name: &str| -> Vec<Value> { rows.iter().map(|row| row[name].clone()).collect() };
    let outcomes = [
        "rolled back",
        "deployed",
        "rolled back",
        "deployed",
        "deployed",
    ];
    assert_eq!(column("outcome"), outcomes);
    assert_eq!(column("live"), [true, false, false, false, false]);
    assert_eq!(rows[3]["changed"], serde_json::json!(["site"]));
    assert_eq!(rows[4]["id"], good["release"]);

    let worse = worse["release"].as_str().unwrap();
    let diff = run(stage, "diff", &[&worse[..6], "--output", "json"]);
    assert_eq!(diff.code, Some(0), "{}", diff.said);
    assert_eq!(diff.json["to"], rows[0]["id"]);
    let names: Vec<&str> = diff.json["changed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["api", "build", "site"]);
    assert_eq!(
        diff.json["site"]["changed"],
        serde_json::json!(["favicon.svg", "index.html"])
    );
}

/// A rollback finds no cargo, no node, no git.
fn without_tools(stage: &Stage) -> Command {
    let mut command = stage.command("rollback");
    command
        .env("PATH", "/nonexistent")
        .args(["--output", "json"]);
    command
}

pub(super) fn rollback(stage: &Stage, arguments: &[&str]) -> Answer {
    Answer::from(without_tools(stage).args(arguments).output().unwrap())
}

fn kill_rollback_at(stage: &Stage, step: &str) {
    let mut child = without_tools(stage)
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let reached = said.any(|line| line.is_ok_and(|line| line == step));
    assert!(reached, "it ended before step {step}");
    child.kill().unwrap();
    child.wait().unwrap();
}

fn api_build(report: &Value) -> Value {
    call(report, "GET /health", "", "").1["build"].clone()
}
