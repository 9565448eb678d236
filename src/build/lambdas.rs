//! The crates of a project's own Lambdas. In: the folder of the sources. Out: their names. A folder below `lambdas/` with a
//! `Cargo.toml` is one; folder, package and program have the same name. Nothing is built here.

use std::path::Path;

use anyhow::{Context, Result};

/// The programs that are not a project's own: both Lambdas, and the server.
pub(super) const OURS: [&str; 3] = ["api", "publisher", SERVER];

/// The WebSocket server, which only a stage with servers has.
pub(super) const SERVER: &str = "websocket";

/// Returns the names of the Lambdas that the deployer does not name itself, sorted.
///
/// # Errors
/// The folder cannot be read.
pub fn own_lambdas(root: &Path) -> Result<Vec<String>> {
    let folder = root.join("lambdas");
    let naming = || format!("failed to read `{}`", folder.display());
    let entries = match std::fs::read_dir(&folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(naming)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.with_context(naming)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !OURS.contains(&name.as_str()) && entry.path().join("Cargo.toml").is_file() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_with_a_manifest_is_a_lambda_of_the_project() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(own_lambdas(root.path()).unwrap(), Vec::<String>::new());
        for file in [
            "api/Cargo.toml",
            "counter/Cargo.toml",
            "notes/README.md",
            "audit/Cargo.toml",
        ] {
            let file = root.path().join("lambdas").join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "").unwrap();
        }
        assert_eq!(own_lambdas(root.path()).unwrap(), ["audit", "counter"]);
    }
}
