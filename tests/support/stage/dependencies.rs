//! The compiled dependencies of the checkout, for a copy of its sources. Cargo tells workspaces apart only by paths below
//! their roots, so a copy needs a target folder of its own: in the checkout's, each would take what it finds of the other
//! for its own. Packages of others are the same for both, and are linked into it instead of compiled again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A target folder for a copy of the sources. Removed when dropped.
pub(super) struct TargetFolder(tempfile::TempDir);

impl TargetFolder {
    /// Makes one below the checkout's target folder: a hard link stays on its file system.
    pub(super) fn for_copy(target: &Path) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("copy-")
            .tempdir_in(target)
            .unwrap();
        link_dependencies(&target.join("debug"), &folder.path().join("debug"));
        Self(folder)
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Links what Cargo keeps of packages of others: libraries, their fingerprints, and the output of build scripts. Cargo
/// writes none of these files again while their package stays the same, so both folders may share them.
fn link_dependencies(from: &Path, to: &Path) {
    let ours = packages_of_the_workspace();
    let is_ours = |file: &Path| ours.contains(&package_of(file));
    for part in [".fingerprint", "build", "deps"] {
        std::fs::create_dir_all(to.join(part)).unwrap();
        for entry in children(&from.join(part)) {
            if !is_ours(&entry) && (part != "deps" || is_library(&entry)) {
                link(&entry, &to.join(part).join(entry.file_name().unwrap()));
            }
        }
    }
}

/// The names of the workspace's packages, as in file names of libraries.
fn packages_of_the_workspace() -> BTreeSet<String> {
    let listed = Command::new("cargo")
        .args(["metadata", "--no-deps", "--offline", "--format-version=1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    let metadata: Value = serde_json::from_slice(&listed.unwrap().stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap().iter();
    packages
        .map(|package| package["name"].as_str().unwrap().replace('-', "_"))
        .collect()
}

/// `libaws_config-0123456789abcdef.rlib` is of `aws_config`, as is the folder `aws-config-0123456789abcdef`.
fn package_of(file: &Path) -> String {
    let name = file.file_stem().unwrap().to_str().unwrap();
    let name = name.rsplit_once('-').map_or(name, |(package, _)| package);
    let is_file = file.extension().is_some();
    let name = name.strip_prefix("lib").filter(|_| is_file).unwrap_or(name);
    name.replace('-', "_")
}

fn is_library(file: &Path) -> bool {
    let ending = file.extension().and_then(|ending| ending.to_str());
    matches!(ending, Some("rlib" | "rmeta" | "so"))
}

fn children(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Links a file, or all files of a folder.
fn link(from: &Path, to: &Path) {
    if !from.is_dir() {
        return std::fs::hard_link(from, to).unwrap();
    }
    std::fs::create_dir_all(to).unwrap();
    for entry in children(from) {
        link(&entry, &to.join(entry.file_name().unwrap()));
    }
}
