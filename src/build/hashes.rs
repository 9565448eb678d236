//! The hashes of the files of a folder, computed again only where a file may have changed. In: a folder, paths,
//! and the file that remembers. Out: every file, measured.
//!
//! A file is taken for unchanged when its stamp is the remembered one (`file_stamp`).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::SystemTime;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::file_stamp::FileStamp;
use crate::content::{FileContent, FileDigest};
use crate::file;

/// The attributes of a file by which a change is detected, and the hashes of its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Remembered {
    stamp: FileStamp,
    digest: FileDigest,
}

type Memory = BTreeMap<String, Remembered>;

/// Measures files below a folder, in the order of their paths. `memory` is the file that remembers; one
/// that cannot be read or written costs time and nothing else.
///
/// # Errors
/// A file cannot be read.
pub(super) fn measure(folder: &Path, paths: &[String], memory: &Path) -> Result<Vec<FileContent>> {
    let known = recall(memory);
    let measured = in_parallel(paths.len(), |place| {
        measure_one(folder, &paths[place], known.get(&paths[place]))
    })?;
    let now = SystemTime::now();
    let rows = paths.iter().zip(&measured);
    let at_rest = rows.filter(|(_, row)| row.0.was_at_rest(now));
    let remembered: Memory = at_rest
        .map(|(path, (stamp, content))| {
            let (stamp, digest) = (stamp.clone(), content.digest.clone());
            (path.clone(), Remembered { stamp, digest })
        })
        .collect();
    if remembered != known {
        remember(&remembered, memory);
    }
    Ok(measured.into_iter().map(|(_, content)| content).collect())
}

fn measure_one(
    folder: &Path,
    path: &str,
    known: Option<&Remembered>,
) -> Result<(FileStamp, FileContent)> {
    let file = folder.join(path);
    // Taken before the content: what changes in between is measured again the next time.
    let stamp =
        FileStamp::of(&file).with_context(|| format!("failed to read `{}`", file.display()))?;
    let content = match known.filter(|known| known.stamp == stamp) {
        Some(known) => FileContent {
            file,
            digest: known.digest.clone(),
        },
        None => FileContent::measure(&file)?,
    };
    Ok((stamp, content))
}

fn recall(memory: &Path) -> Memory {
    let text = std::fs::read(memory).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

fn remember(remembered: &Memory, memory: &Path) {
    let text = serde_json::to_vec(remembered).unwrap_or_default();
    if file::replace(memory, &text).is_err() {
        let _ = std::fs::remove_file(memory);
    }
}

/// Does a piece of work for each number below `count`, on every core, and returns the results in order.
fn in_parallel<T: Send>(count: usize, work: impl Fn(usize) -> Result<T> + Sync) -> Result<Vec<T>> {
    let next = AtomicUsize::new(0);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let mut done: Vec<(usize, Result<T>)> = thread::scope(|scope| {
        let take = || {
            let places = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
            let places = places.take_while(|place| *place < count);
            places.map(|place| (place, work(place))).collect::<Vec<_>>()
        };
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(take)).collect();
        let results = workers.into_iter().map(|worker| worker.join());
        results.flat_map(Result::unwrap_or_default).collect()
    });
    anyhow::ensure!(done.len() == count, "failed to measure every file");
    done.sort_unstable_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use std::fs::{File, FileTimes};
    use std::time::Duration;

    use super::*;

    struct TestFolder(tempfile::TempDir);

    impl TestFolder {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn write(&self, path: &str, text: &str) {
            std::fs::write(self.0.path().join(path), text).unwrap();
        }

        fn measure(&self, paths: &[&str]) -> Vec<FileDigest> {
            let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
            let measured = measure(self.0.path(), &paths, &self.memory()).unwrap();
            measured.into_iter().map(|content| content.digest).collect()
        }

        fn memory(&self) -> std::path::PathBuf {
            self.0.path().join("memory.json")
        }

        /// Writes a memory in which a file was at rest and held another content.
        fn remember_wrongly(&self, path: &str) {
            let stamp = FileStamp::of(&self.0.path().join(path)).unwrap();
            let digest = self.measure(&[path]).remove(0);
            let digest = FileDigest {
                sha256: "remembered".to_owned(),
                ..digest
            };
            let row = Remembered { stamp, digest };
            remember(&BTreeMap::from([(path.to_owned(), row)]), &self.memory());
        }
    }

    #[test]
    fn a_file_that_may_have_changed_is_read_and_another_is_not() {
        let folder = TestFolder::new();
        folder.write("a.js", "one");
        folder.remember_wrongly("a.js");
        assert_eq!(folder.measure(&["a.js"])[0].sha256, "remembered");

        // The same bytes under a new time are read, and found to be the same.
        let before = FileContent::measure(&folder.0.path().join("a.js")).unwrap();
        folder.remember_wrongly("a.js");
        let file = File::options()
            .write(true)
            .open(folder.0.path().join("a.js"))
            .unwrap();
        let day = SystemTime::now() - Duration::from_secs(86_400);
        file.set_times(FileTimes::new().set_modified(day)).unwrap();
        assert_eq!(folder.measure(&["a.js"])[0], before.digest);
    }

    #[test]
    fn another_content_of_the_same_size_and_time_is_seen() {
        let folder = TestFolder::new();
        folder.write("a.js", "one");
        folder.remember_wrongly("a.js");
        let path = folder.0.path().join("a.js");
        let times = std::fs::metadata(&path).unwrap();
        let times = FileTimes::new().set_modified(times.modified().unwrap());
        thread::sleep(Duration::from_millis(20));
        folder.write("a.js", "two");
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_times(times)
            .unwrap();
        let expected = FileContent::measure(&path).unwrap().digest;
        assert_eq!(folder.measure(&["a.js"]), [expected]);
    }

    #[test]
    fn many_files_come_in_order_and_a_missing_one_is_named() {
        let folder = TestFolder::new();
        let paths: Vec<String> = (0..99).map(|number| format!("{number:02}")).collect();
        for path in &paths {
            folder.write(path, path);
        }
        let names: Vec<&str> = paths.iter().map(String::as_str).collect();
        let expected = paths
            .iter()
            .map(|path| crate::content::hex(&<sha2::Sha256 as sha2::Digest>::digest(path)));
        let found = folder.measure(&names);
        assert!(
            found
                .iter()
                .map(|digest| digest.sha256.clone())
                .eq(expected)
        );

        let gone = ["gone".to_owned()];
        let error = measure(folder.0.path(), &gone, &folder.memory()).unwrap_err();
        assert!(error.to_string().contains("gone"), "{error}");
    }
}
