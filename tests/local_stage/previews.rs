//! Preview stages: many by one pattern, from two checkouts at once, with a seed, until they expire.

use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::SOON;
use crate::support::stage::{Answer, Stage, a_change_arrives, call, copy_sources, failing};

/// The settings of the pattern, as lines of YAML.
const PATTERN: &str = "  preview-*:
    hosting: local
    domain: '{stage}.localhost'
    region: us-east-1
    profile: dev
    expires_after: 1h
";

fn run(stage: &Stage, verb: &str, arguments: &[&str]) -> Answer {
    let mut command = stage.command(verb);
    Answer::from(
        command
            .args(arguments)
            .args(["--output", "json"])
            .output()
            .unwrap(),
    )
}

fn deploy(stage: &Stage, arguments: &[&str]) -> Value {
    let answer = run(stage, "deploy", arguments);
    assert_eq!(answer.code, Some(0), "{}", answer.said);
    answer.json
}

#[test]
fn two_previews_of_two_checkouts_live_side_by_side_and_one_is_removed() {
    let copy = tempfile::tempdir().unwrap();
    copy_sources(copy.path());
    let one = Stage::new("preview-1");
    let other = Stage::of("preview-2", copy.path(), "");
    one.configure_stages(PATTERN);
    other.configure_stages(PATTERN);

    let both = std::thread::scope(|scope| {
        let first = scope.spawn(|| deploy(&one, &[]));
        let second = scope.spawn(|| deploy(&other, &[]));
        [first.join().unwrap(), second.join().unwrap()]
    });
    let [first, second] = &both;
    assert_eq!(
        (&first["stage"], &second["stage"]),
        (&json!("preview-1"), &json!("preview-2"))
    );
    let site = |report: &Value| report["urls"]["site"].as_str().unwrap().to_owned();
    assert!(
        site(first).starts_with("http://preview-1.localhost:"),
        "{first}"
    );
    assert!(
        site(second).starts_with("http://preview-2.localhost:"),
        "{second}"
    );
    a_change_arrives(first, SOON).unwrap();
    a_change_arrives(second, SOON).unwrap();
    let factories = |report: &Value| call(report, "GET /factories", "", "").1["factories"].clone();
    let before = factories(first);

    let gone = run(&other, "teardown", &[]);
    assert_eq!(
        (gone.code, &gone.json["outcome"]),
        (Some(0), &json!("removed")),
        "{}",
        gone.said
    );
    let status = one.run("status");
    assert_eq!(status.code, Some(0), "{:?}", failing(&status.json));
    assert_eq!(factories(first), before);
    a_change_arrives(first, SOON).unwrap();
}

#[test]
fn only_what_has_expired_is_removed_and_a_seed_is_written_once() {
    let stage = Stage::new("preview-1");
    stage.configure_stages(PATTERN);
    let first = a_seed_is_written_once(&stage);
    let second = deploy(&stage, &["--stage", "preview-22"]);

    // Nothing has expired yet.
    let none = run(&stage, "teardown", &["--expired"]);
    assert_eq!(
        (none.code, &none.json["outcome"]),
        (Some(0), &json!("none")),
        "{}",
        none.said
    );
    assert_eq!(
        none.json["left"].as_array().unwrap().len(),
        2,
        "{}",
        none.json
    );

    // The record of the last deploy is two hours old, as if the clock had gone on.
    let deployed = stage.state().join("deployed.json");
    let old = SystemTime::now() - Duration::from_secs(2 * 60 * 60);
    let old = factory_tree::clock::rfc3339(old);
    std::fs::write(&deployed, json!(old).to_string()).unwrap();
    let other = run(&stage, "teardown", &["--expired", "--stage", "other-*"]);
    assert_eq!(other.code, Some(2), "no such key: {}", other.said);
    let gone = run(&stage, "teardown", &["--expired", "--stage", "preview-*"]);
    assert_eq!(gone.code, Some(0), "{}", gone.said);
    let rows = gone.json["stages"].as_array().unwrap();
    assert_eq!(rows.len(), 1, "{}", gone.json);
    assert_eq!(
        (&rows[0]["stage"], &rows[0]["outcome"]),
        (&json!("preview-1"), &json!("removed"))
    );
    assert!(
        gone.said
            .contains("stage preview-1 (preview-1.localhost): deployed 2 h ago, expires after 1h"),
        "{}",
        gone.said
    );
    assert_eq!(gone.json["left"][0]["stage"], "preview-22");
    assert!(!deployed.parent().unwrap().exists());
    let address = first["urls"]["api"]
        .as_str()
        .unwrap()
        .rsplit(':')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    assert!(std::net::TcpStream::connect(("127.0.0.1", address)).is_err());

    let status = run(&stage, "status", &["--stage", "preview-22"]);
    assert_eq!(status.code, Some(0), "{:?}", failing(&status.json));
    a_change_arrives(&second, SOON).unwrap();
    let again = run(&stage, "teardown", &["--expired"]);
    assert_eq!(
        (again.code, &again.json["outcome"]),
        (Some(0), &json!("none")),
        "{}",
        again.said
    );
    let last = run(&stage, "teardown", &["--stage", "preview-22"]);
    assert_eq!(last.code, Some(0), "{}", last.said);
}

/// What a person did to a factory of a seed stays: changed, and removed.
fn a_seed_is_written_once(stage: &Stage) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/seed.json");
    let seed = ["--seed", file.to_str().unwrap()];
    let report = deploy(stage, &seed);
    assert_eq!(report["seeded"], json!({ "created": 5, "present": 0 }));
    let list = || {
        let (_, body) = call(&report, "GET /factories", "", "");
        body["factories"].as_array().unwrap().clone()
    };
    let named = |name: &str| list().into_iter().find(|factory| factory["name"] == name);
    assert_eq!(list().len(), 5);
    let (dice, lottery) = (named("Dice").unwrap(), named("Lottery").unwrap());
    let request = |verb: &str, factory: &Value| {
        format!("{verb} /factories/{}", factory["id"].as_str().unwrap())
    };
    let seen = |factory: &Value| format!("If-Match: \"{}\"\r\n", factory["revision"]);
    assert_eq!(
        call(
            &report,
            &request("PATCH", &dice),
            &seen(&dice),
            r#"{"name":"Mine","upper":20}"#
        )
        .0,
        200
    );
    assert_eq!(
        call(&report, &request("DELETE", &lottery), &seen(&lottery), "").0,
        204
    );
    let before = list();

    let again = deploy(stage, &seed);
    assert_eq!(again["outcome"], "unchanged");
    assert_eq!(again["seeded"], json!({ "created": 0, "present": 5 }));
    assert_eq!(list(), before);
    assert!(named("Mine").is_some() && named("Dice").is_none() && named("Lottery").is_none());

    // One more is written, and one that the API does not take is told with its place; the rest is as before.
    let folder = tempfile::tempdir().unwrap();
    let wrong = folder.path().join("seed.json");
    let text = std::fs::read_to_string(&file).unwrap().replacen(
        '[',
        "[\n  { \"name\": \"New\", \"lower\": 1, \"upper\": 2, \"count\": 1 },\n  { \"name\": \"\u{202e}turned\", \"lower\": 1, \"upper\": 2, \"count\": 1 },",
        1,
    );
    std::fs::write(&wrong, &text).unwrap();
    let refused = run(stage, "deploy", &["--seed", wrong.to_str().unwrap()]);
    assert_eq!(refused.code, Some(1), "{}", refused.said);
    assert!(
        refused.said.contains("seed.json:3: `name` of factory"),
        "{}",
        refused.said
    );
    assert!(named("New").is_some());
    assert_eq!(list().len(), before.len() + 1);

    // What is wrong without asking anybody is told before anything is built.
    std::fs::write(&wrong, text.replace("\"upper\": 49", "\"upper\": \"49\"")).unwrap();
    let refused = run(stage, "deploy", &["--seed", wrong.to_str().unwrap()]);
    assert_eq!(refused.code, Some(2), "{}", refused.said);
    assert!(!refused.said.contains("build"), "{}", refused.said);
    report
}
