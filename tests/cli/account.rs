//! The requirements of a stage in AWS before it is changed: credentials, consent, permissions, and the checks of `doctor`.

use super::path_with;
use super::project::Project;

#[test]
fn without_credentials_prod_is_not_touched() {
    let project = Project::new();
    insta::assert_snapshot!("deploy", project.run(&["deploy", "--stage", "prod"]));
    insta::assert_snapshot!("status", project.run(&["status", "--stage", "prod"]));
}

#[test]
fn a_protected_stage_is_not_taken_down_unless_its_name_is_said() {
    let project = Project::new();
    insta::assert_snapshot!("without", project.run(&["teardown", "--stage", "prod"]));
}

#[test]
fn the_policy_is_one_document_with_the_trust_of_one_environment() {
    let arguments = [
        "policy",
        "--stage",
        "prod",
        "--output",
        "json",
        "--github",
        "octo/tree",
    ];
    let output = Project::new().command(&arguments).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let condition = &document["trust"]["Statement"][0]["Condition"]["StringEquals"];
    insta::assert_snapshot!(condition, @r#"{"token.actions.githubusercontent.com:aud":["sts.amazonaws.com"],"token.actions.githubusercontent.com:sub":["repo:octo/tree:environment:prod"]}"#);
    assert!(!document["policies"].as_array().unwrap().is_empty());
}

#[test]
fn the_doctor_names_what_is_missing_with_its_cure() {
    let project = Project::new();
    let tools = path_with(
        &project,
        &["cargo", "rustc", "rustup", "cc", "ld", "python3"],
    );
    let output = project
        .command(&["doctor"])
        .env("PATH", tools)
        .output()
        .unwrap();
    let reported = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    let from = reported.find("  FAIL    node").expect(&reported);
    let rows: Vec<&str> = reported[from..].lines().take(4).collect();
    insta::assert_snapshot!(rows.join("\n"), @r"
    FAIL    node         is not installed, or not on PATH
            cure: install Node.js 20.19 or newer with npm
    FAIL    npm          is not installed, or not on PATH
            cure: install Node.js 20.19 or newer with npm
    ");
}

#[test]
fn the_doctor_of_a_stage_on_this_machine_asks_nothing_of_aws() {
    let output = Project::new()
        .command(&["doctor", "--output", "json"])
        .output()
        .unwrap();
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let checks = document["checks"].as_array().unwrap();
    let spared = checks.iter().filter(|row| row["detail"] == "not needed");
    let spared: Vec<&str> = spared.filter_map(|row| row["name"].as_str()).collect();
    assert_eq!(
        spared,
        [
            "credentials",
            "region",
            "clock",
            "quota",
            "vpcs",
            "lambda",
            "delegation",
            "records",
            "alias",
            "page key",
            "caa",
        ]
    );
    for row in checks {
        let mut fields: Vec<&String> = row.as_object().unwrap().keys().collect();
        fields.sort();
        assert_eq!(fields, ["cure", "detail", "name", "ok"]);
    }
}

#[test]
fn without_credentials_the_doctor_of_prod_says_so_and_does_not_hang() {
    let started = std::time::Instant::now();
    let output = Project::new()
        .command(&["doctor", "--stage", "prod"])
        .output()
        .unwrap();
    let reported = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{reported}");
    let row = reported
        .lines()
        .find(|line| line.contains("credentials"))
        .unwrap();
    assert!(
        row.contains("FAIL") && row.contains("no usable AWS credentials"),
        "{reported}"
    );
    assert!(started.elapsed() < std::time::Duration::from_secs(30));
}
