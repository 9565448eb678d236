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

#[test]
fn an_answer_is_coloured_where_colour_is_forced_and_nowhere_else() {
    let project = Project::new();
    let run = |arguments: &[&str], forced: bool| {
        let mut command = project.command(arguments);
        if forced {
            command.env("CLICOLOR_FORCE", "1");
        }
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    for verb in ["status", "validate", "doctor"] {
        let (plain, coloured) = (run(&[verb], false), run(&[verb], true));
        assert!(!plain.contains('\u{1b}'), "{plain}");
        assert!(coloured.contains("\u{1b}[1m"), "{coloured}");
        if verb != "doctor" {
            let stripped = anstream::adapter::strip_str(&coloured).to_string();
            assert_eq!(stripped, plain);
        }
        let document = run(&[verb, "--output", "json"], true);
        assert!(!document.contains('\u{1b}'), "{document}");
    }
}

#[test]
fn colour_on_a_terminal_is_refused_by_name_and_by_a_dumb_one() {
    let project = Project::new();
    let status = |set: &str| on_terminal(&project, &format!("{set} \"$0\" status"));
    assert!(
        status("").contains("\u{1b}[1mstage local:"),
        "{}",
        status("")
    );
    for refusal in ["NO_COLOR=1", "TERM=dumb"] {
        assert!(!status(refusal).contains('\u{1b}'), "{refusal}");
    }
    assert!(status("NO_COLOR=").contains('\u{1b}'));
}

#[test]
fn on_a_narrow_terminal_nothing_is_wider_than_it() {
    let project = Project::new();
    let plan = on_terminal(&project, "stty rows 24 cols 60; \"$0\" plan --stage local");
    assert!(plan.contains("stack foundation"), "{plan}");
    let plan = anstream::adapter::strip_str(&plan).to_string();
    // A digest is longer than a line, and stays whole.
    let wide: Vec<&str> = plan
        .lines()
        .map(str::trim_end)
        .filter(|line| line.chars().count() > 60 && !line.contains(&plan_digest(&plan)))
        .collect();
    assert!(wide.is_empty(), "{}", wide.join("\n"));
}

/// The digest in the last line of a plan.
fn plan_digest(plan: &str) -> String {
    let digest = plan.trim_end().rsplit(' ').next();
    digest.unwrap().to_owned()
}

/// Runs a script on a terminal of its own, where `$0` is the CLI, and returns what its stdout shows.
pub(super) fn on_terminal(project: &Project, script: &str) -> String {
    let ours = project.command(&[]);
    let program = ours.get_program().to_string_lossy().into_owned();
    let line = format!("bash -c '{script} 2>/dev/null' '{program}'");
    let mut command = std::process::Command::new("script");
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    command.current_dir(project.path()).env("TERM", "xterm");
    for (name, value) in ours.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let output = command.stdin(std::process::Stdio::null()).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Takes times and version out of a stream of objects.
fn without_times(reported: &str) -> String {
    let time = regex::Regex::new(r#""time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z""#).unwrap();
    let reported = time.replace_all(reported, r#""time":"[time]""#);
    let seconds = regex::Regex::new(r#""seconds":[0-9.e-]+"#).unwrap();
    let reported = seconds.replace_all(&reported, r#""seconds":"[seconds]""#);
    reported.replace(env!("CARGO_PKG_VERSION"), "[version]")
}
