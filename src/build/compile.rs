//! One `cargo build` for all runtime crates. In: the stage's system and profile. Out: where the programs
//! lie. What runs on this machine is built as `cargo run` builds, into the same caches. What is shipped is
//! built for a named target, so its artifacts are in a folder of that target, and with flags of ours.
//!
//! **The same bytes from any folder.** Panic messages and included files carry paths, so every prefix
//! that differs between two machines is mapped to a fixed one. The flags reach cargo as
//! `CARGO_ENCODED_RUSTFLAGS` of this one process. That is the first source of flags that cargo looks at,
//! so what a person has in `RUSTFLAGS` or `.cargo/config.toml` (`target-cpu=native`, say) is left out of
//! what is shipped; and because a target is named, the flags are not for build scripts and macros, whose
//! cache stays warm. Source: The Cargo Book, "Configuration", `build.rustflags`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::command::Tool;
use super::cross::{self, Linking};
use super::lambdas::{OURS, SERVER};
use super::last_compile::Compilation;
use crate::config::{Architecture, BuildProfile, BuildTarget, Config, Live};
use crate::event::{Event, Reporter};

const CURE: &str = "install Rust with rustup (https://rustup.rs)";

/// Compiles api, publisher, websocket where the stage has servers, and the project's own Lambdas, unless all is as it was when
/// they were compiled the last time. Returns each program's file by its name. `memory` is the file that remembers the last time.
///
/// # Errors
/// A tool or a target is missing (`UserError::Tool`), or cargo fails (`UserError::Build`).
pub(super) async fn compile(
    config: &Config,
    target: BuildTarget,
    own: &[String],
    memory: &Path,
    task: &str,
    reporter: &dyn Reporter,
) -> Result<BTreeMap<String, PathBuf>> {
    let selected = selection(config.settings.profile, config.settings.live, own);
    let compilation = Compilation {
        root: &config.root,
        memory,
        request: format!("{target:?} {selected:?}"),
    };
    if let Some(programs) = compilation.recall() {
        return Ok(programs);
    }
    let started = SystemTime::now();
    let call = match target {
        BuildTarget::ThisMachine => CargoCall::default(),
        BuildTarget::AmazonLinux(architecture) => shipped(config, architecture, reporter).await?,
    };
    let mut arguments = call.arguments();
    arguments.extend(selected);
    let cargo = Tool {
        program: "cargo",
        arguments: &arguments,
        environment: &call.environment,
        folder: &config.root,
        holds: None,
        cure: CURE,
    };
    let progress = |line: &str| {
        if let Some(krate) = line.trim_start().strip_prefix("Compiling ") {
            let (task, detail) = (task.to_owned(), format!("compiling {krate}"));
            reporter.report(Event::TaskProgress { task, detail });
        }
    };
    let programs = executables(&cargo.run(reporter, progress).await?);
    if let Some(toolchain) = toolchain(&config.root).await {
        compilation.remember(&programs, &toolchain, started);
    }
    Ok(programs)
}

/// Returns the folder of the compiler that is chosen for the sources.
async fn toolchain(root: &Path) -> Option<PathBuf> {
    let rustc = Tool {
        program: "rustc",
        arguments: &["--print", "sysroot"],
        environment: &[],
        folder: root,
        holds: None,
        cure: CURE,
    };
    let answer = rustc.ask().await?;
    Some(PathBuf::from(answer.trim()))
}

/// The arguments and the environment of a cargo command.
#[derive(Debug, Default, PartialEq)]
struct CargoCall {
    linking: Linking,
    /// The target, as `--target` takes it; without it, cargo's own default.
    target: Option<String>,
    environment: Vec<(&'static str, String)>,
}

impl CargoCall {
    fn arguments(&self) -> Vec<&str> {
        let mut arguments = vec![self.linking.verb(), "--locked"];
        arguments.push("--message-format=json-render-diagnostics");
        if let Some(target) = &self.target {
            arguments.extend(["--target", target]);
        }
        arguments
    }
}

async fn shipped(
    config: &Config,
    architecture: Architecture,
    reporter: &dyn Reporter,
) -> Result<CargoCall> {
    let linking = cross::linking(&config.root, architecture, reporter).await?;
    let metadata = metadata(&config.root, architecture, reporter).await?;
    let flags = remappings(&metadata, config.settings.profile).join("\u{1f}");
    let mut environment = vec![("CARGO_ENCODED_RUSTFLAGS", flags)];
    environment.extend(linking.environment(architecture));
    Ok(CargoCall {
        target: Some(linking.target(architecture)),
        linking,
        environment,
    })
}

/// The folders that `cargo metadata` reports. Source: The Cargo Book, "cargo metadata", "JSON format".
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    target_directory: PathBuf,
    workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    manifest_path: PathBuf,
    /// The registry or repository; a package of the workspace has none.
    source: Option<String>,
}

async fn metadata(
    root: &Path,
    architecture: Architecture,
    reporter: &dyn Reporter,
) -> Result<Metadata> {
    let platform = architecture.triple();
    let arguments = [
        "metadata",
        "--locked",
        "--format-version=1",
        "--filter-platform",
        platform,
    ];
    let cargo = Tool {
        program: "cargo",
        arguments: &arguments,
        environment: &[],
        folder: root,
        holds: None,
        cure: CURE,
    };
    let answer = cargo.run(reporter, |_| {}).await?;
    serde_json::from_str(&answer).context("failed to read what `cargo metadata` says")
}

/// Returns the flags that give every folder a fixed name. Of flags that match a path the last one counts, so the sources
/// come first: target folder and registry may be below them. Source: The rustc book, "Remap source paths".
///
/// Cargo compiles the sources themselves by relative paths: only debug information, which a release has none of, names
/// their folder. So the flags of a release are the same for two checkouts that share a target folder, which compile other
/// packages once (`tests/reproducible`).
fn remappings(metadata: &Metadata, profile: BuildProfile) -> Vec<String> {
    let foreign = metadata
        .packages
        .iter()
        .filter(|package| package.source.is_some());
    let registries: BTreeSet<&Path> = foreign
        .filter_map(|package| package.manifest_path.parent()?.parent())
        .collect();
    let registries = registries.into_iter().map(|folder| (folder, "/cargo"));
    let sources = match profile {
        BuildProfile::Dev => Some((metadata.workspace_root.as_path(), "/source")),
        BuildProfile::Release => None,
    };
    let folders = sources
        .into_iter()
        .chain([(metadata.target_directory.as_path(), "/target")])
        .chain(registries);
    folders
        .map(|(folder, name)| format!("--remap-path-prefix={}={name}", folder.display()))
        .collect()
}

/// Returns the arguments that select the programs. Cargo unites the features of the *packages* that are selected. In
/// `dev` all are, as in `cargo run`, so that what is compiled for the deployer is not compiled again
/// with fewer features; in `release` only what is shipped, so that it carries nothing of the deployer's, in the
/// profile that is made for it.
fn selection(profile: BuildProfile, live: Live, own: &[String]) -> Vec<&str> {
    let (flag, last): (&str, &[&str]) = match profile {
        BuildProfile::Dev => ("--bin", &[]),
        BuildProfile::Release => ("-p", &["--profile", "shipped"]),
    };
    let ours = OURS.into_iter();
    let ours = ours.filter(|name| live.has_servers() || *name != SERVER);
    let names = ours.chain(own.iter().map(String::as_str));
    let selected = names.flat_map(|name| [flag, name]);
    selected.chain(last.iter().copied()).collect()
}

/// One line of `cargo build --message-format=json`; of the many kinds, the artifacts of programs.
/// Source: The Cargo Book, "External tools", "Artifact messages".
#[derive(Deserialize)]
struct CargoMessage {
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
        .filter_map(|line| serde_json::from_str::<CargoMessage>(line).ok());
    parsed
        .filter_map(|message| Some((message.target?.name, message.executable?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_is_compiled_where_the_stage_has_servers() {
        let own = ["counter".to_owned()];
        let selected = |live| selection(BuildProfile::Release, live, &own).join(" ");
        insta::assert_snapshot!(
            selected(Live::Servers),
            @"-p api -p publisher -p websocket -p counter --profile shipped"
        );
        insta::assert_snapshot!(
            selected(Live::AppSync),
            @"-p api -p publisher -p counter --profile shipped"
        );
    }

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
    fn every_folder_of_this_machine_gets_a_fixed_name() {
        let metadata: Metadata = serde_json::from_str(
            r#"{ "target_directory": "/home/me/tree/target", "workspace_root": "/home/me/tree", "packages": [
                { "manifest_path": "/home/me/tree/lambdas/api/Cargo.toml", "source": null },
                { "manifest_path": "/c/registry/src/mirror-1/ring-0.17.14/Cargo.toml", "source": "registry+x" },
                { "manifest_path": "/c/registry/src/mirror-1/anyhow-1.0.1/Cargo.toml", "source": "registry+x" },
                { "manifest_path": "/c/git/checkouts/tool-1/abc/tool/Cargo.toml", "source": "git+x" } ] }"#,
        )
        .unwrap();
        insta::assert_snapshot!(remappings(&metadata, BuildProfile::Dev).join("\n"), @r"
        --remap-path-prefix=/home/me/tree=/source
        --remap-path-prefix=/home/me/tree/target=/target
        --remap-path-prefix=/c/git/checkouts/tool-1/abc=/cargo
        --remap-path-prefix=/c/registry/src/mirror-1=/cargo
        ");
        let of_release = remappings(&metadata, BuildProfile::Release);
        assert_eq!(
            of_release[0],
            "--remap-path-prefix=/home/me/tree/target=/target"
        );
    }

    #[test]
    fn what_runs_on_this_machine_is_built_as_cargo_run_builds_it() {
        let call = CargoCall::default();
        assert_eq!(
            call.arguments(),
            [
                "build",
                "--locked",
                "--message-format=json-render-diagnostics"
            ]
        );
        assert_eq!(call.environment, []);
    }
}
