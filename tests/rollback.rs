//! A bad release is undone on a local stage, in time, without any tool of the build, and without touching
//! what is not ours. The site is a small one that builds in a moment; everything else is real.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

#[expect(dead_code, reason = "other tests use the rest of it")]
mod stage;

#[path = "rollback/server.rs"]
mod server;
#[path = "rollback/swap.rs"]
mod swap;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use factory_tree::aws::{Access, Aws, Upload};
use serde_json::Value;

use stage::{Answer, Stage, call, copy_sources};

/// What issue 4 allows a rollback of the site to take.
const SITE: Duration = Duration::from_secs(5);
/// What it allows a rollback of a Lambda to take.
const LAMBDA: Duration = Duration::from_secs(15);

/// A change of a program that the compiler does not optimise away.
const CHANGE: &str = "\n#[used]\nstatic CHANGE: &str = \"another build\";\n";

const PACKAGE: &str = r#"{"name":"site","private":true,"scripts":{"build":"node build.mjs"}}"#;
const LOCK: &str =
    r#"{"name":"site","lockfileVersion":3,"requires":true,"packages":{"":{"name":"site"}}}"#;
const BUILD: &str = "import fs from 'node:fs'
import { createHash } from 'node:crypto'
const out = process.argv[process.argv.indexOf('--outDir') + 1]
const text = fs.readFileSync('text.txt', 'utf8')
const asset = `assets/index-${createHash('md5').update(text).digest('hex').slice(0, 8)}.js`
fs.rmSync(out, { recursive: true, force: true })
fs.mkdirSync(`${out}/assets`, { recursive: true })
fs.writeFileSync(`${out}/${asset}`, `document.title = '${text}'`)
fs.writeFileSync(`${out}/favicon.svg`, `<svg><title>${text}</title></svg>`)
fs.writeFileSync(`${out}/index.html`, `<!doctype html><title>${text}</title><script src=\"/${asset}\"></script>`)
";

#[test]
fn a_bad_release_is_undone_and_nothing_else() {
    let sources = tempfile::tempdir().unwrap();
    copy_sources(sources.path());
    write_site(sources.path());
    let stage = Stage::of("rollback", sources.path(), "");
    write_text(sources.path(), "good");
    let good = stage.deploy();
    let api = api_build(&good);
    let bucket = Bucket::of(&stage);
    bucket.put("foreign.txt", b"not ours");

    write_text(sources.path(), "bad");
    let bad = stage.deploy();
    let asset = asset_of(&page(&bad, "/"));
    a_bad_site_is_undone_in_time(&stage, &good);

    let unchanged = change_the_api(sources.path());
    let worse = swap::deploy_unnoticed(&stage, &good);
    assert_ne!(api_build(&worse), api);
    a_bad_lambda_is_undone_in_time_also_after_a_kill(&stage, &good);
    assert_eq!(api_build(&good), api);

    a_protected_stage_asks_first(&stage, &worse);
    a_release_that_lost_a_file_is_refused(&stage, &bucket, &asset, &bad);
    assert_eq!(bucket.get("foreign.txt"), b"not ours");
    what_was_released_is_told(&stage, &good, &worse);

    write_text(sources.path(), "good");
    std::fs::write(api_of(sources.path()), unchanged).unwrap();
    server::a_bundle_that_is_never_ready_changes_nothing(&stage, sources.path(), &good);
    server::a_good_bundle_takes_over_without_a_loss(&stage, sources.path(), &good);
}

fn a_bad_site_is_undone_in_time(stage: &Stage, good: &Value) {
    let started = Instant::now();
    let back = rollback(stage, &[]);
    let elapsed = started.elapsed();
    assert_eq!(back.code, Some(0), "{}", back.said);
    assert_eq!(back.json["outcome"], "rolled back");
    assert_eq!(back.json["rolled_back_to"], good["release"]);
    assert_eq!(back.json["moved"], serde_json::json!(["site"]));
    assert_eq!(back.json["stacks"], serde_json::json!([]));
    assert!(page(good, "/").contains("good"));
    assert!(page(good, "/favicon.svg").contains("good"));
    assert!(elapsed < SITE, "it took {elapsed:?}");
}

/// The first rollback is killed when the site is back and the Lambda is not: the next one means the same
/// release and ends the work.
fn a_bad_lambda_is_undone_in_time_also_after_a_kill(stage: &Stage, good: &Value) {
    kill_rollback_at(stage, "provision");
    assert!(
        page(good, "/").contains("good"),
        "the site comes back first"
    );
    let started = Instant::now();
    let back = rollback(stage, &[]);
    let elapsed = started.elapsed();
    assert_eq!(back.code, Some(0), "{}", back.said);
    assert_eq!(back.json["outcome"], "rolled back", "{}", back.json);
    assert_eq!(back.json["build"], good["build"]);
    assert!(elapsed < LAMBDA, "it took {elapsed:?}");
    let again = rollback(stage, &[back.json["release"].as_str().unwrap()]);
    assert_eq!(again.json["outcome"], "unchanged", "{}", again.said);
}

fn a_release_that_lost_a_file_is_refused(stage: &Stage, bucket: &Bucket, asset: &str, bad: &Value) {
    bucket.put(asset, b"something else");
    let refused = rollback(stage, &[bad["release"].as_str().unwrap()]);
    assert_eq!(refused.code, Some(1), "{}", refused.said);
    assert!(
        refused.said.contains(&format!("`{asset}` was changed")),
        "{}",
        refused.said
    );
    assert!(
        refused.said.contains("nothing was touched"),
        "{}",
        refused.said
    );
    assert!(page(bad, "/").contains("good"));
}

fn a_protected_stage_asks_first(stage: &Stage, worse: &Value) {
    stage.configure("    protected: true\n");
    let refused = rollback(stage, &[worse["release"].as_str().unwrap()]);
    // Before anything can fail: a protected stage is not taken down without its name.
    stage.configure("");
    assert_eq!(refused.code, Some(3), "{}", refused.said);
    assert!(
        refused
            .said
            .contains("confirm with `--yes --stage rollback`"),
        "{}",
        refused.said
    );
    assert!(page(worse, "/").contains("good"));
}

fn what_was_released_is_told(stage: &Stage, good: &Value, worse: &Value) {
    let told = run(stage, "releases", &["--output", "json"]);
    assert_eq!(told.code, Some(0), "{}", told.said);
    let rows = told.json["releases"].as_array().unwrap();
    let column = |name: &str| -> Vec<Value> { rows.iter().map(|row| row[name].clone()).collect() };
    let outcomes = [
        "rolled back",
        "deployed",
        "rolled back",
        "deployed",
        "deployed",
    ];
    assert_eq!(column("outcome"), outcomes);
    assert_eq!(column("live"), [true, false, false, false, false]);
    assert_eq!(rows[3]["changed"], serde_json::json!(["site"]));
    assert_eq!(rows[4]["id"], good["release"]);

    let worse = worse["release"].as_str().unwrap();
    let diff = run(stage, "diff", &[&worse[..6], "--output", "json"]);
    assert_eq!(diff.code, Some(0), "{}", diff.said);
    assert_eq!(diff.json["to"], rows[0]["id"]);
    let names: Vec<&str> = diff.json["changed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["api", "build", "site"]);
    assert_eq!(
        diff.json["site"]["changed"],
        serde_json::json!(["favicon.svg", "index.html"])
    );
}

fn write_site(sources: &Path) {
    let site = sources.join("site");
    std::fs::remove_dir_all(&site).unwrap();
    std::fs::create_dir(&site).unwrap();
    for (name, text) in [
        ("package.json", PACKAGE),
        ("package-lock.json", LOCK),
        ("build.mjs", BUILD),
    ] {
        std::fs::write(site.join(name), text).unwrap();
    }
}

fn write_text(sources: &Path, text: &str) {
    std::fs::write(sources.join("site/text.txt"), text).unwrap();
}

fn api_of(sources: &Path) -> PathBuf {
    sources.join("lambdas/api/src/main.rs")
}

/// Returns the program's text as it was.
fn change_the_api(sources: &Path) -> String {
    let text = std::fs::read_to_string(api_of(sources)).unwrap();
    std::fs::write(api_of(sources), format!("{text}{CHANGE}")).unwrap();
    text
}

fn run(stage: &Stage, verb: &str, arguments: &[&str]) -> Answer {
    Answer::from(stage.command(verb).args(arguments).output().unwrap())
}

/// A rollback finds no cargo, no node, no git.
fn without_tools(stage: &Stage) -> Command {
    let mut command = stage.command("rollback");
    command
        .env("PATH", "/nonexistent")
        .args(["--output", "json"]);
    command
}

fn rollback(stage: &Stage, arguments: &[&str]) -> Answer {
    Answer::from(without_tools(stage).args(arguments).output().unwrap())
}

fn kill_rollback_at(stage: &Stage, step: &str) {
    let mut child = without_tools(stage)
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let reached = said.any(|line| line.is_ok_and(|line| line == step));
    assert!(reached, "it ended before step {step}");
    child.kill().unwrap();
    child.wait().unwrap();
}

fn page(report: &Value, path: &str) -> String {
    let host = report["urls"]["site"].as_str().unwrap();
    let host = host.trim_start_matches("http://");
    let port: u16 = host.rsplit(':').next().unwrap().parse().unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn api_build(report: &Value) -> Value {
    call(report, "GET /health", "", "").1["build"].clone()
}

/// The asset that a page names, as a key of the site's bucket.
fn asset_of(page: &str) -> String {
    let from = page.find("assets/").unwrap();
    let length = page[from..].find('"').unwrap();
    page[from..from + length].to_owned()
}

/// The bucket of the stage's site, entered by the stage's own endpoint.
struct Bucket {
    aws: Aws,
    runtime: tokio::runtime::Runtime,
    name: String,
}

impl Bucket {
    fn of(stage: &Stage) -> Self {
        let ports = std::fs::read(stage.state().join("ports.json")).unwrap();
        let ports: Value = serde_json::from_slice(&ports).unwrap();
        let url = format!("http://127.0.0.1:{}", ports["emulator"]);
        let outputs = run(stage, "outputs", &["--format", "json"]).json;
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let region = "us-east-1".parse().unwrap();
        Self {
            aws: runtime.block_on(Aws::connect(&Access::Endpoint { url }, &region)),
            runtime,
            name: outputs["stacks"]["site"]["BucketName"]
                .as_str()
                .unwrap()
                .to_owned(),
        }
    }

    fn put(&self, key: &str, body: &[u8]) {
        let upload = Upload {
            key: key.to_owned(),
            body: body.to_vec().into(),
            content_type: "text/plain".to_owned(),
            cache_control: "no-cache",
        };
        let put = self.aws.s3.put_object(&self.name, &upload);
        self.runtime.block_on(put).unwrap();
    }

    fn get(&self, key: &str) -> Vec<u8> {
        let get = self.aws.s3.get_object(&self.name, key);
        self.runtime.block_on(get).unwrap()
    }
}
