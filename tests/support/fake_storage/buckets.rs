//! The buckets of the fake storage, and its response to each call.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use axum::http::Method;
use base64::prelude::{BASE64_STANDARD, Engine};
use factory_tree::clock::rfc3339;
use factory_tree::content::hex;
use md5::Md5;
use sha2::{Digest, Sha256};

/// One call.
pub(crate) struct Request {
    pub(crate) method: Method,
    /// Bucket and key, without the first slash.
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) sha256: Option<String>,
    pub(crate) cache_control: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// Returns a parameter of the query, empty where it has no value.
    fn query(&self, name: &str) -> Option<String> {
        let pairs = self
            .query
            .split('&')
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let mut found = pairs.filter(|(key, _)| *key == name);
        found.next().map(|(_, value)| value.replace("%2F", "/"))
    }
}

/// A response.
#[derive(Default)]
pub(crate) struct Answer {
    pub(crate) body: Vec<u8>,
    etag: String,
}

impl Answer {
    fn text(body: String) -> Self {
        Self {
            body: body.into_bytes(),
            etag: String::new(),
        }
    }

    pub(crate) fn headers(&self) -> [(&'static str, String); 1] {
        [("etag", format!("\"{}\"", self.etag))]
    }
}

/// A stored object.
#[derive(Clone)]
pub(crate) struct Stored {
    pub(crate) bytes: Vec<u8>,
    pub(crate) etag: String,
    pub(crate) cache_control: String,
    pub(crate) modified: SystemTime,
}

type Refusal = (u16, &'static str);

type Watch = Box<dyn FnMut(&BTreeMap<String, Stored>) + Send>;

/// Everything that is kept, and the script.
#[derive(Default)]
pub(crate) struct FakeBuckets {
    /// Objects by bucket and key.
    pub(crate) objects: BTreeMap<String, Stored>,
    /// Uploads in parts that have begun: parts by number.
    pub(crate) uploads: BTreeMap<String, BTreeMap<u32, Vec<u8>>>,
    /// Method and path of every call that was let through.
    pub(crate) calls: Vec<String>,
    /// Paths of every invalidation.
    pub(crate) invalidated: Vec<String>,
    /// Every call after this many is refused, as if the deployer had been killed.
    pub(crate) cut_after: Option<usize>,
    /// Calls whose method and path begin with this are refused.
    pub(crate) refuse: Option<String>,
    /// Each call is refused the first time, as by a storage that is too busy; those that were.
    pub(crate) busy: Option<BTreeSet<String>>,
    /// Keys whose content is damaged on its way to the disk.
    pub(crate) spoil: Option<String>,
    /// A function that is called after each write.
    pub(crate) after_write: Option<Watch>,
}

impl FakeBuckets {
    /// Acts on one call.
    pub(crate) fn act(&mut self, request: Request) -> Result<Answer, Refusal> {
        let call = format!("{} {}", request.method, request.path);
        let is_cut = self
            .cut_after
            .is_some_and(|calls| self.calls.len() >= calls);
        let is_refused = self
            .refuse
            .as_ref()
            .is_some_and(|begin| call.starts_with(begin));
        if is_cut || is_refused {
            return Err((403, "AccessDenied"));
        }
        let attempt = format!("{call}?{}", request.query);
        if self.busy.as_mut().is_some_and(|busy| busy.insert(attempt)) {
            return Err((503, "SlowDown"));
        }
        self.calls.push(call);
        if request.path.starts_with("2020-05-31/distribution/") {
            return Ok(self.invalidate(&request));
        }
        match (request.method.as_str(), request.query("uploadId")) {
            ("GET", _) if request.query("list-type").is_some() => Ok(self.list(&request)),
            ("GET", _) => self.get(&request),
            ("PUT", None) => self.put(request),
            ("PUT", Some(id)) => self.put_part(&id, request),
            ("POST", None) if request.query("uploads").is_some() => Ok(self.begin(&request)),
            ("POST", None) if request.query("delete").is_some() => Ok(self.delete(&request)),
            ("POST", Some(id)) => self.complete(&id, &request),
            ("DELETE", Some(id)) => {
                self.uploads.remove(&id);
                Ok(Answer::default())
            }
            _ => Err((501, "NotImplemented")),
        }
    }

    /// Returns how many calls with this method were let through.
    pub(crate) fn count(&self, method: &str) -> usize {
        self.calls
            .iter()
            .filter(|call| call.starts_with(method))
            .count()
    }

    fn list(&self, request: &Request) -> Answer {
        let bucket = request.path.trim_end_matches('/');
        let prefix = format!("{bucket}/{}", request.query("prefix").unwrap_or_default());
        let found = self
            .objects
            .iter()
            .filter(|(path, _)| path.starts_with(&prefix));
        let rows = found.map(|(path, object)| {
            format!(
                "<Contents><Key>{}</Key><ETag>&quot;{}&quot;</ETag><Size>{}</Size><LastModified>{}</LastModified></Contents>",
                &path[bucket.len() + 1..],
                object.etag,
                object.bytes.len(),
                rfc3339(object.modified)
            )
        });
        let rows: String = rows.collect();
        Answer::text(format!(
            "<ListBucketResult><IsTruncated>false</IsTruncated>{rows}</ListBucketResult>"
        ))
    }

    fn get(&self, request: &Request) -> Result<Answer, Refusal> {
        let stored = self.objects.get(&request.path).ok_or((404, "NoSuchKey"))?;
        Ok(Answer {
            body: stored.bytes.clone(),
            etag: stored.etag.clone(),
        })
    }

    fn put(&mut self, request: Request) -> Result<Answer, Refusal> {
        verify(&request)?;
        let mut bytes = request.body;
        if self.spoil.as_ref() == Some(&request.path) {
            bytes.push(0);
        }
        let etag = hex(&Md5::digest(&bytes));
        self.store(request.path, bytes, etag.clone(), request.cache_control);
        Ok(Answer {
            etag,
            ..Answer::default()
        })
    }

    fn store(&mut self, path: String, bytes: Vec<u8>, etag: String, cache_control: String) {
        let modified = SystemTime::now();
        let stored = Stored {
            bytes,
            etag,
            cache_control,
            modified,
        };
        self.objects.insert(path, stored);
        if let Some(look) = &mut self.after_write {
            look(&self.objects);
        }
    }

    fn begin(&mut self, request: &Request) -> Answer {
        let id = format!("upload-{}", self.calls.len());
        self.uploads.insert(id.clone(), BTreeMap::new());
        let path = &request.path;
        Answer::text(format!(
            "<InitiateMultipartUploadResult><Key>{path}</Key><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
        ))
    }

    fn put_part(&mut self, id: &str, request: Request) -> Result<Answer, Refusal> {
        verify(&request)?;
        let number = request
            .query("partNumber")
            .and_then(|number| number.parse().ok());
        let parts = self.uploads.get_mut(id).ok_or((404, "NoSuchUpload"))?;
        let etag = hex(&Md5::digest(&request.body));
        parts.insert(number.unwrap(), request.body);
        Ok(Answer {
            etag,
            ..Answer::default()
        })
    }

    fn complete(&mut self, id: &str, request: &Request) -> Result<Answer, Refusal> {
        let parts = self.uploads.remove(id).ok_or((404, "NoSuchUpload"))?;
        let md5s: Vec<u8> = parts.values().flat_map(Md5::digest).collect();
        let etag = format!("{}-{}", hex(&Md5::digest(md5s)), parts.len());
        let bytes = parts.into_values().flatten().collect();
        self.store(request.path.clone(), bytes, etag, String::new());
        Ok(Answer::text(
            "<CompleteMultipartUploadResult></CompleteMultipartUploadResult>".to_owned(),
        ))
    }

    fn delete(&mut self, request: &Request) -> Answer {
        let text = String::from_utf8_lossy(&request.body).into_owned();
        let bucket = request.path.trim_end_matches('/');
        let keys: BTreeSet<String> = between(&text, "<Key>", "</Key>")
            .map(|key| format!("{bucket}/{key}"))
            .collect();
        self.objects.retain(|path, _| !keys.contains(path));
        Answer::text("<DeleteResult></DeleteResult>".to_owned())
    }

    fn invalidate(&mut self, request: &Request) -> Answer {
        let text = String::from_utf8_lossy(&request.body).into_owned();
        self.invalidated
            .extend(between(&text, "<Path>", "</Path>").map(str::to_owned));
        Answer::text(
            "<Invalidation><Id>I1</Id><Status>InProgress</Status></Invalidation>".to_owned(),
        )
    }
}

/// As S3 does: the checksum in a request must be that of the bytes.
fn verify(request: &Request) -> Result<(), Refusal> {
    match &request.sha256 {
        Some(reported) if *reported == BASE64_STANDARD.encode(Sha256::digest(&request.body)) => {
            Ok(())
        }
        Some(_) => Err((400, "BadDigest")),
        None => Err((400, "MissingChecksum")),
    }
}

fn between<'a>(text: &'a str, before: &'a str, after: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(before)
        .skip(1)
        .filter_map(move |rest| Some(rest.split_once(after)?.0))
}
