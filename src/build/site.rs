//! The site's half of the build: `npm ci` only when the lock has changed, Vite only when a source has.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::command::Tool;
use super::hashes;
use super::site_sources::{files, fingerprint};
use super::version::{self, Held};
use crate::config::{self, Config};
use crate::content::FileContent;
use crate::content::hex;
use crate::error::UserError;
use crate::event::{Event, Reporter, task};
use crate::file;

const TASK: &str = "site";
/// The folder of the built versions: a version has the name of its sources' fingerprint, shortened.
const VERSIONS: &str = "site";
/// The file with the name of the last version.
const LAST: &str = "site.last";
const CURE: &str = "install Node.js 20.19 or newer, with npm (https://nodejs.org)";

/// The oldest Node.js that Vite 8 takes: major and minor.
const OLDEST_NODE: (u32, u32) = (20, 19);

/// The built site.
#[derive(Clone, Debug)]
pub struct Site {
    /// Its folder.
    pub folder: PathBuf,
    /// Every file of it, in the order of its paths.
    pub files: Vec<SiteFile>,
    /// The content id of all files together.
    pub build: String,
}

/// One file of the site.
#[derive(Clone, Debug)]
pub struct SiteFile {
    /// Its path from the site's root, with slashes.
    pub path: String,
    /// Its path and its content.
    pub content: FileContent,
}

impl Site {
    /// Reads a site that is built already. `memory` is the file that remembers what its files hold.
    ///
    /// # Errors
    /// The folder or a file in it cannot be read.
    pub fn read(folder: &Path, memory: &Path) -> Result<Self> {
        let paths = files(folder)?;
        let contents = hashes::measure(folder, &paths, memory)?;
        let mut hash = Sha256::new();
        for (path, content) in paths.iter().zip(&contents) {
            hash.update(format!("{path}\0{}\0", content.digest.sha256));
        }
        let rows = paths.into_iter().zip(contents);
        Ok(Self {
            folder: folder.to_owned(),
            files: rows
                .map(|(path, content)| SiteFile { path, content })
                .collect(),
            build: hex(&hash.finalize()[..6]),
        })
    }
}

/// Builds the site, if it is not built already, and holds it.
pub(super) async fn build(
    config: &Config,
    folder: &Path,
    reporter: &dyn Reporter,
) -> Result<(Site, Held)> {
    let outcome = |(_, outcome): &((Site, Held), &str)| (*outcome).to_owned();
    let work = build_if_changed(config, folder, reporter);
    Ok(task(reporter, TASK, outcome, work).await?.0)
}

/// Returns the site as it was built last, and holds it.
pub(super) async fn last_built(folder: &Path, reporter: &dyn Reporter) -> Result<(Site, Held)> {
    let _lock = lock(folder, reporter).await?;
    let last = std::fs::read_to_string(folder.join(LAST)).context("the site was never built")?;
    let held = version::hold(&folder.join(VERSIONS).join(last))?;
    read(held.context("the site was never built")?, folder).await
}

const WAITS: &str = "waiting for another build of the site to end";

/// Two deploys from one checkout (of two stages) must not build in the same folder at the same time. The
/// tools hold the lock too: what a killed deploy has left running is waited for.
async fn lock(folder: &Path, reporter: &dyn Reporter) -> Result<File> {
    let mut options = OpenOptions::new();
    // For reading too: it is the tools' stdin, and empty.
    options.read(true).write(true).create(true).truncate(true);
    let file = options.open(folder.join("site.lock"))?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => reporter.report(Event::Note(WAITS.to_owned())),
        Err(TryLockError::Error(error)) => return Err(error.into()),
    }
    Ok(tokio::task::spawn_blocking(move || file.lock().map(|()| file)).await??)
}

async fn build_if_changed(
    config: &Config,
    folder: &Path,
    reporter: &dyn Reporter,
) -> Result<((Site, Held), &'static str)> {
    let source = config.root.join("site");
    let lock = lock(folder, reporter).await?;
    let name = &fingerprint(&source, &config::site_variables())?[..12];
    let version = folder.join(VERSIONS).join(name);
    let outcome = if version.is_dir() {
        "unchanged"
    } else {
        install_held(&source, &lock, reporter).await?;
        progress(reporter, "building with Vite");
        let unfinished = folder.join("site.unfinished");
        let target = unfinished.to_string_lossy().into_owned();
        let build = ["run", "build", "--", "--outDir", &target, "--emptyOutDir"];
        npm(&source, &build, &production(), &lock, reporter).await?;
        // A version is whole from its first moment on: no name of one leads to what a killed build has left.
        std::fs::create_dir_all(folder.join(VERSIONS))?;
        std::fs::rename(&unfinished, &version)?;
        "built"
    };
    let held = version::hold(&version)?.context("nobody else removes a version")?;
    file::replace(&folder.join(LAST), name.as_bytes())?;
    version::remove_others(&held)?;
    Ok((read(held, folder).await?, outcome))
}

/// Vite would build another site where a person has this set otherwise.
/// Source: Vite's documentation, "Env Variables and Modes", NODE_ENV and modes.
fn production() -> [(&'static str, String); 1] {
    [("NODE_ENV", "production".to_owned())]
}

/// Reads a version; `site.hashes.json` in `folder` caches its hashes.
async fn read(version: Held, folder: &Path) -> Result<(Site, Held)> {
    let memory = folder.join("site.hashes.json");
    tokio::task::spawn_blocking(move || Ok((Site::read(version.path(), &memory)?, version))).await?
}

async fn check_node(source: &Path, reporter: &dyn Reporter) -> Result<()> {
    let node = Tool {
        program: "node",
        arguments: &["--version"],
        environment: &[],
        folder: source,
        holds: None,
        cure: CURE,
    };
    let version = node.run(reporter, |_| {}).await?;
    if is_new_enough(&version) {
        return Ok(());
    }
    Err(UserError::Tool {
        program: "node".to_owned(),
        problem: format!("is {}, which is too old", version.trim()),
        hint: CURE.to_owned(),
    }
    .into())
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version
        .trim()
        .trim_start_matches('v')
        .split('.')
        .map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= OLDEST_NODE,
        _ => false,
    }
}

/// Installs the site's dependencies, if those that are installed are of another lock file. `folder` is
/// where builds are kept.
pub(super) async fn install(source: &Path, folder: &Path, reporter: &dyn Reporter) -> Result<()> {
    let lock = lock(folder, reporter).await?;
    install_held(source, &lock, reporter).await
}

async fn install_held(source: &Path, held: &File, reporter: &dyn Reporter) -> Result<()> {
    check_node(source, reporter).await?;
    let lock = std::fs::read(source.join("package-lock.json"))
        .context("failed to read `site/package-lock.json`")?;
    let (now, stamp) = (
        hex(&Sha256::digest(lock)),
        source.join("node_modules/.factory-tree"),
    );
    if std::fs::read_to_string(&stamp).is_ok_and(|before| before == now) {
        return Ok(());
    }
    progress(reporter, "installing its dependencies with npm ci");
    let install = ["ci", "--no-audit", "--no-fund"];
    npm(source, &install, &[], held, reporter).await?;
    // Without packages, npm makes no folder.
    std::fs::create_dir_all(source.join("node_modules"))?;
    std::fs::write(&stamp, now)?;
    Ok(())
}

async fn npm(
    source: &Path,
    arguments: &[&str],
    environment: &[(&'static str, String)],
    held: &File,
    reporter: &dyn Reporter,
) -> Result<()> {
    let npm = Tool {
        program: "npm",
        arguments,
        environment,
        folder: source,
        holds: Some(held),
        cure: CURE,
    };
    npm.run(reporter, |_| {}).await?;
    Ok(())
}

fn progress(reporter: &dyn Reporter, detail: &str) {
    reporter.report(Event::TaskProgress {
        task: TASK.to_owned(),
        detail: detail.to_owned(),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_20_19_is_new_enough_and_20_18_is_not() {
        assert!(is_new_enough("v20.19.0\n"));
        assert!(is_new_enough("v24.1.3"));
        assert!(!is_new_enough("v20.18.9"));
        assert!(!is_new_enough("v18.20.0"));
        assert!(!is_new_enough("soon"));
    }
}
