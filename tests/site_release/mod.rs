//! The release of a site against a storage that plays scripts: what a visitor sees while it goes on, when
//! it is cut off, and what stays in the buckets.

mod parts;
mod stage;
mod tidying;
mod visit;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, FileTimes};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use factory_tree::release;
use stage::{Stage, page, stored};
use visit::{releases, visit};

/// Lets the same eyes look after every write, and returns what they saw broken.
fn watch(stage: &Stage) -> Arc<Mutex<Vec<String>>> {
    let faults = Arc::new(Mutex::new(Vec::new()));
    let reported = Arc::clone(&faults);
    stage.storage.buckets().after_write = Some(Box::new(move |objects| {
        if let Err(fault) = visit(|path| stored(objects, path)) {
            reported.lock().unwrap().push(fault);
        }
    }));
    faults
}

#[tokio::test]
async fn the_same_eyes_see_what_is_broken_when_pages_are_sent_first() {
    let stage = Stage::new().await;
    stage.release(&stage.build(1)).await.unwrap();
    let faults = watch(&stage);
    stage.release(&stage.build(2)).await.unwrap();
    assert_eq!(*faults.lock().unwrap(), [""; 0]);

    let next = release::difference(&stage.build(3), &page(), &BTreeMap::new());
    for upload in next.changed.iter().rev() {
        stage.aws.s3.put_object("site", upload).await.unwrap();
    }
    let faults = faults.lock().unwrap();
    assert!(
        faults
            .iter()
            .any(|fault| fault.starts_with("/assets/index-00000003.")),
        "{faults:?}"
    );
}

#[tokio::test]
async fn a_release_that_is_cut_off_anywhere_leaves_one_whole_site_and_the_next_repairs_it() {
    let whole = Stage::new().await;
    whole.release(&whole.build(1)).await.unwrap();
    let before = whole.storage.buckets().calls.len();
    whole.release(&whole.build(2)).await.unwrap();
    let calls = whole.storage.buckets().calls.len() - before;
    assert!(calls > 6, "{calls}");

    let mut left = BTreeSet::new();
    for cut in 0..calls {
        let stage = Stage::new().await;
        let (old, new) = (stage.build(1), stage.build(2));
        stage.build(1);
        stage.release(&old).await.unwrap();
        stage.build(2);
        stage.storage.buckets().cut_after = Some(before + cut);
        stage.release(&new).await.unwrap_err();

        let seen = releases(&stage.visit().unwrap());
        let reported = stage.reported_build().unwrap();
        assert!(
            reported == old.build || seen.contains("2"),
            "cut {cut}: reported before it was so"
        );
        left.extend(seen);

        stage.storage.buckets().cut_after = None;
        stage.release(&new).await.unwrap();
        assert_eq!(
            releases(&stage.visit().unwrap()),
            ["2".to_owned()].into(),
            "cut {cut}"
        );
        assert_eq!(stage.reported_build(), Some(new.build), "cut {cut}");
    }
    assert_eq!(left.len(), 2, "each of both was left once: {left:?}");
}

#[tokio::test]
async fn the_same_bytes_with_new_times_send_nothing_and_a_foreign_object_stays() {
    let stage = Stage::new().await;
    stage.release(&stage.build(1)).await.unwrap();
    stage.put("site", "assets/not-ours.js", "foreign").await;
    let puts = stage.storage.buckets().count("PUT");

    // A checkout writes every file anew.
    let site = stage.build(1);
    let page = File::options()
        .write(true)
        .open(stage.output().join("index.html"))
        .unwrap();
    page.set_times(FileTimes::new().set_modified(SystemTime::UNIX_EPOCH))
        .unwrap();
    assert_eq!(stage.release(&site).await.unwrap(), 0);
    assert_eq!(stage.release(&stage.read()).await.unwrap(), 0);
    assert_eq!(stage.storage.buckets().count("PUT"), puts);

    stage.release(&stage.build(2)).await.unwrap();
    assert_eq!(
        stored(&stage.storage.buckets().objects, "/assets/not-ours.js").unwrap(),
        b"foreign"
    );
    let rule = |path: &str| stage.storage.buckets().objects[path].cache_control.clone();
    assert_eq!(
        rule("site/assets/index-00000002.js"),
        "public, max-age=31536000, immutable"
    );
    assert_eq!(rule("site/index.html"), "no-cache");
}

#[tokio::test]
async fn an_asset_that_does_not_lie_there_as_sent_keeps_the_old_site_live() {
    let stage = Stage::new().await;
    stage.release(&stage.build(1)).await.unwrap();
    stage.storage.buckets().spoil = Some("site/assets/part-00000002.js".to_owned());
    let site = stage.build(2);
    let error = stage.release(&site).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "failed to find `assets/part-00000002.js` in bucket `site` as it was sent; the site is as it was before"
    );
    assert_eq!(releases(&stage.visit().unwrap()), ["1".to_owned()].into());

    stage.storage.buckets().spoil = None;
    stage.release(&site).await.unwrap();
    assert_eq!(releases(&stage.visit().unwrap()), ["2".to_owned()].into());
}

#[tokio::test]
async fn a_storage_that_is_too_busy_at_first_has_the_whole_site_in_the_end() {
    let stage = Stage::new().await;
    let site = stage.build(1);
    stage.storage.buckets().busy = Some(BTreeSet::new());
    assert_eq!(stage.release(&site).await.unwrap(), 6);
    assert_eq!(releases(&stage.visit().unwrap()), ["1".to_owned()].into());
    assert_eq!(stage.reported_build(), Some(site.build));
}
