//! A file is replaced as a whole or not at all. In: a path and its new content. Out: a reader in the meantime sees the old
//! content or the new one to its end.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

/// Replaces a file, or makes it. Only its owner can read it.
///
/// # Errors
/// Its folder is not there, or may not be written.
pub fn replace(file: &Path, content: &[u8]) -> Result<()> {
    let replaced = || -> std::io::Result<()> {
        let mut beside = NamedTempFile::new_in(file.parent().unwrap_or(Path::new(".")))?;
        beside.write_all(content)?;
        beside.persist(file)?;
        Ok(())
    };
    replaced().with_context(|| format!("failed to write `{}`", file.display()))
}
