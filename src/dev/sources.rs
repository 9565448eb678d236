//! Snapshots of the source files, by which saves are found. In: the project's folders. Out:
//! snapshots to compare. Files are looked at instead of listened to: what is missed in one look is seen in
//! the next, a save during a build is a difference like any other, and there is no limit on watches.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use ignore::WalkBuilder;

use crate::config::Config;

/// The interval of the snapshots: well below what a person notices.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Folders that tools write to and nobody saves to.
const NOT_SOURCES: [&str; 6] = [
    ".factory-tree",
    ".git",
    "coverage",
    "dist",
    "node_modules",
    "target",
];

/// Every source file, with the attributes that change when it is saved.
pub type SourceSnapshot = BTreeMap<PathBuf, FileAttributes>;

/// The attributes of a file that change when it is saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileAttributes {
    /// When it was written.
    pub modified: SystemTime,
    /// Its size.
    pub bytes: u64,
}

/// Where the files are that a stage is made of.
#[derive(Clone, Debug)]
pub struct Sources {
    folders: Vec<PathBuf>,
    root: PathBuf,
}

impl Sources {
    /// Returns the sources of a stage.
    pub fn of(config: &Config) -> Self {
        let below = ["lambdas", "crates", "site", ".cargo"].map(|name| config.root.join(name));
        let folders = below.into_iter().chain([config.templates.clone()]);
        Self {
            folders: folders.collect(),
            root: config.root.clone(),
        }
    }

    /// Reads the attributes of every source file. A file that cannot be read is left out.
    pub fn take_snapshot(&self) -> SourceSnapshot {
        let top = WalkBuilder::new(&self.root)
            .max_depth(Some(1))
            .standard_filters(false)
            .build();
        let below = self.folders.iter().flat_map(|folder| {
            WalkBuilder::new(folder)
                .standard_filters(false)
                .filter_entry(|entry| !is_ignored(entry.file_name()))
                .build()
        });
        let files = top
            .chain(below)
            .flatten()
            .filter(|entry| !is_ignored(entry.file_name()));
        files
            .filter_map(|entry| Some((entry.path().to_owned(), stamp(entry.path())?)))
            .collect()
    }

    /// Waits until the sources differ from those that are known and nobody writes on, and returns them.
    pub async fn next(&self, known: &SourceSnapshot) -> SourceSnapshot {
        let mut now = self.take_snapshot();
        loop {
            tokio::time::sleep(POLL_INTERVAL).await;
            let later = self.take_snapshot();
            if later == now && now != *known {
                return now;
            }
            now = later;
        }
    }
}

fn stamp(path: &Path) -> Option<FileAttributes> {
    let metadata = path.metadata().ok().filter(std::fs::Metadata::is_file)?;
    Some(FileAttributes {
        modified: metadata.modified().ok()?,
        bytes: metadata.len(),
    })
}

/// Returns whether a file or folder of this name is no source: what tools write, and what editors keep
/// beside a file while they save it (Vim, Emacs, JetBrains, and all that write `NAME.tmp` first).
fn is_ignored(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    NOT_SOURCES.contains(&&*name)
        || name.starts_with(".#")
        || name.starts_with('#')
        || name == "4913"
        || [".swp", ".swx", ".swo", ".tmp", "~", "___"]
            .iter()
            .any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources() -> (tempfile::TempDir, Sources) {
        let root = tempfile::tempdir().unwrap();
        for folder in ["lambdas/api/src", "lambdas/api/target", "templates"] {
            std::fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        let folders = vec![root.path().join("lambdas"), root.path().join("templates")];
        let sources = Sources {
            folders,
            root: root.path().to_owned(),
        };
        (root, sources)
    }

    fn names(root: &Path, snapshot: &SourceSnapshot) -> Vec<String> {
        let name = |path: &PathBuf| path.strip_prefix(root).unwrap().display().to_string();
        snapshot.keys().map(name).collect()
    }

    #[test]
    fn sources_are_seen_and_what_tools_and_editors_write_is_not() {
        let (root, sources) = sources();
        for file in [
            "Cargo.toml",
            "templates/api.yaml",
            "lambdas/api/src/main.rs",
            "lambdas/api/src/.main.rs.swp",
            "lambdas/api/src/main.rs~",
            "lambdas/api/src/.#main.rs",
            "lambdas/api/src/4913",
            "lambdas/api/target/api.d",
        ] {
            std::fs::write(root.path().join(file), "x").unwrap();
        }
        assert_eq!(
            names(root.path(), &sources.take_snapshot()),
            [
                "Cargo.toml",
                "lambdas/api/src/main.rs",
                "templates/api.yaml"
            ]
        );
    }

    #[test]
    fn folders_that_are_not_there_hold_nothing() {
        let (root, sources) = sources();
        std::fs::remove_dir_all(root.path()).unwrap();
        assert_eq!(sources.take_snapshot(), SourceSnapshot::new());
    }

    #[tokio::test]
    async fn a_save_is_returned_when_nobody_writes_on() {
        let (root, sources) = sources();
        let file = root.path().join("lambdas/api/src/main.rs");
        std::fs::write(&file, "one").unwrap();
        let known = sources.take_snapshot();
        let quiet = tokio::time::timeout(Duration::from_millis(450), sources.next(&known)).await;
        assert!(quiet.is_err(), "nothing was saved");
        std::fs::write(&file, "three").unwrap();
        let seen = sources.next(&known).await;
        assert_eq!(seen[&file].bytes, 5);
        std::fs::remove_file(&file).unwrap();
        assert!(sources.next(&seen).await.is_empty());
    }
}
