//! The Rust half of the build: one `cargo build` for all runtime crates, then their archives.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::Artifact;
use super::archive::{Entry, lambda_zip, tar_gz};
use super::command::Tool;
use crate::config::{BuildProfile, Config};
use crate::event::{Event, Reporter, task};

const TASK: &str = "binaries";
const UNIT: &str = "factory-tree-websocket.service";

/// Builds api, publisher and server, in this order.
pub(super) async fn build(
    config: &Config,
    folder: &Path,
    reporter: &dyn Reporter,
) -> Result<[Artifact; 3]> {
    let outcome = |_: &[Artifact; 3]| "built".to_owned();
    task(reporter, TASK, outcome, async {
        let messages = compile(config, reporter).await?;
        let programs = executables(&messages);
        let program = |name: &str| {
            programs
                .get(name)
                .cloned()
                .with_context(|| format!("cargo built no program `{name}`"))
        };
        let unit = config.root.join("crates/websocket").join(UNIT);
        let sources = [
            vec![program("api")?],
            vec![program("publisher")?],
            vec![program("websocket")?, unit],
        ];
        // Profiles have their own folders, so that deploys of two stages do not write over each other.
        let folder = folder.join(config.settings.profile.name());
        std::fs::create_dir_all(&folder)?;
        tokio::task::spawn_blocking(move || {
            let [api, publisher, server] = sources;
            Ok([
                archived(&folder, "api", "zip", &api, |files| lambda_zip(&files[0]))?,
                archived(&folder, "publisher", "zip", &publisher, |files| {
                    lambda_zip(&files[0])
                })?,
                archived(&folder, "websocket", "tar.gz", &server, |files| {
                    tar_gz(&[
                        Entry {
                            name: "websocket",
                            mode: 0o755,
                            content: &files[0],
                        },
                        Entry {
                            name: UNIT,
                            mode: 0o644,
                            content: &files[1],
                        },
                    ])
                })?,
            ])
        })
        .await?
    })
    .await
}

async fn compile(config: &Config, reporter: &dyn Reporter) -> Result<String> {
    let mut arguments = vec![
        "build",
        "--locked",
        "--message-format=json-render-diagnostics",
    ];
    arguments.extend(selection(config.settings.profile));
    let cargo = Tool {
        program: "cargo",
        arguments: &arguments,
        folder: &config.root,
        cure: "install Rust with rustup (https://rustup.rs)",
    };
    cargo
        .run(reporter, |line| {
            if let Some(krate) = line.trim_start().strip_prefix("Compiling ") {
                let detail = format!("compiling {krate}");
                reporter.report(Event::TaskProgress {
                    task: TASK.to_owned(),
                    detail,
                });
            }
        })
        .await
}

/// Says which programs are meant. Cargo unites the features of the *packages* that are selected. In
/// `dev` all are, as in `cargo run`, so that what is compiled for the deployer is not compiled again
/// with fewer features; in `release` only what is shipped, so that it carries nothing of the deployer's.
fn selection(profile: BuildProfile) -> &'static [&'static str] {
    match profile {
        BuildProfile::Dev => &["--bin", "api", "--bin", "publisher", "--bin", "websocket"],
        BuildProfile::Release => &[
            "-p",
            "api",
            "-p",
            "publisher",
            "-p",
            "websocket",
            "--release",
        ],
    }
}

/// One line of `cargo build --message-format=json`; of the many kinds, the artifacts of programs.
/// Source: The Cargo Book, "External tools", "Artifact messages".
#[derive(Deserialize)]
struct Message {
    executable: Option<PathBuf>,
    target: Option<TargetMessage>,
}

#[derive(Deserialize)]
struct TargetMessage {
    name: String,
}

fn executables(messages: &str) -> BTreeMap<String, PathBuf> {
    let parsed = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok());
    parsed
        .filter_map(|message| Some((message.target?.name, message.executable?)))
        .collect()
}

/// What an archive was made of, so that it is not made again.
#[derive(PartialEq, Serialize, Deserialize)]
struct Stamp {
    sources: Vec<(PathBuf, SystemTime, u64)>,
    artifact: Artifact,
}

/// Returns the archive of some files, made again only when cargo has written one of them again.
fn archived(
    folder: &Path,
    name: &str,
    extension: &str,
    sources: &[PathBuf],
    pack: impl FnOnce(&[Vec<u8>]) -> Result<Vec<u8>>,
) -> Result<Artifact> {
    let stat = |path: &PathBuf| -> Result<(PathBuf, SystemTime, u64)> {
        let metadata = std::fs::metadata(path);
        let metadata = metadata.with_context(|| format!("failed to find `{}`", path.display()))?;
        Ok((path.clone(), metadata.modified()?, metadata.len()))
    };
    let now = sources.iter().map(stat).collect::<Result<Vec<_>>>()?;
    let stamp_file = folder.join(format!("{name}.stamp.json"));
    let stamp: Option<Stamp> = std::fs::read(&stamp_file)
        .ok()
        .and_then(|text| serde_json::from_slice(&text).ok());
    if let Some(stamp) = stamp.filter(|stamp| stamp.sources == now && stamp.artifact.file.exists())
    {
        return Ok(stamp.artifact);
    }
    let read = |path: &PathBuf| {
        std::fs::read(path).with_context(|| format!("failed to read `{}`", path.display()))
    };
    let files = sources.iter().map(read).collect::<Result<Vec<_>>>()?;
    let artifact = Artifact::write(folder, name, extension, &pack(&files)?)?;
    let stamp = Stamp {
        sources: now,
        artifact: artifact.clone(),
    };
    std::fs::write(&stamp_file, serde_json::to_vec(&stamp)?)?;
    Ok(artifact)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_among_cargos_messages() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"name":"domain"},"executable":null}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"name":"api"},"executable":"/t/debug/api"}"#,
            "\n",
            "not json\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        let found = executables(messages);
        assert_eq!(
            found,
            BTreeMap::from([("api".to_owned(), PathBuf::from("/t/debug/api"))])
        );
    }

    #[test]
    fn an_archive_is_made_again_only_when_a_source_was_written_again() {
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("program");
        std::fs::write(&source, "one").unwrap();
        let pack = |files: &[Vec<u8>]| Ok(files[0].clone());
        let sources = [source.clone()];
        let first = archived(folder.path(), "api", "zip", &sources, pack).unwrap();
        let again = archived(folder.path(), "api", "zip", &sources, |_| {
            panic!("made again")
        })
        .unwrap();
        assert_eq!(first, again);

        std::fs::write(&source, "another").unwrap();
        let changed = archived(folder.path(), "api", "zip", &sources, pack).unwrap();
        assert_ne!(first.hash, changed.hash);
    }
}
