//! The attributes by which an unchanged file is known. In: a file. Out: size, inode, and the times of its last change of
//! content and of inode. The last of these no program can set, so a content that is exchanged under an old time is seen.
//!
//! A file that changed while it was looked at, or just before, is not to be remembered: a later change could fall into the same
//! tick of the file system's clock (git calls this "racy").

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// The coarsest clock of a file system that is still in use: FAT's, two seconds (Microsoft, "FAT32 File
/// System Specification").
const COARSEST_TICK: Duration = Duration::from_secs(2);

/// The attributes of a file or folder. Times are nanoseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileStamp {
    bytes: u64,
    inode: u64,
    content_changed: i128,
    inode_changed: i128,
}

impl FileStamp {
    /// Looks at a file, or at the one that a link leads to.
    pub(super) fn of(file: &Path) -> std::io::Result<Self> {
        let metadata = file.metadata()?;
        let nanoseconds =
            |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        Ok(Self {
            bytes: metadata.len(),
            inode: metadata.ino(),
            content_changed: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            inode_changed: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        })
    }

    /// Returns whether the file was at rest at this time.
    pub(super) fn was_at_rest(&self, time: SystemTime) -> bool {
        let time = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let latest = time.saturating_sub(COARSEST_TICK).as_nanos();
        let changed = self.content_changed.max(self.inode_changed);
        i128::try_from(latest).is_ok_and(|latest| changed < latest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_just_changed_is_not_at_rest() {
        let stamp = |changed: i128| FileStamp {
            bytes: 1,
            inode: 1,
            content_changed: 0,
            inode_changed: changed * 1_000_000_000,
        };
        let looked = UNIX_EPOCH + Duration::from_secs(100);
        assert!(stamp(97).was_at_rest(looked));
        assert!(!stamp(98).was_at_rest(looked));
        assert!(!stamp(200).was_at_rest(looked));
    }
}
