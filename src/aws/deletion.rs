//! Deletions from S3: objects by their keys, and all contents of a bucket.

use anyhow::{Context, Result, anyhow};
use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use super::S3;
use super::fault::fault;
use super::s3::is_missing_bucket;

/// The number of keys that one deletion takes (Amazon S3 API Reference, "DeleteObjects").
const DELETED_AT_ONCE: usize = 1_000;

impl S3 {
    /// Deletes every version and every delete marker of a bucket and returns how many there were.
    /// A bucket that is not there is empty.
    ///
    /// # Errors
    /// The bucket may not be read, or something in it may not be deleted.
    pub async fn empty_bucket(&self, bucket: &str) -> Result<usize> {
        let mut deleted = 0;
        loop {
            let versions = self.list_some_versions(bucket).await?;
            if versions.is_empty() {
                return Ok(deleted);
            }
            deleted += versions.len();
            self.delete_versions(bucket, versions).await?;
        }
    }

    /// Deletes the current objects under these keys. In a bucket with versioning they can be brought back
    /// until its lifecycle rule forgets them. What is not there is no error.
    ///
    /// # Errors
    /// Something may not be deleted (`s3:DeleteObject`).
    pub async fn delete_objects(&self, bucket: &str, keys: &[String]) -> Result<()> {
        for keys in keys.chunks(DELETED_AT_ONCE) {
            let identifiers = keys
                .iter()
                .map(|key| ObjectIdentifier::builder().key(key).build());
            let identifiers: Result<Vec<_>, _> = identifiers.collect();
            self.delete_versions(bucket, identifiers?).await?;
        }
        Ok(())
    }

    /// One page, at most 1 000, which is what one deletion takes.
    async fn list_some_versions(&self, bucket: &str) -> Result<Vec<ObjectIdentifier>> {
        let page = match self
            .client
            .list_object_versions()
            .bucket(bucket)
            .send()
            .await
        {
            Ok(page) => page,
            Err(error) if is_missing_bucket(&error) => return Ok(Vec::new()),
            Err(error) => {
                return Err(fault(error))
                    .with_context(|| format!("failed to list the versions in bucket `{bucket}`"));
            }
        };
        let versions = page.versions.unwrap_or_default().into_iter();
        let markers = page.delete_markers.unwrap_or_default().into_iter();
        let all = versions
            .map(|version| (version.key, version.version_id))
            .chain(markers.map(|marker| (marker.key, marker.version_id)));
        all.map(|(key, version)| {
            let identifier = ObjectIdentifier::builder().key(key.unwrap_or_default());
            Ok(identifier.set_version_id(version).build()?)
        })
        .collect()
    }

    async fn delete_versions(&self, bucket: &str, versions: Vec<ObjectIdentifier>) -> Result<()> {
        let delete = Delete::builder()
            .set_objects(Some(versions))
            .quiet(true)
            .build()?;
        let response = self
            .client
            .delete_objects()
            .bucket(bucket)
            .delete(delete)
            .send()
            .await;
        let output = response
            .map_err(fault)
            .with_context(|| format!("failed to delete from bucket `{bucket}`"))?;
        match output.errors().first() {
            Some(error) => Err(anyhow!(
                "failed to delete `{}` from bucket `{bucket}`: {}",
                error.key().unwrap_or_default(),
                error.message().unwrap_or_default()
            )),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::Client;
    use aws_sdk_s3::operation::delete_objects::DeleteObjectsOutput;
    use aws_sdk_s3::types;
    use aws_smithy_mocks::mock;

    use super::*;
    use crate::aws::fake::fake_client;

    #[tokio::test]
    async fn more_keys_than_one_deletion_takes_are_deleted_and_a_refusal_is_reported() {
        let first = mock!(Client::delete_objects)
            .match_requests(|request| request.delete().unwrap().objects().len() == 1_000)
            .then_output(|| DeleteObjectsOutput::builder().build());
        let refused = types::Error::builder()
            .key("k")
            .message("Access Denied")
            .build();
        let rest = mock!(Client::delete_objects)
            .match_requests(|request| request.delete().unwrap().objects().len() == 7)
            .then_output(move || {
                DeleteObjectsOutput::builder()
                    .errors(refused.clone())
                    .build()
            });
        let s3 = S3 {
            client: fake_client!(aws_sdk_s3, [&first, &rest]),
        };
        let keys: Vec<String> = (0..1_007).map(|number| number.to_string()).collect();
        s3.delete_objects("bucket", &keys[..1_000]).await.unwrap();
        let error = s3.delete_objects("bucket", &keys).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "failed to delete `k` from bucket `bucket`: Access Denied"
        );
        assert_eq!((first.num_calls(), rest.num_calls()), (2, 1));
    }
}
