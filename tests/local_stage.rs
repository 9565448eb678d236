//! The whole road on the local stage: real templates, real binaries, the emulator with IAM enforced.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod stage;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use stage::{
    Stage, a_change_arrives, call, check, copy_sources, create_factory, failing, stacks_with,
};

/// What is live is there within this time. The emulator polls streams and queues in steps of tens of
/// milliseconds; the rest is for a busy machine.
const SOON: Duration = Duration::from_secs(10);

#[test]
fn deploy_status_teardown() {
    let stage = Stage::new("road");

    let report = stage.deploy();
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
    a_change_arrives(&report, SOON).unwrap();

    let again = stage.deploy();
    assert_eq!(again["outcome"], "unchanged");
    assert_eq!(stacks_with(&again, "unchanged").len(), all.len());
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

    a_teardown_leaves_nothing(&stage, &report);
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
        let is_told = |line: &serde_json::Value| {
            line["source"] == source && line["message"] == message && line["level"] == "INFO"
        };
        assert!(lines.iter().any(is_told), "{source} {message}: {lines:?}");
    }
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

#[test]
fn a_killed_part_shows_in_status_and_the_next_deploy_heals_it() {
    // A port of its own: while its edge is dead, the stage of another test would take the first free one.
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let stage = Stage::of("crash", root, "    port: 18431\n");
    let report = stage.deploy();
    let (kept, _) = create_factory(&report, "kept");

    for part in ["server", "edge", "supervisor"] {
        kill(&stage.pid_of(part));
        let status = stage.run("status");
        assert_eq!(
            (status.code, &status.json["health"]),
            (Some(1), &"degraded".into()),
            "{part}"
        );
        assert!(
            failing(&status.json).contains(&part),
            "{part}: {}",
            status.json
        );
        let healed = stage.deploy();
        assert!(
            stacks_with(&healed, "unchanged").len() == 7,
            "{part}: {healed}"
        );
        assert_eq!(stage.run("status").code, Some(0), "{part}");
        a_change_arrives(&healed, SOON).unwrap();
        assert_eq!(
            call(&healed, &format!("GET /factories/{kept}"), "", "").0,
            200,
            "{part} took data with it"
        );
    }

    // The emulator keeps everything in memory: what it held is gone, so everything is made anew.
    kill(&stage.pid_of("emulator"));
    let status = stage.run("status");
    assert_eq!(
        (status.code, &status.json["health"]),
        (Some(1), &"degraded".into())
    );
    assert!(
        failing(&status.json).contains(&"emulator"),
        "{}",
        status.json
    );
    let healed = stage.deploy();
    assert_eq!(stacks_with(&healed, "created").len(), 7, "{healed}");
    assert_eq!(stage.run("status").code, Some(0));
    a_change_arrives(&healed, SOON).unwrap();
}

type Change = fn(&str) -> String;

/// Each row takes one piece out of a template: its name, the template, and what is left.
const PIECES: [(&str, &str, Change); 13] = [
    ("the event source mapping", "api.yaml", |text| {
        without(text, "StreamToPublisher")
    }),
    ("the stream's view type", "data.yaml", |text| {
        text.replace("NEW_IMAGE", "KEYS_ONLY")
    }),
    ("the grant to write the table", "api.yaml", |text| {
        without_line(text, "dynamodb:PutItem")
    }),
    ("the grant to query the table", "websocket.yaml", |text| {
        text.replace("Action: dynamodb:Query", "Action: dynamodb:DescribeTable")
    }),
    ("the grant to publish", "api.yaml", |text| {
        text.replace("sns:Publish", "sns:ListTagsForResource")
    }),
    ("the grant to receive", "websocket.yaml", |text| {
        without_line(text, "sqs:ReceiveMessage")
    }),
    ("the grant to subscribe", "websocket.yaml", |text| {
        text.replace("Action: sns:Subscribe", "Action: sns:ListTagsForResource")
    }),
    ("the api's domain mapping", "api.yaml", |text| {
        without(text, "ApiMapping")
    }),
    ("the api's record", "api.yaml", |text| without_records(text)),
    ("the socket's record", "websocket.yaml", |text| {
        without_records(text)
    }),
    ("the site's records", "site.yaml", |text| {
        without_records(text)
    }),
    ("the site's bucket policy", "site.yaml", |text| {
        without(text, "BucketPolicy")
    }),
    ("the redirect of www", "site.yaml", |text| {
        text.replace("statusCode: 301", "statusCode: 404")
    }),
];

/// If a stage works without a piece, the piece is not needed, or nothing here notices that it is missing.
#[test]
fn nothing_works_with_a_piece_missing() {
    let stage = Stage::of(
        "pieces",
        Path::new(env!("CARGO_MANIFEST_DIR")),
        "    verify_seconds: 4\n",
    );
    let report = stage.deploy();
    a_change_arrives(&report, SOON).unwrap();
    let mut needless = Vec::new();
    for (piece, template, change) in PIECES {
        let whole = stage.change_template(template, change);
        // A server that lives on with the rights it had would hide what a new one lacks.
        kill(&stage.pid_of("server"));
        let deployed = stage.run("deploy");
        if deployed.code == Some(0)
            && a_change_arrives(&deployed.json, Duration::from_secs(3)).is_ok()
        {
            needless.push(piece);
        }
        stage.change_template(template, |_| whole.clone());
    }
    assert!(needless.is_empty(), "nobody misses {needless:?}");
    a_change_arrives(&stage.deploy(), SOON).unwrap();
}

#[test]
fn one_changed_lambda_updates_only_its_stack() {
    let sources = tempfile::tempdir().unwrap();
    copy_sources(sources.path());
    let stage = Stage::of("change", sources.path(), "");
    stage.deploy();

    let main = sources.path().join("lambdas/api/src/main.rs");
    let text = std::fs::read_to_string(&main).unwrap();
    let changed =
        format!("{text}\n#[used]\nstatic CHANGE: &str = \"a change that the compiler keeps\";\n");
    std::fs::write(&main, changed).unwrap();
    let report = stage.deploy();
    assert_eq!(stacks_with(&report, "updated"), ["api"]);
    a_change_arrives(&report, SOON).unwrap();

    let site = sources.path().join("site/public/robots.txt");
    std::fs::write(&site, "User-agent: *\n").unwrap();
    let report = stage.deploy();
    assert_eq!(report["outcome"], "deployed");
    assert_eq!(
        stacks_with(&report, "unchanged").len(),
        7,
        "a site is no reason to touch a stack"
    );
}

#[test]
fn a_template_that_is_refused_is_told_with_its_resource_and_put_right_by_the_next_deploy() {
    let stage = Stage::new("refused");
    let whole = stage.change_template("data.yaml", |text| {
        text.replace("AWS::SNS::TopicPolicy", "AWS::SNS::NoSuchType")
    });
    let refused = stage.run("deploy");
    assert_eq!(refused.code, Some(1), "{}", refused.said);
    let from = refused.said.find("error:").unwrap();
    let told = refused.said[from..].replace(&*stage_templates(&stage), "[templates]");
    insta::assert_snapshot!(told);

    stage.change_template("data.yaml", |_| whole.clone());
    assert_eq!(stage.deploy()["outcome"], "deployed");
}

#[test]
fn a_port_that_is_taken_is_told_with_its_holder() {
    let holder = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = holder.local_addr().unwrap().port();
    let stage = Stage::of(
        "port",
        Path::new(env!("CARGO_MANIFEST_DIR")),
        &format!("    port: {port}\n"),
    );
    let refused = stage.run("deploy");
    assert_eq!(refused.code, Some(1), "{}", refused.said);
    let from = refused.said.find("error:").unwrap();
    let told = refused.said[from..].replace(&port.to_string(), "[port]");
    let told = told.replace(&std::process::id().to_string(), "[pid]");
    let holder = regex::Regex::new(r"by local_stage\S* ").unwrap();
    let told = holder.replace(&told, "by [holder] ");
    insta::assert_snapshot!(told);
}

#[test]
fn a_deploy_that_is_stopped_half_way_goes_on_with_the_next_one() {
    let stage = Stage::new("stopped");
    let mut deploy = stage.command("deploy");
    let mut deploy = deploy
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    // The first stack is there: now we are in the middle.
    let mut said = std::io::BufRead::lines(std::io::BufReader::new(deploy.stderr.take().unwrap()));
    let middle = said.find(|line| {
        line.as_ref()
            .is_ok_and(|line| line.starts_with("stack foundation: created"))
    });
    assert!(middle.is_some(), "it ended before its first stack");
    let asked = Instant::now();
    assert!(
        Command::new("kill")
            .args(["-TERM", &deploy.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
    let rest: Vec<String> = said.map_while(Result::ok).collect();
    assert_eq!(deploy.wait().unwrap().code(), Some(143), "{rest:?}");
    assert!(
        asked.elapsed() < Duration::from_secs(5),
        "it took its time to stop"
    );
    let rest = rest.join("\n");
    assert!(
        rest.contains("stopped by SIGTERM; stage `stopped` was in step"),
        "{rest}"
    );
    assert!(
        rest.contains("the same command again goes on from there"),
        "{rest}"
    );

    let report = stage.deploy();
    assert_eq!(
        stacks_with(&report, "unchanged").first(),
        Some(&"foundation")
    );
    a_change_arrives(&report, SOON).unwrap();
}

#[test]
fn two_deploys_of_one_stage_at_once_do_not_meet() {
    let stage = Stage::new("busy");
    let first = stage
        .command("deploy")
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn();
    let mut first = first.unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let second = stage.run("deploy");
    assert!(first.wait().unwrap().success());
    assert_eq!(second.code, Some(7), "{}", second.said);
    assert!(second.said.contains("stage `busy`"), "{}", second.said);
    assert!(check(&stage.run("status").json, "site")["ok"] == true);
}

/// A zombie is dead; that nobody has asked for its exit status is its parent's affair.
fn is_running(pid: &str) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

fn sorted<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let mut names = names.to_vec();
    names.sort_unstable();
    names
}

fn kill(pid: &str) {
    assert!(
        Command::new("kill")
            .args(["-KILL", pid])
            .status()
            .unwrap()
            .success(),
        "kill -9 {pid}"
    );
    // The kernel needs a moment to take it off the table.
    std::thread::sleep(Duration::from_millis(300));
}

fn stage_templates(stage: &Stage) -> String {
    stage
        .command("status")
        .get_current_dir()
        .unwrap()
        .join("templates")
        .display()
        .to_string()
}

/// Returns a template without one of its resources.
fn without(text: &str, logical_id: &str) -> String {
    let mut inside = false;
    let kept = text.lines().filter(|line| {
        if line.starts_with("  ") && !line.starts_with("   ") && !line.trim_start().starts_with('#')
        {
            inside = line.trim_end() == format!("  {logical_id}:");
        } else if !line.starts_with(' ') && !line.is_empty() {
            inside = false;
        }
        !inside
    });
    kept.map(|line| format!("{line}\n")).collect()
}

/// Returns a template without the one line that says this.
fn without_line(text: &str, what: &str) -> String {
    text.lines()
        .filter(|line| !line.contains(what))
        .map(|line| format!("{line}\n"))
        .collect()
}

/// Returns a template without any DNS record.
fn without_records(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let ids = lines
        .windows(2)
        .filter(|pair| pair[1].trim() == "Type: AWS::Route53::RecordSet");
    ids.fold(text.to_owned(), |text, pair| {
        without(&text, pair[0].trim().trim_end_matches(':'))
    })
}
