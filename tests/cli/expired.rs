//! `teardown --expired` in an account of a test: what has expired goes, with consent, and nothing else.

use std::process::Output;

use serde_json::{Value, json};

use super::project::Project;
use crate::support::fake_account::Fault;
use crate::support::fake_aws::FakeAws;

const STAGES: &str = "templates: nowhere
stages:
  local: { hosting: local, domain: factory-tree.localhost, region: us-east-1 }
  prod: { domain: factory-tree.com, region: us-east-1, protected: true }
  preview-*: { domain: '{stage}.factory-tree.com', region: us-east-1, expires_after: 3d }
  preview-main: { domain: main.factory-tree.com, region: us-east-1 }
";

struct Account {
    aws: FakeAws,
    url: String,
    project: Project,
}

impl Account {
    /// Stacks that were made at the beginning of 2026. Of stage `preview-2`, one was changed just now.
    fn start() -> Self {
        let (aws, project) = (FakeAws::default(), Project::new());
        project.write("factory-tree.yaml", STAGES);
        for stack in [
            "preview-1-data",
            "preview-1-dns",
            "preview-2-data",
            "preview-2-site",
            "preview-3-data",
            "preview-main-data",
            "prod-data",
            "previous-data",
        ] {
            aws.account()
                .put(&format!("factory-tree-{stack}"), "CREATE_COMPLETE");
        }
        aws.account().touch("factory-tree-preview-2-site");
        let url = aws.serve_api();
        Self { aws, url, project }
    }

    fn teardown(&self, arguments: &[&str]) -> Output {
        let mut command = self.project.command(&["teardown", "--expired"]);
        command
            .args(arguments)
            .env("FACTORY_TREE_STAGE", "prod")
            .env("AWS_ENDPOINT_URL", &self.url)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test");
        command.output().unwrap()
    }

    /// The stacks that are there, without the name of the project.
    fn stacks(&self) -> Vec<String> {
        let account = self.aws.account();
        let names = account.names().into_iter();
        let there = names.filter(|name| account.status(name).as_deref() != Some("DELETE_COMPLETE"));
        there
            .map(|name| name.replace("factory-tree-", ""))
            .collect()
    }
}

fn report(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("no report: {said}"))
}

/// The outcome of each stage.
fn outcomes(output: &Output) -> Vec<(String, String)> {
    let report = report(output);
    let rows = report["stages"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    rows.map(|row| (text(&row["stage"]), text(&row["outcome"])))
        .collect()
}

const OTHERS: [&str; 5] = [
    "preview-2-data",
    "preview-2-site",
    "preview-main-data",
    "previous-data",
    "prod-data",
];

#[test]
fn what_would_go_is_listed_and_nothing_goes_without_consent() {
    let account = Account::start();
    let before = account.stacks();
    let output = account.teardown(&[]);
    let reported = account.project.reported(&output);
    let ages = regex::Regex::new(r"\d+ days ago").unwrap();
    insta::assert_snapshot!("listed", ages.replace_all(&reported, "[age]"));
    assert_eq!(account.stacks(), before);
    assert_eq!(account.aws.account().count("DeleteStack"), 0);
}

#[test]
fn a_stage_that_fails_stops_no_other_and_a_repeat_goes_on_with_it() {
    let account = Account::start();
    // Every attempt at both stacks of the first stage.
    for _ in 0..6 {
        let (code, message) = (
            "AccessDenied".to_owned(),
            "not authorized to delete".to_owned(),
        );
        let denied = Fault::Error(403, code, message);
        account.aws.account().fail_next("DeleteStack", denied);
    }
    let first = account.teardown(&["--yes", "--output", "json"]);
    assert_eq!(
        first.status.code(),
        Some(6),
        "{}",
        account.project.reported(&first)
    );
    let pair = |stage: &str, outcome: &str| (stage.to_owned(), outcome.to_owned());
    assert_eq!(
        outcomes(&first),
        [pair("preview-1", "failed"), pair("preview-3", "removed")]
    );
    let told = report(&first);
    assert_eq!(told["stages"][0]["expires_after"], "3d");
    assert_eq!(told["stages"][0]["last_deploy"], "2026-01-01T00:00:00Z");
    assert!(
        told["stages"][0]["failed"][0]
            .as_str()
            .unwrap()
            .contains("not authorized"),
        "{told}"
    );
    assert_eq!(told["left"][0]["stage"], "preview-2");

    let second = account.teardown(&["--yes", "--output", "json"]);
    assert_eq!(
        second.status.code(),
        Some(0),
        "{}",
        account.project.reported(&second)
    );
    assert_eq!(outcomes(&second), [pair("preview-1", "removed")]);
    assert_eq!(account.stacks(), OTHERS);
    let third = account.teardown(&["--output", "json"]);
    assert_eq!(
        (third.status.code(), &report(&third)["outcome"]),
        (Some(0), &json!("none"))
    );
    assert_eq!(account.stacks(), OTHERS);
}

#[test]
fn a_key_that_does_not_expire_is_no_reason_to_look_at_others() {
    let account = Account::start();
    for key in ["prod", "preview-main", "local"] {
        let output = account.teardown(&["--yes", "--stage", key, "--output", "json"]);
        assert_eq!(
            (output.status.code(), outcomes(&output)),
            (Some(0), Vec::new()),
            "{key}"
        );
    }
    let unknown = account.teardown(&["--yes", "--stage", "preview-1"]);
    insta::assert_snapshot!("unknown_key", account.project.reported(&unknown));
    assert_eq!(account.stacks().len(), 8);
}

/// The release of a site changes no stack: its record tells of it.
#[test]
fn a_release_of_the_site_alone_keeps_a_stage() {
    let account = Account::start();
    let foundation = "factory-tree-preview-1-foundation";
    account.aws.account().put(foundation, "CREATE_COMPLETE");
    account.aws.account().put_template(
        foundation,
        "Resources: {}\nOutputs:\n  ArtifactBucket:\n    Value: a\n",
    );
    let now = factory_tree::clock::rfc3339(std::time::SystemTime::now());
    account.aws.put_object(
        &format!("{foundation}-artifactbucket"),
        &format!("releases/{now}-c519f9b95509.json"),
        b"{}",
    );
    let output = account.teardown(&["--yes", "--output", "json"]);
    assert_eq!(
        outcomes(&output),
        [("preview-3".to_owned(), "removed".to_owned())],
        "{}",
        account.project.reported(&output)
    );
    assert_eq!(report(&output)["left"][0]["last_deploy"], now);
}

#[test]
fn without_credentials_the_pattern_is_named() {
    let account = Account::start();
    let output = account
        .project
        .command(&["teardown", "--expired", "--yes"])
        .output()
        .unwrap();
    let reported = account.project.reported(&output);
    assert_eq!(output.status.code(), Some(4), "{reported}");
    assert!(reported.contains("for stage `preview-*`"), "{reported}");
}
