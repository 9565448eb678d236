//! Records for tests: a release ships one letter, as site and as every artifact.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::{ArtifactRecord, LiveRelease, ReleaseRecord, SiteRecord, shipped};
use crate::clock::rfc3339;

/// Returns a release that ships `build`; a smaller `age` (in minutes) is newer.
pub(crate) fn record(build: &str, age: usize) -> ReleaseRecord {
    let artifact = |name: &str, ending: &str| ArtifactRecord {
        key: format!("artifacts/{name}/{build}.{ending}"),
        hash: build.repeat(64),
    };
    let artifacts = [
        ("api", artifact("api", "zip")),
        ("publisher", artifact("publisher", "zip")),
        ("websocket", artifact("websocket", "tar.gz")),
    ];
    let minutes = u64::try_from(age).unwrap();
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_564_799 - 60 * minutes);
    let map = |rows: &[(&str, &str)]| -> BTreeMap<String, String> {
        let rows = rows
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        rows.collect()
    };
    let asset = format!("assets/index-{build}0000000.js");
    ReleaseRecord {
        version: 1,
        stage: "prod".to_owned(),
        at: rfc3339(at),
        outcome: "deployed".to_owned(),
        failure: None,
        rolled_back_to: None,
        build: build.repeat(12),
        artifacts: artifacts
            .map(|(name, artifact)| (name.to_owned(), artifact))
            .into(),
        site: SiteRecord {
            build: build.to_owned(),
            files: map(&[
                (&asset, build),
                ("favicon.svg", "icon"),
                ("index.html", build),
            ]),
            etags: map(&[(&asset, "e1"), ("favicon.svg", "e2"), ("index.html", "e3")]),
        },
        stacks: map(&[("api", build), ("data", "d1")]),
        digest: build.to_owned(),
        plan: None,
        commit: Some("5656322a8a4a0c7b".to_owned()),
        dirty: Some(false),
        actor: "arn:aws:sts::1:assumed-role/deploy/ada".to_owned(),
        ci_actor: None,
        deployer: "1.2.3".to_owned(),
        seconds: 61.5,
    }
}

/// Returns what runs when the release that ships `build` does.
pub(crate) fn live(build: &str) -> LiveRelease {
    LiveRelease {
        artifacts: shipped(&record(build, 0)),
        site: Some(build.to_owned()),
    }
}
