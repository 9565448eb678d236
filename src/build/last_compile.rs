//! What cargo compiled last, so that it need not be asked again: its own check of a workspace takes longer than all the
//! rest of a deploy with nothing to do. In: the programs that are wanted. Out: their files, if nothing has changed since
//! cargo compiled them.
//!
//! Remembered is the stamp of every file that cargo's answer may depend on: the sources that it lists itself
//! (The Cargo Book, "Build cache", "Dep-info files"), manifests and lock file, its settings, the toolchain, the programs that
//! it finds by PATH, what is not there but would be found, and the programs that it made; and a digest of the environment.
//! Trusted are stamps (`file_stamp`), that packages of a registry do not change, and that a build script names what it reads,
//! as cargo trusts it. In doubt, cargo is asked.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::file_stamp::FileStamp;
use crate::config::CompilerEnvironment;
use crate::file;

/// The programs whose place on PATH decides how cargo compiles: itself, the compiler, and what links.
const TOOLS: [&str; 7] = [
    "aarch64-linux-gnu-gcc",
    "cargo",
    "cargo-zigbuild",
    "cc",
    "rustc",
    "x86_64-linux-gnu-gcc",
    "zig",
];

/// Names by which cargo finds settings in a folder and all above it. Source: The Cargo Book, "Configuration"; The rustup
/// book, "Overrides".
const SETTINGS: [&str; 4] = [
    ".cargo/config",
    ".cargo/config.toml",
    "rust-toolchain",
    "rust-toolchain.toml",
];

/// Names by which cargo finds targets in the folder of a package. Source: The Cargo Book, "Package Layout".
const LAYOUT: [&str; 5] = [
    "Cargo.toml",
    "build.rs",
    "src/bin",
    "src/lib.rs",
    "src/main.rs",
];

/// What compiles, and where.
pub(super) struct Compilation<'a> {
    /// The workspace.
    pub(super) root: &'a Path,
    /// The file that remembers.
    pub(super) memory: &'a Path,
    /// The programs, the system and the profile, as text: what is asked of cargo beside its environment.
    pub(super) request: String,
}

/// Everything that decided a compilation, and what it made.
#[derive(PartialEq, Serialize, Deserialize)]
struct LastCompile {
    request: String,
    environment: String,
    /// What cargo read; `None` where there was nothing.
    inputs: BTreeMap<PathBuf, Option<FileStamp>>,
    programs: BTreeMap<String, (PathBuf, FileStamp)>,
}

impl Compilation<'_> {
    /// Returns the programs, if all is as it was when cargo compiled them.
    pub(super) fn recall(&self) -> Option<BTreeMap<String, PathBuf>> {
        let text = std::fs::read(self.memory).ok()?;
        let last: LastCompile = serde_json::from_slice(&text).ok()?;
        let unchanged = last.request == self.request
            && last.environment == CompilerEnvironment::read().digest
            && last
                .inputs
                .iter()
                .all(|(path, stamp)| FileStamp::of(path).ok().as_ref() == stamp.as_ref())
            && last
                .programs
                .values()
                .all(|(path, stamp)| FileStamp::of(path).is_ok_and(|now| now == *stamp));
        unchanged.then(|| {
            let programs = last.programs.into_iter();
            programs.map(|(name, (path, _))| (name, path)).collect()
        })
    }

    /// Remembers what cargo has compiled, if nothing that it read was changed while it ran, or just before. What cannot be
    /// remembered costs time and nothing else. `toolchain` is the compiler's own folder.
    pub(super) fn remember(
        &self,
        programs: &BTreeMap<String, PathBuf>,
        toolchain: &Path,
        started: SystemTime,
    ) {
        let remembered = self
            .look(programs, toolchain, started)
            .and_then(|last| serde_json::to_vec(&last).ok())
            .is_some_and(|text| file::replace(self.memory, &text).is_ok());
        if !remembered {
            let _ = std::fs::remove_file(self.memory);
        }
    }

    fn look(
        &self,
        programs: &BTreeMap<String, PathBuf>,
        toolchain: &Path,
        started: SystemTime,
    ) -> Option<LastCompile> {
        let environment = CompilerEnvironment::read();
        let mut inputs = self.settings(&environment);
        inputs.extend(["bin/cargo", "bin/rustc", "lib/rustlib"].map(|name| toolchain.join(name)));
        for program in programs.values() {
            let sources = sources(&std::fs::read_to_string(program.with_extension("d")).ok()?);
            inputs.extend(
                packages(&sources)
                    .iter()
                    .flat_map(|package| self.layout(package)),
            );
            inputs.extend(sources);
        }
        let inputs = inputs.into_iter().map(|path| {
            let stamp = FileStamp::of(&path).ok();
            (path, stamp)
        });
        let inputs: BTreeMap<_, _> = inputs.collect();
        let at_rest = inputs
            .values()
            .flatten()
            .all(|stamp| stamp.was_at_rest(started));
        let stamped = programs.iter().map(|(name, path)| {
            let stamp = FileStamp::of(path).ok()?;
            Some((name.clone(), (path.clone(), stamp)))
        });
        at_rest.then_some(LastCompile {
            request: self.request.clone(),
            environment: environment.digest,
            inputs,
            programs: stamped.collect::<Option<_>>()?,
        })
    }

    /// Returns the files of settings, and the places on PATH of the tools.
    fn settings(&self, environment: &CompilerEnvironment) -> BTreeSet<PathBuf> {
        let above = self.root.ancestors();
        let found = above.flat_map(|folder| SETTINGS.map(|name| folder.join(name)));
        let of_user = ["config", "config.toml"].map(|name| environment.cargo_home.join(name));
        let tools = environment.search.iter();
        let tools = tools.flat_map(|folder| TOOLS.map(|name| folder.join(name)));
        found
            .chain(of_user)
            .chain([
                environment.rustup_home.join("settings.toml"),
                self.root.join("Cargo.toml"),
                self.root.join("Cargo.lock"),
            ])
            .chain(tools)
            .collect()
    }

    /// Returns what cargo finds by its name in a package, and the folder that holds the package: another one in it may be a
    /// member of the workspace too, as in `crates/*`. Not the root, in which much else comes and goes.
    fn layout(&self, package: &Path) -> impl Iterator<Item = PathBuf> {
        let siblings = package
            .parent()
            .filter(|folder| !self.root.starts_with(folder));
        let files = LAYOUT.map(|name| package.join(name));
        files.into_iter().chain(siblings.map(Path::to_owned))
    }
}

/// Returns the sources that a dep-info file lists: rules of make, in which a backslash stands before a blank of a name.
fn sources(rules: &str) -> BTreeSet<PathBuf> {
    let listed = rules.lines().filter_map(|line| line.split_once(": "));
    let names = listed.flat_map(|(_, names)| {
        let names = names.replace("\\ ", "\0");
        let names = names
            .split_whitespace()
            .map(|name| PathBuf::from(name.replace('\0', " ")));
        names.collect::<Vec<_>>()
    });
    names.collect()
}

/// Returns the folders of the packages that sources belong to: the nearest above each that holds a manifest.
fn packages(sources: &BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
    let folders: BTreeSet<&Path> = sources.iter().filter_map(|file| file.parent()).collect();
    let package = |folder: &Path| {
        let mut above = folder.ancestors();
        above
            .find(|folder| folder.join("Cargo.toml").is_file())
            .map(Path::to_owned)
    };
    folders.into_iter().filter_map(package).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A workspace as it lies after cargo has compiled one program of it.
    struct Workspace(tempfile::TempDir);

    impl Workspace {
        fn compiled() -> Self {
            let workspace = Self(tempfile::tempdir().unwrap());
            for file in [
                "Cargo.lock",
                "Cargo.toml",
                "a b/Cargo.toml",
                "a b/src/lib.rs",
                "crates/api/Cargo.toml",
                "crates/api/src/main.rs",
                "crates/api/src/store/mod.rs",
                "target/api",
                "toolchain/bin/rustc",
            ] {
                workspace.write(file);
            }
            let rule = format!(
                "{0}/target/api: {0}/a\\ b/src/lib.rs {0}/crates/api/src/main.rs {0}/crates/api/src/store/mod.rs\n",
                workspace.path("").display()
            );
            std::fs::write(workspace.path("target/api.d"), rule.replace("//", "/")).unwrap();
            workspace
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn write(&self, name: &str) {
            let file = self.path(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, name).unwrap();
        }

        fn programs(&self) -> BTreeMap<String, PathBuf> {
            BTreeMap::from([("api".to_owned(), self.path("target/api"))])
        }

        fn with<T>(&self, request: &str, work: impl FnOnce(&Compilation<'_>) -> T) -> T {
            work(&Compilation {
                root: self.0.path(),
                memory: &self.path("target/memory.json"),
                request: request.to_owned(),
            })
        }

        /// Remembers as if cargo had started this much later than now.
        fn remember(&self, later: Duration) {
            let started = SystemTime::now() + later;
            let (programs, toolchain) = (self.programs(), self.path("toolchain"));
            self.with("api", |compilation| {
                compilation.remember(&programs, &toolchain, started);
            });
        }

        fn recall(&self) -> Option<BTreeMap<String, PathBuf>> {
            self.with("api", |compilation| compilation.recall())
        }
    }

    const REST: Duration = Duration::from_secs(60);

    #[test]
    fn nothing_changed_means_nothing_to_compile() {
        let workspace = Workspace::compiled();
        assert_eq!(workspace.recall(), None, "nothing was compiled yet");
        workspace.remember(REST);
        assert_eq!(workspace.recall(), Some(workspace.programs()));
        let other = workspace.with("api and publisher", |compilation| compilation.recall());
        assert_eq!(other, None, "something else is wanted");
        // What no program is made of, and what is built, may change.
        workspace.write("site/index.html");
        workspace.write("target/other");
        assert_eq!(workspace.recall(), Some(workspace.programs()));
    }

    #[test]
    fn whatever_cargo_would_see_is_seen() {
        let missed: Vec<&str> = [
            "Cargo.lock",
            "Cargo.toml",
            "a b/Cargo.toml",
            "a b/src/lib.rs",
            "crates/api/src/main.rs",
            "crates/api/src/store/mod.rs",
            "target/api",
            "toolchain/bin/rustc",
            // What was not there, and would be found.
            ".cargo/config.toml",
            "rust-toolchain.toml",
            "crates/api/build.rs",
            "crates/api/src/lib.rs",
            "crates/new/Cargo.toml",
        ]
        .into_iter()
        .filter(|changed| {
            let workspace = Workspace::compiled();
            workspace.remember(REST);
            workspace.write(changed);
            workspace.recall().is_some()
        })
        .collect();
        assert!(missed.is_empty(), "{missed:?}");

        let workspace = Workspace::compiled();
        workspace.remember(REST);
        std::fs::remove_file(workspace.path("crates/api/src/store/mod.rs")).unwrap();
        assert_eq!(workspace.recall(), None, "a source is gone");
    }

    #[test]
    fn what_was_changed_while_cargo_ran_is_not_remembered_and_neither_is_what_cannot_be_known() {
        let workspace = Workspace::compiled();
        workspace.remember(REST);
        workspace.remember(Duration::ZERO);
        assert_eq!(workspace.recall(), None, "the sources were just written");
        workspace.remember(REST);
        std::fs::remove_file(workspace.path("target/api.d")).unwrap();
        workspace.remember(REST);
        assert_eq!(workspace.recall(), None, "cargo lists no sources");
        std::fs::write(workspace.path("target/memory.json"), "{").unwrap();
        assert_eq!(workspace.recall(), None, "what is remembered is damaged");
    }
}
