//! The git commit that a program is compiled from. In: the repository whose top the calling package is. Out: an expression.
//!
//! A macro, and no build script: cargo compiles a whole package again, with all its tests, when its build script has other
//! news; the compiler compiles again only the program that calls this macro, because the macro names the file to watch.

use std::path::Path;
use std::process::Command;

use proc_macro::TokenStream;

/// The sources of the deployer: whatever else differs from the commit makes no other program.
const SOURCES: [&str; 4] = ["src", "crates/commit", "Cargo.toml", "Cargo.lock"];

/// Expands to `Some("HASH")`, to `Some("HASH and changes on top")`, or to `None` where there is no git or no repository.
#[proc_macro]
pub fn commit(_: TokenStream) -> TokenStream {
    let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let code = match read(Path::new(&folder)) {
        Some((commit, watched)) => format!(
            "{{ const _: &[u8] = ::core::include_bytes!({watched:?}); \
             ::core::option::Option::Some({commit:?}) }}"
        ),
        None => "::core::option::Option::<&str>::None".to_owned(),
    };
    code.parse().unwrap_or_default()
}

/// Returns the commit, and the file that changes whenever another one is checked out or made.
fn read(folder: &Path) -> Option<(String, String)> {
    // Sources without a repository may lie in the folder of somebody else's.
    let top = git(folder, &["rev-parse", "--show-toplevel"])?;
    if Path::new(&top).canonicalize().ok()? != folder.canonicalize().ok()? {
        return None;
    }
    let commit = git(folder, &["rev-parse", "HEAD"])?;
    let mut status = vec!["status", "--porcelain", "--untracked-files=no", "--"];
    status.extend(SOURCES);
    let changes = match git(folder, &status)?.as_str() {
        "" => "",
        _ => " and changes on top",
    };
    let watched = ["logs/HEAD", "HEAD"].into_iter().find_map(|name| {
        let file = git(folder, &["rev-parse", "--git-path", name])?;
        let file = folder.join(file);
        file.is_file().then(|| file.display().to_string())
    })?;
    Some((format!("{commit}{changes}"), watched))
}

fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    // Two compilers at the same time, or one beside a commit, must not wait for each other's lock.
    let mut command = Command::new("git");
    command.arg("--no-optional-locks").args(arguments);
    let output = command.current_dir(folder).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
