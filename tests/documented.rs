//! The reference in `docs/` says what there is, and nothing else: verbs and options as clap knows them, exit codes, and
//! the settings of the schema.

use std::collections::BTreeSet;
use std::path::Path;

use clap::CommandFactory;
use factory_tree::cli::Cli;
use factory_tree::config;
use regex::Regex;

type Names = BTreeSet<String>;

fn read(file: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    std::fs::read_to_string(file).unwrap()
}

/// Everything that a pattern's group finds in a text.
fn found(pattern: &str, text: &str) -> Names {
    let pattern = Regex::new(pattern).unwrap();
    let found = pattern.captures_iter(text);
    found.map(|groups| groups[1].to_owned()).collect()
}

/// Every verb that people see, with all of its options.
fn verbs() -> Vec<clap::Command> {
    let verbs = Cli::command();
    let seen = verbs.get_subcommands().filter(|verb| !verb.is_hide_set());
    seen.cloned().collect()
}

/// Every option of every verb, those before the verb, and the two that clap adds.
fn options() -> Names {
    let (verbs, cli) = (verbs(), Cli::command());
    let below = verbs.iter().flat_map(clap::Command::get_subcommands);
    let options = verbs.iter().chain(below).chain([&cli]);
    let options = options.flat_map(clap::Command::get_arguments);
    let shown = options.filter(|option| !option.is_hide_set());
    let names = shown.filter_map(|option| option.get_long().map(str::to_owned));
    let added = ["help", "version"].map(str::to_owned);
    names.chain(added).collect()
}

#[test]
fn every_verb_has_its_paragraph_and_every_paragraph_its_verb() {
    let verbs: Names = verbs()
        .iter()
        .map(|verb| verb.get_name().to_owned())
        .collect();
    let documented = found(r"\*\*`([a-z][a-z-]*)[^`]*`\*\*", &read("docs/commands.md"));
    assert_eq!(documented, verbs);
}

#[test]
fn every_option_is_documented_and_every_documented_option_is_there() {
    let documented = found(r"--([a-z][a-z-]*)", &read("docs/commands.md"));
    assert_eq!(documented, options());
}

#[test]
fn the_other_pages_name_no_option_that_is_not_there() {
    let options = options();
    for page in [
        "configuration",
        "deploying",
        "first-deploy",
        "troubleshooting",
    ] {
        let text = read(&format!("docs/{page}.md"));
        // Only what follows our own name: other programs have options too.
        let lines = found(r"(factory-tree [^`\n]*--[^`\n]*)", &text).into_iter();
        let named = found(r"--([a-z][a-z-]*)", &lines.collect::<Vec<_>>().join("\n"));
        let unknown: Vec<_> = named.difference(&options).collect();
        assert!(unknown.is_empty(), "docs/{page}.md: {unknown:?}");
    }
}

#[test]
fn every_exit_code_has_its_row_and_every_row_its_code() {
    let source = read("src/error/exit.rs");
    let source = source.split_once("pub enum Exit {").unwrap().1;
    let source = source.split_once("\n}").unwrap().0;
    let codes = found(r"= (\d+),", source);
    let table = read("docs/commands.md");
    let table = table.split_once("| exit code |").unwrap().1;
    let table = table.split_once("\n\n").unwrap().0;
    let first: Vec<&str> = table
        .lines()
        .filter_map(|line| line.split('|').nth(1))
        .collect();
    assert_eq!(found(r"(\d+)", &first.join("\n")), codes);
}

/// A cause is the second member of a rule, behind the texts by which it is known.
#[test]
fn every_cause_of_a_failure_has_its_row() {
    let source = read("src/provision/diagnosis.rs");
    let source = source.split_once("#[cfg(test)]").unwrap().0;
    let mut causes = found(r#"\],\n\s+"([^"\n]+)","#, source);
    causes.extend(found(r#"cause: "([^"]+)""#, source));
    assert!(causes.len() > 15, "{causes:?}");
    let page = read("docs/first-deploy.md");
    let table = page
        .split_once("| cause, as the error says it |")
        .unwrap()
        .1;
    let table = table.split_once("\n\n").unwrap().0;
    let rows: Names = found(r"(?m)^\| ([^|]+) \|", table);
    let missing: Vec<_> = causes.difference(&rows).collect();
    assert!(
        missing.is_empty(),
        "docs/first-deploy.md has no row for {missing:?}"
    );
}

#[test]
fn every_setting_has_its_row_and_every_row_its_setting() {
    let schema = serde_json::to_value(config::schema()).unwrap();
    let keys = |settings: &serde_json::Value| -> Names {
        let settings = settings["properties"].as_object().unwrap();
        settings.keys().cloned().collect()
    };
    let mut of_schema = keys(&schema);
    assert!(of_schema.remove("stages"));
    of_schema.extend(keys(&schema["$defs"]["StageSettings"]));

    let page = read("docs/configuration.md");
    let rows = found(r"(?m)^\| `(?:stages\.NAME\.|….)?([a-z_]+)`", &page);
    assert_eq!(rows, of_schema);

    let servers = found(r"(?m)^\| `….servers` \|([^|]*)\|", &page);
    let servers = found("`([a-z_]+)`", servers.first().unwrap());
    assert_eq!(servers, keys(&schema["$defs"]["Servers"]));
}

#[test]
fn every_page_is_reached_from_the_readme() {
    let readme = read("README.md");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(readme.contains(&format!("](docs/{name})")), "{name}");
    }
    for file in found(r"\]\(([^)#:]+)\)", &readme) {
        let there = Path::new(env!("CARGO_MANIFEST_DIR")).join(&file);
        assert!(there.exists(), "README.md names {file}");
    }
}
