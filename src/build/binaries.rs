//! The Rust half of the build: programs compiled, checked, and packed into their archives.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::Artifact;
use super::archive::{ArchiveEntry, lambda_zip, tar_gz};
use super::check::{check_program, check_sizes};
use super::compile::compile;
use super::lambdas::own_lambdas;
use super::version::{self, Held};
use crate::config::{BuildTarget, Config};
use crate::event::{Reporter, task};
use crate::file;

const TASK: &str = "binaries";
const UNIT: &str = "factory-tree-websocket.service";

/// The archives of all programs.
pub(super) struct Programs {
    pub(super) api: Artifact,
    pub(super) publisher: Artifact,
    pub(super) server: Option<Artifact>,
    pub(super) lambdas: Vec<Artifact>,
    pub(super) held: Vec<Held>,
}

/// Builds the Lambdas, and the server where the stage has servers.
pub(super) async fn build(
    config: &Config,
    folder: &Path,
    reporter: &dyn Reporter,
) -> Result<Programs> {
    let outcome = |_: &Programs| "built".to_owned();
    task(reporter, TASK, outcome, async {
        let target = config.settings.target();
        let own = own_lambdas(&config.root)?;
        let folder = folder.join(kind(config, target));
        std::fs::create_dir_all(&folder)?;
        let memory = folder.join(memory(config));
        let programs = compile(config, target, &own, &memory, TASK, reporter).await?;
        let program = |name: &str| {
            let file = programs.get(name).cloned();
            file.with_context(|| format!("cargo built no program `{name}`"))
        };
        let unit = config.root.join("crates/websocket").join(UNIT);
        let (api, publisher) = (program("api")?, program("publisher")?);
        let has_servers = config.settings.live.has_servers();
        let server = has_servers.then(|| program("websocket")).transpose()?;
        let own = own.into_iter().map(|name| Ok((program(&name)?, name)));
        let own = own.collect::<Result<Vec<_>>>()?;
        tokio::task::spawn_blocking(move || {
            let mut held = Vec::new();
            let mut hold = |(artifact, version): (Artifact, Held)| {
                held.push(version);
                artifact
            };
            let api = hold(lambda(&folder, "api", api, target)?);
            let publisher = hold(lambda(&folder, "publisher", publisher, target)?);
            let server = server
                .map(|file| Ok::<_, anyhow::Error>(hold(bundle(&folder, file, unit, target)?)));
            let server = server.transpose()?;
            let own = own.into_iter();
            let own = own.map(|(file, name)| Ok(hold(lambda(&folder, &name, file, target)?)));
            let lambdas = own.collect::<Result<_>>()?;
            Ok(Programs {
                api,
                publisher,
                server,
                lambdas,
                held,
            })
        })
        .await?
    })
    .await
}

/// Builds one program for this machine.
pub(super) async fn build_program(
    config: &Config,
    folder: &Path,
    name: &str,
    reporter: &dyn Reporter,
) -> Result<PathBuf> {
    let outcome = |_: &PathBuf| "built".to_owned();
    task(reporter, TASK, outcome, async {
        let own = own_lambdas(&config.root)?;
        let target = BuildTarget::ThisMachine;
        let folder = folder.join(kind(config, target));
        std::fs::create_dir_all(&folder)?;
        let memory = folder.join(memory(config));
        let mut programs = compile(config, target, &own, &memory, TASK, reporter).await?;
        let file = programs.remove(name);
        file.with_context(|| format!("cargo built no program `{name}`"))
    })
    .await
}

/// Profiles and systems have their own folders, so that deploys of two stages do not write over each
/// other.
fn kind(config: &Config, target: BuildTarget) -> String {
    let profile = config.settings.profile.name();
    match target {
        BuildTarget::ThisMachine => profile.to_owned(),
        BuildTarget::AmazonLinux(architecture) => format!("{profile}-{}", architecture.name()),
    }
}

/// Returns the name of the file that remembers what was compiled last. Stages with servers and without them have one each,
/// so that their deploys in turns do not ask cargo again.
fn memory(config: &Config) -> &'static str {
    if config.settings.live.has_servers() {
        "programs.json"
    } else {
        "programs-without-server.json"
    }
}

fn lambda(
    folder: &Path,
    name: &str,
    program: PathBuf,
    target: BuildTarget,
) -> Result<(Artifact, Held)> {
    let unpacked = std::fs::metadata(&program)?.len();
    let (artifact, held) = archived(folder, name, "zip", &[program], |files| {
        check_program(name, &files[0], target)?;
        lambda_zip(&files[0])
    })?;
    check_sizes(name, artifact.bytes, unpacked, target)?;
    Ok((artifact, held))
}

fn bundle(
    folder: &Path,
    program: PathBuf,
    unit: PathBuf,
    target: BuildTarget,
) -> Result<(Artifact, Held)> {
    let name = "websocket";
    archived(folder, name, "tar.gz", &[program, unit], |files| {
        check_program(name, &files[0], target)?;
        tar_gz(&[
            ArchiveEntry {
                name,
                mode: 0o755,
                content: &files[0],
            },
            ArchiveEntry {
                name: UNIT,
                mode: 0o644,
                content: &files[1],
            },
        ])
    })
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("failed to read `{}`", path.display()))
}

/// The inputs of an archive, so that it is not made again when they are unchanged.
#[derive(PartialEq, Serialize, Deserialize)]
struct ArchiveStamp {
    sources: Vec<(PathBuf, SystemTime, u64)>,
    artifact: Artifact,
}

/// Returns the archive of some files, held, checked and made again only when cargo has written one of them again.
fn archived(
    folder: &Path,
    name: &str,
    extension: &str,
    sources: &[PathBuf],
    pack: impl FnOnce(&[Vec<u8>]) -> Result<Vec<u8>>,
) -> Result<(Artifact, Held)> {
    let stat = |path: &PathBuf| -> Result<(PathBuf, SystemTime, u64)> {
        let metadata = std::fs::metadata(path);
        let metadata = metadata.with_context(|| format!("failed to find `{}`", path.display()))?;
        Ok((path.clone(), metadata.modified()?, metadata.len()))
    };
    let now = sources.iter().map(stat).collect::<Result<Vec<_>>>()?;
    let stamp_file = folder.join(format!("{name}.stamp.json"));
    let stamp: Option<ArchiveStamp> = std::fs::read(&stamp_file)
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok());
    if let Some(stamp) = stamp.filter(|stamp| stamp.sources == now)
        && let Some(held) = version::hold(&stamp.artifact.file)?
    {
        return Ok((stamp.artifact, held));
    }
    let files = sources
        .iter()
        .map(|path| read(path))
        .collect::<Result<Vec<_>>>()?;
    let (artifact, held) = Artifact::write(folder, name, extension, &pack(&files)?)?;
    let stamp = ArchiveStamp {
        sources: now,
        artifact: artifact.clone(),
    };
    file::replace(&stamp_file, &serde_json::to_vec(&stamp)?)?;
    version::remove_others(&held)?;
    Ok((artifact, held))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_made_again_only_when_a_source_was_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("program");
        std::fs::write(&source, "one").unwrap();
        let pack = |files: &[Vec<u8>]| Ok(files[0].clone());
        let sources = [source.clone()];
        let (first, held) = archived(folder.path(), "api", "zip", &sources, pack).unwrap();
        let (again, held_again) = archived(folder.path(), "api", "zip", &sources, |_| {
            panic!("made again")
        })
        .unwrap();
        assert_eq!(first, again);

        std::fs::write(&source, "another").unwrap();
        let (changed, _) = archived(folder.path(), "api", "zip", &sources, pack).unwrap();
        assert_ne!(first.hash, changed.hash);
        let sent = std::fs::read_to_string(&first.file).unwrap();
        assert_eq!(sent, "one", "what is being sent stays as it was");

        drop((held, held_again));
        std::fs::write(&source, "a third").unwrap();
        archived(folder.path(), "api", "zip", &sources, pack).unwrap();
        assert!(!first.file.exists(), "nobody sends it any more");
    }
}
