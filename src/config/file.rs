//! The configuration file of a command. In: its name on the command line, the environment, the working folder. Out: its
//! path. It is not read here.

use std::path::{Path, PathBuf};

/// The name that is looked for.
const NAME: &str = "factory-tree.yaml";

/// Returns the configuration file: the one that is named on the command line, or by a `FACTORY_TREE_CONFIG` that is not
/// empty, or the nearest one from the working folder upwards.
pub fn file(named: Option<&Path>) -> PathBuf {
    let of_environment = || std::env::var_os("FACTORY_TREE_CONFIG").filter(|name| !name.is_empty());
    let named = named.map(Path::to_owned);
    let here = || std::env::current_dir().unwrap_or_default();
    named
        .or_else(|| of_environment().map(PathBuf::from))
        .unwrap_or_else(|| nearest(&here()))
}

/// Returns the nearest file from a folder upwards. In that folder itself, and where there is none, it keeps its short name.
fn nearest(folder: &Path) -> PathBuf {
    let above = folder
        .ancestors()
        .find(|folder| folder.join(NAME).is_file());
    match above {
        Some(found) if found != folder => found.join(NAME),
        _ => PathBuf::from(NAME),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_file_is_found_from_a_subfolder() {
        let folder = tempfile::tempdir().unwrap();
        let sub = folder.path().join("site/src");
        std::fs::create_dir_all(&sub).unwrap();
        std::fs::write(folder.path().join(NAME), "").unwrap();
        assert_eq!(nearest(&sub), folder.path().join(NAME));
        assert_eq!(nearest(folder.path()), Path::new(NAME));
        std::fs::write(sub.join(NAME), "").unwrap();
        assert_eq!(nearest(&sub), Path::new(NAME));
    }
}
