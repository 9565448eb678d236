//! A small project on disk that the CLI takes for the real one: three programs without dependencies
//! and a site without packages, so that it builds in a second.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use factory_tree::config::terminal::AGENTS;

/// The project; gone when dropped.
pub(crate) struct Project {
    folder: tempfile::TempDir,
}

const SITE_PACKAGE: &str = r#"{"name":"site","private":true,"scripts":{"build":"node build.mjs"}}"#;
const SITE_LOCK: &str =
    r#"{"name":"site","lockfileVersion":3,"requires":true,"packages":{"":{"name":"site"}}}"#;
const SITE_BUILD: &str = "import fs from 'node:fs'
const out = process.argv[process.argv.indexOf('--outDir') + 1]
fs.mkdirSync(out, { recursive: true })
fs.writeFileSync(out + '/index.html', '<!doctype html>')
";

impl Project {
    /// Writes the project.
    pub(crate) fn new() -> Self {
        let project = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        project.write("factory-tree.yaml", &project.configuration());
        project.write(
            "Cargo.toml",
            "[workspace]\nmembers = [\"api\", \"publisher\", \"websocket\"]\nresolver = \"3\"\n",
        );
        for name in ["api", "publisher", "websocket"] {
            let manifest =
                format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
            project.write(&format!("{name}/Cargo.toml"), &manifest);
            project.write(&format!("{name}/src/main.rs"), "fn main() {}\n");
        }
        project.write(
            "crates/websocket/factory-tree-websocket.service",
            "[Service]\n",
        );
        project.write("site/package.json", SITE_PACKAGE);
        project.write("site/package-lock.json", SITE_LOCK);
        project.write("site/build.mjs", SITE_BUILD);
        let lock = Command::new("cargo")
            .args(["generate-lockfile", "--offline"])
            .current_dir(project.path())
            .output();
        assert!(lock.unwrap().status.success());
        project
    }

    fn configuration(&self) -> String {
        let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
        format!(
            "templates: {}
stages:
  local: {{ hosting: local, domain: factory-tree.localhost, region: us-east-1, profile: dev }}
  prod: {{ domain: factory-tree.com, region: us-east-1, protected: true, profile: dev }}
",
            templates.display()
        )
    }

    /// The project's folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file of the project.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let file = self.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
        file
    }

    /// Changes a file of the project.
    pub(crate) fn replace(&self, name: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.path().join(name)).unwrap();
        assert!(text.contains(from), "{name} does not say `{from}`");
        self.write(name, &text.replace(from, to));
    }

    /// The CLI in the project's folder, with nothing of our AWS set-up and of whoever runs the tests.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_factory-tree"));
        command.args(arguments).current_dir(self.path());
        let ours = std::env::vars_os().map(|(name, _)| name);
        for name in ours.filter(|name| {
            let name = name.to_string_lossy();
            let prefixes = [
                "AWS_",
                "FACTORY_TREE_",
                "GITHUB_",
                "CLICOLOR",
                "FORCE_COLOR",
            ];
            let is_proxy = name.to_ascii_uppercase().ends_with("_PROXY");
            prefixes.iter().any(|prefix| name.starts_with(prefix))
                || name == "CI"
                || is_proxy
                || AGENTS.contains(&name.as_ref())
        }) {
            command.env_remove(name);
        }
        command
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_CONFIG_FILE", self.path().join("no-aws-config"))
            .env(
                "AWS_SHARED_CREDENTIALS_FILE",
                self.path().join("no-aws-credentials"),
            );
        command
    }

    /// Runs the CLI and returns what a person reads: exit code, stdout and stderr, without what
    /// differs from run to run.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        self.reported(&self.command(arguments).output().unwrap())
    }

    /// The text that a person reads of a finished run.
    pub(crate) fn reported(&self, output: &Output) -> String {
        let code = output
            .status
            .code()
            .map_or("none".to_owned(), |code| code.to_string());
        let stdout = String::from_utf8_lossy(&output.stdout);
        let stderr = String::from_utf8_lossy(&output.stderr);
        let reported = format!("exit {code}\n--- stdout\n{stdout}--- stderr\n{stderr}");
        let seconds = regex::Regex::new(r"\d+\.\d+ ?s\b").unwrap();
        let reported = seconds.replace_all(&reported, "[seconds]");
        let folder = self.path().to_string_lossy().into_owned();
        reported.replace(&folder, "[project]")
    }
}
