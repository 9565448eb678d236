//! Output that cannot be written: a full disk, a closed pipe, a closed descriptor. Whatever the verb, the process ends
//! with an exit code of the table, and without a panic.

use std::fs::File;
use std::process::{Command, Output, Stdio};

use clap::{CommandFactory, ValueEnum};
use factory_tree::cli::Cli;
use factory_tree::error::Exit;

use super::project::Project;

/// Every verb that clap knows with the fewest arguments that it takes, and every form of help.
fn command_lines() -> Vec<Vec<String>> {
    let mut cli = Cli::command();
    cli.build();
    let mut lines = vec![
        vec![],
        words("--help"),
        words("--version"),
        words("--bogus"),
    ];
    for verb in cli.get_subcommands() {
        let name = verb.get_name().to_owned();
        lines.push([vec![name.clone()], words("--help")].concat());
        lines.push([vec![name.clone()], words("--bogus")].concat());
        if verb.is_hide_set() {
            continue;
        }
        let called = [vec![name], required_arguments(verb)].concat();
        let takes = |option: &str| {
            verb.get_arguments()
                .any(|found| found.get_long() == Some(option))
        };
        if takes("stage") {
            lines.push([called.clone(), words("--stage prod")].concat());
            lines.push([called.clone(), words("--stage prd")].concat());
            if !matches!(verb.get_name(), "deploy" | "dev") {
                lines.push([called.clone(), words("--stage local")].concat());
            }
        } else {
            lines.push(called.clone());
        }
        if takes("output") {
            lines.push([called.clone(), words("--stage prod --output json")].concat());
        }
    }
    lines
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

fn required_arguments(verb: &clap::Command) -> Vec<String> {
    let required = verb.get_arguments().filter(|found| found.is_required_set());
    required
        .flat_map(|found| {
            let value = match found.get_possible_values().first() {
                Some(value) => value.get_name().to_owned(),
                None if found.get_long().is_some() => "event.json".to_owned(),
                None => "0a1b2c3d".to_owned(),
            };
            let option = found.get_long().map(|long| format!("--{long}"));
            option.into_iter().chain([value]).collect::<Vec<_>>()
        })
        .collect()
}

/// The ways in which stdout and stderr cannot be written.
const SHUT: [&str; 6] = [
    ">/dev/full",
    "2>/dev/full",
    ">/dev/full 2>/dev/full",
    "2>&1 | :",
    ">&-",
    "2>&-",
];

fn shell(project: &Project, line: &[String], script: &str) -> Output {
    let ours = project.command(&[]);
    let mut command = Command::new("bash");
    command.current_dir(project.path()).stdin(Stdio::null());
    for (name, value) in ours.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
        .args(["-c", script, "bash"])
        .arg(ours.get_program())
        .args(line);
    command.output().unwrap()
}

#[test]
fn no_verb_ends_with_an_exit_code_outside_the_table_where_its_output_cannot_be_written() {
    let project = Project::new();
    project.write("event.json", "{}");
    let table: Vec<i32> = Exit::value_variants()
        .iter()
        .map(|exit| *exit as i32)
        .collect();
    let mut wrong = Vec::new();
    for line in command_lines() {
        for redirection in SHUT {
            let script = format!("set -o pipefail; \"$@\" {redirection}");
            let output = shell(&project, &line, &script);
            let code = output.status.code().unwrap_or(-1);
            let said = String::from_utf8_lossy(&output.stderr);
            if !table.contains(&code) || said.contains("panicked") {
                wrong.push(format!(
                    "{} {redirection}: exit {code}\n{said}",
                    line.join(" ")
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn an_answer_that_cannot_be_written_is_reported_with_exit_1() {
    let project = Project::new();
    let run = |arguments: &[&str]| {
        let mut command = project.command(arguments);
        command.stdout(File::create("/dev/full").unwrap());
        project.reported(&command.output().unwrap())
    };
    let reported = [
        &["schema"][..],
        &["--help"],
        &["--version"],
        &["policy", "--stage", "prod"],
    ]
    .map(run);
    insta::assert_snapshot!("answer_on_a_full_disk", reported.join("\n"));
}

#[test]
fn a_reader_that_has_gone_is_reported_too() {
    let project = Project::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = project
        .command(&["schema"])
        .stdout(writer)
        .output()
        .unwrap();
    insta::assert_snapshot!("answer_into_a_closed_pipe", project.reported(&output));
}

#[test]
fn an_error_is_a_document_where_json_is_asked_for() {
    let project = Project::new();
    let run = |arguments: &[&str]| project.run(arguments);
    let bogus = run(&["status", "--output", "json", "--bogus"]);
    let stage = run(&["status", "--output=json", "--stage", "prd"]);
    let changes = run(&["plan", "--detailed-exitcode", "--output", "json", "--bogus"]);
    let stream = run(&["status", "--output", "ndjson", "--bogus"]);
    project.replace("factory-tree.yaml", "  prod: {", "  prod: [");
    let place = run(&["status", "--output", "json"]);
    let time = regex::Regex::new(r#""time":"[^"]*""#).unwrap();
    let stream = time.replace_all(&stream, r#""time":"[time]""#);
    let stream = stream.replace(env!("CARGO_PKG_VERSION"), "[version]");
    insta::assert_snapshot!(
        "errors_as_json",
        [bogus, stage, changes, stream, place].join("\n")
    );
}

#[test]
fn where_2_means_changes_a_wrong_option_is_1() {
    let project = Project::new();
    let code = |arguments: &[&str]| project.command(arguments).output().unwrap().status.code();
    assert_eq!(code(&["plan", "--bogus"]), Some(2));
    assert_eq!(code(&["plan", "--detailed-exitcode", "--bogus"]), Some(1));
    assert_eq!(code(&["plan", "--bogus", "--detailed-exitcode"]), Some(1));
    assert_eq!(
        code(&["plan", "--detailed-exitcode", "--output", "xml"]),
        Some(1)
    );
    assert_eq!(code(&["plan", "--detailed-exitcode", "--help"]), Some(0));
}

#[test]
fn the_reference_and_the_help_know_every_exit_code() {
    let reference = include_str!("../../docs/commands.md");
    let (_, table) = reference.split_once("| exit code |").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let cells = table
        .lines()
        .filter_map(|row| row.strip_prefix("| ")?.split(" |").next());
    let documented: Vec<u8> = cells
        .flat_map(|cell| cell.split(", "))
        .filter_map(|code| code.parse().ok())
        .collect();
    let ours: Vec<u8> = Exit::value_variants()
        .iter()
        .map(|exit| *exit as u8)
        .collect();
    assert_eq!(documented, ours);
    let help = Project::new().run(&["--help"]);
    let (_, help) = help.split_once("Exit codes:").unwrap();
    let numbers = regex::Regex::new(r"\d+").unwrap();
    for code in ours {
        assert!(
            numbers
                .find_iter(help)
                .any(|found| found.as_str() == code.to_string()),
            "{code}"
        );
    }
}

#[test]
fn a_plan_that_cannot_be_written_leaves_the_old_file() {
    let project = Project::new();
    let out = ["plan", "--out", "plan.json"];
    assert_eq!(
        project.command(&out).output().unwrap().status.code(),
        Some(0)
    );
    project.write("plan.json", "old\n");
    let limited = "trap '' XFSZ; ulimit -f 8; \"$@\"";
    let output = shell(&project, &out.map(str::to_owned), limited);
    // Steps and tasks come in the order in which they end.
    let reported = project.reported(&output);
    let error = &reported[reported.find("error:").unwrap_or_default()..];
    assert_eq!(output.status.code(), Some(1), "{reported}");
    insta::assert_snapshot!("plan_on_a_full_disk", error);
    assert_eq!(
        std::fs::read_to_string(project.path().join("plan.json")).unwrap(),
        "old\n"
    );
    let left = std::fs::read_dir(project.path()).unwrap();
    let left = left.filter(|entry| {
        entry
            .as_ref()
            .unwrap()
            .file_name()
            .to_string_lossy()
            .starts_with(".tmp")
    });
    assert_eq!(left.count(), 0);
}

#[test]
fn a_plan_may_go_to_what_is_no_regular_file() {
    let project = Project::new();
    let reported = project.run(&["plan", "--out", "/dev/full"]);
    assert!(reported.starts_with("exit 1\n"), "{reported}");
    let full = std::fs::metadata("/dev/full").unwrap();
    assert!(!full.is_file(), "/dev/full was replaced");
}
