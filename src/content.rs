//! The content of an S3 object: bytes in memory, or a file on disk that was measured before. In: bytes or a file.
//! Out: its size, its SHA-256, and the ETag that S3 will report for it, so that one listing of a bucket
//! answers which contents it holds. Nothing is sent here.
//!
//! The ETag of an object under SSE-S3 is the MD5 of its bytes when it came in one part, and the MD5 of its
//! parts' MD5s, with their number, when it came in several (Amazon S3 User Guide, "Checking object
//! integrity"). The parts' size is fixed here, so both are known before anything is sent. Should S3 ever
//! answer otherwise, a file is sent once more than needed; nothing stale is ever taken for equal.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use md5::Md5;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The size of a part, in bytes. S3 takes parts from 5 MiB on, and 10 000 of them: files up to 78 GiB
/// (Amazon S3 User Guide, "Multipart upload limits").
pub const PART_BYTES: u64 = 8 << 20;

/// From how many bytes on a file is sent in parts.
const IN_PARTS_FROM: u64 = 16 << 20;

/// The size of a read from a file, in bytes.
const BUFFER_BYTES: usize = 256 << 10;

/// The content that an object is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Bytes that are made, not read.
    Bytes(Vec<u8>),
    /// A file.
    File(FileContent),
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

impl Content {
    /// Returns the ETag that S3 reports for an object with this content.
    pub fn etag(&self) -> String {
        match self {
            Self::Bytes(bytes) => hex(&Md5::digest(bytes)),
            Self::File(file) => file.digest.etag.clone(),
        }
    }
}

/// A file that was measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileContent {
    /// Where it is.
    pub file: PathBuf,
    /// Its size and its hashes.
    pub digest: FileDigest,
}

/// The size and the hashes of a file's content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDigest {
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of all of it, in hex.
    pub sha256: String,
    /// The ETag that S3 reports for it.
    pub etag: String,
    /// SHA-256 of each part, in hex; empty for a file that is sent in one part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<String>,
}

impl FileContent {
    /// Reads a file once, a piece at a time, and returns what it holds.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn measure(file: &Path) -> Result<Self> {
        let reading = || format!("failed to read `{}`", file.display());
        let open = File::open(file).with_context(reading)?;
        let bytes = open.metadata().with_context(reading)?.len();
        let digest = if bytes < IN_PARTS_FROM {
            whole(open)
        } else {
            in_parts(open)
        };
        Ok(Self {
            file: file.to_owned(),
            digest: digest.with_context(reading)?,
        })
    }
}

fn whole(mut file: File) -> std::io::Result<FileDigest> {
    let (mut sha256, mut md5, mut bytes) = (Sha256::new(), Md5::new(), 0);
    each_piece(&mut file, |piece| {
        sha256.update(piece);
        md5.update(piece);
        bytes += piece.len() as u64;
    })?;
    Ok(FileDigest {
        bytes,
        sha256: hex(&sha256.finalize()),
        etag: hex(&md5.finalize()),
        parts: Vec::new(),
    })
}

fn in_parts(mut file: File) -> std::io::Result<FileDigest> {
    let (mut sha256, mut etag) = (Sha256::new(), Md5::new());
    let (mut bytes, mut parts) = (0, Vec::new());
    loop {
        let (mut part_sha256, mut part_md5, before) = (Sha256::new(), Md5::new(), bytes);
        each_piece(&mut (&mut file).take(PART_BYTES), |piece| {
            sha256.update(piece);
            part_sha256.update(piece);
            part_md5.update(piece);
            bytes += piece.len() as u64;
        })?;
        if bytes == before {
            break;
        }
        etag.update(part_md5.finalize());
        parts.push(hex(&part_sha256.finalize()));
    }
    Ok(FileDigest {
        bytes,
        sha256: hex(&sha256.finalize()),
        etag: format!("{}-{}", hex(&etag.finalize()), parts.len()),
        parts,
    })
}

fn each_piece(source: &mut impl Read, mut take: impl FnMut(&[u8])) -> std::io::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match source.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => take(&buffer[..length]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Returns bytes in lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(bytes: &[u8]) -> FileDigest {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        FileContent::measure(file.path()).unwrap().digest
    }

    #[test]
    fn a_small_file_is_its_md5_and_so_are_bytes() {
        let digest = measure(b"abc");
        // RFC 1321, A.5, and FIPS 180-2, B.1.
        assert_eq!(digest.etag, "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(
            digest.sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!((digest.bytes, digest.parts.len()), (3, 0));
        assert_eq!(Content::from(b"abc".to_vec()).etag(), digest.etag);
    }

    #[test]
    fn a_large_file_is_the_md5_of_its_parts() {
        let content: Vec<u8> = (0..(20 << 20))
            .map(|place: u32| (place / 999) as u8)
            .collect();
        let digest = measure(&content);
        let parts: Vec<&[u8]> = content.chunks(PART_BYTES as usize).collect();
        let md5s = parts.iter().flat_map(Md5::digest);
        let etag = hex(&Md5::digest(md5s.collect::<Vec<u8>>()));
        assert_eq!(digest.etag, format!("{etag}-3"));
        assert_eq!(digest.sha256, hex(&Sha256::digest(&content)));
        assert_eq!(digest.parts[2], hex(&Sha256::digest(parts[2])));
        assert_eq!(digest.bytes, content.len() as u64);
    }
}
