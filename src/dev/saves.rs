//! The files that were saved, and the work that follows. In: two snapshots. Out: `Saves`. Pure.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::SourceSnapshot;
use crate::config::Config;

/// The saves of one round.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Saves {
    /// Files of Lambdas, server and templates: what a deploy brings to the stage. Relative to the root.
    pub deployed: Vec<PathBuf>,
    /// Whether a file of the site was saved: Vite shows those by itself.
    pub site: bool,
    /// Whether the site's dependencies are others now.
    pub dependencies: bool,
    /// When the last of the files for a deploy was written; `None` if they were only deleted.
    pub last: Option<SystemTime>,
}

/// The part of a stage that a file belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SavedPart {
    /// A program or a template.
    Deployed,
    /// The page.
    Site,
    /// The dependencies with which the page is built.
    Dependencies,
}

/// Returns the saves between two snapshots of the sources.
pub fn saves(config: &Config, before: &SourceSnapshot, now: &SourceSnapshot) -> Saves {
    let mut saves = Saves::default();
    let gone = before.keys().filter(|path| !now.contains_key(*path));
    let written = now
        .iter()
        .filter(|(path, stamp)| before.get(*path) != Some(stamp))
        .map(|(path, _)| path);
    for path in written.chain(gone) {
        match part_of(config, path) {
            Some(SavedPart::Deployed) => {
                let name = path.strip_prefix(&config.root).unwrap_or(path);
                saves.deployed.push(name.to_owned());
                let modified = now.get(path).map(|stamp| stamp.modified);
                saves.last = saves.last.max(modified);
            }
            Some(SavedPart::Site) => saves.site = true,
            Some(SavedPart::Dependencies) => saves.dependencies = true,
            None => {}
        }
    }
    saves
}

/// Returns which part of a stage a file belongs to; `None`: no part is made of it.
fn part_of(config: &Config, path: &Path) -> Option<SavedPart> {
    if path.starts_with(&config.templates) {
        return path
            .extension()
            .is_some_and(|ending| ending == "yaml")
            .then_some(SavedPart::Deployed);
    }
    let names: Vec<_> = path
        .strip_prefix(&config.root)
        .ok()?
        .iter()
        .map(|name| name.to_string_lossy())
        .collect();
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    match names.as_slice() {
        ["Cargo.toml" | "Cargo.lock" | "rust-toolchain.toml"] | [".cargo", ..] => {
            Some(SavedPart::Deployed)
        }
        ["crates" | "lambdas", _, "tests" | "benches", ..] => None,
        ["crates" | "lambdas", _, _, ..] => Some(SavedPart::Deployed),
        ["site", "package-lock.json"] => Some(SavedPart::Dependencies),
        ["site", "e2e", ..] => None,
        ["site", ..] => Some(SavedPart::Site),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::sources::FileAttributes;
    use super::*;

    fn config() -> Config {
        let text = "source: ..\nstages:\n  local: { hosting: local, domain: demo.localhost, region: us-east-1 }\n";
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("factory-tree.yaml");
        std::fs::write(&file, text).unwrap();
        let config = Config::load(&file, None).unwrap();
        Config {
            root: "/app".into(),
            templates: "/elsewhere/templates".into(),
            ..config
        }
    }

    fn snapshot(files: &[(&str, u64)]) -> SourceSnapshot {
        let stamp = |seconds| FileAttributes {
            modified: SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
            bytes: 1,
        };
        let rows = files
            .iter()
            .map(|(name, seconds)| (PathBuf::from(name), stamp(*seconds)));
        rows.collect()
    }

    #[test]
    fn every_file_belongs_to_one_part_or_to_none() {
        let config = config();
        let rows = [
            "/app/lambdas/api/src/main.rs",
            "/app/crates/domain/src/name.rs",
            "/app/crates/domain/Cargo.toml",
            "/app/crates/websocket/factory-tree-websocket.service",
            "/app/crates/websocket/tests/sockets/admission.rs",
            "/app/Cargo.lock",
            "/app/.cargo/config.toml",
            "/elsewhere/templates/api.yaml",
            "/elsewhere/templates/README.md",
            "/app/site/src/App.vue",
            "/app/site/vite.config.ts",
            "/app/site/package-lock.json",
            "/app/site/e2e/story.mjs",
            "/app/src/main.rs",
            "/app/README.md",
            "/other/lambdas/api/src/main.rs",
        ]
        .map(|path| format!("{path}: {:?}", part_of(&config, Path::new(path))));
        insta::assert_snapshot!(rows.join("\n"), @"
        /app/lambdas/api/src/main.rs: Some(Deployed)
        /app/crates/domain/src/name.rs: Some(Deployed)
        /app/crates/domain/Cargo.toml: Some(Deployed)
        /app/crates/websocket/factory-tree-websocket.service: Some(Deployed)
        /app/crates/websocket/tests/sockets/admission.rs: None
        /app/Cargo.lock: Some(Deployed)
        /app/.cargo/config.toml: Some(Deployed)
        /elsewhere/templates/api.yaml: Some(Deployed)
        /elsewhere/templates/README.md: None
        /app/site/src/App.vue: Some(Site)
        /app/site/vite.config.ts: Some(Site)
        /app/site/package-lock.json: Some(Dependencies)
        /app/site/e2e/story.mjs: None
        /app/src/main.rs: None
        /app/README.md: None
        /other/lambdas/api/src/main.rs: None
        ");
    }

    #[test]
    fn written_new_and_deleted_files_are_saves_and_the_last_write_is_known() {
        let before = snapshot(&[
            ("/app/lambdas/api/src/main.rs", 1),
            ("/app/lambdas/api/src/old.rs", 1),
            ("/app/site/src/App.vue", 1),
            ("/app/Cargo.lock", 1),
        ]);
        let now = snapshot(&[
            ("/app/lambdas/api/src/main.rs", 5),
            ("/app/lambdas/api/src/new.rs", 7),
            ("/app/site/src/App.vue", 9),
            ("/app/Cargo.lock", 1),
        ]);
        let seen = saves(&config(), &before, &now);
        let files: Vec<_> = seen.deployed.iter().map(|path| path.display()).collect();
        let files: Vec<String> = files.iter().map(ToString::to_string).collect();
        assert_eq!(
            files,
            [
                "lambdas/api/src/main.rs",
                "lambdas/api/src/new.rs",
                "lambdas/api/src/old.rs"
            ]
        );
        assert_eq!((seen.site, seen.dependencies), (true, false));
        assert_eq!(
            seen.last,
            Some(SystemTime::UNIX_EPOCH + Duration::from_secs(7))
        );
    }

    #[test]
    fn where_nothing_differs_nothing_was_saved() {
        let same = snapshot(&[("/app/Cargo.lock", 1)]);
        assert_eq!(saves(&config(), &same, &same), Saves::default());
    }
}
