//! `--version --verbose`. In: the arguments, and the commit that the program was compiled from. Out: what this program is.

use std::env::consts::{ARCH, OS};
use std::ffi::OsString;

/// Returns whether a command line that asks for the version asks for all of it: `--verbose`, `-v`, or `-Vv`.
pub fn is_verbose(arguments: &[OsString]) -> bool {
    let mut words = arguments.iter().map(|word| word.to_string_lossy());
    words.any(|word| match word.strip_prefix('-') {
        Some("-verbose") => true,
        Some(letters) => letters.contains('v') && letters.chars().all(|c| "vVq".contains(c)),
        None => false,
    })
}

/// Returns version, commit, target and profile, a line each.
pub fn verbose_version(commit: Option<&str>) -> String {
    let name = env!("CARGO_PKG_NAME");
    let version = env!("CARGO_PKG_VERSION");
    let commit = commit.unwrap_or("unknown");
    let library = match cfg!(target_env = "musl") {
        true => "musl",
        false => "gnu",
    };
    let profile = match cfg!(debug_assertions) {
        true => "dev",
        false => "release",
    };
    format!(
        "{name} {version}\ncommit:  {commit}\ntarget:  {ARCH}-unknown-{OS}-{library}\nprofile: {profile}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_git_the_commit_is_unknown() {
        assert!(verbose_version(None).contains("\ncommit:  unknown\n"));
    }

    #[test]
    fn all_of_the_version_is_asked_for_in_words_or_letters() {
        let asks = |line: &str| {
            let words: Vec<OsString> = line.split(' ').map(Into::into).collect();
            is_verbose(&words)
        };
        for line in ["x --version --verbose", "x -V -v", "x -Vv", "x -vqV"] {
            assert!(asks(line), "{line}");
        }
        for line in ["x --version", "x -V", "x -V --", "x -V volume"] {
            assert!(!asks(line), "{line}");
        }
    }
}
