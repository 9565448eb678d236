//! The forms of what is said: for programs, for GitHub, with and without colour.

use super::project::Project;

#[test]
fn a_program_reads_one_object_a_line_and_the_report_last() {
    let project = Project::new();
    let reported = project.run(&["teardown", "--output", "ndjson"]);
    insta::assert_snapshot!("ndjson_teardown", without_times(&reported));
    let reported = project.run(&["deploy", "--output", "ndjson", "--stage", "prd"]);
    insta::assert_snapshot!("ndjson_error", without_times(&reported));
}

#[test]
fn github_is_reported_in_its_commands_and_files() {
    let project = Project::new();
    let run = |arguments: &[&str]| {
        let output = project
            .command(arguments)
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_WORKSPACE", project.path())
            .env("GITHUB_STEP_SUMMARY", project.path().join("summary.md"))
            .env("GITHUB_OUTPUT", project.path().join("outputs"))
            .output();
        project.reported(&output.unwrap())
    };
    let absent = run(&["teardown"]);
    project.replace("factory-tree.yaml", "  prod: {", "  prod: [");
    let broken = run(&["deploy"]);
    let read = |name| std::fs::read_to_string(project.path().join(name)).unwrap();
    let files = format!("{}--- summary\n{}", read("outputs"), read("summary.md"));
    insta::assert_snapshot!("github", format!("{absent}{broken}--- outputs\n{files}"));
}

#[test]
fn colour_is_refused_and_forced_by_the_environment() {
    let project = Project::new();
    let run = |name: &str| {
        let mut command = project.command(&["status", "--stage", "prd"]);
        let output = command.env(name, "1").output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(run("FORCE_COLOR").contains("\u{1b}["));
    assert!(run("CLICOLOR_FORCE").contains("\u{1b}["));
    assert!(!run("NO_COLOR").contains('\u{1b}'));
}

/// Takes times and version out of a stream of objects.
fn without_times(reported: &str) -> String {
    let time = regex::Regex::new(r#""time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z""#).unwrap();
    let reported = time.replace_all(reported, r#""time":"[time]""#);
    let seconds = regex::Regex::new(r#""seconds":[0-9.e-]+"#).unwrap();
    let reported = seconds.replace_all(&reported, r#""seconds":"[seconds]""#);
    reported.replace(env!("CARGO_PKG_VERSION"), "[version]")
}
