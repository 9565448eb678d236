//! What is said while a command works: less where an agent runs it, and least with `--quiet`.

use super::project::Project;

/// Runs a build, as a person or as somebody else.
fn build(project: &Project, arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let mut command = project.command(arguments);
    command.envs(environment.iter().copied());
    project.reported(&command.output().unwrap())
}

#[test]
fn with_quiet_a_command_says_its_answer_and_nothing_else() {
    let project = Project::new();
    let loud = build(&project, &["build", "--stage", "prod"], &[]);
    assert!(loud.contains("site: started"), "{loud}");
    for arguments in [
        ["--quiet", "build", "--stage", "prod"],
        ["build", "--stage", "prod", "--quiet"],
        ["build", "-q", "--stage", "prod"],
    ] {
        let quiet = build(&project, &arguments, &[]);
        assert!(quiet.starts_with("exit 0\n"), "{quiet}");
        assert!(quiet.contains("websocket"), "{quiet}");
        assert!(quiet.ends_with("--- stderr\n"), "{quiet}");
    }
}

#[test]
fn with_quiet_an_error_keeps_its_cause_and_its_cure() {
    let project = Project::new();
    project.write("api/src/main.rs", "fn main() { let answer: u8 = \"x\"; }\n");
    let reported = build(&project, &["deploy", "--quiet"], &[]);
    for part in [
        "exit 1\n",
        "error[E0308]",
        "error: `cargo build",
        "hint: its own message is above",
    ] {
        assert!(reported.contains(part), "no {part}: {reported}");
    }
    assert!(!reported.contains("started"), "{reported}");
}

#[test]
fn an_agent_reads_steps_and_no_progress() {
    let project = Project::new();
    let loud = build(&project, &["build", "--stage", "prod"], &[]);
    assert!(loud.contains(": started"), "{loud}");
    for variable in ["CLAUDECODE", "GEMINI_CLI", "AI_AGENT"] {
        let agent = build(&project, &["build", "--stage", "prod"], &[(variable, "1")]);
        assert!(agent.starts_with("exit 0\n"), "{agent}");
        assert!(
            agent.ends_with("--- stderr\nbuild\nbuild: done [seconds]\n"),
            "{agent}"
        );
    }
}

#[test]
fn a_hint_names_the_whole_command_with_what_the_person_typed() {
    let project = Project::new();
    project.write(
        "other config.yaml",
        &std::fs::read_to_string(project.path().join("factory-tree.yaml")).unwrap(),
    );
    let run = |arguments: &[&str]| {
        let reported = project.run(&[arguments, &["--config", "other config.yaml"]].concat());
        let hint = reported.split("\nhint: ").nth(1).unwrap_or_default();
        format!("{}: {hint}", arguments.join(" "))
    };
    let hints = [
        run(&["outputs", "--stage", "local"]),
        run(&["teardown", "--stage", "prod"]),
        run(&["deploy", "--stage", "local", "--plan", "factory-tree.yaml"]),
        run(&["dev", "--stage", "prod"]),
    ];
    insta::assert_snapshot!("whole_commands", hints.join(""));
}
