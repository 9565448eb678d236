//! Builds, and what stops them.

use std::fs::Permissions;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::project::Project;
use super::{assert_nothing_there, path_with};

/// Builds another site for each `NODE_ENV`, as Vite does.
const FOR_NODE_ENV: &str = "import fs from 'node:fs'
const out = process.argv[process.argv.indexOf('--outDir') + 1]
fs.mkdirSync(out, { recursive: true })
fs.writeFileSync(`${out}/index.html`, `<!doctype html><p>${process.env.NODE_ENV}`)
";

#[test]
fn what_is_built_for_aws_is_reported_and_has_the_same_bytes_from_another_folder() {
    let build = |node_env: &str| {
        let project = Project::new();
        project.write("site/build.mjs", FOR_NODE_ENV);
        let output = project
            .command(&["build", "--stage", "prod", "--output", "json"])
            .env("NODE_ENV", node_env)
            .output();
        let output = output.unwrap();
        assert!(output.status.success(), "{}", project.reported(&output));
        let mut report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        for row in report["artifacts"].as_array().unwrap() {
            let file = std::fs::read(row["path"].as_str().unwrap()).unwrap();
            assert_eq!(row["bytes"], file.len());
            let hash: String = Sha256::digest(&file)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            assert_eq!(row["sha256"], hash);
        }
        let folder = project.path().canonicalize().unwrap();
        let mut shorten = |pointer: &str| {
            let path = report.pointer_mut(pointer).unwrap();
            let below = std::path::Path::new(path.as_str().unwrap()).strip_prefix(&folder);
            *path = below.unwrap().to_str().unwrap().into();
        };
        [
            "/artifacts/0/path",
            "/artifacts/1/path",
            "/artifacts/2/path",
            "/site/path",
        ]
        .into_iter()
        .for_each(&mut shorten);
        (report["artifacts"].clone(), report["site"].clone())
    };
    let (artifacts, site) = build("development");
    let hash = &artifacts[2]["sha256"].as_str().unwrap()[..12];
    assert_eq!(
        artifacts[2]["path"],
        format!("target/factory-tree/dev-x86_64/websocket/{hash}.tar.gz")
    );
    assert_eq!(site["files"], 1);
    assert_eq!(build("test"), (artifacts, site));
}

#[test]
fn an_architecture_that_rust_is_not_installed_for_is_reported_with_the_cure() {
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
    insta::assert_snapshot!(without_progress(&project.reported(&output.unwrap())));
}

#[test]
fn a_lambda_that_does_not_compile_is_reported_in_the_compilers_words_and_nothing_is_deployed() {
    let project = Project::new();
    project.write(
        "api/src/main.rs",
        "fn main() {\n    let answer: u8 = \"forty-two\";\n}\n",
    );
    let reported = project.run(&["deploy"]);
    let from = reported
        .find("error[E0308]")
        .expect("the compiler's own message");
    // What cargo says of the other crates depends on which of them were being compiled when this one failed.
    let of_others = [
        "   Compiling ",
        "warning: build failed, waiting for other jobs to finish...",
    ];
    let lines = reported[from..].lines();
    let reported_alone: Vec<&str> = lines
        .filter(|line| !of_others.iter().any(|start| line.starts_with(start)))
        .collect();
    let reported_alone = reported_alone.join("\n");
    insta::assert_snapshot!(reported_alone);
    assert!(reported.starts_with("exit 1\n"), "{reported}");
    assert_nothing_there(&project);

    let mut in_a_job = project.command(&["build"]);
    in_a_job
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_WORKSPACE", project.path());
    let reported = project.reported(&in_a_job.output().unwrap());
    let annotation = "::error file=api/src/main.rs,line=2,col=22,title=factory-tree::error[E0308]: mismatched types";
    assert!(
        reported.lines().any(|line| line == annotation),
        "{reported}"
    );
}

#[test]
fn a_site_that_does_not_build_is_reported_in_its_own_words() {
    let project = Project::new();
    project.write(
        "site/build.mjs",
        "console.error('no such component: Tree'); process.exit(3)\n",
    );
    let reported = project.run(&["deploy"]);
    assert!(reported.contains("no such component: Tree"), "{reported}");
    assert!(reported.contains("error: `npm run build"), "{reported}");
    assert_nothing_there(&project);
}

/// Tells each build in a file, and is cargo.
const TOLD_CARGO: &str = "#!/bin/sh
if [ \"$1\" = build ]; then echo build >> \"$(dirname \"$0\")/calls\"; fi
PATH=${PATH#*:} exec cargo \"$@\"
";

/// Files rest when they are two seconds old: what is younger may change without another time.
#[test]
fn cargo_is_not_asked_again_where_nothing_has_changed() {
    let project = Project::new();
    let cargo = project.write("tools/cargo", TOLD_CARGO);
    std::fs::set_permissions(cargo, Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", project.path().join("tools").display());
    let build = |flags: &str| {
        let mut command = project.command(&["build", "--output", "json"]);
        command.env("PATH", &path).env("RUSTFLAGS", flags);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", project.reported(&output));
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        report["artifacts"][0]["sha256"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let calls = || {
        let calls = std::fs::read_to_string(project.path().join("tools/calls")).unwrap();
        calls.lines().count()
    };
    let rest = || std::thread::sleep(Duration::from_millis(2100));
    rest();
    let first = build("");
    assert_eq!((build(""), calls()), (first.clone(), 1));
    project.write("api/src/main.rs", "fn main() { println!(\"another\") }\n");
    let second = build("");
    assert_ne!(first, second);
    assert_eq!(calls(), 2);
    rest();
    // It was written too shortly before the last build: cargo is asked once more.
    assert_eq!((build(""), calls()), (second.clone(), 3));
    assert_eq!((build(""), calls()), (second, 3));
    build("--cfg other");
    assert_eq!(calls(), 4);
}

/// Says in a file when it begins and when it ends.
const SLOW_BUILD: &str = "import fs from 'node:fs'
const out = process.argv[process.argv.indexOf('--outDir') + 1]
fs.appendFileSync('../builds', 'began ')
setTimeout(() => {
  fs.mkdirSync(out, { recursive: true })
  fs.writeFileSync(`${out}/index.html`, '<!doctype html>')
  fs.appendFileSync('../builds', 'ended ')
}, 3000)
";

#[test]
fn what_a_killed_build_leaves_running_is_waited_for_by_the_next_one() {
    let project = Project::new();
    project.write("site/build.mjs", SLOW_BUILD);
    let builds = || std::fs::read_to_string(project.path().join("builds")).unwrap_or_default();
    let mut killed = project
        .command(&["build"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until(&mut killed, || builds() == "began ");
    killed.kill().unwrap();
    killed.wait().unwrap();
    let reported = project.run(&["build"]);
    assert!(reported.starts_with("exit 0"), "{reported}");
    assert!(
        reported.contains("waiting for another build of the site to end"),
        "{reported}"
    );
    assert_eq!(builds(), "began ended began ended ");
}

/// Waits for something that a command brings about.
fn wait_until(command: &mut Child, is_so: impl Fn() -> bool) {
    while !is_so() {
        assert!(command.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn without_node_the_cure_is_reported() {
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
    insta::assert_snapshot!(without_progress(&project.reported(&output)));
    assert_nothing_there(&project);
}

#[test]
fn without_python_the_cure_is_reported() {
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
    insta::assert_snapshot!(without_progress(&project.reported(&output)));
}

/// Leaves a file when it begins.
const SLOW_BUILD_SCRIPT: &str = "fn main() {
    std::fs::write(\"../began\", \"\").unwrap();
    std::thread::sleep(std::time::Duration::from_secs(60));
}
";

#[test]
fn a_signal_in_the_middle_of_a_build_is_reported_with_what_was_going_on() {
    let reported = stopped_by("INT", "--default-signal=INT", false);
    insta::assert_snapshot!(without_progress(&reported));
}

#[test]
fn a_terminal_that_closes_stops_a_deploy_as_sigterm_does() {
    let reported = stopped_by("HUP", "--default-signal=HUP", false);
    insta::assert_snapshot!("terminal_closed", without_progress(&reported));
}

/// `nohup` ignores SIGHUP for what it starts.
#[test]
fn where_sighup_is_ignored_it_stays_so() {
    let reported = stopped_by("HUP", "--ignore-signal=HUP", true);
    assert!(reported.contains("stopped by SIGTERM"), "{reported}");
}

#[test]
fn a_deploy_waits_for_the_one_that_runs_unless_it_is_told_not_to_or_stopped() {
    let project = Project::new();
    project.write("api/build.rs", SLOW_BUILD_SCRIPT);
    let mut first = start(&mut project.command(&["deploy"]));
    wait_until(&mut first, || project.path().join("began").exists());
    let refused = project.run(&["deploy", "--on-busy", "fail"]);
    let pid = first.id().to_string();
    insta::assert_snapshot!("busy", refused.replace(&pid, "[pid]"));

    let mut second = start(
        Command::new("env")
            .arg("--default-signal=INT")
            .arg(env!("CARGO_BIN_EXE_factory-tree"))
            .arg("deploy")
            .current_dir(project.path()),
    );
    let mut said = BufReader::new(second.stderr.take().unwrap()).lines();
    let waits = said.next().unwrap().unwrap();
    assert!(
        waits.contains(&format!("(process {pid}): waiting for it")),
        "{waits}"
    );
    send("INT", &second);
    let rest: Vec<String> = said.map_while(Result::ok).collect();
    assert_eq!(second.wait().unwrap().code(), Some(130), "{rest:?}");
    insta::assert_snapshot!("waited", rest.join("\n"));

    // It goes on as soon as the first one has gone.
    project.write("api/build.rs", "fn main() {}\n");
    project.write("api/src/main.rs", "fn main() { 1 }\n");
    let mut third = start(&mut project.command(&["deploy"]));
    let mut said = BufReader::new(third.stderr.take().unwrap()).lines();
    assert!(said.next().unwrap().unwrap().contains("waiting for it"));
    send("TERM", &first);
    assert_eq!(first.wait().unwrap().code(), Some(143));
    let rest: Vec<String> = said.map_while(Result::ok).collect();
    assert!(rest.iter().any(|line| line == "build"), "{rest:?}");
    assert_eq!(third.wait().unwrap().code(), Some(1), "{rest:?}");
}

/// Starts a command whose output nobody reads but this test.
fn start(command: &mut Command) -> Child {
    command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn send(signal: &str, process: &Child) {
    let sent = Command::new("kill")
        .args([&format!("-{signal}"), &process.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
}

/// Sends a signal to a deploy that builds, and SIGTERM after it if it is to go on.
fn stopped_by(signal: &str, disposition: &str, goes_on: bool) -> String {
    let project = Project::new();
    project.write("api/build.rs", SLOW_BUILD_SCRIPT);
    let ours = project.command(&["deploy"]);
    let mut command = Command::new("env");
    command
        .arg(disposition)
        .arg(ours.get_program())
        .args(ours.get_args());
    for (name, value) in ours.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
        .current_dir(project.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    wait_until(&mut child, || project.path().join("began").exists());
    send(signal, &child);
    if goes_on {
        std::thread::sleep(Duration::from_millis(200));
        send("TERM", &child);
    }
    let reported = project.reported(&child.wait_with_output().unwrap());
    // On a busy machine the site is still being built, too.
    reported.replace("binaries, site", "binaries")
}

/// Steps and tasks come in the order in which they end: only the error is always the same.
fn without_progress(reported: &str) -> String {
    let exit = reported.lines().next().unwrap_or_default();
    let from = reported.find("error:").unwrap_or_default();
    format!("{exit}\n{}", &reported[from..])
}
