//! The sources of the site. In: its folder, and the variables that Vite builds into it. Out: a fingerprint that changes with
//! everything that Vite reads or ships, whatever kind of file it is: also dot-files, what git ignores, and what
//! a link leads to, since Vite copies `public/` with what its links lead to (Vite, `copyDir`).

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use ignore::{DirEntry, Error, WalkBuilder};
use sha2::{Digest, Sha256};

use crate::content::{FileContent, hex};

/// The tests' own files are no part of the site.
const NOT_SHIPPED: [&str; 3] = ["node_modules", "dist", "e2e"];

/// Returns a hash over every source of the site, names and contents, and over these variables.
pub(super) fn fingerprint(source: &Path, variables: &[(String, String)]) -> Result<String> {
    let mut hash = Sha256::new();
    for path in walk(source, &NOT_SHIPPED)? {
        let name = path.strip_prefix(source)?.as_os_str();
        take(&mut hash, name.as_bytes());
        take(&mut hash, &content(&path)?);
    }
    for (name, value) in variables {
        take(&mut hash, name.as_bytes());
        take(&mut hash, value.as_bytes());
    }
    Ok(hex(&hash.finalize()))
}

/// Takes a piece with its length, so that two pieces are never taken for two others.
fn take(hash: &mut Sha256, piece: &[u8]) {
    hash.update(piece.len().to_le_bytes());
    hash.update(piece);
}

/// Returns the hash of a file, or the place that a link names which leads to none: editors make such links to mark what
/// they have open.
fn content(path: &Path) -> Result<Vec<u8>> {
    match std::fs::read_link(path) {
        Ok(place) if !path.is_file() => Ok(place.into_os_string().as_bytes().to_vec()),
        _ => Ok(FileContent::measure(path)?.digest.sha256.into_bytes()),
    }
}

/// Lists the files below a folder by their path with slashes, sorted.
pub(super) fn files(folder: &Path) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for path in walk(folder, &[])? {
        let name = path.strip_prefix(folder)?.as_os_str();
        let name = name.to_str().with_context(|| unreadable(name))?;
        files.push(name.to_owned());
    }
    Ok(files)
}

fn unreadable(name: &OsStr) -> String {
    format!(
        "file `{}` of the site has a name that is not UTF-8, so it has no address; rename it",
        Path::new(name).display()
    )
}

/// Finds every file below a folder, also behind links, and links that lead nowhere; in the order of their names.
fn walk(folder: &Path, without: &[&str]) -> Result<Vec<PathBuf>> {
    let without: Vec<PathBuf> = without.iter().map(|name| folder.join(name)).collect();
    let walk = WalkBuilder::new(folder)
        .standard_filters(false)
        .follow_links(true)
        .filter_entry(move |entry| !without.iter().any(|path| path == entry.path()))
        .build();
    let mut files = Vec::new();
    for entry in walk {
        match entry {
            Ok(entry) if is_file(&entry) => files.push(entry.into_path()),
            Ok(_) => {}
            Err(error) => files.push(broken_link(error, folder)?),
        }
    }
    files.sort();
    Ok(files)
}

fn is_file(entry: &DirEntry) -> bool {
    entry.file_type().is_some_and(|kind| kind.is_file())
}

/// Returns the link that was not followed, because it leads nowhere or to a folder that it lies in. Whether the site can
/// be built with it, Vite decides.
///
/// # Errors
/// Anything else.
fn broken_link(error: Error, folder: &Path) -> Result<PathBuf> {
    match path_of(&error).filter(|path| path.is_symlink()) {
        Some(link) => Ok(link.to_owned()),
        None => Err(error).with_context(|| format!("failed to read folder `{}`", folder.display())),
    }
}

fn path_of(error: &Error) -> Option<&Path> {
    match error {
        Error::WithPath { path, .. } | Error::Loop { child: path, .. } => Some(path),
        Error::WithDepth { err, .. } => path_of(err),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    struct Sources(tempfile::TempDir);

    impl Sources {
        fn new() -> Self {
            let sources = Self(tempfile::tempdir().unwrap());
            sources.write("site/src/App.vue", "one");
            sources.write("elsewhere/terms.pdf", "one");
            sources.write("elsewhere/icons/a.svg", "one");
            sources
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn write(&self, name: &str, text: &str) {
            let file = self.path(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }

        fn link(&self, name: &str, to: &str) {
            let link = self.path(name);
            std::fs::create_dir_all(link.parent().unwrap()).unwrap();
            symlink(to, link).unwrap();
        }

        fn fingerprint(&self) -> String {
            fingerprint(&self.path("site"), &[]).unwrap()
        }

        /// Returns whether the fingerprint sees what is done.
        fn sees(&self, act: impl FnOnce()) -> bool {
            let before = self.fingerprint();
            act();
            self.fingerprint() != before
        }
    }

    #[test]
    fn every_kind_of_file_is_seen_when_it_comes_changes_moves_and_goes() {
        let sources = Sources::new();
        sources.write("site/.gitignore", "*.local\npublic/generated\n");
        sources.write("site/.ignore", "*");
        let names = [
            ".env",
            ".env.local",
            ".env.production",
            ".env.production.local",
            ".npmrc",
            "index.html",
            "package-lock.json",
            "public/.well-known/apple-app-site-association",
            "public/dist/old.js",
            "public/e2e/page.html",
            "public/generated/map.m4s",
            "public/node_modules/x.js",
            "public/no-ending",
            "src/.hidden/part.ts",
            "vite.config.ts",
        ];
        let mut missed = Vec::new();
        for name in names {
            let file = format!("site/{name}");
            let (path, moved) = (sources.path(&file), sources.path(&format!("{file}.x")));
            let seen = [
                sources.sees(|| sources.write(&file, "one")),
                sources.sees(|| sources.write(&file, "two")),
                sources.sees(|| std::fs::rename(&path, &moved).unwrap()),
                sources.sees(|| std::fs::remove_file(&moved).unwrap()),
            ];
            if seen != [true; 4] {
                missed.push((name, seen));
            }
        }
        assert!(missed.is_empty(), "{missed:?}");
    }

    #[test]
    fn what_links_lead_to_is_seen_and_a_link_that_leads_to_no_file_stops_nothing() {
        let sources = Sources::new();
        let link = |name: &str, to: &str| sources.link(&format!("site/{name}"), to);
        assert!(sources.sees(|| link("public/terms.pdf", "../../elsewhere/terms.pdf")));
        assert!(sources.sees(|| link("public/icons", "../../elsewhere/icons")));
        assert!(sources.sees(|| sources.write("elsewhere/terms.pdf", "two")));
        assert!(sources.sees(|| sources.write("elsewhere/icons/a.svg", "two")));
        assert!(sources.sees(|| sources.write("elsewhere/icons/b.svg", "one")));
        assert!(
            sources.sees(|| std::fs::remove_file(sources.path("elsewhere/terms.pdf")).unwrap())
        );
        assert!(sources.sees(|| link("src/.#App.vue", "ada@host.1")));
        assert!(sources.sees(|| link("src/self", ".")));
    }

    #[test]
    fn variables_that_vite_builds_in_are_seen() {
        let sources = Sources::new();
        let with = |name: &str, value: &str| {
            let variables = [(name.to_owned(), value.to_owned())];
            fingerprint(&sources.path("site"), &variables).unwrap()
        };
        assert_ne!(with("VITE_TITLE", "one"), sources.fingerprint());
        assert_ne!(with("VITE_TITLE", "one"), with("VITE_TITLE", "two"));
        assert_ne!(with("VITE_A", "B"), with("VITE_", "AB"));
    }

    #[test]
    fn tools_and_tests_are_not_seen() {
        let sources = Sources::new();
        assert!(!sources.sees(|| sources.write("site/node_modules/vue/index.js", "x")));
        assert!(!sources.sees(|| sources.write("site/e2e/story.mjs", "x")));
        assert!(!sources.sees(|| sources.write("site/dist/index.html", "x")));
    }

    #[test]
    fn a_name_that_has_no_address_is_an_error_that_names_it() {
        let sources = Sources::new();
        let name = OsStr::from_bytes(b"caf\xe9.txt");
        std::fs::write(sources.path("site").join(name), "x").unwrap();
        assert_eq!(sources.fingerprint().len(), 64);
        let error = files(&sources.path("site")).unwrap_err();
        assert!(error.to_string().contains("rename it"), "{error:#}");
    }
}
