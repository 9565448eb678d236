//! The help of every verb.

use super::project::Project;

#[test]
fn the_help_names_every_verb_and_the_exit_codes() {
    insta::assert_snapshot!(Project::new().run(&["--help"]));
}

#[test]
fn the_help_of_deploy_names_every_flag() {
    insta::assert_snapshot!(Project::new().run(&["deploy", "--help"]));
}

#[test]
fn the_help_of_plan_names_every_flag() {
    insta::assert_snapshot!(Project::new().run(&["plan", "--help"]));
}

#[test]
fn the_help_of_build_and_invoke_names_every_flag() {
    insta::assert_snapshot!("help_build", Project::new().run(&["build", "--help"]));
    insta::assert_snapshot!("help_invoke", Project::new().run(&["invoke", "--help"]));
}

#[test]
fn the_help_of_status_and_logs_names_every_flag() {
    insta::assert_snapshot!("help_status", Project::new().run(&["status", "--help"]));
    insta::assert_snapshot!("help_logs", Project::new().run(&["logs", "--help"]));
}

#[test]
fn the_help_of_dead_letters_and_replay_names_every_flag() {
    for verb in ["dead-letters", "replay"] {
        let reported = Project::new().run(&[verb, "--help"]);
        insta::assert_snapshot!(format!("help_{verb}"), reported);
    }
}

#[test]
fn the_help_of_releases_diff_rollback_and_teardown_names_every_flag() {
    for verb in ["releases", "diff", "rollback", "teardown"] {
        let reported = Project::new().run(&[verb, "--help"]);
        insta::assert_snapshot!(format!("help_{verb}"), reported);
    }
}
