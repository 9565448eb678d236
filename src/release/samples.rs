//! Sites and records for the tests of the release.

use md5::{Digest, Md5};
use sha2::Sha256;

use crate::build::{Site, SiteFile};
use crate::content::hex;
use crate::content::{FileContent, FileDigest};
use crate::live::LiveChannel;
use crate::release::PageSettings;
use crate::urls::Urls;

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
        folder: "site".into(),
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

/// What its page is told.
pub(super) fn page() -> PageSettings {
    PageSettings {
        urls: Urls::secure(&"factory-tree.com".parse().unwrap()),
        sign_in: None,
        live: LiveChannel::Servers,
    }
}
