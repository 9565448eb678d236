//! In: the environment. Out: the stage that it names, and what of it a compiler may read.

use std::path::PathBuf;

use sha2::{Digest, Sha256};

use crate::content::hex;

/// The variables that a shell changes by itself, and our own: no compiler reads them.
const OF_SHELLS: [&str; 6] = ["_", "COLUMNS", "LINES", "OLDPWD", "PWD", "SHLVL"];
const OURS: &str = "FACTORY_TREE_";

/// Returns the stage that `FACTORY_TREE_STAGE` names; an empty value names none.
pub fn stage_of_environment() -> Option<String> {
    std::env::var("FACTORY_TREE_STAGE")
        .ok()
        .filter(|name| !name.is_empty())
}

/// What a compiler may read of the environment.
#[derive(Debug)]
pub struct CompilerEnvironment {
    /// SHA-256 over every variable that a compiler or a build script could read, in hex.
    pub digest: String,
    /// The folders in which programs are looked for, in this order.
    pub search: Vec<PathBuf>,
    /// The folder with cargo's own settings. Source: The Cargo Book, "Cargo Home".
    pub cargo_home: PathBuf,
    /// The folder with rustup's settings and toolchains. Source: The rustup book, "Environment variables".
    pub rustup_home: PathBuf,
}

impl CompilerEnvironment {
    /// Reads the environment.
    pub fn read() -> Self {
        let home = std::env::home_dir().unwrap_or_default();
        let folder = |variable: &str, default: &str| {
            let named = std::env::var_os(variable).filter(|value| !value.is_empty());
            named.map_or_else(|| home.join(default), PathBuf::from)
        };
        let path = std::env::var_os("PATH").unwrap_or_default();
        Self {
            digest: digest(),
            search: std::env::split_paths(&path).collect(),
            cargo_home: folder("CARGO_HOME", ".cargo"),
            rustup_home: folder("RUSTUP_HOME", ".rustup"),
        }
    }
}

fn digest() -> String {
    let mut variables: Vec<_> = std::env::vars_os()
        .filter(|(name, _)| {
            let name = name.to_string_lossy();
            !OF_SHELLS.contains(&name.as_ref()) && !name.starts_with(OURS)
        })
        .collect();
    variables.sort();
    let mut hash = Sha256::new();
    for piece in variables.iter().flat_map(|(name, value)| [name, value]) {
        hash.update(piece.len().to_le_bytes());
        hash.update(piece.as_encoded_bytes());
    }
    hex(&hash.finalize())
}
