//! In: a `Config`. Out: `Artifacts`: the Lambdas as zips, the server bundle and the site's files, each
//! known by the hash of its content, and checked to run where it is to run. Binaries and site are built
//! side by side; what is unchanged is not built again. The same sources and tools give the same bytes, in
//! any folder. Nothing is sent anywhere.

mod archive;
mod binaries;
mod check;
mod command;
mod compile;
#[cfg(test)]
mod crafted_elf;
mod cross;
mod file_stamp;
mod hashes;
mod lambdas;
mod last_compile;
mod messages;
mod revision;
mod site;
mod site_sources;
mod version;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::config::Config;
use crate::content::hex;
use crate::event::Reporter;
use binaries::Programs;
pub use lambdas::own_lambdas;
pub use revision::Revision;
pub use site::{Site, SiteFile};
pub use version::Held;

/// Asks a program of the build for its version, in the project's folder: what rustup chooses depends on
/// that. `None` when it is not installed.
///
/// # Errors
/// It is there, but does not run, or refuses.
pub async fn ask_version(program: &str, folder: &Path) -> Result<Option<String>> {
    command::ask_version(program, folder).await
}

/// Everything that a release ships.
#[derive(Debug)]
pub struct Artifacts {
    /// The zip of the api Lambda.
    pub api: Artifact,
    /// The zip of the publisher Lambda.
    pub publisher: Artifact,
    /// The bundle of the WebSocket server, binary and systemd unit, where the stage has servers.
    pub server: Option<Artifact>,
    /// The zips of the project's own Lambdas, by name.
    pub lambdas: Vec<Artifact>,
    /// The site.
    pub site: Site,
    /// The state of the sources that all of it was built from, where that is known.
    pub revision: Option<Revision>,
    /// Keeps all of it as it is while another stage of the checkout is built.
    pub held: Vec<Held>,
}

impl Artifacts {
    /// Returns everything that is published: Lambdas and server.
    pub fn programs(&self) -> impl Iterator<Item = &Artifact> {
        let lambdas = [&self.api, &self.publisher].into_iter();
        lambdas.chain(&self.server).chain(&self.lambdas)
    }

    /// Returns the id of the release: the same sources and tools give the same id.
    pub fn build(&self) -> String {
        let server = self.server.iter().map(|artifact| &artifact.hash);
        let own = self.lambdas.iter().map(|artifact| &artifact.hash);
        let parts = [&self.api.hash, &self.publisher.hash].into_iter();
        let parts = parts.chain(server).chain([&self.site.build]).chain(own);
        let mut hash = Sha256::new();
        parts.for_each(|part| hash.update(part));
        hex(&hash.finalize()[..6])
    }
}

/// A file to be published.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Artifact {
    /// `api`, `publisher`, `websocket`, or the name of an own Lambda.
    pub name: String,
    /// Where it is.
    pub file: PathBuf,
    /// SHA-256 of its content, in hex.
    pub hash: String,
    /// Its size.
    pub bytes: u64,
}

impl Artifact {
    /// Returns the short content id, which the running part reports as its build.
    pub fn id(&self) -> &str {
        &self.hash[..12]
    }

    /// Writes an artifact's content beside its other versions, and holds it.
    fn write(folder: &Path, name: &str, extension: &str, content: &[u8]) -> Result<(Self, Held)> {
        let hash = hex(&Sha256::digest(content));
        let artifact = Self {
            name: name.to_owned(),
            file: folder
                .join(name)
                .join(format!("{}.{extension}", &hash[..12])),
            hash,
            bytes: content.len() as u64,
        };
        let held = version::write(&artifact.file, content)?;
        Ok((artifact, held))
    }
}

/// Builds everything that is shipped.
///
/// # Errors
/// A tool is missing (`UserError::Tool`) or fails (`UserError::Build`); what was built does not run where
/// it is to run (`UserError::UnfitProgram`).
pub async fn build(config: &Config, reporter: &dyn Reporter) -> Result<Artifacts> {
    let folder = made_folder(config)?;
    build_beside(
        config,
        &folder,
        site::build(config, &folder, reporter),
        reporter,
    )
    .await
}

/// Builds the programs that are shipped; takes the last build of the site.
///
/// # Errors
/// As `build`; the site was never built.
pub async fn build_programs(config: &Config, reporter: &dyn Reporter) -> Result<Artifacts> {
    let folder = made_folder(config)?;
    let site = site::last_built(&folder, reporter);
    build_beside(config, &folder, site, reporter).await
}

/// Installs the npm packages of the site, if they are not installed already.
///
/// # Errors
/// Node.js is missing or too old (`UserError::Tool`), or npm fails (`UserError::Build`).
pub async fn install_site(config: &Config, reporter: &dyn Reporter) -> Result<()> {
    let folder = made_folder(config)?;
    site::install(&config.root.join("site"), &folder, reporter).await
}

async fn build_beside(
    config: &Config,
    folder: &Path,
    site: impl Future<Output = Result<(Site, Held)>>,
    reporter: &dyn Reporter,
) -> Result<Artifacts> {
    let binaries = binaries::build(config, folder, reporter);
    // Asked when the build begins, which may take minutes: somebody may be at work on the sources.
    let revision = async { Ok(revision::find(&config.root).await) };
    let (revision, programs, (site, held)) = tokio::try_join!(revision, binaries, site)?;
    let Programs {
        api,
        publisher,
        server,
        lambdas,
        held: mut all_held,
    } = programs;
    all_held.push(held);
    Ok(Artifacts {
        api,
        publisher,
        server,
        lambdas,
        site,
        revision,
        held: all_held,
    })
}

/// Builds one program for this machine, whatever its stage runs on, and returns its file.
///
/// # Errors
/// A tool is missing (`UserError::Tool`) or fails (`UserError::Build`).
pub async fn build_program(
    config: &Config,
    name: &str,
    reporter: &dyn Reporter,
) -> Result<PathBuf> {
    binaries::build_program(config, &folder(config), name, reporter).await
}

/// Returns the folder of everything that is built.
fn folder(config: &Config) -> PathBuf {
    config.root.join("target").join("factory-tree")
}

fn made_folder(config: &Config) -> Result<PathBuf> {
    let folder = folder(config);
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("failed to create `{}`", folder.display()))?;
    Ok(folder)
}
