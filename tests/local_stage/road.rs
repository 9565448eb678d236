//! A stage comes up, tells of itself, and goes.

use std::path::Path;
use std::process::Command;

use super::{SOON, company, is_running, pace};
use crate::support::stage::{Answer, Stage, a_change_arrives, call, stacks_with};

#[test]
fn deploy_status_teardown() {
    let stage = Stage::new("road");

    let report = nothing_of_the_caller_is_kept(&stage);
    assert_eq!(report["outcome"], "deployed");
    let all = [
        "foundation",
        "dns",
        "data",
        "certificate",
        "api",
        "websocket",
        "site",
    ];
    let mut created = stacks_with(&report, "created");
    created.sort_unstable();
    assert_eq!(created, sorted(&all));
    assert_eq!(report["released"]["server"], true);
    assert!(report["released"]["site_files"].as_u64().unwrap() > 0);
    a_change_arrives(&report, SOON).unwrap();
    pace::nobody_waits_for_a_timer(&stage, &report);

    let again = stage.run("deploy");
    let (again, said) = (again.json, again.said);
    assert_eq!(again["outcome"], "unchanged", "{said}");
    assert_eq!(stacks_with(&again, "unchanged").len(), all.len());
    let nothing = serde_json::json!({ "site_files": 0, "server": false });
    assert_eq!(again["released"], nothing);
    assert_eq!(again["build"], report["build"]);

    let status = stage.run("status");
    assert_eq!(
        (status.code, &status.json["health"]),
        (Some(0), &"healthy".into()),
        "{}",
        status.json
    );
    assert_eq!(status.json["urls"], report["urls"]);
    status_tells_the_last_deploy(&status.json, &report);
    the_logs_of_every_part_are_merged(&stage);
    the_logs_are_chosen_from(&stage);
    let (server, address) = (stage.run("ssh"), stage.run("open"));
    let pid = server.json["process"]["pid"].to_string();
    assert_eq!(pid, stage.pid_of("server"), "{}", server.said);
    assert_eq!(address.json["site"], report["urls"]["site"]);
    each_lambda_runs_outside_lambda(&stage, &report);

    company::a_stage_of_aws_goes_through_the_proxy_to_the_endpoint(&stage);
    a_teardown_leaves_nothing(&stage, &report);
}

/// Deploys with an open file of the caller's, as `flock FILE factory-tree deploy` does: what runs on in the background
/// must not hold it, or the lock would never be free again.
fn nothing_of_the_caller_is_kept(stage: &Stage) -> serde_json::Value {
    let file = stage.config();
    let deploy = stage.command("deploy");
    let mut shell = Command::new("sh");
    shell
        .args(["-c", r#"exec 9<"$0" && exec "$@""#])
        .arg(&file)
        .arg(deploy.get_program())
        .args(deploy.get_args())
        .args(["--output", "json"])
        .current_dir(deploy.get_current_dir().unwrap());
    for (name, value) in deploy.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    let answer = Answer::from(shell.output().unwrap());
    assert_eq!(answer.code, Some(0), "{}", answer.said);
    assert_eq!(holders_of(&file), Vec::<String>::new());
    answer.json
}

/// Returns the commands of the processes that have a file open. Source: proc(5), `/proc/PID/fd`.
fn holders_of(file: &Path) -> Vec<String> {
    let opens = |process: &Path| {
        let descriptors = std::fs::read_dir(process.join("fd")).into_iter().flatten();
        descriptors
            .flatten()
            .any(|entry| std::fs::read_link(entry.path()).is_ok_and(|target| target == file))
    };
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .map(|entry| entry.path())
        .filter(|process| opens(process))
        .map(|process| std::fs::read_to_string(process.join("cmdline")).unwrap_or_default())
        .collect()
}

/// The second deploy changed nothing, so the first is the last.
fn status_tells_the_last_deploy(status: &serde_json::Value, report: &serde_json::Value) {
    assert_eq!(
        status["unknown"],
        serde_json::json!([]),
        "everything was answered"
    );
    let release = &status["release"];
    assert_eq!(release["build"], report["build"]);
    assert_eq!(release["actor"], "arn:aws:iam::000000000000:root");
    assert_eq!(release["stacks"].as_object().unwrap().len(), 7);
    assert_eq!(status["certificates"][0]["state"], "issued");
    assert_eq!(status["alarms"].as_array().unwrap().len(), 10);
    let queues = status["queues"].as_array().unwrap();
    let purposes: Vec<&str> = queues
        .iter()
        .map(|row| row["purpose"].as_str().unwrap())
        .collect();
    assert_eq!(purposes, ["dead-letters", "server"]);
}

/// A factory was made, so each part has had something to say; the server says it in a file.
fn the_logs_of_every_part_are_merged(stage: &Stage) {
    let logs = stage.run("logs");
    assert_eq!(logs.code, Some(0), "{}", logs.said);
    let lines = logs.json["lines"].as_array().unwrap();
    let times: Vec<&str> = lines
        .iter()
        .map(|line| line["time"].as_str().unwrap())
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    for (source, message) in [
        ("api", "request"),
        ("publisher", "batch"),
        ("server", "listening"),
    ] {
        let is_reported = |line: &serde_json::Value| {
            line["source"] == source && line["message"] == message && line["level"] == "INFO"
        };
        assert!(
            lines.iter().any(is_reported),
            "{source} {message}: {lines:?}"
        );
    }
}

/// What Lambda says of itself is left out; level and pattern choose among the rest, as JSON too.
fn the_logs_are_chosen_from(stage: &Stage) {
    let lines = |options: &[&str]| {
        let mut command = stage.command("logs");
        let output = command.args(["--output", "json"]).args(options).output();
        let answer = Answer::from(output.unwrap());
        assert_eq!(answer.code, Some(0), "{}", answer.said);
        answer.json["lines"].as_array().unwrap().clone()
    };
    let is_of_lambda = |line: &serde_json::Value| {
        let message = line["message"].as_str().unwrap();
        message.starts_with("START RequestId") || message.starts_with("platform.start")
    };
    assert!(!lines(&[]).iter().any(is_of_lambda));
    assert!(lines(&["--platform"]).iter().any(is_of_lambda));
    let requests = lines(&["--source", "api", "--grep", "^request .*method=POST"]);
    assert!(!requests.is_empty());
    assert!(
        requests
            .iter()
            .all(|line| line["fields"]["method"] == "POST"),
        "{requests:?}"
    );
    let warnings = lines(&["--level", "warn"]);
    assert!(
        warnings.iter().all(|line| line["level"] != "INFO"),
        "{warnings:?}"
    );
}

/// The samples that are shipped: what the api creates is in the table of the stage, and the publisher
/// reports the one record that it cannot read.
fn each_lambda_runs_outside_lambda(stage: &Stage, report: &serde_json::Value) {
    let invoke = |function: &str, sample: &str| {
        let file = format!(
            "{}/lambdas/{function}/events/{sample}.json",
            env!("CARGO_MANIFEST_DIR")
        );
        let mut command = stage.command("invoke");
        command.args([function, "--event", &file, "--output", "json"]);
        let answer = Answer::from(command.output().unwrap());
        assert_eq!(answer.code, Some(0), "{}", answer.said);
        assert!(answer.json["init_ms"].as_f64().unwrap() > 0.0);
        answer
    };
    let created = invoke("api", "create");
    assert_eq!(
        created.json["answer"]["statusCode"], 201,
        "{}",
        created.json
    );
    assert!(
        created.said.contains("/factories"),
        "its log: {}",
        created.said
    );
    let (_, factories) = call(report, "GET /factories", "", "");
    let ids = factories["factories"].as_array().unwrap();
    let id = "0b4bd4a6-3c5e-4f5d-9a51-7d1f2f0c8a11";
    assert!(ids.iter().any(|factory| factory["id"] == id), "{factories}");
    let published = invoke("publisher", "poison");
    let failures = &published.json["answer"]["batchItemFailures"];
    assert_eq!(failures[0]["itemIdentifier"], "100000000000000000002");
    assert_eq!(failures.as_array().unwrap().len(), 1);
}

fn a_teardown_leaves_nothing(stage: &Stage, report: &serde_json::Value) {
    let pids: Vec<String> = ["supervisor", "emulator", "edge", "server"]
        .iter()
        .map(|part| stage.pid_of(part))
        .collect();
    let port = report["urls"]["site"]
        .as_str()
        .unwrap()
        .rsplit(':')
        .next()
        .unwrap()
        .parse::<u16>()
        .unwrap();
    let gone = stage.run("teardown");
    assert_eq!(
        (gone.code, &gone.json["outcome"]),
        (Some(0), &"removed".into()),
        "{}",
        gone.said
    );
    assert_eq!(gone.json["failed"], serde_json::json!([]));
    for pid in pids {
        assert!(!is_running(&pid), "process {pid} is left");
    }
    assert!(
        std::net::TcpStream::connect(("127.0.0.1", port)).is_err(),
        "port {port} still answers"
    );
    assert!(!stage.state().exists(), "files are left");

    let status = stage.run("status");
    assert_eq!(
        (status.code, &status.json["health"]),
        (Some(1), &"absent".into())
    );
    let again = stage.run("teardown");
    assert_eq!(
        (again.code, &again.json["outcome"]),
        (Some(0), &"absent".into())
    );
}

fn sorted<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let mut names = names.to_vec();
    names.sort_unstable();
    names
}
