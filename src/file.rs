//! A file is replaced as a whole or not at all. In: a path and its new content. Out: a reader in the meantime sees the old
//! content or the new one to its end.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use tempfile::Builder;

/// Replaces a file, or makes it. Only its owner can read it.
///
/// # Errors
/// Its folder is not there, or may not be written.
pub fn replace(file: &Path, content: &[u8]) -> Result<()> {
    let written = replace_with(file, content, &Builder::new());
    written.with_context(|| format!("failed to write `{}`", file.display()))
}

/// Replaces or makes a file that a person has named, with the rights that any file of theirs gets. A link stays, and what
/// is no regular file (a pipe, a device) is written to.
///
/// # Errors
/// Its folder is not there, may not be written, or is full: then the file is as it was.
pub fn save(file: &Path, content: &[u8]) -> Result<()> {
    let written = match file.metadata() {
        Ok(found) if !found.is_file() => std::fs::write(file, content),
        Ok(found) => file.canonicalize().and_then(|file| {
            replace_with(
                &file,
                content,
                Builder::new().permissions(found.permissions()),
            )
        }),
        Err(_) => replace_with(
            file,
            content,
            Builder::new().permissions(Permissions::from_mode(0o666)),
        ),
    };
    written.with_context(|| format!("failed to write `{}`", file.display()))
}

fn replace_with(file: &Path, content: &[u8], builder: &Builder<'_, '_>) -> std::io::Result<()> {
    let mut beside = builder.tempfile_in(file.parent().unwrap_or(Path::new(".")))?;
    // Not by way of its name, which would be in the message: nobody has chosen it.
    beside.as_file_mut().write_all(content)?;
    beside.persist(file)?;
    Ok(())
}
