//! The way of a template to CloudFormation. In: the template of a stack. Out: its text for the request, or, above the limit of
//! a request, the address of an object that holds it. The object's key is the hash of its content.

use anyhow::{Result, bail};
use sha2::{Digest, Sha256};

use super::target::{LargeTemplates, StackTarget};
use crate::aws::{S3, TemplateSource, Upload};
use crate::template::{MAX_REQUEST_BYTES, TEMPLATES};

/// Returns how the template of a stack is named in a request; where it goes by way of the bucket, it is sent.
pub(super) async fn source<'a>(target: &StackTarget<'a>) -> Result<TemplateSource<'a>> {
    let body = &target.template.body;
    if body.len() <= MAX_REQUEST_BYTES {
        return Ok(TemplateSource::Text(body));
    }
    match target.large {
        LargeTemplates::Deployed => Ok(TemplateSource::Deployed),
        LargeTemplates::Bucket { s3, bucket } => {
            let key = key(body);
            target.retry(|| send(s3, bucket, &key, body)).await?;
            Ok(TemplateSource::Url(s3.url(bucket, &key)))
        }
        LargeTemplates::Refused => bail!(
            "the template of stack `{}` has {} bytes: a request takes {MAX_REQUEST_BYTES}, and there is no artifact bucket yet",
            target.name,
            body.len()
        ),
    }
}

async fn send(s3: &S3, bucket: &str, key: &str, body: &str) -> Result<()> {
    if s3.list_objects(bucket, key).await?.contains_key(key) {
        return Ok(());
    }
    let upload = Upload {
        key: key.to_owned(),
        body: body.as_bytes().to_vec().into(),
        content_type: "application/yaml".to_owned(),
        cache_control: "private",
    };
    s3.put_object(bucket, &upload).await
}

fn key(body: &str) -> String {
    format!(
        "{TEMPLATES}{}.yaml",
        crate::content::hex(&Sha256::digest(body))
    )
}
