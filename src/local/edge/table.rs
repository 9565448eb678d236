//! The routes that are valid now: `routes.json`, read again whenever it was replaced.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::routes::Routes;
use crate::local::state::{self, Saved};

/// The routes, as fresh as the file.
pub(super) struct RouteTable {
    path: PathBuf,
    last: Mutex<(Option<Version>, Arc<Routes>)>,
}

/// Distinguishes versions of the file: it is always replaced, never written into.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Version {
    inode: u64,
    seconds: i64,
    nanoseconds: i64,
}

impl RouteTable {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            last: Mutex::default(),
        }
    }

    /// Returns the routes of now. While the file is gone or damaged, the last good ones hold.
    pub(super) fn current(&self) -> Arc<Routes> {
        let version = self.path.metadata().ok().as_ref().map(Version::of);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if version.is_some()
            && version != last.0
            && let Saved::Read(routes) = state::read::<Routes>(&self.path)
        {
            *last = (version, Arc::new(routes));
        }
        Arc::clone(&last.1)
    }
}

impl Version {
    fn of(file: &Metadata) -> Self {
        Self {
            inode: file.ino(),
            seconds: file.mtime(),
            nanoseconds: file.mtime_nsec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_is_read_again_and_a_damaged_one_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("routes.json");
        let table = RouteTable::new(path.clone());
        assert_eq!(*table.current(), Routes::default());
        for emulator in [1, 2] {
            state::write(
                &path,
                &Routes {
                    emulator,
                    ..Routes::default()
                },
            )
            .unwrap();
            assert_eq!(table.current().emulator, emulator);
        }
        state::write_text(&path, "{").unwrap();
        assert_eq!(table.current().emulator, 2);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(table.current().emulator, 2);
    }
}
