//! The check whether a release can be restored. In: its record, and the objects of both buckets. Out: the objects that are
//! missing, in words. Pure, and asked before anything is touched.

use std::collections::BTreeMap;

use super::entry_files::{folder, is_kept};
use super::files::CONFIG;
use super::record::ReleaseRecord;
use crate::aws::Object;

/// The objects in the buckets from which a release can be restored, by key.
#[derive(Clone, Debug, Default)]
pub struct AvailableObjects {
    /// The site's bucket.
    pub site: BTreeMap<String, Object>,
    /// Kept entry files of the release's site in the artifact bucket.
    pub entry_files: BTreeMap<String, Object>,
    /// Artifacts in the artifact bucket.
    pub artifacts: BTreeMap<String, Object>,
}

/// Returns what a release needs and does not find: assets that are gone or were changed, entry files that
/// were not kept, artifacts that are gone.
pub fn missing(record: &ReleaseRecord, available: &AvailableObjects) -> Vec<String> {
    let files = record.site.files.keys().filter(|path| *path != CONFIG);
    let files = files.filter_map(|path| missing_file(path, record, available));
    let artifacts = record.artifacts.values();
    let artifacts = artifacts.filter(|artifact| !available.artifacts.contains_key(&artifact.key));
    files
        .chain(artifacts.map(|artifact| format!("`{}` is gone", artifact.key)))
        .collect()
}

fn missing_file(
    path: &str,
    record: &ReleaseRecord,
    available: &AvailableObjects,
) -> Option<String> {
    if is_kept(path) {
        let key = format!("{}{path}", folder(&record.site.build));
        let is_kept = available.entry_files.contains_key(&key);
        return (!is_kept).then(|| format!("`{path}` was not kept"));
    }
    let Some(held) = available.site.get(path) else {
        return Some(format!("`{path}` is gone"));
    };
    let released = record.site.etags.get(path);
    let is_other = released.is_some_and(|etag| *etag != held.etag);
    is_other.then(|| format!("`{path}` was changed"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::fake::record;

    fn object(etag: &str) -> Object {
        Object {
            etag: etag.to_owned(),
            ..Object::default()
        }
    }

    fn whole() -> AvailableObjects {
        let named = |keys: &[&str], etag: &str| {
            let keys = keys.iter();
            keys.map(|key| ((*key).to_owned(), object(etag))).collect()
        };
        AvailableObjects {
            site: named(
                &["assets/index-a0000000.js", "favicon.svg", "index.html"],
                "e1",
            ),
            entry_files: named(&["site/a/favicon.svg", "site/a/index.html"], "any"),
            artifacts: named(
                &[
                    "artifacts/api/a.zip",
                    "artifacts/publisher/a.zip",
                    "artifacts/websocket/a.tar.gz",
                ],
                "any",
            ),
        }
    }

    #[test]
    fn a_release_whose_every_piece_is_there_can_come_back() {
        assert_eq!(missing(&record("a", 0), &whole()), Vec::<String>::new());
    }

    #[test]
    fn each_piece_that_is_gone_is_named() {
        let mut available = whole();
        available.site.remove("assets/index-a0000000.js");
        available.entry_files.remove("site/a/index.html");
        available.artifacts.remove("artifacts/publisher/a.zip");
        assert_eq!(
            missing(&record("a", 0), &available),
            [
                "`assets/index-a0000000.js` is gone",
                "`index.html` was not kept",
                "`artifacts/publisher/a.zip` is gone",
            ]
        );
    }

    #[test]
    fn an_asset_with_another_content_under_its_name_is_none() {
        let mut available = whole();
        available
            .site
            .insert("assets/index-a0000000.js".to_owned(), object("e9"));
        // An object whose name is not hashed is of another release: that is why a copy is kept.
        available.site.insert("index.html".to_owned(), object("e9"));
        assert_eq!(
            missing(&record("a", 0), &available),
            ["`assets/index-a0000000.js` was changed"]
        );
        let mut old = record("a", 0);
        old.site.etags.clear();
        assert!(missing(&old, &available).is_empty());
    }
}
