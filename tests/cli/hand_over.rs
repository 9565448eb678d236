//! The verbs that hand a person over to another program.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::output::on_terminal;
use super::path_with;
use super::project::Project;
use crate::support::fake_account::FakeCloudFormation;

#[test]
fn the_address_of_the_site_is_printed_where_there_is_no_browser() {
    let project = Project::new();
    insta::assert_snapshot!("open", project.run(&["open", "--stage", "prod"]));
    let json = ["open", "--stage", "prod", "--output", "json"];
    insta::assert_snapshot!("open_json", project.run(&json));
    insta::assert_snapshot!("open_absent", project.run(&["open"]));
}

#[test]
fn the_browser_is_started_where_a_person_looks_on_and_has_a_screen() {
    let project = Project::new();
    write_program(&project, "xdg-open", "echo \"$*\" >> opened");
    let opened = || std::fs::read_to_string(project.path().join("opened")).unwrap_or_default();
    let open = |screen: &str, rest: &str| {
        let script = format!("PATH=$PWD/tools:$PATH {screen} \"$0\" open --stage prod {rest}");
        on_terminal(&project, &script)
    };
    assert!(open("DISPLAY=", "").contains("https://factory-tree.com"));
    assert_eq!(opened(), "", "there is no screen");
    open("DISPLAY=:9", "--output json");
    open("DISPLAY=:9", "| cat");
    assert_eq!(opened(), "", "a program reads the answer");
    assert!(open("DISPLAY=:9", "").contains("https://factory-tree.com"));
    assert_eq!(opened(), "https://factory-tree.com\n");
}

/// Writes a program in place of one that a person is handed over to, into `tools/`.
fn write_program(project: &Project, name: &str, script: &str) {
    let file = project.write(&format!("tools/{name}"), &format!("#!/bin/sh\n{script}\n"));
    std::fs::set_permissions(file, Permissions::from_mode(0o755)).unwrap();
}

/// An account with a stage that has two servers.
fn account() -> FakeCloudFormation {
    let fake = FakeCloudFormation::start();
    fake.account()
        .put("factory-tree-prod-websocket", "CREATE_COMPLETE");
    fake.account().servers = vec![("i-0a", "Pending"), ("i-0b", "InService")];
    fake
}

fn ssh(project: &Project, fake: &FakeCloudFormation, arguments: &[&str]) -> Command {
    let mut command = project.command(&[&["ssh", "--stage", "prod"], arguments].concat());
    command
        .env("AWS_ENDPOINT_URL", &fake.url)
        .env("AWS_ACCESS_KEY_ID", "key")
        .env("AWS_SECRET_ACCESS_KEY", "secret");
    command
}

#[test]
fn a_session_is_opened_on_the_server_in_service_or_on_the_one_that_is_named() {
    let (project, fake) = (Project::new(), account());
    for program in ["aws", "session-manager-plugin"] {
        write_program(&project, program, "echo \"$0 $*\" | sed 's/.*tools.//'");
    }
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", project.path().join("tools").display());
    let run = |arguments: &[&str]| {
        let output = ssh(&project, &fake, arguments).env("PATH", &path).output();
        project.reported(&output.unwrap())
    };
    insta::assert_snapshot!("ssh", run(&[]));
    insta::assert_snapshot!("ssh_named", run(&["--server", "i-0a"]));
    insta::assert_snapshot!("ssh_unknown", run(&["--server", "i-0c"]));
    insta::assert_snapshot!("ssh_json", run(&["--output", "json"]));
    fake.account().servers.clear();
    insta::assert_snapshot!("ssh_none", run(&[]));
}

#[test]
fn a_program_that_a_session_needs_is_named_with_where_it_is_to_be_had() {
    let (project, fake) = (Project::new(), account());
    let tools = path_with(&project, &["sh"]);
    let output = ssh(&project, &fake, &[]).env("PATH", tools).output();
    insta::assert_snapshot!("ssh_without_aws", project.reported(&output.unwrap()));
}
