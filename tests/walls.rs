//! The walls of the house (ARCHITECTURE.md): what may be said in which file only. Clippy holds those
//! that it knows; these are the others. In each file, what stands after its `#[cfg(test)]` is free.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use clap::CommandFactory;
use factory_tree::cli::Cli;
use regex::Regex;

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
        // A browser and a session are for a person: they get this environment and this terminal.
        holds: "only `build/command`, `invoke/process`, `local` and `program` start processes",
        words: &["Command::new", "process::Command"],
        rooms: &[
            "src/build/command.rs",
            "src/invoke/process.rs",
            "src/local/",
            "src/program.rs",
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
    name.starts_with("test") || name.ends_with("_tests") || path.iter().any(|part| part == "tests")
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

/// What a message names between backticks can be run as it is printed: `factory-tree deploy --on-busy wait`, not `deploy
/// --on-busy wait`. A verb alone may be named for what it is.
#[test]
fn a_message_names_a_command_of_ours_whole() {
    let cli = Cli::command();
    let verbs: Vec<&str> = cli.get_subcommands().map(clap::Command::get_name).collect();
    let cut = Regex::new(&format!("`(?:{}) [^`\n]+`", verbs.join("|"))).unwrap();
    let mut breaches = Vec::new();
    for (file, code) in sources(&root().join("src")) {
        let code = without_comments(&code);
        let found = cut.find_iter(&code).map(|found| found.as_str());
        breaches.extend(found.map(|command| format!("{file}: {command}")));
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

/// The modules of `src/`, from the top to the ground. A module names modules of lower floors only, so whoever reads a
/// module needs to know nothing of what stands above it. `plan` stands below `aws`: a plan is made without asking anybody.
const FLOORS: [&[&str]; 15] = [
    &["run"],
    &["ui"],
    &["cli"],
    &["commands"],
    &["dev", "hint"],
    &["doctor", "report"],
    &["local", "status"],
    &["dead_letters", "inventory", "logs", "release", "seed"],
    &["provision", "publish"],
    &["aws", "build", "invoke", "policy", "program", "verify"],
    &["live", "plan"],
    &["urls"],
    &["config"],
    &[
        "check", "clock", "content", "error", "event", "file", "outputs", "plain", "template",
    ],
    &["nearest"],
];

/// Returns the floor of a module, counted from the top.
fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

#[test]
fn every_module_stands_on_one_floor() {
    let library = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let declared = library.lines().filter_map(|line| {
        let name = line.trim_start_matches("pub ").strip_prefix("mod ")?;
        Some(name.trim_end_matches(';').to_owned())
    });
    let mut table: Vec<&str> = FLOORS.concat();
    table.sort_unstable();
    assert_eq!(declared.collect::<Vec<_>>(), table);
}

#[test]
fn a_module_names_modules_of_lower_floors_only() {
    let modules = Modules::read(&root().join("src"));
    let mut breaches = Vec::new();
    for (file, names) in &modules.names {
        let from = file[0].as_str();
        for to in names.iter().map(|name| name[0].as_str()) {
            let (Some(upper), Some(lower)) = (floor(from), floor(to)) else {
                continue;
            };
            if from != to && lower <= upper {
                breaches.push(format!("{from} names {to} (in {})", file.join("::")));
            }
        }
    }
    assert!(breaches.is_empty(), "{}", breaches.join("\n"));
}

/// Parent and child may name each other: a folder is one thing. No other files may, not even by way of third ones.
#[test]
fn files_do_not_name_each_other_in_a_loop() {
    for package in [
        "",
        "crates/domain",
        "crates/simulation",
        "crates/startup",
        "crates/websocket",
        "lambdas/api",
        "lambdas/publisher",
    ] {
        let modules = Modules::read(&root().join(package).join("src"));
        let looped = modules
            .names
            .keys()
            .find(|file| modules.reaches(file, file));
        assert_eq!(looped, None, "{package}");
    }
}

/// The path of a module, one name a part: `["aws", "s3"]`.
type ModulePath = Vec<String>;

/// The files of a package as modules, and the modules that each of them names.
struct Modules {
    names: BTreeMap<ModulePath, BTreeSet<ModulePath>>,
}

impl Modules {
    fn read(folder: &Path) -> Self {
        let code: BTreeMap<ModulePath, String> = sources(folder)
            .into_iter()
            .map(|(file, code)| {
                (
                    module_path(&root().join(file), folder),
                    without_comments(&code),
                )
            })
            .filter(|(module, _)| !matches!(module[0].as_str(), "lib" | "main"))
            .collect();
        let reexports: BTreeMap<ModulePath, BTreeMap<String, ModulePath>> = code
            .iter()
            .map(|(module, text)| (module.clone(), reexports(module, text, &code)))
            .collect();
        let names = code.iter().map(|(module, text)| {
            let named = paths(text)
                .iter()
                .filter_map(|path| resolve(&absolute(path, module), &code, &reexports))
                .filter(|named| named != module)
                .collect();
            (module.clone(), named)
        });
        Self {
            names: names.collect(),
        }
    }

    /// Returns whether a module names another one, or one that names it, and so on; steps between parent and child do not
    /// count.
    fn reaches(&self, from: &ModulePath, to: &ModulePath) -> bool {
        let mut seen = BTreeSet::new();
        let mut open = vec![from];
        while let Some(module) = open.pop() {
            for next in self.names.get(module).into_iter().flatten() {
                if next.starts_with(module) || module.starts_with(next) {
                    continue;
                }
                if next == to {
                    return true;
                }
                if seen.insert(next) {
                    open.push(next);
                }
            }
        }
        false
    }
}

fn module_path(file: &Path, folder: &Path) -> ModulePath {
    let path = file.strip_prefix(folder).unwrap().with_extension("");
    let mut parts: ModulePath = path
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    parts
}

fn without_comments(code: &str) -> String {
    let lines = code.lines().map(|line| line.split("//").next().unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

static IMPORT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\buse\s+([^;]+);").unwrap());
static INLINE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b(?:crate|super)(?:::\w+)+").unwrap());

/// Returns every path that a file imports or writes out, as it is written.
fn paths(code: &str) -> Vec<String> {
    let imported = IMPORT
        .captures_iter(code)
        .flat_map(|found| branches(&found[1]));
    let written = INLINE
        .find_iter(code)
        .map(|found| found.as_str().to_owned());
    imported.chain(written).collect()
}

/// Returns the paths of a use tree: `a::{b, c::{d, e}}` is `a::b`, `a::c::d` and `a::c::e`.
fn branches(tree: &str) -> Vec<String> {
    let tree = tree.split_whitespace().collect::<Vec<_>>().join(" ");
    let Some((stem, inner)) = tree.split_once('{') else {
        return vec![tree.split(" as ").next().unwrap().to_owned()];
    };
    let inner = inner.trim().trim_end_matches('}');
    let mut depth = 0;
    let parts = inner.split(|letter| {
        depth += i32::from(letter == '{') - i32::from(letter == '}');
        letter == ',' && depth == 0
    });
    parts
        .filter(|part| !part.trim().is_empty())
        .flat_map(|part| branches(part.trim()))
        .map(|path| format!("{stem}{path}"))
        .collect()
}

/// Returns a path from the root of its package. One that begins with neither `crate` nor `super` begins at a child of the
/// module, or at another package: then it resolves to nothing.
fn absolute(path: &str, module: &ModulePath) -> ModulePath {
    let parts: Vec<&str> = path.split("::").map(str::trim).collect();
    let ups = parts.iter().take_while(|part| **part == "super").count();
    let stem = match parts[0] {
        "crate" => &[],
        _ => &module[..module.len() - ups.min(module.len())],
    };
    let rest = parts
        .iter()
        .filter(|part| !matches!(**part, "crate" | "super" | "self"));
    stem.iter()
        .cloned()
        .chain(rest.map(|part| (*part).to_owned()))
        .collect()
}

/// Returns the children of a module whose items it passes on, by the item's name.
fn reexports(
    module: &ModulePath,
    code: &str,
    files: &BTreeMap<ModulePath, String>,
) -> BTreeMap<String, ModulePath> {
    let all = IMPORT
        .captures_iter(code)
        .flat_map(|found| branches(&found[1]));
    let of_children = all.filter_map(|path| {
        let mut child = absolute(&path, module);
        let item = child.pop()?;
        let is_child = child.len() > module.len() && files.contains_key(&child);
        is_child.then_some((item, child))
    });
    of_children.collect()
}

/// Returns the module in which a path ends; an item that a parent passes on is its child's.
fn resolve(
    path: &ModulePath,
    files: &BTreeMap<ModulePath, String>,
    reexports: &BTreeMap<ModulePath, BTreeMap<String, ModulePath>>,
) -> Option<ModulePath> {
    let length = (1..=path.len())
        .rev()
        .find(|length| files.contains_key(&path[..*length]))?;
    let (module, rest) = path.split_at(length);
    let child = rest
        .first()
        .and_then(|item| reexports.get(module)?.get(item));
    Some(child.cloned().unwrap_or_else(|| module.to_vec()))
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
