//! Uploads to S3: small contents at once, large files in parts. Files are streamed from disk, so that
//! memory does not grow with them. Every request carries the SHA-256 of its body, and the service
//! keeps nothing whose bytes give another one: also not a file that changed since it was measured.

use anyhow::{Context, Result};
use aws_sdk_s3::primitives::{ByteStream, Length};
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use base64::prelude::{BASE64_STANDARD, Engine};
use futures_util::stream::{StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};

use super::S3;
use super::fault::{Fault, fault};
use crate::content::{Content, FileContent, PART_BYTES};

/// The number of parts of one file that are sent at the same time.
const PARALLEL_PARTS: usize = 4;

/// The size of a read from a file, in bytes.
const BUFFER_BYTES: usize = 128 << 10;

/// An object to be put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Where in the bucket.
    pub key: String,
    /// The content.
    pub body: Content,
    /// The media type.
    pub content_type: String,
    /// The value of `Cache-Control`.
    pub cache_control: &'static str,
}

impl S3 {
    /// Puts an object; the service verifies its checksum before it keeps it. An upload in parts that fails
    /// is taken back; of one that is cut short, the bucket's lifecycle rule takes the parts. Either way
    /// there is the whole object or none.
    ///
    /// # Errors
    /// There is no such bucket, it may not be written, the bytes did not arrive whole, or a file is not
    /// what was measured.
    pub async fn put_object(&self, bucket: &str, upload: &Upload) -> Result<()> {
        let put = match &upload.body {
            Content::File(file) if !file.digest.parts.is_empty() => {
                self.put_in_parts(bucket, upload, file).await
            }
            body => self.put_whole(bucket, upload, body).await,
        };
        put.with_context(|| format!("failed to put `{}` into bucket `{bucket}`", upload.key))
    }

    async fn put_whole(&self, bucket: &str, upload: &Upload, body: &Content) -> Result<()> {
        let (sha256, body) = match body {
            Content::Bytes(bytes) => {
                let sha256 = BASE64_STANDARD.encode(Sha256::digest(bytes));
                (sha256, ByteStream::from(bytes.clone()))
            }
            Content::File(file) => {
                let sha256 = to_base64(&file.digest.sha256)?;
                (sha256, stream(file, 0, file.digest.bytes).await?)
            }
        };
        let request = self.client.put_object().bucket(bucket).key(&upload.key);
        let request = request
            .body(body)
            .content_type(&upload.content_type)
            .cache_control(upload.cache_control)
            .checksum_sha256(sha256);
        request.send().await.map_err(fault)?;
        Ok(())
    }

    async fn put_in_parts(&self, bucket: &str, upload: &Upload, file: &FileContent) -> Result<()> {
        let request = self.client.create_multipart_upload();
        let request = request
            .bucket(bucket)
            .key(&upload.key)
            .content_type(&upload.content_type)
            .cache_control(upload.cache_control)
            .checksum_algorithm(ChecksumAlgorithm::Sha256);
        let output = request.send().await.map_err(fault)?;
        let begun = Begun {
            bucket,
            key: &upload.key,
            id: output.upload_id.context("the upload got no id")?,
        };
        let completed = self.send_parts(&begun, file).await;
        if completed.is_err() {
            self.abort(&begun).await;
        }
        completed
    }

    async fn send_parts(&self, begun: &Begun<'_>, file: &FileContent) -> Result<()> {
        let parts = (1..).zip(&file.digest.parts);
        let sends = parts.map(|(number, sha256)| self.send_part(begun, file, number, sha256));
        let sent: Vec<CompletedPart> = futures_util::stream::iter(sends)
            .buffered(PARALLEL_PARTS)
            .try_collect()
            .await?;
        let parts = CompletedMultipartUpload::builder().set_parts(Some(sent));
        let request = self.client.complete_multipart_upload();
        let request = request
            .bucket(begun.bucket)
            .key(begun.key)
            .upload_id(&begun.id)
            .multipart_upload(parts.build());
        request.send().await.map_err(fault)?;
        Ok(())
    }

    async fn send_part(
        &self,
        begun: &Begun<'_>,
        file: &FileContent,
        number: i32,
        sha256: &str,
    ) -> Result<CompletedPart> {
        let offset = u64::from(number.unsigned_abs() - 1) * PART_BYTES;
        let length = PART_BYTES.min(file.digest.bytes - offset);
        let sha256 = to_base64(sha256)?;
        let request = self.client.upload_part().bucket(begun.bucket);
        let request = request
            .key(begun.key)
            .upload_id(&begun.id)
            .part_number(number)
            .checksum_sha256(&sha256)
            .body(stream(file, offset, length).await?);
        let output = request.send().await.map_err(fault)?;
        let part = CompletedPart::builder()
            .part_number(number)
            .set_e_tag(output.e_tag)
            .checksum_sha256(sha256);
        Ok(part.build())
    }

    /// The upload has failed already, for a reason that matters more than this one. The lifecycle rule deletes the parts.
    async fn abort(&self, begun: &Begun<'_>) {
        let request = self.client.abort_multipart_upload().bucket(begun.bucket);
        let request = request.key(begun.key).upload_id(&begun.id);
        let _: Result<_, Fault> = request.send().await.map_err(fault);
    }
}

/// An upload in parts that has begun.
struct Begun<'a> {
    bucket: &'a str,
    key: &'a str,
    id: String,
}

async fn stream(file: &FileContent, offset: u64, length: u64) -> Result<ByteStream> {
    let open = ByteStream::read_from()
        .path(&file.file)
        .buffer_size(BUFFER_BYTES)
        .offset(offset)
        .length(Length::Exact(length))
        .build();
    open.await
        .with_context(|| format!("failed to read `{}`", file.file.display()))
}

/// Hashes are kept in hex, and S3 wants them in base64.
fn to_base64(hex: &str) -> Result<String> {
    let digits = (0..hex.len())
        .step_by(2)
        .map(|place| hex.get(place..place + 2));
    let bytes: Option<Vec<u8>> = digits
        .map(|digits| u8::from_str_radix(digits?, 16).ok())
        .collect();
    Ok(BASE64_STANDARD.encode(bytes.with_context(|| format!("`{hex}` is no hash"))?))
}
