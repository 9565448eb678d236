//! A browser that loads the site while it is released again and again. The site is the real one, built once; what
//! follows is the same with another release written into every part of it.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::Bucket;
use crate::support::browser::BrowserDriver;
use crate::support::stage::Stage;

/// The number of releases, unless the variable `RELEASES` sets another one: fifty take three minutes.
const RELEASES: usize = 12;

/// The build of a site that is built: every part gets the number in `release.txt`, in its name and in its content.
const STAMP: &str = r#"import fs from 'node:fs'
const out = process.argv[process.argv.indexOf('--outDir') + 1]
const number = fs.readFileSync('release.txt', 'utf8')
const name = `r${number.padStart(7, '0')}`
// No part of the site is called so.
const later = `/assets/asked-for-${name}.js`
fs.rmSync(out, { recursive: true, force: true })
fs.cpSync('dist', out, { recursive: true })
const files = fs.readdirSync(`${out}/assets`)
const endingOf = (file) => file.slice(file.lastIndexOf('.'))
// A hash has eight characters, and a hyphen may be one of them.
const stemOf = (file) => file.slice(0, -endingOf(file).length - '-12345678'.length)
const stampOf = (file) => `${stemOf(file)}-${name}${endingOf(file)}`
// Parts name each other, too.
const stamped = (text) => files.reduce((text, file) => text.replaceAll(file, stampOf(file)), text)
const page = stamped(fs.readFileSync(`${out}/index.html`, 'utf8'))
const script = `
globalThis.release = { number: '${number}', later: async () => (await import('${later}')).number }
`
const style = `
:root { --release: ${number} }
`
for (const file of files) {
  const text = stamped(fs.readFileSync(`${out}/assets/${file}`, 'utf8'))
  fs.rmSync(`${out}/assets/${file}`)
  fs.writeFileSync(`${out}/assets/${stampOf(file)}`, text + (endingOf(file) === '.css' ? style : script))
}
fs.writeFileSync(`${out}${later}`, `export const number = '${number}'
`)
fs.writeFileSync(`${out}/index.html`, page.replace('</head>', `<meta name="release" content="${number}" /></head>`))
"#;

/// One page stays open and works to the end; another is loaded without a pause, and is whole each time. The same browser
/// see at once what is broken when a page is sent before its parts.
pub(super) fn whoever_looks_during_releases_sees_a_whole_site(stage: &Stage, sources: &Path) {
    let releases = std::env::var("RELEASES").map_or(RELEASES, |number| number.parse().unwrap());
    let built = stage.deploy();
    let site = sources.join("site");
    let folder = stage.run("build").json["site"]["path"].clone();
    prepare(&site, &sources.join(folder.as_str().unwrap()));
    release(stage, &site, 0);
    let mut browser = BrowserDriver::open(&site, "e2e/releases.mjs", &built);

    browser.ask("watch");
    for number in 1..=releases {
        release(stage, &site, number);
    }
    let seen = browser.ask("stop");
    assert_eq!(seen["faults"], json!([]), "{seen}");
    let seen_whole = seen["releases"].as_array().unwrap().len();
    assert!(seen_whole > releases / 2, "it saw too little: {seen}");

    let next = releases + 1;
    let page = stamped_page(&site, next);
    Bucket::of(stage).put("index.html", "text/html", &page);
    let broken = browser.ask("look").to_string();
    assert!(
        broken.contains(&format!("/assets/index-r{next:07}.js")),
        "{broken}"
    );
    release(stage, &site, next);
    let whole = browser.ask("look");
    assert_eq!(whole, json!({ "release": next.to_string(), "faults": [] }));

    let stayed = browser.leave();
    assert_eq!(stayed, json!({ "release": "0", "faults": [] }));
}

/// Keeps what Vite built, and makes the stamp the site's build.
fn prepare(site: &Path, built: &Path) {
    copy(built, &site.join("dist"));
    std::fs::write(site.join("stamp.mjs"), STAMP).unwrap();
    let package = std::fs::read_to_string(site.join("package.json")).unwrap();
    let stamped = package.replace("\"vite build\"", "\"node stamp.mjs\"");
    assert_ne!(package, stamped);
    std::fs::write(site.join("package.json"), stamped).unwrap();
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, to) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        if path.is_dir() {
            copy(&path, &to);
        } else {
            std::fs::copy(path, to).unwrap();
        }
    }
}

fn write_number(site: &Path, number: usize) {
    std::fs::write(site.join("release.txt"), number.to_string()).unwrap();
}

fn release(stage: &Stage, site: &Path, number: usize) {
    write_number(site, number);
    assert_eq!(stage.deploy()["outcome"], "deployed");
}

/// The page of a release that is built and not sent.
fn stamped_page(site: &Path, number: usize) -> Vec<u8> {
    write_number(site, number);
    let folder = tempfile::tempdir().unwrap();
    let stamp = Command::new("node")
        .args(["stamp.mjs", "--outDir"])
        .arg(folder.path())
        .current_dir(site)
        .status();
    assert!(stamp.unwrap().success());
    std::fs::read(folder.path().join("index.html")).unwrap()
}
