//! Releases of one local stage, as the people see them who look at the site, and whoever has to undo one.

mod baked;
mod browser;
mod bucket;
mod server;
mod swap;
mod undo;
mod undone;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::stage::{Answer, Stage, copy_sources};
use bucket::Bucket;

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
if (!text.includes('lost')) fs.writeFileSync(`${out}/${asset}`, `document.title = '${text}'`)
fs.writeFileSync(`${out}/favicon.svg`, `<svg><title>${text}</title></svg>`)
fs.writeFileSync(`${out}/index.html`, `<!doctype html><title>${text}</title><script src=\"/${asset}\"></script>`)
";

#[test]
fn nobody_sees_a_broken_page() {
    let sources = tempfile::tempdir().unwrap();
    copy_sources(sources.path());
    let stage = Stage::of("looked-at", sources.path(), "");
    browser::whoever_looks_during_releases_sees_a_whole_site(&stage, sources.path());
}

#[test]
fn a_bad_release_is_undone() {
    let sources = tempfile::tempdir().unwrap();
    copy_sources(sources.path());
    let stage = Stage::of("releases", sources.path(), "");
    write_site(sources.path());
    undone::a_first_release_that_fails_is_left_as_it_is(&stage, sources.path());
    write_text(sources.path(), "good");
    let good = stage.deploy();
    undo::a_bad_release_is_undone_and_nothing_else(&stage, sources.path(), &good);

    write_text(sources.path(), "good");
    server::a_bundle_that_is_never_ready_changes_nothing(&stage, sources.path(), &good);
    server::a_good_bundle_takes_over_without_a_loss(&stage, sources.path(), &good);
    undone::a_release_that_fails_is_undone_by_its_own_deploy(&stage, sources.path(), &good);
    baked::a_release_whose_alarm_goes_off_is_undone(&stage, sources.path(), &good);
}

pub(crate) fn write_site(sources: &Path) {
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

pub(crate) fn write_text(sources: &Path, text: &str) {
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

/// The asset that a page names, as a key of the site's bucket.
fn asset_of(page: &str) -> String {
    let from = page.find("assets/").unwrap();
    let length = page[from..].find('"').unwrap();
    page[from..from + length].to_owned()
}
