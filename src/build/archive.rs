//! Archives whose bytes depend on nothing but their content: fixed times, owners, order and modes.

use std::io::{Cursor, Write};

use anyhow::Result;
use flate2::{Compression, GzBuilder};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// A file for an archive.
pub(super) struct ArchiveEntry<'a> {
    pub(super) name: &'a str,
    pub(super) mode: u32,
    pub(super) content: &'a [u8],
}

/// Returns a zip of one program under the name that the Lambda runtime starts.
pub(super) fn lambda_zip(program: &[u8]) -> Result<Vec<u8>> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .last_modified_time(DateTime::default())
        .unix_permissions(0o755);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("bootstrap", options)?;
    zip.write_all(program)?;
    Ok(zip.finish()?.into_inner())
}

/// Returns a gzipped tar of files, in the order given.
pub(super) fn tar_gz(entries: &[ArchiveEntry<'_>]) -> Result<Vec<u8>> {
    let gzip = GzBuilder::new()
        .mtime(0)
        .write(Vec::new(), Compression::default());
    let mut tar = tar::Builder::new(gzip);
    for entry in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(entry.content.len() as u64);
        header.set_mode(entry.mode);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        tar.append_data(&mut header, entry.name, entry.content)?;
    }
    Ok(tar.into_inner()?.finish()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn the_same_program_gives_the_same_zip() {
        assert_eq!(
            lambda_zip(b"program").unwrap(),
            lambda_zip(b"program").unwrap()
        );
        assert_ne!(
            lambda_zip(b"program").unwrap(),
            lambda_zip(b"another").unwrap()
        );
    }

    #[test]
    fn a_lambda_zip_holds_an_executable_bootstrap_of_1980() {
        let mut zip = zip::ZipArchive::new(Cursor::new(lambda_zip(b"program").unwrap())).unwrap();
        let mut file = zip.by_index(0).unwrap();
        let mut content = Vec::new();
        file.read_to_end(&mut content).unwrap();
        assert_eq!(
            (file.name().unwrap().as_ref(), file.unix_mode()),
            ("bootstrap", Some(0o100_755))
        );
        assert_eq!(file.last_modified().map(|time| time.year()), Some(1980));
        assert_eq!(content, b"program");
    }

    #[test]
    fn a_bundle_keeps_modes_and_names_nobody() {
        let bundle = tar_gz(&[ArchiveEntry {
            name: "websocket",
            mode: 0o755,
            content: b"x",
        }])
        .unwrap();
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(&bundle[..]));
        let entry = tar.entries().unwrap().next().unwrap().unwrap();
        let header = entry.header();
        assert_eq!(header.mode().unwrap(), 0o755);
        assert_eq!((header.uid().unwrap(), header.mtime().unwrap()), (0, 0));
    }
}
