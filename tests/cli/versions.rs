//! The versions of what is built: whole, or not there; and as they are while somebody sends them.

use std::path::Path;

use factory_tree::build::Artifacts;
use factory_tree::config::Config;
use factory_tree::event::SilentReporter;

use super::project::Project;

/// Is cut off the first time, with half a page written and another file that is no part of the site.
const CUT_OFF_ONCE: &str = "import fs from 'node:fs'
const out = process.argv[process.argv.indexOf('--outDir') + 1]
const isFirst = !fs.existsSync('../was-cut-off')
if (process.argv.includes('--emptyOutDir')) fs.rmSync(out, { recursive: true, force: true })
fs.mkdirSync(out, { recursive: true })
fs.writeFileSync(`${out}/index.html`, isFirst ? '<!doc' : '<!doctype html>')
if (isFirst) {
  fs.writeFileSync(`${out}/half.js`, '')
  fs.writeFileSync('../was-cut-off', '')
  process.exit(3)
}
";

#[test]
fn a_site_whose_build_was_cut_off_is_built_again_from_the_same_sources() {
    let project = Project::new();
    project.write("site/build.mjs", CUT_OFF_ONCE);
    assert!(project.run(&["build"]).starts_with("exit 1"));
    let output = project.command(&["build", "--output", "json"]).output();
    let report: serde_json::Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
    let site = Path::new(report["site"]["path"].as_str().unwrap());
    let page = std::fs::read_to_string(site.join("index.html")).unwrap();
    assert_eq!(
        (page.as_str(), &report["site"]["files"]),
        ("<!doctype html>", &1.into())
    );
}

#[tokio::test]
async fn what_a_stage_sends_stays_as_it_is_while_another_stage_of_the_checkout_is_built() {
    let project = Project::new();
    let config = Config::load(&project.path().join("factory-tree.yaml"), None).unwrap();
    let build = async || {
        factory_tree::build::build(&config, &SilentReporter)
            .await
            .unwrap()
    };
    let contents = |artifacts: &Artifacts| {
        let programs = artifacts.programs().map(|artifact| &artifact.file);
        let site = artifacts.site.files.iter().map(|file| &file.content.file);
        let files = programs.chain(site);
        files
            .map(|file| std::fs::read(file).ok())
            .collect::<Vec<_>>()
    };
    let first = build().await;
    let before = contents(&first);

    project.replace(
        "site/build.mjs",
        "<!doctype html>",
        "<!doctype html>another",
    );
    for program in ["api", "publisher", "websocket"] {
        let main = "fn main() { println!(\"another\") }\n";
        project.write(&format!("{program}/src/main.rs"), main);
    }
    let second = build().await;
    assert_ne!(first.build(), second.build());
    assert!(contents(&first) == before, "a file has changed or gone");
}
