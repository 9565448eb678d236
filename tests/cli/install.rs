//! What a person installs beside the program: completions and a man page; and which program it is.

use std::process::{Command, Output};

use super::project::Project;

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn printed(arguments: &[&str]) -> String {
    stdout(&Project::new().command(arguments).output().unwrap())
}

#[test]
fn completions_name_every_verb_that_people_see_and_no_other() {
    for shell in ["bash", "zsh", "fish"] {
        let script = printed(&["completions", shell]);
        for word in ["deploy", "teardown", "completions", "prune-now"] {
            assert!(script.contains(word), "{shell}: no {word}");
        }
        for hidden in ["supervise", "local)", "'local:", "-a \"local\"", "--format"] {
            assert!(!script.contains(hidden), "{shell}: {hidden}");
        }
    }
}

#[test]
fn bash_takes_its_completions_as_they_are() {
    let script = format!(
        "{}\nCOMP_WORDS=(factory-tree te); COMP_CWORD=1; COMP_LINE='factory-tree te'; COMP_POINT=15\n\
         $(complete -p factory-tree | grep -o '_[a-z_]*' | head -n 1) factory-tree te factory-tree; echo \"${{COMPREPLY[@]}}\"",
        printed(&["completions", "bash"])
    );
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    assert_eq!(stdout(&output), "teardown\n");
}

#[test]
fn completions_are_installed_where_the_shell_looks_and_may_be_installed_again() {
    let project = Project::new();
    let data = project.path().join("data");
    let install = |shell: &str| {
        let mut command = project.command(&["completions", shell, "--install"]);
        let output = command.env("XDG_DATA_HOME", &data).output().unwrap();
        project.reported(&output)
    };
    let reported = ["bash", "zsh", "fish"].map(install).join("");
    insta::assert_snapshot!("installed", reported);
    for (shell, file) in [
        ("bash", "bash-completion/completions/factory-tree"),
        ("zsh", "zsh/site-functions/_factory-tree"),
        ("fish", "fish/vendor_completions.d/factory-tree.fish"),
    ] {
        let installed = std::fs::read_to_string(data.join(file)).unwrap();
        assert_eq!(installed, printed(&["completions", shell]));
        assert!(install(shell).starts_with("exit 0"));
    }
}

#[test]
fn completions_that_cannot_be_installed_are_reported_with_the_cure() {
    let project = Project::new();
    project.write("data", "no folder");
    let mut command = project.command(&["completions", "fish", "--install"]);
    command.env("XDG_DATA_HOME", project.path().join("data"));
    insta::assert_snapshot!("unwritable", project.reported(&command.output().unwrap()));
    let mut command = project.command(&["completions", "fish", "--install"]);
    command.env_remove("HOME").env_remove("XDG_DATA_HOME");
    insta::assert_snapshot!("homeless", project.reported(&command.output().unwrap()));
}

#[test]
fn the_man_page_describes_every_verb() {
    let page = printed(&["man"]);
    assert!(page.contains(".TH factory-tree 1"), "{page}");
    for verb in ["deploy", "teardown", "completions"] {
        let heading = format!("\n.SH {}\n", verb.to_uppercase());
        assert!(page.contains(&heading), "no {heading}");
    }
    assert!(page.contains("prune\\-now"));
    assert!(!page.contains(".SH LOCAL"));
}

#[test]
fn the_version_is_told_with_what_it_was_built_from() {
    let short = printed(&["--version"]);
    assert_eq!(
        short,
        format!("factory-tree {}\n", env!("CARGO_PKG_VERSION"))
    );
    let long = printed(&["--version", "--verbose"]);
    let form = regex::Regex::new(
        r"^factory-tree \d+\.\d+\.\d+\ncommit:  ([0-9a-f]{40}( and changes on top)?|unknown)\ntarget:  \w+-\w+-\w+-\w+\nprofile: (dev|release)\n$",
    );
    assert!(form.unwrap().is_match(&long), "{long}");
    for other in [
        &["--verbose", "--version"][..],
        &["-V", "-v"],
        &["-Vv"],
        &["-vV"],
    ] {
        assert_eq!(printed(other), long);
    }
    let alone = Project::new().run(&["--verbose", "schema"]);
    assert!(alone.starts_with("exit 2\n"), "{alone}");
}
