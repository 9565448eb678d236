//! In: `Artifacts` and the artifact bucket. Out: `Published`: under which key each lies. Keys are
//! hashes of contents, so what is there already is not sent again, and nothing is ever overwritten.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use futures_util::future::try_join_all;

use crate::aws::{S3, Upload};
use crate::build::{Artifact, Artifacts};
use crate::event::{Event, Reporter, task};
use crate::plan::ArtifactFact;

/// Where in the bucket artifacts lie.
const PREFIX: &str = "artifacts/";

/// What stacks may be told of the artifacts.
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
    let all = [&artifacts.api, &artifacts.publisher, &artifacts.server];
    let missing = all
        .into_iter()
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
        let body = tokio::fs::read(&artifact.file).await;
        let body = body.with_context(|| format!("failed to read `{}`", artifact.file.display()))?;
        let upload = Upload {
            key: key(artifact),
            body,
            content_type: "application/octet-stream".to_owned(),
            cache_control: "private",
        };
        s3.put_object(bucket, &upload).await
    })
    .await
}

/// Returns where in the bucket an artifact lies.
pub fn key(artifact: &Artifact) -> String {
    let extension = artifact.file.to_string_lossy();
    let extension = if extension.ends_with(".zip") {
        "zip"
    } else {
        "tar.gz"
    };
    format!("{PREFIX}{}/{}.{extension}", artifact.name, artifact.hash)
}

/// Returns what stacks may be told of artifacts, whether or not these were sent already.
pub fn facts(artifacts: &Artifacts) -> Published {
    let Artifacts {
        api,
        publisher,
        server,
        ..
    } = artifacts;
    BTreeMap::from([
        (ArtifactFact::ApiKey, key(api)),
        (ArtifactFact::ApiBuild, api.id().to_owned()),
        (ArtifactFact::PublisherKey, key(publisher)),
        (ArtifactFact::PublisherBuild, publisher.id().to_owned()),
        (ArtifactFact::BundleKey, key(server)),
        (ArtifactFact::ServerBuild, server.id().to_owned()),
    ])
}
