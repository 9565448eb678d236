//! Release records: the artifacts, site and stacks of each deploy and rollback. In: a finished deploy.
//! Out: one small JSON object in the artifact bucket, and the newest of them read back. A record is never
//! changed.

use std::collections::BTreeMap;
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::aws::{S3, Upload};
use crate::build::Artifacts;
use crate::clock::rfc3339;
use crate::content::hex;
use crate::provision::{DIGEST, Provisioned};
use crate::publish;

/// Where in the artifact bucket. A key goes on with the time, so the last key is the newest record.
pub(super) const PREFIX: &str = "releases/";

/// The number of digits of an id. Of a thousand releases, two have the same one with a probability of
/// 1 to 8 600 (birthday bound, 32 bits); whoever names one of those gets an error that lists both.
pub(super) const ID_DIGITS: usize = 8;

/// The form of the records that are written. It grows when a field changes its meaning, not when one
/// is added. A release that failed is written in a form of its own: a deployer that does not know that outcome
/// would restore it.
const VERSION: u32 = 1;
const VERSION_OF_FAILED: u32 = 2;

/// The outcome of a release that was undone, or was to be.
const FAILED: &str = "failed";

/// A deploy or a rollback, on record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReleaseRecord {
    /// The form of this record.
    pub version: u32,
    /// The stage.
    pub stage: String,
    /// When the deploy was done (RFC 3339, UTC).
    pub at: String,
    /// `deployed`, `rolled back` or `failed`.
    pub outcome: String,
    /// Why a release failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// The id of the release that a rollback brought back.
    #[serde(default)]
    pub rolled_back_to: Option<String>,
    /// The id of the release.
    pub build: String,
    /// The published artifacts, by name.
    pub artifacts: BTreeMap<String, ArtifactRecord>,
    /// The files of the site.
    pub site: SiteRecord,
    /// The digest of template and parameters of every stack, by its short name.
    pub stacks: BTreeMap<String, String>,
    /// One digest over those of all stacks.
    pub digest: String,
    /// The digest of the saved plan that was deployed, if it was one.
    #[serde(default)]
    pub plan: Option<String>,
    /// The git commit of the sources; unknown without git or a repository.
    pub commit: Option<String>,
    /// Whether the sources differed from the commit.
    pub dirty: Option<bool>,
    /// The ARN of the IAM identity that deployed.
    pub actor: String,
    /// The person for whom CI did so.
    pub ci_actor: Option<String>,
    /// The version of this program.
    pub deployer: String,
    /// The time that the deploy took.
    pub seconds: f64,
}

/// A published artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactRecord {
    /// Its key in the artifact bucket.
    pub key: String,
    /// SHA-256 of its content, in hex.
    pub hash: String,
}

/// A released site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteRecord {
    /// Its content id.
    pub build: String,
    /// SHA-256 of every file, in hex, by its path.
    pub files: BTreeMap<String, String>,
    /// The ETag that the site's bucket reports for every file, by its path: what is found there under another
    /// one is not ours. Records of old have none.
    #[serde(default)]
    pub etags: BTreeMap<String, String>,
}

/// The circumstances of a deploy or a rollback, beside its artifacts and stacks.
#[derive(Clone, Debug, PartialEq)]
pub struct Deploy {
    /// The stage.
    pub stage: String,
    /// The ARN of the IAM identity that did it.
    pub actor: String,
    /// The person for whom CI did so.
    pub ci_actor: Option<String>,
    /// The time that it took.
    pub seconds: f64,
    /// When it was done.
    pub at: SystemTime,
    /// The digest of the saved plan that was deployed, if it was one.
    pub plan: Option<String>,
}

impl ReleaseRecord {
    /// Returns the record of a deploy. `stacks` are the digests of all stacks after it.
    pub fn of(deploy: Deploy, artifacts: &Artifacts, stacks: BTreeMap<String, String>) -> Self {
        let revision = artifacts.revision.as_ref();
        Self {
            version: VERSION,
            stage: deploy.stage,
            at: rfc3339(deploy.at),
            outcome: "deployed".to_owned(),
            failure: None,
            rolled_back_to: None,
            build: artifacts.build(),
            artifacts: artifact_records(artifacts),
            site: site_record(artifacts),
            digest: digest(&stacks),
            plan: deploy.plan,
            stacks,
            commit: revision.map(|revision| revision.commit.clone()),
            dirty: revision.and_then(|revision| revision.dirty),
            actor: deploy.actor,
            ci_actor: deploy.ci_actor,
            deployer: env!("CARGO_PKG_VERSION").to_owned(),
            seconds: deploy.seconds,
        }
    }

    /// Returns the record of a rollback to `target`. `stacks` are the digests of all stacks after it.
    pub fn of_rollback(deploy: Deploy, target: &Self, stacks: BTreeMap<String, String>) -> Self {
        Self {
            version: VERSION,
            stage: deploy.stage,
            at: rfc3339(deploy.at),
            outcome: "rolled back".to_owned(),
            failure: None,
            rolled_back_to: Some(target.id()),
            digest: digest(&stacks),
            plan: deploy.plan,
            stacks,
            actor: deploy.actor,
            ci_actor: deploy.ci_actor,
            deployer: env!("CARGO_PKG_VERSION").to_owned(),
            seconds: deploy.seconds,
            ..target.clone()
        }
    }

    /// Returns the record of a deploy that failed, and why.
    pub fn failed(self, failure: String) -> Self {
        Self {
            version: VERSION_OF_FAILED,
            outcome: FAILED.to_owned(),
            failure: Some(failure),
            ..self
        }
    }

    /// Returns whether it was verified; only such a release is ever restored without being named.
    pub fn is_good(&self) -> bool {
        self.outcome != FAILED
    }

    /// Returns the id by which people call this release.
    pub fn id(&self) -> String {
        id_of(&self.key())
    }

    /// Returns whether it brings the same artifacts and the same site as another.
    pub fn ships_like(&self, other: &Self) -> bool {
        self.artifacts == other.artifacts && self.site.build == other.site.build
    }

    /// Returns whether it is the record of these artifacts and stacks.
    pub fn describes(&self, artifacts: &Artifacts, stacks: &[Provisioned]) -> bool {
        self.is_good()
            && self.artifacts == artifact_records(artifacts)
            && self.site.build == artifacts.site.build
            && self.stacks == stack_digests(stacks)
    }

    pub(super) fn key(&self) -> String {
        format!("{PREFIX}{}-{}.json", self.at, self.build)
    }
}

/// Returns the digest of template and parameters of each stack.
pub fn stack_digests(stacks: &[Provisioned]) -> BTreeMap<String, String> {
    let digests = stacks
        .iter()
        .filter_map(|stack| Some((stack.name.clone(), stack.outputs.get(DIGEST)?.clone())));
    digests.collect()
}

fn artifact_records(artifacts: &Artifacts) -> BTreeMap<String, ArtifactRecord> {
    let rows = artifacts.programs().map(|artifact| {
        let (key, hash) = (publish::key(artifact), artifact.hash.clone());
        (artifact.name.clone(), ArtifactRecord { key, hash })
    });
    rows.collect()
}

fn site_record(artifacts: &Artifacts) -> SiteRecord {
    let files = artifacts.site.files.iter();
    let files = files.map(|file| (&file.path, &file.content.digest));
    SiteRecord {
        build: artifacts.site.build.clone(),
        files: files
            .clone()
            .map(|(path, digest)| (path.clone(), digest.sha256.clone()))
            .collect(),
        etags: files
            .map(|(path, digest)| (path.clone(), digest.etag.clone()))
            .collect(),
    }
}

fn digest(stacks: &BTreeMap<String, String>) -> String {
    let mut hash = Sha256::new();
    for (name, digest) in stacks {
        hash.update(format!("{name}\0{digest}\0"));
    }
    hex(&hash.finalize()[..6])
}

/// Keeps a record in the artifact bucket.
///
/// # Errors
/// The bucket may not be written.
pub async fn keep_record(record: &ReleaseRecord, s3: &S3, bucket: &str) -> Result<()> {
    let upload = Upload {
        key: record.key(),
        body: serde_json::to_vec_pretty(record)?.into(),
        content_type: "application/json".to_owned(),
        cache_control: "private",
    };
    s3.put_object(bucket, &upload).await
}

/// Returns the newest record of a bucket, or `None` if it holds none.
///
/// # Errors
/// The bucket may not be read, or the record is of a newer deployer and cannot be understood.
pub async fn find_last_record(s3: &S3, bucket: &str) -> Result<Option<ReleaseRecord>> {
    let Some(key) = s3.find_last_key(bucket, PREFIX).await? else {
        return Ok(None);
    };
    read_record(s3, bucket, &key).await.map(Some)
}

/// Reads the record of a key.
///
/// # Errors
/// The bucket may not be read, or the record is of a newer deployer and cannot be understood.
pub(super) async fn read_record(s3: &S3, bucket: &str, key: &str) -> Result<ReleaseRecord> {
    let body = s3.get_object(bucket, key).await?;
    understand(&body).with_context(|| format!("failed to understand release record `{key}`"))
}

/// The fields that a record of every version begins with.
#[derive(Deserialize)]
struct Form {
    version: u32,
}

fn understand(body: &[u8]) -> Result<ReleaseRecord> {
    let Form { version } = serde_json::from_slice(body)?;
    ensure!(
        version <= VERSION_OF_FAILED,
        "a newer deployer wrote it, in form {version}; this one knows form {VERSION_OF_FAILED} at most: use the newer one"
    );
    Ok(serde_json::from_slice(body)?)
}

/// Returns the id of the release with this key: the first digits of the key's SHA-256. The key holds time
/// and build, so every release has one of its own, also one that brings an old build back.
pub fn id_of(key: &str) -> String {
    let mut id = hex(&Sha256::digest(key));
    id.truncate(ID_DIGITS);
    id
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::build::{Artifact, Revision};
    use crate::provision::Outcome;
    use crate::release::samples::site;

    fn artifact(name: &str, file: &str) -> Artifact {
        Artifact {
            name: name.to_owned(),
            file: file.into(),
            hash: name.repeat(3),
            bytes: 1,
        }
    }

    fn artifacts() -> Artifacts {
        Artifacts {
            api: artifact("api", "api.zip"),
            publisher: artifact("publisher", "publisher.zip"),
            server: Some(artifact("websocket", "websocket.tar.gz")),
            lambdas: Vec::new(),
            site: site(&[("index.html", "<!doctype html>")]),
            revision: Some(Revision {
                commit: "5656322".to_owned(),
                dirty: Some(true),
            }),
            held: Vec::new(),
        }
    }

    fn stack(digest: &str) -> Provisioned {
        Provisioned {
            name: "data".to_owned(),
            outcome: Outcome::Created,
            elapsed: Duration::ZERO,
            outputs: BTreeMap::from([(DIGEST.to_owned(), digest.to_owned())]),
        }
    }

    fn record() -> ReleaseRecord {
        let deploy = Deploy {
            stage: "prod".to_owned(),
            actor: "arn:aws:sts::1:assumed-role/deploy/ada".to_owned(),
            ci_actor: Some("ada".to_owned()),
            seconds: 61.5,
            at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_564_799),
            plan: Some("5a1c".to_owned()),
        };
        ReleaseRecord::of(deploy, &artifacts(), stack_digests(&[stack("d1")]))
    }

    #[test]
    fn a_release_that_failed_describes_nothing_and_is_in_a_form_of_its_own() {
        let failed = record().failed("api (GET /health answers 500)".to_owned());
        assert!(!failed.is_good());
        assert!(!failed.describes(&artifacts(), &[stack("d1")]));
        assert_eq!(failed.version, 2, "an older deployer must not restore it");
        let read = understand(&serde_json::to_vec(&failed).unwrap()).unwrap();
        assert_eq!(read, failed);
        assert_eq!(record().version, 1);
    }

    #[test]
    fn a_record_is_of_these_artifacts_and_stacks_and_no_others() {
        let record = record();
        assert!(record.describes(&artifacts(), &[stack("d1")]));
        assert!(!record.describes(&artifacts(), &[stack("d2")]));
        let mut other = artifacts();
        other.api.hash = "another".to_owned();
        assert!(!record.describes(&other, &[stack("d1")]));
        let mut other = artifacts();
        other.site.build = "another".to_owned();
        assert!(!record.describes(&other, &[stack("d1")]));
    }

    #[test]
    fn a_record_tells_all_of_a_deploy() {
        let mut record = record();
        record.deployer = "1.2.3".to_owned();
        insta::assert_json_snapshot!(record);
        assert_eq!(
            record.key(),
            format!("releases/2026-11-24T23:59:59Z-{}.json", artifacts().build())
        );
    }

    #[test]
    fn what_was_written_is_read_back_also_with_fields_that_came_later() {
        let record = record();
        let mut json = serde_json::to_value(&record).unwrap();
        json["approved_by"] = "grace".into();
        let read: ReleaseRecord = serde_json::from_value(json).unwrap();
        assert_eq!(read, record);
    }

    #[test]
    fn a_record_of_before_there_were_rollbacks_is_read() {
        let mut json = serde_json::to_value(record()).unwrap();
        let fields = json.as_object_mut().unwrap();
        for field in ["rolled_back_to", "plan"] {
            assert!(fields.remove(field).is_some());
        }
        assert!(
            fields["site"]
                .as_object_mut()
                .unwrap()
                .remove("etags")
                .is_some()
        );
        let read: ReleaseRecord = serde_json::from_value(json).unwrap();
        assert_eq!((read.rolled_back_to, read.plan), (None, None));
        assert!(read.site.etags.is_empty());
    }
}
