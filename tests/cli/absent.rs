//! A stage that is not there.

use super::assert_nothing_there;
use super::project::Project;

#[test]
fn a_stage_that_is_not_there_is_absent_and_its_teardown_has_nothing_to_do() {
    let project = Project::new();
    insta::assert_snapshot!("absent_text", project.run(&["status"]));
    insta::assert_snapshot!("absent_json", project.run(&["status", "--output", "json"]));
    insta::assert_snapshot!(
        "absent_teardown",
        project.run(&["teardown", "--output", "json"])
    );
}

#[test]
fn a_plan_of_a_stage_that_is_not_there_is_all_new_and_makes_nothing() {
    let project = Project::new();
    let reported = project.run(&["plan", "--out", "plan.json"]);
    assert!(reported.starts_with("exit 0\n"), "{reported}");
    assert!(
        reported.contains("stage local: 7 of 7 stacks change, 2 site files"),
        "{reported}"
    );
    assert!(project.path().join("plan.json").is_file());
    assert_nothing_there(&project);
}

#[test]
fn a_stage_that_is_not_there_has_no_releases() {
    for verb in ["releases", "rollback"] {
        let reported = Project::new().run(&[verb]);
        insta::assert_snapshot!(format!("absent_{verb}"), reported);
    }
}

#[test]
fn a_stage_that_is_not_there_has_no_dead_letters() {
    for verb in ["dead-letters", "replay"] {
        let reported = Project::new().run(&[verb]);
        insta::assert_snapshot!(format!("absent_{verb}"), reported);
    }
}

#[test]
fn the_logs_of_a_stage_that_is_not_there_are_reported_with_the_cure() {
    insta::assert_snapshot!(Project::new().run(&["logs"]));
}

#[test]
fn a_stage_that_is_not_there_has_no_outputs() {
    insta::assert_snapshot!(Project::new().run(&["outputs", "--output", "github"]));
}
