//! The objects that stay in the buckets, and those that go, once releases are forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use factory_tree::build::Site;
use factory_tree::clock::rfc3339;
use factory_tree::release::{self, AvailableObjects, Buckets, Pruned, ReleaseRecord};

use super::stage::Stage;
use super::visit::releases;

/// The record of a release of so many days ago.
fn record(site: &Site, build: &str, days: u64) -> (String, ReleaseRecord) {
    let at = rfc3339(SystemTime::now() - Duration::from_secs(days * 86_400));
    let digests = site
        .files
        .iter()
        .map(|file| (file.path.clone(), &file.content.digest));
    let digests: BTreeMap<String, _> = digests.collect();
    let files: BTreeMap<_, _> = digests
        .iter()
        .map(|(path, digest)| (path, &digest.sha256))
        .collect();
    let etags: BTreeMap<_, _> = digests
        .iter()
        .map(|(path, digest)| (path, &digest.etag))
        .collect();
    let record = serde_json::json!({
        "version": 1, "stage": "prod", "at": at, "outcome": "deployed", "build": build,
        "artifacts": { "api": { "key": format!("artifacts/api/{build}.zip"), "hash": build } },
        "site": { "build": site.build, "files": files, "etags": etags },
        "stacks": {}, "digest": "", "commit": null, "dirty": null, "actor": "", "ci_actor": null,
        "deployer": "0.1.0", "seconds": 1.0,
    });
    let key = format!("releases/{at}-{build}.json");
    (key, serde_json::from_value(record).unwrap())
}

impl Stage {
    /// Releases a site of so many days ago, with its artifact, its kept page and its record.
    async fn release_of_before(&self, number: usize, days: u64) {
        let site = self.build(number);
        self.release(&site).await.unwrap();
        let build = format!("build{number}");
        let (key, record) = record(&site, &build, days);
        self.put("artifacts", &format!("artifacts/api/{build}.zip"), "")
            .await;
        self.put("artifacts", &format!("site/{}/index.html", site.build), "")
            .await;
        self.put("artifacts", &key, &serde_json::to_string(&record).unwrap())
            .await;
        for object in self.storage.buckets().objects.values_mut() {
            object.modified -= Duration::from_secs(90 * 86_400);
        }
    }

    async fn tidy(&self, live: &str, keep_releases: u16) -> anyhow::Result<usize> {
        let buckets = Buckets {
            artifacts: "artifacts",
            site: "site",
        };
        release::tidy(
            buckets,
            live,
            keep_releases,
            &self.aws.s3,
            SystemTime::now(),
        )
        .await
    }

    async fn prune(&self, live: &str) -> anyhow::Result<Pruned> {
        let buckets = Buckets {
            artifacts: "artifacts",
            site: "site",
        };
        release::prune(buckets, "E1", live, &self.aws).await
    }

    fn keys(&self) -> BTreeSet<String> {
        self.storage.buckets().objects.keys().cloned().collect()
    }
}

#[tokio::test]
async fn what_only_forgotten_releases_name_goes_and_nothing_else_does() {
    let stage = Stage::new().await;
    for (number, days) in [(1, 40), (2, 30), (3, 20)] {
        stage.release_of_before(number, days).await;
    }
    for (bucket, key) in [
        ("site", "assets/foreign-1.js"),
        ("site", "robots.txt"),
        ("artifacts", "notes.txt"),
    ] {
        stage.put(bucket, key, "foreign").await;
    }
    let before = stage.keys();
    assert_eq!(
        stage.tidy("build3", 2).await.unwrap(),
        0,
        "all three are kept"
    );
    assert_eq!(
        stage.tidy("unknown", 0).await.unwrap(),
        0,
        "what is live is not recorded"
    );

    // One of the forgotten release's files has been exchanged by somebody since.
    stage
        .put("site", "assets/part-00000001.js", "foreign")
        .await;
    assert_eq!(stage.tidy("build3", 1).await.unwrap(), 4);
    let gone: Vec<String> = before.difference(&stage.keys()).cloned().collect();
    let first = stage.build(1).build;
    assert_eq!(
        gone,
        [
            "artifacts/artifacts/api/build1.zip".to_owned(),
            format!("artifacts/site/{first}/index.html"),
            "site/assets/index-00000001.css".to_owned(),
            "site/assets/index-00000001.js".to_owned(),
        ]
    );
    assert_eq!(releases(&stage.visit().unwrap()), ["3".to_owned()].into());
    assert_eq!(
        stage.tidy("build3", 1).await.unwrap(),
        0,
        "a repeat finds nothing"
    );
}

#[tokio::test]
async fn a_record_that_cannot_be_understood_or_read_deletes_nothing() {
    let stage = Stage::new().await;
    for (number, days) in [(1, 40), (2, 30)] {
        stage.release_of_before(number, days).await;
    }
    let (_, mut later) = record(&stage.build(3), "build3", 1);
    later.version = 9;
    let later = serde_json::to_string(&later).unwrap();
    let key = "releases/2026-01-01T00:00:00Z-later.json";
    stage.put("artifacts", key, &later).await;
    let before = stage.keys();
    let error = stage.tidy("build2", 2).await.unwrap_err();
    let error = format!("{error:#}");
    assert!(
        error.starts_with("failed to understand release record") && error.contains("form 9"),
        "{error}"
    );
    assert_eq!(stage.keys(), before);
}

#[tokio::test]
async fn what_is_pruned_answers_no_more_and_no_rollback_brings_it_back() {
    let stage = Stage::new().await;
    stage.build(1);
    stage.write("terms.pdf", "terms");
    let old = stage.read();
    stage.release(&old).await.unwrap();
    let (key, record) = record(&old, "build1", 1);
    let text = serde_json::to_string(&record).unwrap();
    stage.put("artifacts", &key, &text).await;
    let copy = format!("site/{}/terms.pdf", old.build);
    for key in [copy.clone(), format!("site/{}/index.html", old.build)] {
        stage.put("artifacts", &key, "terms").await;
    }
    stage.put("site", "foreign.pdf", "foreign").await;
    stage.release_of_before(2, 0).await;
    stage.storage.buckets().invalidated.clear();
    let before = stage.keys();

    let pruned = stage.prune("build2").await.unwrap();
    assert_eq!(pruned.lost_releases, [record.id()]);
    let gone: Vec<String> = before.difference(&stage.keys()).cloned().collect();
    assert_eq!(
        gone,
        [
            format!("artifacts/{copy}"),
            "site/assets/index-00000001.css".to_owned(),
            "site/assets/index-00000001.js".to_owned(),
            "site/assets/part-00000001.js".to_owned(),
            "site/terms.pdf".to_owned(),
        ]
    );
    assert_eq!(stage.storage.buckets().invalidated.len(), 4);
    assert_eq!(releases(&stage.visit().unwrap()), ["2".to_owned()].into());
    assert_eq!(stage.prune("build2").await.unwrap().files, [""; 0]);

    let error = stage.prune("unknown").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "failed to find the record of the live release"
    );
    assert_eq!(missing_of(&stage, &record).await, MISSING);
}

/// What a rollback to the pruned release says.
const MISSING: [&str; 4] = [
    "`assets/index-00000001.css` is gone",
    "`assets/index-00000001.js` is gone",
    "`assets/part-00000001.js` is gone",
    "`terms.pdf` was not kept",
];

async fn missing_of(stage: &Stage, record: &ReleaseRecord) -> Vec<String> {
    let s3 = &stage.aws.s3;
    let artifacts = s3.list_objects("artifacts", "artifacts/").await.unwrap();
    let available = AvailableObjects {
        site: s3.list_objects("site", "").await.unwrap(),
        entry_files: s3.list_objects("artifacts", "site/").await.unwrap(),
        artifacts,
    };
    let missing = release::missing(record, &available);
    // Two files and an artifact that this test has not kept are not its subject.
    let subject = |line: &String| !line.contains("favicon") && !line.contains("artifacts/");
    missing.into_iter().filter(subject).collect()
}
