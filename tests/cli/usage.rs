//! Faults in the command line, or in the files that it names, are reported before anything is done.

use super::assert_nothing_there;
use super::project::Project;

#[test]
fn an_unknown_flag_is_wrong_usage() {
    insta::assert_snapshot!(Project::new().run(&["deploy", "--stag", "prod"]));
}

#[test]
fn broken_yaml_is_reported_with_its_place() {
    let project = Project::new();
    project.replace("factory-tree.yaml", "  prod: {", "  prod: [");
    insta::assert_snapshot!(project.run(&["status"]));
}

#[test]
fn an_unknown_stage_is_reported_with_those_that_there_are() {
    insta::assert_snapshot!(Project::new().run(&["deploy", "--stage", "prd"]));
}

#[test]
fn a_missing_configuration_file_is_reported() {
    insta::assert_snapshot!(Project::new().run(&["status", "--config", "other.yaml"]));
}

#[test]
fn where_2_means_changes_a_wrong_configuration_is_1() {
    let project = Project::new();
    let reported = |arguments: &[&str]| project.command(arguments).output().unwrap().status.code();
    assert_eq!(reported(&["plan", "--stage", "prd"]), Some(2));
    assert_eq!(
        reported(&["plan", "--stage", "prd", "--detailed-exitcode"]),
        Some(1)
    );
}

/// The release would be live before the API refused each factory.
#[test]
fn a_stage_on_which_people_sign_in_takes_no_seed() {
    let project = Project::new();
    let protected = "protected: true,";
    let signs_in = "protected: true, sign_in: true,";
    project.replace("factory-tree.yaml", protected, signs_in);
    let seed = project.write("seed.json", "[]");
    let seed = seed.to_str().unwrap();
    let output = project
        .command(&["deploy", "--stage", "prod", "--seed", seed])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("takes no seed: only people who have signed in write there"),
        "{said}"
    );
}

#[test]
fn a_file_that_is_no_event_is_reported_before_anything_is_built() {
    let project = Project::new();
    project.write("event.json", "{\"version\": \n");
    insta::assert_snapshot!(
        "no_event",
        project.run(&["invoke", "api", "--event", "event.json"])
    );
    project.write("event.json", "{}");
    insta::assert_snapshot!(
        "no_lambda",
        project.run(&["invoke", "counter", "--event", "event.json"])
    );
    let reported = project.run(&["invoke", "api", "--event", "event.json"]);
    assert!(
        reported.contains("stage `local` is not deployed"),
        "{reported}"
    );
    assert_nothing_there(&project);
}

#[test]
fn a_file_that_is_no_plan_is_not_deployed() {
    let project = Project::new();
    project.write("plan.json", "{\"stage\": \"local\"}\n");
    insta::assert_snapshot!("no_plan", project.run(&["deploy", "--plan", "plan.json"]));
    insta::assert_snapshot!(
        "missing_plan",
        project.run(&["deploy", "--plan", "none.json"])
    );
    assert_nothing_there(&project);
}

#[test]
fn what_is_no_id_of_a_release_is_wrong_usage() {
    insta::assert_snapshot!(Project::new().run(&["rollback", "yesterday"]));
}

#[test]
fn a_bake_that_is_too_long_is_refused_with_the_most_that_is_possible() {
    let project = Project::new();
    let option = project.run(&["deploy", "--bake", "4h"]);
    project.replace(
        "factory-tree.yaml",
        "region: us-east-1, protected: true",
        "region: us-east-1, bake_minutes: 181",
    );
    let setting = project.run(&["status", "--stage", "prod"]);
    insta::assert_snapshot!(format!("{option}\n{setting}"));
}

#[test]
fn a_time_span_that_is_none_is_reported_with_its_cure() {
    insta::assert_snapshot!(Project::new().run(&["logs", "--since", "ten minutes"]));
}

#[test]
fn a_pattern_that_is_none_is_reported_with_the_place_of_its_fault() {
    insta::assert_snapshot!(Project::new().run(&["logs", "--grep", "a(b"]));
}

#[test]
fn a_repository_that_is_none_is_wrong_usage() {
    let project = Project::new();
    for wrong in ["octo", "octo/*", "octo/tree/main", "octo@1/tree"] {
        let reported = project.run(&["policy", "--stage", "prod", "--github", wrong]);
        assert!(reported.starts_with("exit 2\n"), "{reported}");
        assert!(reported.contains("use OWNER@ID/REPO@ID"), "{reported}");
    }
}

#[test]
fn a_stage_in_aws_is_not_to_develop_on() {
    let project = Project::new();
    insta::assert_snapshot!(project.run(&["dev", "--stage", "prod"]));
    assert_nothing_there(&project);
}

#[test]
fn nobody_needs_a_policy_for_a_stage_on_this_machine() {
    insta::assert_snapshot!(Project::new().run(&["policy"]));
}

#[test]
fn a_stage_is_named_before_the_verb_as_well_as_after() {
    let project = Project::new();
    let after = project.run(&["status", "--stage", "prd"]);
    assert!(after.contains("there is no stage `prd`"), "{after}");
    assert_eq!(project.run(&["--stage", "prd", "status"]), after);
    let after = project.run(&["status", "--config", "other.yaml"]);
    assert_eq!(project.run(&["--config", "other.yaml", "status"]), after);
}

#[test]
fn help_is_a_verb_too() {
    let project = Project::new();
    assert_eq!(project.run(&["help"]), project.run(&["--help"]));
    assert_eq!(
        project.run(&["help", "logs"]),
        project.run(&["logs", "--help"])
    );
}

#[test]
fn the_configuration_is_found_from_a_subfolder_and_an_empty_variable_names_none() {
    let project = Project::new();
    let run = |folder: &str| {
        let mut command = project.command(&["status"]);
        command.current_dir(project.path().join(folder));
        command.env("FACTORY_TREE_CONFIG", "");
        project.reported(&command.output().unwrap())
    };
    assert!(run("").contains("stage local: absent"), "{}", run(""));
    assert_eq!(run("site"), run(""));
    assert_eq!(run("api/src"), run(""));
}

#[test]
fn yes_is_an_option_only_where_something_is_asked() {
    let project = Project::new();
    for verb in ["status", "logs", "plan", "dev", "deploy"] {
        let reported = project.run(&[verb, "--stage", "prd", "--yes"]);
        let refused = reported.starts_with("exit 2\n")
            && reported.contains("unexpected argument '--yes' found");
        assert!(refused, "{reported}");
    }
    for verb in ["rollback", "recover", "teardown"] {
        let reported = project.run(&[verb, "--stage", "prd", "--yes"]);
        assert!(reported.contains("there is no stage `prd`"), "{reported}");
    }
}

#[test]
fn the_form_of_the_outputs_is_asked_for_as_that_of_every_answer() {
    let project = Project::new();
    let json = project.run(&["outputs", "--stage", "prd", "--output", "json"]);
    insta::assert_snapshot!("outputs_json", json);
    // Scripts still have the name that it had before.
    let before = project.run(&["outputs", "--stage", "prd", "--format", "json"]);
    assert_eq!(before, json);
    insta::assert_snapshot!(
        "outputs_text",
        project.run(&["outputs", "--output", "text"])
    );
    assert!(!project.run(&["outputs", "--help"]).contains("--format"));
}
