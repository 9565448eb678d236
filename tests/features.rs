//! One set of features: whatever a command selects, it compiles no package again that the whole workspace's tests have
//! compiled (crates/features). Only the runtime alone, as it is shipped, has fewer.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// The targets that are compiled beside the libraries and programs of a selection.
#[derive(Clone, Copy)]
enum Tests {
    With,
    Without,
}

/// Each set of features that a selection compiles a package with, by the package's name and version. A package that
/// macros use as well may have two.
type Features = BTreeMap<String, BTreeSet<String>>;

/// Asks cargo which packages a selection compiles.
fn packages(selection: &[&str], tests: Tests) -> String {
    let edges = match tests {
        Tests::With => "normal,build,dev",
        Tests::Without => "normal,build",
    };
    let output = Command::new("cargo")
        .args(["tree", "--locked", "--offline", "--prefix=none"])
        .args(["--format={p}\t{f}\t", "--edges", edges])
        .args(selection)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

fn features(selection: &[&str], tests: Tests) -> Features {
    let mut found = Features::new();
    for line in packages(selection, tests).lines() {
        let mut columns = line.split('\t').map(str::to_owned);
        let (Some(package), Some(features)) = (columns.next(), columns.next()) else {
            continue;
        };
        if !is_ours(&package) {
            found.entry(package).or_default().insert(features);
        }
    }
    found
}

/// Cargo prints the folder of a package of the workspace.
fn is_ours(package: &str) -> bool {
    package.contains(env!("CARGO_MANIFEST_DIR"))
}

/// The names of the workspace's members. Two have no code: they are there for their dependencies.
fn members() -> BTreeSet<String> {
    packages(&["--workspace", "--depth=0"], Tests::With)
        .lines()
        .filter_map(|line| Some(line.split_once(' ')?.0.to_owned()))
        .filter(|name| !name.starts_with("features"))
        .collect()
}

/// Returns a line for each package that a selection compiles with other features than the workspace's tests.
fn differences(whole: &Features, selection: &[&str], tests: Tests) -> Vec<String> {
    let verb = match tests {
        Tests::With => "test",
        Tests::Without => "build",
    };
    let command = ["cargo", verb].into_iter().chain(selection.iter().copied());
    let command = command.collect::<Vec<_>>().join(" ");
    let mut differences = Vec::new();
    for (package, sets) in features(selection, tests) {
        let known = whole.get(&package).cloned().unwrap_or_default();
        let asked = known.iter().cloned().collect::<Vec<_>>().join(" or ");
        let others = sets.difference(&known);
        differences.extend(others.map(|set| {
            format!(
                "`{command}` compiles {package} with [{set}], the whole workspace with [{asked}]"
            )
        }));
    }
    differences
}

#[test]
fn no_selection_compiles_a_package_with_other_features() {
    let whole = features(&["--workspace"], Tests::With);
    assert!(whole.len() > 100, "cargo tells of {} packages", whole.len());
    let mut differences = [
        differences(&whole, &[], Tests::With),
        differences(&whole, &[], Tests::Without),
        differences(&whole, &["-p", "factory-tree"], Tests::Without),
    ]
    .concat();
    for member in members() {
        differences.extend(self::differences(&whole, &["-p", &member], Tests::With));
    }
    assert!(
        differences.is_empty(),
        "crates/features/Cargo.toml misses features:\n{}",
        differences.join("\n")
    );
}
