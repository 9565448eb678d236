//! S3: the contents of a bucket. Uploads and deletions are in `upload` and `deletion`.

use std::collections::BTreeMap;
use std::time::SystemTime;

use anyhow::{Context, Result};
use aws_config::SdkConfig;
use aws_sdk_s3::Client;

use super::denied::failure;
use super::fault::fault;

/// The client to S3.
#[derive(Clone, Debug)]
pub struct S3 {
    pub(super) client: Client,
}

/// An object as a listing shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Object {
    /// The ETag of its content: see `content`.
    pub etag: String,
    /// Bytes.
    pub size: i64,
    /// When it was put there, where the listing says so.
    pub modified: Option<SystemTime>,
}

/// The contents of a bucket, old versions included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BucketContent {
    /// Current objects.
    pub objects: u64,
    /// Versions of objects, the current ones among them, and delete markers.
    pub versions: u64,
    /// Bytes of all versions.
    pub bytes: u64,
}

impl S3 {
    pub(super) fn new(config: &SdkConfig) -> Self {
        // One endpoint for all services has no host names for buckets: they go into the path.
        let path_style = config.endpoint_url().is_some();
        let config = aws_sdk_s3::config::Builder::from(config)
            .force_path_style(path_style)
            .build();
        Self {
            client: Client::from_conf(config),
        }
    }

    /// Returns the address of an object, as other services of AWS read it.
    pub fn url(&self, bucket: &str, key: &str) -> String {
        let region = Client::config(&self.client).region();
        let region = region.map_or("us-east-1", |region| region.as_ref());
        let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
        format!("https://s3.{region}.amazonaws.com{suffix}/{bucket}/{key}")
    }

    /// Lists the current objects of a bucket by key.
    ///
    /// # Errors
    /// There is no such bucket, or it may not be read.
    pub async fn list_objects(
        &self,
        bucket: &str,
        prefix: &str,
    ) -> Result<BTreeMap<String, Object>> {
        let request = self.client.list_objects_v2().bucket(bucket).prefix(prefix);
        let mut pages = request.into_paginator().send();
        let mut objects = BTreeMap::new();
        while let Some(page) = pages.next().await {
            let page = page
                .map_err(fault)
                .with_context(|| format!("failed to list bucket `{bucket}`"))?;
            for object in page.contents.unwrap_or_default() {
                let etag = object
                    .e_tag
                    .unwrap_or_default()
                    .trim_matches('"')
                    .to_owned();
                let found = Object {
                    etag,
                    size: object.size.unwrap_or_default(),
                    modified: object.last_modified.and_then(|time| time.try_into().ok()),
                };
                objects.insert(object.key.unwrap_or_default(), found);
            }
        }
        Ok(objects)
    }

    /// Returns the last key of a bucket below a prefix, in the order of their bytes, or `None` if there
    /// is none.
    ///
    /// # Errors
    /// The bucket may not be read (`s3:ListBucket`).
    pub async fn find_last_key(&self, bucket: &str, prefix: &str) -> Result<Option<String>> {
        let request = self.client.list_objects_v2().bucket(bucket).prefix(prefix);
        let mut pages = request.into_paginator().send();
        let mut last = None;
        while let Some(page) = pages.next().await {
            let page = page
                .map_err(|error| failure(error, "s3:ListBucket"))
                .with_context(|| format!("failed to list bucket `{bucket}`"))?;
            let keys = page.contents.unwrap_or_default().into_iter();
            last = last.max(keys.filter_map(|object| object.key).max());
        }
        Ok(last)
    }

    /// Returns the bytes of an object.
    ///
    /// # Errors
    /// There is no such object, or it may not be read (`s3:GetObject`).
    pub async fn get_object(&self, bucket: &str, key: &str) -> Result<Vec<u8>> {
        let failed = || format!("failed to get `{key}` from bucket `{bucket}`");
        let response = self
            .client
            .get_object()
            .bucket(bucket)
            .key(key)
            .send()
            .await;
        let output = response
            .map_err(|error| failure(error, "s3:GetObject"))
            .with_context(failed)?;
        Ok(output.body.collect().await.with_context(failed)?.to_vec())
    }

    /// Counts what a bucket holds. A bucket that is not there holds nothing.
    ///
    /// # Errors
    /// The bucket may not be read.
    pub async fn measure_bucket(&self, bucket: &str) -> Result<BucketContent> {
        let mut content = BucketContent::default();
        let mut place = (None, None);
        loop {
            let request = self.client.list_object_versions().bucket(bucket);
            let request = request
                .set_key_marker(place.0)
                .set_version_id_marker(place.1);
            let page = match request.send().await {
                Ok(page) => page,
                Err(error) if is_missing_bucket(&error) => return Ok(content),
                Err(error) => {
                    return Err(fault(error)).with_context(|| {
                        format!("failed to list the versions in bucket `{bucket}`")
                    });
                }
            };
            content.versions += (page.versions().len() + page.delete_markers().len()) as u64;
            for version in page.versions() {
                content.objects += u64::from(version.is_latest().unwrap_or_default());
                content.bytes += u64::try_from(version.size().unwrap_or_default())?;
            }
            if !page.is_truncated().unwrap_or_default() {
                return Ok(content);
            }
            place = (page.next_key_marker, page.next_version_id_marker);
        }
    }
}

pub(super) fn is_missing_bucket(error: &impl aws_sdk_s3::error::ProvideErrorMetadata) -> bool {
    error.code() == Some("NoSuchBucket")
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
    use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
    use aws_sdk_s3::primitives::ByteStream;
    use aws_sdk_s3::types;
    use aws_smithy_mocks::mock;

    use super::*;
    use crate::aws::fake::{access_denied, fake_client};
    use crate::aws::missing_permission;

    fn page(keys: &[&str], next: Option<&str>) -> ListObjectsV2Output {
        let objects = keys
            .iter()
            .map(|key| types::Object::builder().key(*key).build());
        ListObjectsV2Output::builder()
            .set_contents(Some(objects.collect()))
            .is_truncated(next.is_some())
            .set_next_continuation_token(next.map(str::to_owned))
            .build()
    }

    #[tokio::test]
    async fn the_last_key_is_found_behind_the_first_page() {
        let first = mock!(Client::list_objects_v2)
            .match_requests(|request| request.continuation_token().is_none())
            .then_output(|| page(&["r/1", "r/2"], Some("more")));
        let second = mock!(Client::list_objects_v2)
            .match_requests(|request| request.continuation_token() == Some("more"))
            .then_output(|| page(&["r/3"], None));
        let s3 = S3 {
            client: fake_client!(aws_sdk_s3, [&first, &second]),
        };
        let last = s3.find_last_key("bucket", "r/").await.unwrap();
        assert_eq!(last.as_deref(), Some("r/3"));
    }

    #[tokio::test]
    async fn an_object_is_its_bytes_and_a_refusal_names_the_missing_permission() {
        let there = mock!(Client::get_object)
            .match_requests(|request| request.key() == Some("there"))
            .then_output(|| {
                GetObjectOutput::builder()
                    .body(ByteStream::from_static(b"bytes"))
                    .build()
            });
        let denied = mock!(Client::get_object).then_error(|| access_denied!(GetObjectError));
        let s3 = S3 {
            client: fake_client!(aws_sdk_s3, [&there, &denied]),
        };
        assert_eq!(s3.get_object("bucket", "there").await.unwrap(), b"bytes");
        let error = s3.get_object("bucket", "other").await.unwrap_err();
        assert_eq!(missing_permission(&error), Some("s3:GetObject"));
    }
}
