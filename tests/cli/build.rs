//! Builds, and what stops them.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use sha2::{Digest, Sha256};

use crate::project::Project;
use crate::{assert_nothing_there, path_with};

#[test]
fn what_is_built_for_aws_is_told_and_has_the_same_bytes_from_another_folder() {
    let build = || {
        let project = Project::new();
        let output = project
            .command(&["build", "--stage", "prod", "--output", "json"])
            .output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", project.told(&output));
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        for row in report["artifacts"].as_array().unwrap() {
            let file = std::fs::read(project.path().join(row["path"].as_str().unwrap())).unwrap();
            assert_eq!(row["bytes"], file.len());
            let hash: String = Sha256::digest(&file)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            assert_eq!(row["sha256"], hash);
        }
        (report["artifacts"].clone(), report["site"].clone())
    };
    let (artifacts, site) = build();
    assert_eq!(
        artifacts[2]["path"],
        "target/factory-tree/dev-x86_64/websocket.tar.gz"
    );
    assert_eq!(site["files"], 1);
    assert_eq!(site["path"], "target/factory-tree/site");
    assert_eq!(build(), (artifacts, site));
}

#[test]
fn an_architecture_that_rust_is_not_installed_for_is_told_with_the_cure() {
    let project = Project::new();
    project.replace(
        "factory-tree.yaml",
        "protected: true",
        "architecture: arm64",
    );
    let compiler = project.write("tools/rustc", "#!/bin/sh\necho /no/such/library\n");
    std::fs::set_permissions(compiler, Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", project.path().join("tools").display());
    let output = project
        .command(&["build", "--stage", "prod"])
        .env("PATH", path)
        .output();
    insta::assert_snapshot!(without_progress(&project.told(&output.unwrap())));
}

#[test]
fn a_lambda_that_does_not_compile_is_told_in_the_compilers_words_and_nothing_is_deployed() {
    let project = Project::new();
    project.write(
        "api/src/main.rs",
        "fn main() {\n    let answer: u8 = \"forty-two\";\n}\n",
    );
    let told = project.run(&["deploy"]);
    let from = told
        .find("error[E0308]")
        .expect("the compiler's own message");
    // cargo says this only when another crate was still being compiled.
    let told_alone = told[from..].replace(
        "warning: build failed, waiting for other jobs to finish...\n",
        "",
    );
    insta::assert_snapshot!(told_alone);
    assert!(told.starts_with("exit 1\n"), "{told}");
    assert_nothing_there(&project);
}

#[test]
fn a_site_that_does_not_build_is_told_in_its_own_words() {
    let project = Project::new();
    project.write(
        "site/build.mjs",
        "console.error('no such component: Tree'); process.exit(3)\n",
    );
    let told = project.run(&["deploy"]);
    assert!(told.contains("no such component: Tree"), "{told}");
    assert!(told.contains("error: `npm run build"), "{told}");
    assert_nothing_there(&project);
}

#[test]
fn without_node_the_cure_is_told() {
    let project = Project::new();
    let tools = path_with(
        &project,
        &["cargo", "rustc", "rustup", "cc", "ld", "python3"],
    );
    let output = project
        .command(&["deploy"])
        .env("PATH", tools)
        .output()
        .unwrap();
    insta::assert_snapshot!(without_progress(&project.told(&output)));
    assert_nothing_there(&project);
}

#[test]
fn without_python_the_cure_is_told() {
    let project = Project::new();
    let tools = path_with(
        &project,
        &[
            "cargo", "rustc", "rustup", "cc", "ld", "node", "npm", "sh", "env",
        ],
    );
    let output = project
        .command(&["deploy"])
        .env("PATH", tools)
        .output()
        .unwrap();
    insta::assert_snapshot!(without_progress(&project.told(&output)));
}

#[test]
fn a_signal_in_the_middle_of_a_build_is_told_with_what_was_going_on() {
    let project = Project::new();
    project.write(
        "api/build.rs",
        "fn main() { std::thread::sleep(std::time::Duration::from_secs(60)) }\n",
    );
    let mut command = project.command(&["deploy"]);
    command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let child = command.spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_secs(4));
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    let told = project.told(&child.wait_with_output().unwrap());
    // On a busy machine the site is still being built, too.
    let told = told.replace("binaries, site", "binaries");
    insta::assert_snapshot!(without_progress(&told));
}

/// Steps and tasks come in the order in which they end: only the error is always the same.
fn without_progress(told: &str) -> String {
    let exit = told.lines().next().unwrap_or_default();
    let from = told.find("error:").unwrap_or_default();
    format!("{exit}\n{}", &told[from..])
}
