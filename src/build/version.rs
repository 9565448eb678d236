//! The versions of a thing that is built, side by side in a folder. In: the folder and a version of it. Out: the version, held:
//! it stays as it is while a deploy sends it, though another stage of the checkout builds meanwhile. Versions that are neither
//! the last one nor held go. A version is a file or a folder, whose name tells its content.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use tempfile::NamedTempFile;

/// A version that stays until this is dropped, or its process has ended.
#[derive(Debug)]
pub struct Held {
    path: PathBuf,
    /// Locked together with others who hold the version.
    _lock: File,
}

impl Held {
    /// Returns where the version is.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Holds a version; `None` if it is not there.
///
/// # Errors
/// It cannot be read or locked.
pub(super) fn hold(version: &Path) -> Result<Option<Held>> {
    let naming = || format!("failed to hold `{}`", version.display());
    loop {
        let lock = match File::open(version) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.with_context(naming)?,
        };
        lock.lock_shared().with_context(naming)?;
        // Another build may have removed it before it was locked, and made it again.
        if is_at(&lock, version).with_context(naming)? {
            return Ok(Some(Held {
                path: version.to_owned(),
                _lock: lock,
            }));
        }
    }
}

/// Returns whether an open file or folder is the one that has a name.
fn is_at(open: &File, name: &Path) -> std::io::Result<bool> {
    let identity = |metadata: Metadata| (metadata.dev(), metadata.ino());
    match std::fs::metadata(name) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        found => Ok(identity(found?) == identity(open.metadata()?)),
    }
}

/// Writes a version that is a file, and holds it. A name leads to one file until that is removed, by somebody who has it
/// locked: so no version is put in the place of another one.
///
/// # Errors
/// It cannot be written, read or locked; or another deploy holds something else under its name.
pub(super) fn write(version: &Path, content: &[u8]) -> Result<Held> {
    let naming = || format!("failed to write `{}`", version.display());
    let folder = version.parent().context("a version has a folder")?;
    std::fs::create_dir_all(folder).with_context(naming)?;
    loop {
        if let Some(held) = hold(version)? {
            if std::fs::read(version).with_context(naming)? == content {
                return Ok(held);
            }
            // Its name tells its content, so somebody's hand has changed it.
            drop(held);
            ensure!(
                remove(version),
                "`{}` is not what was built, and another deploy holds it",
                version.display()
            );
        }
        // Written beside the folder of versions: in it, a build beside this one would take it for an old version.
        let mut unfinished = NamedTempFile::new_in(folder.join("..")).with_context(naming)?;
        unfinished.write_all(content).with_context(naming)?;
        match unfinished.persist_noclobber(version) {
            Err(error) if error.error.kind() != ErrorKind::AlreadyExists => {
                return Err(error.error).with_context(naming);
            }
            _ => {}
        }
    }
}

/// Removes what lies beside a version and is held by nobody.
///
/// # Errors
/// The folder cannot be read. What cannot be removed stays: it costs room and nothing else.
pub(super) fn remove_others(version: &Held) -> Result<()> {
    let folder = version.path.parent().context("a version has a folder")?;
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("failed to read `{}`", folder.display()));
    for entry in entries?.flatten() {
        let other = entry.path();
        if other != version.path {
            remove(&other);
        }
    }
    Ok(())
}

/// Removes a version that nobody holds; returns whether it is gone. It is locked until then: who wants to hold it in between
/// finds it gone.
fn remove(version: &Path) -> bool {
    let Ok(lock) = File::open(version) else {
        return false;
    };
    if lock.try_lock().is_err() || !is_at(&lock, version).unwrap_or(false) {
        return false;
    }
    let removed = if version.is_dir() {
        std::fs::remove_dir_all(version)
    } else {
        std::fs::remove_file(version)
    };
    removed.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_written_while_another_build_removes_what_is_old() {
        let folder = tempfile::tempdir().unwrap();
        let version = |name: &str| folder.path().join("api").join(name);
        let last = write(&version("last"), b"last").unwrap();
        std::thread::scope(|scope| {
            let writes = scope.spawn(|| {
                for _ in 0..500 {
                    let held = write(&version("new"), b"new").unwrap();
                    assert_eq!(std::fs::read(held.path()).unwrap(), b"new");
                }
            });
            while !writes.is_finished() {
                remove_others(&last).unwrap();
            }
        });
        let left = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(left, 1, "only the folder of versions");
    }

    #[test]
    fn a_version_that_was_changed_by_hand_is_written_again_unless_it_is_held() {
        let folder = tempfile::tempdir().unwrap();
        let version = folder.path().join("api").join("1");
        drop(write(&version, b"built").unwrap());
        std::fs::write(&version, "changed").unwrap();
        let held = hold(&version).unwrap().unwrap();
        let error = write(&version, b"built").unwrap_err().to_string();
        assert!(error.ends_with("another deploy holds it"), "{error}");
        drop(held);
        drop(write(&version, b"built").unwrap());
        assert_eq!(std::fs::read(&version).unwrap(), b"built");
    }

    #[test]
    fn a_version_stays_while_it_is_held_and_the_last_one_stays_anyway() {
        let folder = tempfile::tempdir().unwrap();
        let site = |name: &str| {
            let version = folder.path().join(name);
            std::fs::create_dir(&version).unwrap();
            std::fs::write(version.join("index.html"), name).unwrap();
            hold(&version).unwrap().unwrap()
        };
        let names = || {
            let entries = std::fs::read_dir(folder.path()).unwrap();
            let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        let (first, second) = (site("1"), site("2"));
        std::fs::write(folder.path().join("of an older deployer"), "").unwrap();
        remove_others(&second).unwrap();
        assert_eq!(names(), ["1", "2"]);
        drop(first);
        remove_others(&second).unwrap();
        assert_eq!(names(), ["2"]);
        assert!(hold(&folder.path().join("1")).unwrap().is_none());
    }
}
