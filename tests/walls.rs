//! The walls of the house (ARCHITECTURE.md): what may be said in which file only. Clippy holds those
//! that it knows; these are the others. In each file, what stands after its `#[cfg(test)]` is free.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

use std::path::{Path, PathBuf};

/// A wall: what it keeps in, how that is written, and where it may be written.
struct Wall {
    holds: &'static str,
    words: &'static [&'static str],
    rooms: &'static [&'static str],
}

const WALLS: [Wall; 5] = [
    Wall {
        holds: "only `ui` writes to the terminal",
        words: &["println!", "print!(", "stdout()", "stderr()"],
        rooms: &["src/ui"],
    },
    Wall {
        holds: "only `config` reads the environment",
        words: &["env::var", "env::vars"],
        rooms: &["src/config"],
    },
    Wall {
        // A Lambda is neither a tool of the build nor a part of a local stage: it is started with an
        // environment of its own, and its words are its log.
        holds: "only `build/command`, `invoke/process` and `local` start processes",
        words: &["Command::new", "process::Command"],
        rooms: &[
            "src/build/command.rs",
            "src/invoke/process.rs",
            "src/local/",
        ],
    },
    Wall {
        holds: "nobody but `main` ends the process",
        words: &["process::exit", "ExitCode"],
        rooms: &["src/main.rs"],
    },
    Wall {
        holds: "SDK types stop in `aws`",
        words: &["aws_sdk_", "aws_config", "aws_smithy"],
        rooms: &["src/aws/"],
    },
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below a folder, with what stands before its tests.
fn sources(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") && !is_test(&path) {
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
            let name = path.strip_prefix(root()).unwrap().display().to_string();
            found.push((name, code.to_owned()));
        }
    }
    found
}

fn is_test(path: &Path) -> bool {
    let name = path.file_stem().unwrap().to_string_lossy();
    name.starts_with("test") || name.ends_with("_tests")
}

#[test]
fn what_belongs_into_one_room_is_in_no_other() {
    let sources = sources(&root().join("src"));
    let mut breaches = Vec::new();
    for wall in WALLS {
        for (file, code) in &sources {
            let is_room = wall.rooms.iter().any(|room| file.starts_with(room));
            let word = wall.words.iter().find(|word| code.contains(*word));
            if let Some(word) = word.filter(|_| !is_room) {
                breaches.push(format!("{file} says `{word}`, but {}", wall.holds));
            }
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

/// A wall around an empty room holds nothing: each word is used where it may be.
#[test]
fn every_wall_has_something_behind_it() {
    let sources = sources(&root().join("src"));
    for wall in WALLS {
        let used = sources.iter().any(|(file, code)| {
            wall.rooms.iter().any(|room| file.starts_with(room))
                && wall.words.iter().any(|word| code.contains(word))
        });
        assert!(used, "{}", wall.holds);
    }
}

#[test]
fn the_plan_knows_nothing_of_aws() {
    let plan = sources(&root().join("src/plan"));
    let plan = plan.into_iter().chain([(
        "src/plan.rs".to_owned(),
        std::fs::read_to_string(root().join("src/plan.rs")).unwrap(),
    )]);
    for (file, code) in plan {
        assert!(!code.contains("crate::aws"), "{file}");
    }
}

/// The names of the packages that a package depends on when it runs.
fn dependencies(manifest: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join(manifest)).unwrap();
    let table = text.split("\n[dependencies]\n").nth(1).unwrap();
    let rows = table.lines().take_while(|line| !line.starts_with('['));
    rows.filter_map(|line| Some(line.split(['.', ' ', '=']).next()?.to_owned()))
        .filter(|name| !name.is_empty() && !name.starts_with('#'))
        .collect()
}

#[test]
fn the_domain_depends_on_serde_and_thiserror_only() {
    assert_eq!(
        dependencies("crates/domain/Cargo.toml"),
        ["serde", "thiserror"]
    );
}

#[test]
fn the_deployer_and_the_runtime_do_not_depend_on_each_other() {
    let runtime = ["api", "domain", "publisher", "startup", "websocket"];
    let deployer = dependencies("Cargo.toml");
    assert!(!deployer.iter().any(|name| runtime.contains(&name.as_str())));
    for manifest in [
        "lambdas/api",
        "lambdas/publisher",
        "crates/domain",
        "crates/startup",
        "crates/websocket",
    ] {
        let its = dependencies(&format!("{manifest}/Cargo.toml"));
        assert!(
            !its.contains(&"factory-tree".to_owned()),
            "{manifest} depends on the deployer"
        );
    }
}
