//! Every piece of the templates is needed, and somebody notices when it is missing.

use std::path::Path;
use std::time::Duration;

use super::{SOON, kill};
use crate::support::stage::{Stage, a_change_arrives};

type Change = fn(&str) -> String;

/// Each row takes one piece out of a template: its name, the template, and what is left.
const PIECES: [(&str, &str, Change); 13] = [
    ("the event source mapping", "api.yaml", |text| {
        without(&without(text, "StreamToPublisher"), "StreamMapping")
    }),
    ("the stream's view type", "data.yaml", |text| {
        text.replace("NEW_IMAGE", "KEYS_ONLY")
    }),
    ("the grant to write the table", "api.yaml", |text| {
        without_line(text, "dynamodb:PutItem")
    }),
    ("the grant to query the table", "websocket.yaml", |text| {
        text.replace("Action: dynamodb:Query", "Action: dynamodb:DescribeTable")
    }),
    ("the grant to publish", "api.yaml", |text| {
        text.replace("sns:Publish", "sns:ListTagsForResource")
    }),
    ("the grant to receive", "websocket.yaml", |text| {
        without_line(text, "sqs:ReceiveMessage")
    }),
    ("the grant to subscribe", "websocket.yaml", |text| {
        text.replace("Action: sns:Subscribe", "Action: sns:ListTagsForResource")
    }),
    ("the api's domain mapping", "api.yaml", |text| {
        without(text, "ApiMapping")
    }),
    ("the api's record", "api.yaml", |text| without_records(text)),
    ("the socket's record", "websocket.yaml", |text| {
        without_records(text)
    }),
    ("the site's records", "site.yaml", |text| {
        without_records(text)
    }),
    ("the site's bucket policy", "site.yaml", |text| {
        without(text, "BucketPolicy")
    }),
    ("the redirect of www", "site.yaml", |text| {
        text.replace("statusCode: 301", "statusCode: 404")
    }),
];

/// If a stage works without a piece, the piece is not needed, or nothing here notices that it is missing. Two stages
/// share the pieces: with one missing, most of the time goes by in waiting for what does not come.
#[test]
fn nothing_works_with_a_piece_missing() {
    let (some, others) = PIECES.split_at(PIECES.len() / 2);
    let needless = std::thread::scope(|scope| {
        [("pieces-a", some), ("pieces-b", others)]
            .map(|(stage, pieces)| scope.spawn(move || needless(stage, pieces)))
            .map(|stage| stage.join().unwrap())
            .concat()
    });
    assert!(needless.is_empty(), "nobody misses {needless:?}");
}

/// Takes the pieces out of a stage one by one; returns the names of those without which it works.
fn needless(stage: &str, pieces: &[(&'static str, &str, Change)]) -> Vec<&'static str> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let stage = Stage::of(stage, root, "    verify_seconds: 4\n");
    let report = stage.deploy();
    a_change_arrives(&report, SOON).unwrap();
    let mut needless = Vec::new();
    for (piece, template, change) in pieces {
        let whole = stage.change_template(template, change);
        // A server that lives on with the rights it had would hide what a new one lacks.
        kill(&stage.pid_of("server"));
        let deployed = stage.run("deploy");
        if deployed.code == Some(0)
            && a_change_arrives(&deployed.json, Duration::from_secs(3)).is_ok()
        {
            needless.push(*piece);
        }
        stage.change_template(template, |_| whole.clone());
    }
    a_change_arrives(&stage.deploy(), SOON).unwrap();
    needless
}

/// Returns a template without one of its resources.
fn without(text: &str, logical_id: &str) -> String {
    let mut inside = false;
    let kept = text.lines().filter(|line| {
        if line.starts_with("  ") && !line.starts_with("   ") && !line.trim_start().starts_with('#')
        {
            inside = line.trim_end() == format!("  {logical_id}:");
        } else if !line.starts_with(' ') && !line.is_empty() {
            inside = false;
        }
        !inside
    });
    kept.map(|line| format!("{line}\n")).collect()
}

/// Returns a template without the one line that says this.
fn without_line(text: &str, what: &str) -> String {
    text.lines()
        .filter(|line| !line.contains(what))
        .map(|line| format!("{line}\n"))
        .collect()
}

/// Returns a template without any DNS record.
fn without_records(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let ids = lines
        .windows(2)
        .filter(|pair| pair[1].trim() == "Type: AWS::Route53::RecordSet");
    ids.fold(text.to_owned(), |text, pair| {
        without(&text, pair[0].trim().trim_end_matches(':'))
    })
}
