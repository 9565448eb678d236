//! A site on disk, and the storage that it is released to.

use std::collections::BTreeMap;
use std::path::PathBuf;

use factory_tree::aws::{Access, Aws, Upload};
use factory_tree::build::Site;
use factory_tree::config::Network;
use factory_tree::event::SilentReporter;
use factory_tree::live::LiveChannel;
use factory_tree::release::{self, PageSettings, SiteTarget};
use factory_tree::urls::Urls;

use super::visit::{Visit, visit};
use crate::support::fake_storage::{FakeStorage, Stored};

/// A site on disk, and the storage that it is released to.
pub(crate) struct Stage {
    pub(crate) storage: FakeStorage,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) aws: Aws,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let storage = FakeStorage::start();
        let access = Access::Endpoint {
            url: storage.url.clone(),
        };
        let aws = Aws::connect(&access, &"us-east-1".parse().unwrap(), &Network::default()).await;
        let folder = tempfile::tempdir().unwrap();
        Self {
            storage,
            folder,
            aws,
        }
    }

    pub(crate) fn output(&self) -> PathBuf {
        self.folder.path().join("site")
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let file = self.output().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    /// Builds the site of a release: a page, its script, its style, and a part that the script loads when
    /// the visitor wants it. Every name tells its release.
    pub(crate) fn build(&self, number: usize) -> Site {
        let _ = std::fs::remove_dir_all(self.output());
        let page = format!(
            "<!doctype html><script src=\"/assets/index-{number:08}.js\"></script>\
             <link rel=stylesheet href=\"/assets/index-{number:08}.css\"><link rel=icon href=\"/favicon.svg\">"
        );
        self.write("index.html", &page);
        self.write(
            &format!("assets/index-{number:08}.js"),
            &format!("import(\"/assets/part-{number:08}.js\")"),
        );
        self.write(
            &format!("assets/part-{number:08}.js"),
            &format!("part {number}"),
        );
        self.write(
            &format!("assets/index-{number:08}.css"),
            &format!("/* {number} */"),
        );
        self.write("favicon.svg", &format!("<svg>{number}</svg>"));
        self.read()
    }

    pub(crate) fn read(&self) -> Site {
        Site::read(&self.output(), &self.folder.path().join("hashes.json")).unwrap()
    }

    pub(crate) async fn release(&self, site: &Site) -> anyhow::Result<usize> {
        release::release(site, &page(), &target(), &self.aws, &SilentReporter).await
    }

    /// Puts an object as anybody may.
    pub(crate) async fn put(&self, bucket: &str, key: &str, body: &str) {
        let upload = Upload {
            key: key.to_owned(),
            body: body.as_bytes().to_vec().into(),
            content_type: "text/plain".to_owned(),
            cache_control: "private",
        };
        self.aws.s3.put_object(bucket, &upload).await.unwrap();
    }

    /// The page that a visitor loads now.
    pub(crate) fn visit(&self) -> Result<Visit, String> {
        visit(|path| stored(&self.storage.buckets().objects, path))
    }

    /// The build that `config.json` tells.
    pub(crate) fn reported_build(&self) -> Option<String> {
        let config = stored(&self.storage.buckets().objects, "/config.json")?;
        let config: serde_json::Value = serde_json::from_slice(&config).unwrap();
        Some(config["build"].as_str().unwrap().to_owned())
    }
}

pub(crate) fn page() -> PageSettings {
    let urls = Urls {
        site: "https://site.test".to_owned(),
        api: "https://api.test".to_owned(),
        socket: "wss://ws.test".to_owned(),
        sign_in: None,
    };
    PageSettings {
        urls,
        live: LiveChannel::Servers,
        sign_in: None,
    }
}

pub(crate) fn target() -> SiteTarget {
    SiteTarget {
        bucket: "site".to_owned(),
        distribution: "E1".to_owned(),
    }
}

pub(crate) fn stored(objects: &BTreeMap<String, Stored>, path: &str) -> Option<Vec<u8>> {
    objects
        .get(&format!("site{path}"))
        .map(|object| object.bytes.clone())
}
