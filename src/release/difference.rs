//! The objects that a release sends. In: the built site, the addresses, and the objects of the bucket. Out: the objects
//! that are new or hold something else, and the paths whose content is replaced. Pure.

use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::files::{PageSettings, is_hashed, uploads};
use crate::aws::{Object, Upload};
use crate::build::Site;

/// The objects that a release would send, and the paths that it would invalidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteChanges {
    /// Files that are new or have another content.
    pub changed: Vec<Upload>,
    /// The number of files that are there already, with the same content.
    pub unchanged: usize,
    /// Paths whose content is replaced.
    pub stale: Vec<String>,
}

/// Decides what a release sends. `held` is what the bucket holds, by key.
pub fn difference(
    site: &Site,
    page: &PageSettings,
    held: &BTreeMap<String, Object>,
) -> SiteChanges {
    let (same, changed): (Vec<_>, Vec<_>) = uploads(site, page)
        .into_iter()
        .partition(|upload| is_held(upload, held));
    SiteChanges {
        stale: stale(&changed, held),
        changed,
        unchanged: same.len(),
    }
}

/// Returns whether a bucket holds this very content under this key. Times say nothing: a checkout makes
/// them all new.
pub(super) fn is_held(upload: &Upload, held: &BTreeMap<String, Object>) -> bool {
    held.get(&upload.key)
        .is_some_and(|object| object.etag == upload.body.etag())
}

/// The characters that the path of an invalidation encodes: all but those that a URL may carry as they are. A `*` at its end would be a
/// wildcard. Source: RFC 3986, section 2.3; CloudFront Developer Guide, "Specify the files to invalidate".
const UNSAFE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'/')
    .remove(b'_')
    .remove(b'~');

/// Returns the paths that caches may hold with another content. What is new was never cached, and what
/// has a hashed name never changes.
pub(super) fn stale(changed: &[Upload], held: &BTreeMap<String, Object>) -> Vec<String> {
    let replaced = changed
        .iter()
        .filter(|upload| held.contains_key(&upload.key) && !is_hashed(&upload.key));
    let mut stale: Vec<String> = replaced
        .map(|upload| invalidation_path(&upload.key))
        .collect();
    // `index.html` is cached under `/` too.
    if stale.iter().any(|path| path == "/index.html") {
        stale.push("/".to_owned());
    }
    stale
}

/// Returns the path by which an object is taken out of the caches.
pub(super) fn invalidation_path(key: &str) -> String {
    format!("/{}", utf8_percent_encode(key, UNSAFE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::samples::{etag, page, site};

    fn held(objects: &[(&str, &str)]) -> BTreeMap<String, Object> {
        let object = |content| Object {
            etag: etag(content),
            ..Object::default()
        };
        let objects = objects.iter();
        objects
            .map(|(key, content)| ((*key).to_owned(), object(content)))
            .collect()
    }

    #[test]
    fn what_is_held_with_the_same_bytes_is_not_sent_and_what_is_replaced_is_stale() {
        let site = site(&[
            ("assets/same.js", "same"),
            ("assets/new.js", "new"),
            ("index.html", "after"),
        ]);
        let held = held(&[
            ("assets/same.js", "same"),
            ("assets/old.js", "old"),
            ("index.html", "before"),
        ]);
        let found = difference(&site, &page(), &held);
        let changed = found.changed.iter().map(|upload| upload.key.as_str());
        let changed: Vec<&str> = changed.collect();
        assert_eq!(changed, ["assets/new.js", "index.html", "config.json"]);
        assert_eq!(
            (found.unchanged, found.stale),
            (1, vec!["/index.html".to_owned(), "/".to_owned()])
        );
    }

    #[test]
    fn a_hashed_asset_that_was_spoilt_is_sent_again_and_never_invalidated() {
        let site = site(&[("assets/a-00000001.js", "right"), ("größe *.svg", "new")]);
        let held = held(&[("assets/a-00000001.js", "spoilt"), ("größe *.svg", "old")]);
        let found = difference(&site, &page(), &held);
        assert_eq!(found.changed.len(), 3);
        assert_eq!(found.stale, ["/gr%C3%B6%C3%9Fe%20%2A.svg"]);
    }
}
