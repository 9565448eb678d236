//! Two commands never change one stage at the same time, and the lock leaves no file behind.
//!
//! A lock is an advisory lock (flock) on a file that its holder deletes when done. Who gets the lock of
//! a file that is no longer there under its name has waited for one that is gone, and begins again.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};

use super::state::make_folder;
use crate::config::{Config, Hosting};
use crate::error::UserError;
use crate::event::{Event, Reporter};

/// Held while a command changes a stage. Given back when it goes out of scope, or with the process.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    /// Closing it gives the lock back.
    _file: File,
}

/// Takes the lock of a stage.
///
/// # Errors
/// `UserError::Busy` if another command on this machine changes the stage.
pub fn lock(config: &Config) -> Result<Lock> {
    let path = lock_file(config);
    match Lock::take(&path)? {
        Attempt::Held(lock) => Ok(lock),
        Attempt::Busy(holder) => Err(UserError::Busy {
            what: format!("stage `{}`", config.stage),
            state: holder,
        }
        .into()),
    }
}

/// Takes the lock of a stage as soon as no other command on this machine changes the stage. Says whom it waits for.
///
/// # Errors
/// The lock's file cannot be opened.
pub async fn wait_for_lock(config: &Config, reporter: &dyn Reporter) -> Result<Lock> {
    let path = lock_file(config);
    match Lock::take(&path)? {
        Attempt::Held(lock) => Ok(lock),
        Attempt::Busy(holder) => {
            let text = format!(
                "stage `{}` is being changed by another command ({holder}): waiting for it",
                config.stage
            );
            reporter.report(Event::Note(text));
            Lock::wait(&path).await
        }
    }
}

/// A stage on this machine belongs to one configuration file. The stacks of a stage in AWS are the same, whichever file
/// describes it.
fn lock_file(config: &Config) -> PathBuf {
    let folder = match config.settings.hosting {
        Hosting::Aws => config.former_state_folder(),
        Hosting::Local => config.state_folder(),
    };
    folder.with_extension("lock")
}

pub(super) enum Attempt {
    Held(Lock),
    /// The holder of the lock, as far as it is known.
    Busy(String),
}

impl Lock {
    pub(super) fn take(path: &Path) -> Result<Attempt> {
        let failed = || format!("failed to lock `{}`", path.display());
        loop {
            let mut file = match open(path) {
                Ok(file) => file,
                // The holder before has just deleted the folder too.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error).with_context(failed),
            };
            match file.try_lock() {
                Ok(()) if is_still_there(path, &file) => {
                    write_holder(&mut file).with_context(failed)?;
                    return Ok(Attempt::Held(Self {
                        path: path.to_owned(),
                        _file: file,
                    }));
                }
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(Attempt::Busy(read_holder(&mut file))),
                Err(TryLockError::Error(error)) => return Err(error).with_context(failed),
            }
        }
    }

    /// Takes a lock as soon as it is free.
    pub(super) async fn wait(path: &Path) -> Result<Self> {
        loop {
            if let Attempt::Held(lock) = Self::take(path)? {
                return Ok(lock);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Lock {
    /// Deletes the file while it is still locked, and the folder if nothing else is in it.
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
        if let Some(folder) = self.path.parent() {
            let _ = std::fs::remove_dir(folder);
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let folder = path.parent().unwrap_or(Path::new("."));
    match make_folder(folder) {
        // It was there, and is no more.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && !folder.is_file() => {}
        made => made?,
    }
    OpenOptions::new()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .mode(0o600)
        .open(path)
}

fn is_still_there(path: &Path, file: &File) -> bool {
    match (path.metadata(), file.metadata()) {
        (Ok(named), Ok(held)) => (named.dev(), named.ino()) == (held.dev(), held.ino()),
        _ => false,
    }
}

fn write_holder(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "process {}", std::process::id())
}

fn read_holder(file: &mut File) -> String {
    let mut holder = String::new();
    match file.read_to_string(&mut holder) {
        Ok(1..) => holder,
        _ => "another command".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_free(path: &Path) -> bool {
        matches!(Lock::take(path).unwrap(), Attempt::Held(_))
    }

    #[test]
    fn a_lock_is_held_once_and_leaves_nothing_behind() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("state/local.lock");
        let Attempt::Held(held) = Lock::take(&path).unwrap() else {
            panic!("nobody holds it")
        };
        let Attempt::Busy(holder) = Lock::take(&path).unwrap() else {
            panic!("it is held")
        };
        assert_eq!(holder, format!("process {}", std::process::id()));
        drop(held);
        assert!(!root.path().join("state").exists());
        assert!(is_free(&path));
    }

    #[test]
    fn a_file_that_a_killed_command_left_is_no_lock() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("local.lock");
        std::fs::write(&path, "process 1").unwrap();
        assert!(is_free(&path));
    }

    #[test]
    fn many_at_once_never_hold_it_together() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("state/local.lock");
        let inside = std::sync::atomic::AtomicU32::new(0);
        let order = std::sync::atomic::Ordering::SeqCst;
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let mut turns = 0;
                    while turns < 50 {
                        let Attempt::Held(held) = Lock::take(&path).unwrap() else {
                            continue;
                        };
                        assert_eq!(inside.fetch_add(1, order), 0);
                        turns += 1;
                        inside.fetch_sub(1, order);
                        drop(held);
                    }
                });
            }
        });
    }
}
