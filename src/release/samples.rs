//! Sites and records for the tests of the release.

use std::collections::BTreeMap;

use md5::{Digest, Md5};
use sha2::Sha256;

use crate::build::{Site, SiteFile, hex};
use crate::content::{FileContent, FileDigest};
use crate::local::Urls;
use crate::release::{ArtifactRecord, ReleaseRecord, SiteRecord};

/// A site of these files, by path and content. There are no files on disk.
pub(super) fn site(files: &[(&str, &str)]) -> Site {
    let files = files.iter().map(|(path, content)| SiteFile {
        path: (*path).to_owned(),
        content: FileContent {
            file: path.into(),
            digest: digest(content),
        },
    });
    Site {
        files: files.collect(),
        build: "b1".to_owned(),
    }
}

fn digest(content: &str) -> FileDigest {
    FileDigest {
        bytes: content.len() as u64,
        sha256: hex(&Sha256::digest(content)),
        etag: etag(content),
        parts: Vec::new(),
    }
}

/// The ETag of a small content.
pub(super) fn etag(content: &str) -> String {
    hex(&Md5::digest(content))
}

/// Where the site answers.
pub(super) fn urls() -> Urls {
    Urls {
        site: "https://factory-tree.com".to_owned(),
        api: "https://api.factory-tree.com".to_owned(),
        socket: "wss://ws.factory-tree.com".to_owned(),
    }
}

/// The record of a release of which everything is named after its build.
pub(super) fn record(build: &str) -> ReleaseRecord {
    let artifact = ArtifactRecord {
        key: format!("artifacts/api/{build}.zip"),
        hash: build.repeat(16),
    };
    let page = "index.html".to_owned();
    ReleaseRecord {
        version: 1,
        stage: "prod".to_owned(),
        at: "2026-11-24T23:59:59Z".to_owned(),
        outcome: "deployed".to_owned(),
        build: build.to_owned(),
        artifacts: BTreeMap::from([("api".to_owned(), artifact)]),
        site: SiteRecord {
            build: build.to_owned(),
            files: BTreeMap::from([(page.clone(), build.repeat(32))]),
            etags: BTreeMap::from([(page, etag(build))]),
        },
        stacks: BTreeMap::new(),
        digest: "77aa0912ffee".to_owned(),
        commit: None,
        dirty: None,
        actor: "arn:aws:sts::1:assumed-role/deploy/ada".to_owned(),
        ci_actor: None,
        deployer: "1.2.3".to_owned(),
        seconds: 61.5,
    }
}
