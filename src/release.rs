//! In: the built site and the site stack's outputs. Out: the site's bucket holds this release, HTML
//! last, and the caches know. Old hashed assets stay, so that open pages go on working.

mod entrances;
#[cfg(test)]
pub(crate) mod fake;
mod history;
mod live;
mod record;
mod undo;

use std::collections::BTreeMap;

use anyhow::Result;
use futures_util::stream::{StreamExt, TryStreamExt};
use md5::{Digest, Md5};

use crate::aws::{Aws, Object, Upload};
use crate::build::{Site, hex};
use crate::event::{Event, Reporter, task};
use crate::local::Urls;
pub use entrances::{Source, keep_entrances, list_kept, switch};
pub use history::{
    Intent, ReleaseId, begin_rollback, default_target, find_intent, find_key, id_of, list_keys,
    read_records,
};
pub use live::{Live, find_live, outdated, shipped};
pub use record::{
    ArtifactRecord, Deploy, ReleaseRecord, SiteRecord, find_last_record, keep_record,
};
pub use undo::{Depot, missing};

/// How many objects are sent at the same time.
const PARALLEL: usize = 16;

/// Hashed names never change their content.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// Everything else is asked for again each time; the answer is mostly "304 Not Modified".
const REVALIDATE: &str = "no-cache";

/// Where a site goes.
#[derive(Clone, Debug)]
pub struct SiteTarget {
    /// Its bucket.
    pub bucket: String,
    /// The distribution before the bucket.
    pub distribution: String,
}

/// Brings the site's bucket to this release and returns how many objects were sent.
///
/// # Errors
/// The bucket may not be written, or the invalidation is refused.
pub async fn release(
    site: &Site,
    urls: &Urls,
    target: &SiteTarget,
    aws: &Aws,
    reporter: &dyn Reporter,
) -> Result<usize> {
    let held = aws.s3.list_objects(&target.bucket, "").await?;
    let Difference { changed, stale, .. } = difference(site, urls, &held);
    if changed.is_empty() {
        return Ok(0);
    }
    let sent = changed.len();
    let outcome = |(): &()| format!("{sent} sent");
    task(reporter, "site files", outcome, async {
        let (pages, assets): (Vec<_>, Vec<_>) = changed.into_iter().partition(is_entrance);
        send(&assets, target, aws, reporter).await?;
        send(&pages, target, aws, reporter).await?;
        invalidate(stale, &site.build, target, aws).await
    })
    .await?;
    Ok(sent)
}

/// What a release would send, and what it would take out of the caches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Files that are new or have another content.
    pub changed: Vec<Upload>,
    /// How many files are there already, with the same content.
    pub unchanged: usize,
    /// Paths whose content is replaced.
    pub stale: Vec<String>,
}

/// Decides what a release sends. `held` is what the bucket holds, by key.
pub fn difference(site: &Site, urls: &Urls, held: &BTreeMap<String, Object>) -> Difference {
    let (same, changed): (Vec<_>, Vec<_>) = uploads(site, urls)
        .into_iter()
        .partition(|upload| is_held(upload, held));
    Difference {
        stale: stale(&changed, held),
        changed,
        unchanged: same.len(),
    }
}

/// Returns whether a bucket holds this very content under this key.
fn is_held(upload: &Upload, held: &BTreeMap<String, Object>) -> bool {
    held.get(&upload.key)
        .is_some_and(|object| object.etag == hex(&Md5::digest(&upload.body)))
}

/// Returns the paths whose content is replaced.
fn stale(changed: &[Upload], held: &BTreeMap<String, Object>) -> Vec<String> {
    let replaced = changed
        .iter()
        .filter(|upload| held.contains_key(&upload.key));
    let mut stale: Vec<String> = replaced.map(|upload| format!("/{}", upload.key)).collect();
    // `index.html` is cached under `/` too.
    if stale.iter().any(|path| path == "/index.html") {
        stale.push("/".to_owned());
    }
    stale
}

async fn send(
    uploads: &[Upload],
    target: &SiteTarget,
    aws: &Aws,
    reporter: &dyn Reporter,
) -> Result<()> {
    let puts = uploads.iter().map(|upload| {
        let task = "site files".to_owned();
        reporter.report(Event::TaskProgress {
            task,
            detail: upload.key.clone(),
        });
        aws.s3.put_object(&target.bucket, upload)
    });
    futures_util::stream::iter(puts)
        .buffer_unordered(PARALLEL)
        .try_collect()
        .await
}

/// Takes what was replaced out of the caches. What is new was never cached, and hashed names never
/// change.
async fn invalidate(stale: Vec<String>, build: &str, target: &SiteTarget, aws: &Aws) -> Result<()> {
    if stale.is_empty() {
        return Ok(());
    }
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    let reference = format!("{build}-{}", now.as_millis());
    aws.cloudfront
        .invalidate(&target.distribution, &stale, &reference)
        .await?;
    Ok(())
}

/// Returns whether a page is entered by this object: it names others, so they must be there first.
fn is_entrance(upload: &Upload) -> bool {
    upload.key.ends_with(".html") || upload.key == CONFIG
}

const CONFIG: &str = "config.json";

/// What the page reads at its start. No address is baked into the build.
#[derive(serde::Serialize)]
struct PageConfig<'a> {
    build: &'a str,
    api: &'a str,
    socket: &'a str,
}

fn page_config(build: &str, urls: &Urls) -> Vec<u8> {
    let config = PageConfig {
        build,
        api: &urls.api,
        socket: &urls.socket,
    };
    serde_json::to_vec(&config).unwrap_or_default()
}

fn uploads(site: &Site, urls: &Urls) -> Vec<Upload> {
    let config = page_config(&site.build, urls);
    // A `config.json` of the sources is for `vite dev` only.
    let files = site.files.iter().filter(|file| file.path != CONFIG);
    let files = files.map(|file| upload(&file.path, file.content.clone()));
    files.chain([upload(CONFIG, config)]).collect()
}

fn upload(path: &str, body: Vec<u8>) -> Upload {
    let kind = mime_guess::from_path(path).first_or_octet_stream();
    let content_type = match kind.type_() {
        mime_guess::mime::TEXT => format!("{kind}; charset=utf-8"),
        _ => kind.to_string(),
    };
    let cache_control = if path.starts_with("assets/") {
        IMMUTABLE
    } else {
        REVALIDATE
    };
    Upload {
        key: path.to_owned(),
        body,
        content_type,
        cache_control,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::SiteFile;

    #[test]
    fn each_file_has_its_type_and_its_cache_rule() {
        let file = |path: &str| SiteFile {
            path: path.to_owned(),
            content: b"x".to_vec(),
        };
        let paths = [
            "assets/index-a1b2.css",
            "assets/index-a1b2.js",
            "config.json",
            "favicon.svg",
            "index.html",
        ];
        let site = Site {
            files: paths.map(file).to_vec(),
            build: "b1".to_owned(),
        };
        let urls = Urls {
            site: "https://factory-tree.com".to_owned(),
            api: "https://api.factory-tree.com".to_owned(),
            socket: "wss://ws.factory-tree.com".to_owned(),
        };
        let rows: Vec<String> = uploads(&site, &urls)
            .iter()
            .map(|upload| {
                let entrance = if is_entrance(upload) { "last" } else { "first" };
                format!(
                    "{} | {} | {} | {entrance}",
                    upload.key, upload.content_type, upload.cache_control
                )
            })
            .collect();
        insta::assert_snapshot!(rows.join("\n"), @r"
assets/index-a1b2.css | text/css; charset=utf-8 | public, max-age=31536000, immutable | first
assets/index-a1b2.js | text/javascript; charset=utf-8 | public, max-age=31536000, immutable | first
favicon.svg | image/svg+xml | no-cache | first
index.html | text/html; charset=utf-8 | no-cache | last
config.json | application/json | no-cache | last
");
    }

    #[test]
    fn what_is_held_with_the_same_bytes_is_not_sent_and_what_is_replaced_is_stale() {
        let file = |path: &str, content: &[u8]| SiteFile {
            path: path.to_owned(),
            content: content.to_vec(),
        };
        let site = Site {
            files: vec![
                file("assets/same.js", b"same"),
                file("assets/new.js", b"new"),
                file("index.html", b"after"),
            ],
            build: "b1".to_owned(),
        };
        let urls = Urls {
            site: "https://factory-tree.com".to_owned(),
            api: "https://api.factory-tree.com".to_owned(),
            socket: "wss://ws.factory-tree.com".to_owned(),
        };
        let object = |content: &[u8]| Object {
            etag: hex(&Md5::digest(content)),
            size: 0,
        };
        let held = BTreeMap::from([
            ("assets/same.js".to_owned(), object(b"same")),
            ("assets/old.js".to_owned(), object(b"old")),
            ("index.html".to_owned(), object(b"before")),
        ]);
        let found = difference(&site, &urls, &held);
        let changed: Vec<&str> = found
            .changed
            .iter()
            .map(|upload| upload.key.as_str())
            .collect();
        assert_eq!(changed, ["assets/new.js", "index.html", "config.json"]);
        assert_eq!(
            (found.unchanged, found.stale),
            (1, vec!["/index.html".to_owned(), "/".to_owned()])
        );
    }
}
