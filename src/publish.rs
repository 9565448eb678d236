//! In: `Artifacts` and the artifact bucket. Out: `Published`: the key of each. Keys are
//! hashes of contents, so what is there already is not sent again, and nothing is ever overwritten.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;

use crate::aws::{S3, Upload};
use crate::build::{Artifact, Artifacts};
use crate::content::{Content, FileContent};
use crate::event::{Event, Reporter, task};
use crate::plan::ArtifactFact;

/// The prefix of the keys of artifacts.
pub(crate) const PREFIX: &str = "artifacts/";

/// The keys and hashes of the artifacts, as parameters of stacks.
pub type Published = BTreeMap<ArtifactFact, String>;

/// Sends the artifacts that the bucket does not hold yet, at the same time.
///
/// # Errors
/// The bucket may not be read or written.
pub async fn publish(
    artifacts: &Artifacts,
    bucket: &str,
    s3: &S3,
    reporter: &dyn Reporter,
) -> Result<Published> {
    let held = s3.list_objects(bucket, PREFIX).await?;
    let missing = artifacts
        .programs()
        .filter(|artifact| !held.contains_key(&key(artifact)));
    try_join_all(missing.map(|artifact| send(artifact, bucket, s3, reporter))).await?;
    Ok(facts(artifacts))
}

async fn send(artifact: &Artifact, bucket: &str, s3: &S3, reporter: &dyn Reporter) -> Result<()> {
    let name = format!("artifact {}", artifact.name);
    task(reporter, &name, |()| "sent".to_owned(), async {
        let detail = format!("{:.1} MB", artifact.bytes as f64 / 1e6);
        reporter.report(Event::TaskProgress {
            task: name.clone(),
            detail,
        });
        let upload = upload(artifact).await?;
        s3.put_object(bucket, &upload).await
    })
    .await
}

/// Measures an artifact, a piece at a time: it is sent from disk, in parts if it is large.
async fn upload(artifact: &Artifact) -> Result<Upload> {
    let file = artifact.file.clone();
    let content = tokio::task::spawn_blocking(move || FileContent::measure(&file)).await??;
    // Its key is the hash of its content, and readers rely on that.
    ensure!(
        content.digest.sha256 == artifact.hash,
        "failed to publish artifact `{}`: `{}` has changed since it was built",
        artifact.name,
        artifact.file.display()
    );
    Ok(Upload {
        key: key(artifact),
        body: Content::File(content),
        content_type: "application/octet-stream".to_owned(),
        cache_control: "private",
    })
}

/// Returns the key of an artifact in the bucket.
pub fn key(artifact: &Artifact) -> String {
    let extension = artifact.file.to_string_lossy();
    let extension = if extension.ends_with(".zip") {
        "zip"
    } else {
        "tar.gz"
    };
    format!("{PREFIX}{}/{}.{extension}", artifact.name, artifact.hash)
}

/// Returns the parameters that stacks may get of artifacts, whether or not these were sent already.
pub fn facts(artifacts: &Artifacts) -> Published {
    let rows = artifacts.programs().flat_map(|artifact| {
        let name = artifact.name.clone();
        [
            (ArtifactFact::Key(name.clone()), key(artifact)),
            (ArtifactFact::Build(name), artifact.id().to_owned()),
        ]
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_artifact_that_changed_since_it_was_built_is_not_sent() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("api.zip");
        std::fs::write(&file, "built").unwrap();
        let artifact = Artifact {
            name: "api".to_owned(),
            hash: FileContent::measure(&file).unwrap().digest.sha256,
            bytes: 5,
            file,
        };
        assert_eq!(upload(&artifact).await.unwrap().key, key(&artifact));
        std::fs::write(&artifact.file, "other").unwrap();
        let error = upload(&artifact).await.unwrap_err().to_string();
        assert!(error.ends_with("has changed since it was built"), "{error}");
    }
}
