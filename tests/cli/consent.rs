//! Consent to what cannot be undone: a name that a person typed, and nothing that stands in for it.

use std::process::Output;

use super::project::Project;
use crate::support::fake_account::FakeCloudFormation;

/// Runs a verb against an account of a test.
fn run(project: &Project, fake: &FakeCloudFormation, verb: &[&str], stage: Option<&str>) -> Output {
    let mut command = project.command(verb);
    command
        .env("AWS_ENDPOINT_URL", &fake.url)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test");
    if let Some(stage) = stage {
        command.env("FACTORY_TREE_STAGE", stage);
    }
    command.output().unwrap()
}

#[test]
fn a_name_that_nobody_typed_takes_no_protected_stage_down() {
    let project = Project::new();
    let fake = FakeCloudFormation::start();
    let of_environment = run(&project, &fake, &["teardown", "--yes"], Some("prod"));
    insta::assert_snapshot!("environment", project.reported(&of_environment));

    project.replace(
        "factory-tree.yaml",
        "stages:",
        "default_stage: prod\nstages:",
    );
    let by_default = run(&project, &fake, &["teardown", "--yes"], None);
    assert_eq!(
        project.reported(&by_default),
        project.reported(&of_environment)
    );
    let calls = fake.account().calls.clone();
    assert!(calls.is_empty(), "nobody was asked anything: {calls:?}");
}

#[test]
fn a_name_that_nobody_typed_recovers_no_protected_stage() {
    let project = Project::new();
    let fake = FakeCloudFormation::start();
    fake.account()
        .put("factory-tree-prod-data", "UPDATE_FAILED");
    let recover = ["recover", "--yes"];
    let of_environment = run(&project, &fake, &recover, Some("prod"));
    insta::assert_snapshot!("recover", project.reported(&of_environment));
    project.replace(
        "factory-tree.yaml",
        "stages:",
        "default_stage: prod\nstages:",
    );
    let by_default = run(&project, &fake, &recover, None);
    assert_eq!(by_default.status.code(), Some(3));
    assert_eq!(fake.account().count("RollbackStack"), 0);

    let typed = run(
        &project,
        &fake,
        &["recover", "--yes", "--stage", "prod"],
        None,
    );
    assert_eq!(
        fake.account().count("RollbackStack"),
        1,
        "{}",
        project.reported(&typed)
    );
}

#[test]
fn an_empty_name_in_the_environment_names_no_stage() {
    let project = Project::new();
    let status = project
        .command(&["status"])
        .env("FACTORY_TREE_STAGE", "")
        .output();
    let reported = project.reported(&status.unwrap());
    assert!(reported.contains("stage local: absent"), "{reported}");
}
