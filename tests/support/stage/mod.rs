//! A local stage of a test's own: the real sources and templates, a configuration in a folder of its
//! own, and the answers of the CLI as JSON. Taken down when dropped.

pub(crate) mod channel;
mod dependencies;
mod socket;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use factory_tree::config::Config;
use factory_tree::config::terminal::AGENTS;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{self, Message};

use channel::{event, subscribe};
use dependencies::TargetFolder;
pub(crate) use socket::{Socket, is_timeout, open_socket, open_socket_from};

/// The stage.
pub(crate) struct Stage {
    name: String,
    source: PathBuf,
    folder: tempfile::TempDir,
    /// The target folder of a copy of the sources.
    target: Option<TargetFolder>,
}

impl Stage {
    /// Prepares a stage of the real sources. Nothing is started.
    pub(crate) fn new(name: &str) -> Self {
        Self::of(name, Path::new(env!("CARGO_MANIFEST_DIR")), "")
    }

    /// Prepares a stage of some sources, with more settings (lines of YAML, indented by four).
    pub(crate) fn of(name: &str, source: &Path, settings: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let stage = Self {
            name: name.to_owned(),
            source: source.to_owned(),
            folder: tempfile::tempdir().unwrap(),
            target: (source != root).then(|| TargetFolder::for_copy(&target())),
        };
        std::fs::create_dir(stage.templates()).unwrap();
        for entry in std::fs::read_dir(root.join("templates")).unwrap() {
            let file = entry.unwrap().path();
            std::fs::copy(&file, stage.templates().join(file.file_name().unwrap())).unwrap();
        }
        stage.configure(settings);
        stage
    }

    /// Writes the configuration with these settings.
    pub(crate) fn configure(&self, settings: &str) {
        self.configure_stages(&format!(
            "  {name}:
    hosting: local
    domain: factory-tree.localhost
    region: us-east-1
    profile: dev
{settings}",
            name = self.name,
        ));
    }

    /// Writes the configuration with these stages, lines of YAML, of which one is or covers this one.
    pub(crate) fn configure_stages(&self, stages: &str) {
        let text = format!(
            "source: {source}\ntemplates: templates\ndefault_stage: {name}\nstages:\n{stages}",
            source = self.source.display(),
            name = self.name,
        );
        std::fs::write(self.config(), text).unwrap();
    }

    /// Where its configuration is.
    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("factory-tree.yaml")
    }

    fn templates(&self) -> PathBuf {
        self.folder.path().join("templates")
    }

    /// Changes one of the stage's templates and returns it as it was.
    pub(crate) fn change_template(
        &self,
        template: &str,
        change: impl Fn(&str) -> String,
    ) -> String {
        let file = self.templates().join(template);
        let before = std::fs::read_to_string(&file).unwrap();
        let after = change(&before);
        assert_ne!(before, after, "the change of {template} changes nothing");
        std::fs::write(&file, after).unwrap();
        before
    }

    /// Writes one of the stage's templates.
    pub(crate) fn write_template(&self, template: &str, text: &str) {
        std::fs::write(self.templates().join(template), text).unwrap();
    }

    /// Removes one of the stage's templates.
    pub(crate) fn remove_template(&self, template: &str) {
        std::fs::remove_file(self.templates().join(template)).unwrap();
    }

    /// The folder in which the stage keeps what is its own.
    pub(crate) fn state(&self) -> PathBuf {
        Config::load(&self.config(), None).unwrap().state_folder()
    }

    /// The CLI for this stage.
    pub(crate) fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_factory-tree"));
        command.arg(verb).current_dir(self.folder.path());
        match &self.target {
            None => command.env("CARGO_TARGET_DIR", target()),
            // A wrapper that lints (.ci/run) is for the checkout.
            Some(target) => command
                .env("CARGO_TARGET_DIR", target.path())
                .env_remove("RUSTC_WORKSPACE_WRAPPER"),
        };
        command
            .env_remove("FACTORY_TREE_STAGE")
            .env_remove("FACTORY_TREE_CONFIG");
        // Who runs the tests may be an agent, which is told less.
        AGENTS.into_iter().for_each(|name| {
            command.env_remove(name);
        });
        command
    }

    /// Runs a verb and returns its exit code, its answer as JSON (null if none) and what it said.
    pub(crate) fn run(&self, verb: &str) -> Answer {
        Answer::from(
            self.command(verb)
                .args(["--output", "json"])
                .output()
                .unwrap(),
        )
    }

    /// Deploys, and insists that it works.
    pub(crate) fn deploy(&self) -> Value {
        let answer = self.run("deploy");
        assert_eq!(answer.code, Some(0), "{}", answer.said);
        answer.json
    }

    /// Returns the pid of a part, from what `status` tells.
    pub(crate) fn pid_of(&self, part: &str) -> String {
        let status = self.run("status").json;
        let detail = check(&status, part)["detail"].as_str().unwrap().to_owned();
        let digits = detail
            .split("pid ")
            .nth(1)
            .unwrap_or_else(|| panic!("no pid of {part}: {detail}"));
        digits.chars().take_while(char::is_ascii_digit).collect()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = self.command("teardown").output();
    }
}

/// The target folder of this test run.
fn target() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_factory-tree"));
    program.parent().unwrap().parent().unwrap().to_owned()
}

/// The result of a run of the CLI.
pub(crate) struct Answer {
    /// Its exit code.
    pub(crate) code: Option<i32>,
    /// Its answer, null if it gave none.
    pub(crate) json: Value,
    /// Its stderr.
    pub(crate) said: String,
}

impl From<Output> for Answer {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            json: serde_json::from_slice(&output.stdout).unwrap_or(Value::Null),
            said: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Copies what git tracks or would track: the sources, not what was built of them.
pub(crate) fn copy_sources(target: &Path) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let listed = Command::new("git")
        .args(["ls-files", "-co", "--exclude-standard"])
        .current_dir(root)
        .output();
    for file in String::from_utf8(listed.unwrap().stdout).unwrap().lines() {
        let (from, to) = (root.join(file), target.join(file));
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        if from.is_file() {
            std::fs::copy(from, to).unwrap();
        }
    }
    // The server is optimized for the simulation, which takes half a minute each time that a copy builds it.
    let settings = target.join(".cargo/config.toml");
    std::fs::create_dir_all(settings.parent().unwrap()).unwrap();
    let plain = ["domain", "websocket"]
        .map(|package| format!("[profile.dev.package.{package}]\nopt-level = 0\n"));
    std::fs::write(settings, plain.concat()).unwrap();
}

/// Returns a check of a status by name.
pub(crate) fn check<'a>(status: &'a Value, name: &str) -> &'a Value {
    let checks = status["checks"]
        .as_array()
        .unwrap_or_else(|| panic!("no checks: {status}"));
    checks
        .iter()
        .find(|check| check["name"] == name)
        .unwrap_or_else(|| panic!("no check {name}: {status}"))
}

/// Returns the names of the checks that fail.
pub(crate) fn failing(status: &Value) -> Vec<&str> {
    let checks = status["checks"].as_array().unwrap().iter();
    checks
        .filter(|check| check["ok"] == false)
        .map(|check| check["name"].as_str().unwrap())
        .collect()
}

/// Returns the stacks of a deploy's report with this outcome.
pub(crate) fn stacks_with<'a>(report: &'a Value, outcome: &str) -> Vec<&'a str> {
    let rows = report["stacks"].as_array().unwrap().iter();
    rows.filter(|row| row["outcome"] == outcome)
        .map(|row| row["name"].as_str().unwrap())
        .collect()
}

/// Sends a request to the API of a deployed stage; returns the status and the body.
pub(crate) fn call(report: &Value, request: &str, headers: &str, body: &str) -> (u16, Value) {
    let address = report["urls"]["api"]
        .as_str()
        .unwrap()
        .trim_start_matches("http://");
    let mut stream = connect(address);
    let length = body.len();
    write!(
        stream,
        "{request} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n{headers}\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .unwrap_or_default();
    let json = answer
        .find('{')
        .map(|from| &answer[from..=answer.rfind('}').unwrap_or(from)]);
    (
        status,
        json.and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or(Value::Null),
    )
}

/// Creates a factory under a new id; returns id and status.
pub(crate) fn create_factory(report: &Value, name: &str) -> (String, u16) {
    static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    let number = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let nanos = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_nanos();
    let id = format!("{:08x}-0000-4000-8000-{:012x}", number, nanos % (1 << 48));
    let body = json!({ "id": id, "name": name, "lower": 1, "upper": 6, "count": 3 });
    let (status, _) = call(report, "POST /factories", "", &body.to_string());
    (id, status)
}

/// Changes one factory and returns whether a page that was open before hears of it in time, by whichever channel it has.
pub(crate) fn a_change_arrives(report: &Value, patience: Duration) -> Result<(), String> {
    let config = page_config(report);
    let opened = match config["live"]["kind"].as_str() {
        Some("appsync") => subscribe(report, &config),
        _ => open_socket(report),
    };
    let mut socket = opened.map_err(|error| format!("the socket does not open: {error}"))?;
    let (id, status) = create_factory(report, "live");
    if status != 201 {
        return Err(format!("creating a factory answers {status}"));
    }
    let started = Instant::now();
    while started.elapsed() < patience {
        match socket.read() {
            Ok(Message::Text(text))
                if event(&text).contains("\"changed\"") && text.contains(&id) =>
            {
                return Ok(());
            }
            Ok(_) => {}
            Err(tungstenite::Error::Io(error)) if is_timeout(&error) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    Err("the change does not arrive".to_owned())
}

/// Returns what the page of a deployed stage is told at its start.
pub(crate) fn page_config(report: &Value) -> Value {
    get(report["urls"]["site"].as_str().unwrap(), "/config.json")
}

fn get(site: &str, path: &str) -> Value {
    let address = site.trim_start_matches("http://");
    let mut stream = connect(address);
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let json = answer
        .find('{')
        .map(|from| &answer[from..=answer.rfind('}').unwrap()]);
    json.and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or(Value::Null)
}

/// `HOST:PORT` below `.localhost` is this machine.
fn connect(address: &str) -> TcpStream {
    let port = address.rsplit(':').next().unwrap().parse::<u16>().unwrap();
    TcpStream::connect(("127.0.0.1", port)).unwrap()
}
