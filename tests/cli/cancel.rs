//! The end of a running operation: what can be cancelled is, with consent, and what cannot is told.

use std::fs::File;
use std::io::Write;
use std::process::Output;

use super::project::Project;
use crate::support::fake_account::FakeCloudFormation;

const API: &str = "factory-tree-prod-api";

/// Runs `cancel` against an account of a test. An incident needs no templates: there are none.
fn cancel(project: &Project, fake: &FakeCloudFormation, arguments: &[&str]) -> Output {
    let mut command = project.command(&["cancel"]);
    command
        .args(arguments)
        .env("FACTORY_TREE_STAGE", "prod")
        .env("AWS_ENDPOINT_URL", &fake.url)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test");
    command.output().unwrap()
}

fn project() -> Project {
    let project = Project::new();
    project.replace("factory-tree.yaml", "templates: ", "templates: nowhere");
    project
}

#[test]
fn an_update_is_cancelled_once_somebody_has_agreed() {
    let (project, fake) = (project(), FakeCloudFormation::start());
    fake.account().put(API, "UPDATE_COMPLETE");
    fake.account().put(API, "UPDATE_IN_PROGRESS");
    let unnamed = cancel(&project, &fake, &["--yes"]);
    insta::assert_snapshot!("unnamed", project.reported(&unnamed));
    assert_eq!(fake.account().count("CancelUpdateStack"), 0);

    let named = cancel(&project, &fake, &["--yes", "--stage", "prod"]);
    insta::assert_snapshot!("cancelled", project.reported(&named));
    assert_eq!(fake.account().count("CancelUpdateStack"), 1);
    let idle = cancel(&project, &fake, &[]);
    insta::assert_snapshot!("idle", project.reported(&idle));
}

#[test]
fn a_creation_is_left_alone_and_told() {
    let (project, fake) = (project(), FakeCloudFormation::start());
    fake.account().put(API, "CREATE_IN_PROGRESS");
    let left = cancel(&project, &fake, &["--output", "json"]);
    insta::assert_snapshot!("creation", project.reported(&left));
    assert_eq!(fake.account().count("CancelUpdateStack"), 0);
}

#[test]
fn a_command_that_works_on_the_stage_is_named() {
    let (project, fake) = (project(), FakeCloudFormation::start());
    fake.account().put(API, "UPDATE_COMPLETE");
    std::fs::create_dir_all(project.path().join(".factory-tree")).unwrap();
    let mut lock = File::create(project.path().join(".factory-tree/prod.lock")).unwrap();
    lock.lock().unwrap();
    write!(lock, "process 4711").unwrap();
    let busy = cancel(&project, &fake, &[]);
    insta::assert_snapshot!("busy", project.reported(&busy));
}
