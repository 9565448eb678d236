//! The WebSocket server, run as its instance would run it: the same bundle, the same environment file.
//! In: a release. Out: the part that the supervisor is to run.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use flate2::read::GzDecoder;

use super::ServerRelease;
use super::parts::{Part, Stop};
use super::state::{self, StateFolder, create_folder, delete_folder};

/// Answers 200 when the server has its queue and the tree.
pub(super) const READY: &str = "/readyz";

/// The program in the bundle.
const PROGRAM: &str = "websocket";

/// The inputs of a server's start, beside its release.
#[derive(Debug)]
pub(super) struct ServerSettings<'a> {
    pub(super) folder: &'a StateFolder,
    pub(super) region: &'a str,
    pub(super) port: u16,
    pub(super) endpoint: &'a str,
    /// The emulator's run: after another start of the emulator, queue and session are gone.
    pub(super) emulator: &'a str,
    pub(super) credentials: BTreeMap<String, String>,
}

/// Unpacks the bundle, writes the environment file, and returns how the server is started.
pub(super) async fn prepare(
    release: &ServerRelease,
    settings: ServerSettings<'_>,
    run: String,
) -> Result<Part> {
    let (folder, bundle) = (settings.folder.server(), release.bundle.clone());
    let target = bundle_folder(settings.folder, &release.build)?;
    let program = target.join(PROGRAM);
    if !program.is_file() {
        tokio::task::spawn_blocking(move || unpack(&bundle, &folder, &target)).await??;
    }
    let file = environment_file(&release.environment, settings.port);
    state::write_text(&settings.folder.server().join("websocket.env"), &file)?;
    let inputs = vec![
        format!("build {}", release.build),
        format!("emulator {}", settings.emulator),
    ];
    Ok(Part {
        program,
        args: Vec::new(),
        environment: environment(&file, settings),
        inputs,
        stop: Stop::Ask,
        run,
    })
}

/// Deletes the bundles of all other builds.
pub(super) fn delete_other_bundles(folder: &StateFolder, build: &str) -> Result<()> {
    let current = bundle_folder(folder, build)?;
    let entries =
        std::fs::read_dir(folder.server()).context("failed to list the server's bundles")?;
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() && path != current {
            delete_folder(&path)?;
        }
    }
    Ok(())
}

fn bundle_folder(folder: &StateFolder, build: &str) -> Result<PathBuf> {
    let is_plain = !build.is_empty()
        && build
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !is_plain {
        bail!("`{build}` is no build id");
    }
    Ok(folder.server().join(build))
}

/// Unpacks a bundle so that its folder is there as a whole or not at all.
fn unpack(bundle: &Path, folder: &Path, target: &Path) -> Result<()> {
    let failed = || format!("failed to unpack `{}`", bundle.display());
    create_folder(folder)?;
    let temporary = tempfile::tempdir_in(folder).with_context(failed)?;
    let file = File::open(bundle).with_context(failed)?;
    tar::Archive::new(GzDecoder::new(file))
        .unpack(temporary.path())
        .with_context(failed)?;
    if !temporary.path().join(PROGRAM).is_file() {
        bail!("`{}` holds no `{PROGRAM}`", bundle.display());
    }
    delete_folder(target)?;
    std::fs::rename(temporary.keep(), target).with_context(failed)
}

/// Returns the text of the environment file, as the instance's start script writes it.
fn environment_file(stack_environment: &str, port: u16) -> String {
    format!(
        "{}\nLISTEN=127.0.0.1:{port}\nSERVER_ID={}\n",
        stack_environment.trim_end(),
        server_id(port),
    )
}

/// The substitute for the instance's id: two servers that run at the same time have two ports, and so two
/// queues; one that is started again on its port finds the queue that it left and deletes it.
fn server_id(port: u16) -> String {
    format!("i-{port}")
}

/// Reads an environment file as systemd does (systemd.exec(5), `EnvironmentFile=`), and adds what an
/// instance has from elsewhere.
fn environment(file: &str, settings: ServerSettings<'_>) -> BTreeMap<String, String> {
    let mut environment = parse_environment(file);
    environment
        .entry("AWS_REGION".to_owned())
        .or_insert_with(|| settings.region.to_owned());
    environment.insert("AWS_ENDPOINT_URL".to_owned(), settings.endpoint.to_owned());
    environment.insert(
        "TMPDIR".to_owned(),
        settings.folder.temporary().display().to_string(),
    );
    environment.extend(settings.credentials);
    environment
}

fn parse_environment(file: &str) -> BTreeMap<String, String> {
    let lines = file
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with(['#', ';']));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs
        .map(|(name, value)| {
            (
                name.trim_end().to_owned(),
                unquote(value.trim_start()).to_owned(),
            )
        })
        .collect()
}

fn unquote(value: &str) -> &str {
    let inner = |quote| {
        value
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote))
    };
    inner('"').or_else(|| inner('\'')).unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use flate2::write::GzEncoder;

    use super::*;

    fn write_bundle(path: &Path, program: &str) {
        let mut archive = tar::Builder::new(GzEncoder::new(
            File::create(path).unwrap(),
            flate2::Compression::fast(),
        ));
        let mut header = tar::Header::new_gnu();
        header.set_size(4);
        header.set_mode(0o755);
        archive
            .append_data(&mut header, program, &b"true"[..])
            .unwrap();
        archive.into_inner().unwrap().finish().unwrap();
    }

    fn release(root: &Path, build: &str) -> ServerRelease {
        ServerRelease {
            bundle: root.join("websocket.tar.gz"),
            build: build.to_owned(),
            environment: "# of the stack\nTABLE_NAME=demo-table\nALLOWED_ORIGIN=\"http://demo.localhost:8080\"\n".to_owned(),
            policy_arn: "arn:aws:iam::000000000000:policy/demo".to_owned(),
        }
    }

    async fn prepare_in(root: &Path, build: &str) -> Result<Part> {
        let folder = StateFolder::new(root.join("local"));
        let credentials = BTreeMap::from([("AWS_SESSION_TOKEN".to_owned(), "secret".to_owned())]);
        let (endpoint, emulator) = ("http://127.0.0.1:24566", "7");
        let settings = ServerSettings {
            folder: &folder,
            region: "us-east-1",
            port: 9,
            endpoint,
            emulator,
            credentials,
        };
        prepare(&release(root, build), settings, "1".to_owned()).await
    }

    #[tokio::test]
    async fn the_server_gets_its_environment_file_an_endpoint_credentials_and_nothing_else() {
        let root = tempfile::tempdir().unwrap();
        write_bundle(&root.path().join("websocket.tar.gz"), "websocket");
        let part = prepare_in(root.path(), "b1").await.unwrap();
        let lines: Vec<String> = part
            .environment
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let text = lines
            .join("\n")
            .replace(&root.path().display().to_string(), "ROOT");
        insta::assert_snapshot!(text, @r"
        ALLOWED_ORIGIN=http://demo.localhost:8080
        AWS_ENDPOINT_URL=http://127.0.0.1:24566
        AWS_REGION=us-east-1
        AWS_SESSION_TOKEN=secret
        LISTEN=127.0.0.1:9
        SERVER_ID=i-9
        TABLE_NAME=demo-table
        TMPDIR=ROOT/local/tmp
        ");
        assert_eq!(
            part.program.metadata().unwrap().permissions().mode() & 0o777,
            0o755
        );
    }

    #[tokio::test]
    async fn only_the_current_bundle_is_kept() {
        let root = tempfile::tempdir().unwrap();
        write_bundle(&root.path().join("websocket.tar.gz"), "websocket");
        let old = prepare_in(root.path(), "b1").await.unwrap();
        let new = prepare_in(root.path(), "b2").await.unwrap();
        delete_other_bundles(&StateFolder::new(root.path().join("local")), "b2").unwrap();
        assert!(!old.program.exists());
        assert!(new.program.exists());
    }

    #[tokio::test]
    async fn a_bundle_without_the_program_leaves_no_folder() {
        let root = tempfile::tempdir().unwrap();
        write_bundle(&root.path().join("websocket.tar.gz"), "other");
        let error = prepare_in(root.path(), "b1").await.unwrap_err();
        assert!(
            error.to_string().ends_with("holds no `websocket`"),
            "{error}"
        );
        assert_eq!(
            root.path().join("local/server").read_dir().unwrap().count(),
            0
        );
        assert!(prepare_in(root.path(), "../b1").await.is_err());
    }

    #[test]
    fn an_environment_file_is_read_as_systemd_reads_it() {
        let read = parse_environment("A=1\n\n# B=2\n; C=3\n D = 4\nE='a b'\nF=x=y\nG=\nnonsense\n");
        insta::assert_debug_snapshot!(read, @r#"
        {
            "A": "1",
            "D": "4",
            "E": "a b",
            "F": "x=y",
            "G": "",
        }
        "#);
    }
}
