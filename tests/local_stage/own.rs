//! docs/your-own-stack.md from its beginning to its end, as a person would type it: a template and a Lambda of one's own
//! beside those that are there.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use factory_tree::aws::{Access, Aws};
use factory_tree::config::Network;
use serde_json::Value;

use super::SOON;
use crate::deployed_releases::{write_site, write_text};
use crate::support::stage::{Answer, Stage, copy_sources, create_factory, failing, stacks_with};

/// A secret that nothing shows.
const SECRET: &str = "a-secret-that-nobody-reads";

fn run(stage: &Stage, verb: &str, arguments: &[&str]) -> Answer {
    let mut command = stage.command(verb);
    let command = command.args(arguments).args(["--output", "json"]);
    Answer::from(command.output().unwrap())
}

fn settle(stage: &Stage, verb: &str) -> Value {
    let answer = run(stage, verb, &[]);
    assert_eq!(answer.code, Some(0), "{verb}: {}", answer.said);
    assert!(!answer.json.to_string().contains(SECRET), "{verb}");
    assert!(!answer.said.contains(SECRET), "{verb}");
    answer.json
}

fn action(plan: &Value, stack: &str) -> Option<String> {
    let stacks = plan["stacks"].as_array().unwrap().iter();
    let mut found = stacks.filter(|row| row["name"] == stack);
    Some(found.next()?["action"].as_str()?.to_owned())
}

#[test]
fn a_stack_and_a_lambda_of_ones_own_live_and_go_with_the_stage() {
    let sources = tempfile::tempdir().unwrap();
    copy_sources(sources.path());
    write_site(sources.path());
    write_text(sources.path(), "counted");
    let stage = Stage::of("own", sources.path(), "");
    add_the_example(&stage, sources.path());

    let valid = settle(&stage, "validate");
    let stacks = valid["stacks"].as_array().unwrap();
    assert_eq!(stacks.last().unwrap(), "counter", "{valid}");
    let planned = settle(&stage, "plan");
    assert_eq!(action(&planned, "counter").as_deref(), Some("create"));

    let first = stage.deploy();
    assert!(
        stacks_with(&first, "created").contains(&"counter"),
        "{first}"
    );
    assert_eq!(stacks_with(&stage.deploy(), "unchanged").len(), 8);
    create_factory(&first, "one");
    create_factory(&first, "two");
    the_lambda_counts(&stage, 2);
    let status = settle(&stage, "status");
    assert_eq!(failing(&status), Vec::<&str>::new(), "{status}");
    let stacks = status["stacks"].as_array().unwrap();
    assert!(
        stacks.iter().any(|row| row["name"] == "counter"),
        "{status}"
    );

    a_setting_reaches_its_template(&stage);
    a_rollback_restores_the_lambda(&stage, sources.path(), &first);
    without_its_template_it_stays_until_the_teardown(&stage, sources.path());
}

/// What the page says first.
fn add_the_example(stage: &Stage, sources: &Path) {
    let example = sources.join("examples/counter");
    let template = std::fs::read_to_string(example.join("template.yaml")).unwrap();
    stage.write_template("counter.yaml", &template);
    let krate = sources.join("lambdas/counter");
    std::fs::create_dir_all(krate.join("src")).unwrap();
    for file in ["Cargo.toml", "src/main.rs"] {
        std::fs::copy(example.join("lambda").join(file), krate.join(file)).unwrap();
    }
    lock(sources);
}

/// Brings the lock file in line with the workspace's members.
fn lock(sources: &Path) {
    let locked = Command::new("cargo")
        .args(["update", "--workspace", "--offline"])
        .current_dir(sources)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&locked.stderr);
    assert!(locked.status.success(), "{said}");
}

/// Waits until the Lambda has logged a count, and asks it outside Lambda too.
fn the_lambda_counts(stage: &Stage, factories: u64) {
    let outputs = settle(stage, "outputs");
    let group = outputs["stacks"]["counter"]["CounterLog"].as_str().unwrap();
    let ports = std::fs::read(stage.state().join("ports.json")).unwrap();
    let ports: Value = serde_json::from_slice(&ports).unwrap();
    let url = format!("http://127.0.0.1:{}", ports["emulator"]);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let region = "us-east-1".parse().unwrap();
    let access = Access::Endpoint { url };
    let aws = runtime.block_on(Aws::connect(&access, &region, &Network::default()));
    let wanted = format!("\"factories\":{factories}");
    let (started, mut events) = (Instant::now(), Vec::new());
    let is_counted = |message: &str| message.replace(' ', "").contains(&wanted);
    while started.elapsed() < SOON {
        let listed = aws.logs.list_events(group, SystemTime::UNIX_EPOCH);
        events = runtime.block_on(listed).unwrap();
        if events.iter().any(|event| is_counted(&event.message)) {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let messages: Vec<&str> = events.iter().map(|event| event.message.as_str()).collect();
    assert!(
        messages.iter().any(|message| is_counted(message)),
        "{messages:?}"
    );

    its_log_is_among_the_others(stage, &wanted);

    let event = stage.config().with_file_name("event.json");
    std::fs::write(&event, "{}").unwrap();
    let answer = run(
        stage,
        "invoke",
        &["counter", "--event", event.to_str().unwrap()],
    );
    assert_eq!(answer.code, Some(0), "{}", answer.said);
    assert_eq!(
        answer.json["answer"]["factories"], factories,
        "{}",
        answer.json
    );
}

fn its_log_is_among_the_others(stage: &Stage, wanted: &str) {
    let logs = |source: &str| run(stage, "logs", &["--source", source, "--since", "1h"]);
    let answer = logs("counter");
    let lines = answer.json["lines"].as_array().unwrap();
    assert!(
        lines.iter().all(|line| line["source"] == "counter"),
        "{lines:?}"
    );
    let says = |line: &Value| line.to_string().replace(' ', "").contains(wanted);
    assert!(lines.iter().any(says), "{lines:?}");

    let answer = logs("countr");
    assert_eq!(answer.code, Some(2), "{}", answer.said);
    assert!(
        answer.said.contains("did you mean `--source counter`?"),
        "{}",
        answer.said
    );
}

/// One that is hidden is shown nowhere, and keeps its value where only another parameter changes.
fn a_setting_reaches_its_template(stage: &Stage) {
    stage.change_template("counter.yaml", |text| {
        let token = "Parameters:\n  Token:\n    Type: String\n    NoEcho: true\n";
        text.replace("Parameters:\n", token).replace(
            "          BUILD:",
            "          TOKEN: !Ref Token\n          BUILD:",
        )
    });
    let settings = format!("    parameters: {{ BatchSize: 5, Token: {SECRET} }}\n");
    stage.configure(&settings);
    let planned = settle(stage, "plan");
    assert_eq!(
        action(&planned, "counter").as_deref(),
        Some("update"),
        "{planned}"
    );
    assert!(planned.to_string().contains("BatchSize"), "{planned}");
    let deployed = settle(stage, "deploy");
    assert_eq!(stacks_with(&deployed, "updated"), ["counter"]);
    stage.configure("    parameters: { Batchsize: 5 }\n");
    assert_eq!(stage.run("validate").code, Some(2));
    stage.configure(&settings);
}

fn a_rollback_restores_the_lambda(stage: &Stage, sources: &Path, first: &Value) {
    let file = sources.join("lambdas/counter/src/main.rs");
    let good = std::fs::read_to_string(&file).unwrap();
    let bad = good.replace("\"factories\": factories", "\"factories\": -1");
    assert_ne!(good, bad);
    std::fs::write(&file, bad).unwrap();
    let worse = settle(stage, "deploy");
    assert_eq!(stacks_with(&worse, "updated"), ["counter"]);
    let difference = run(
        stage,
        "diff",
        &[
            first["release"].as_str().unwrap(),
            worse["release"].as_str().unwrap(),
        ],
    );
    assert!(
        difference.json.to_string().contains("counter"),
        "{}",
        difference.json
    );
    let back = settle(stage, "rollback");
    assert_eq!(back["moved"], serde_json::json!(["counter"]), "{back}");
    assert_eq!(back["stacks"][0]["name"], "counter", "{back}");
    let releases = settle(stage, "releases");
    assert_eq!(releases["releases"][0]["live"], true, "{releases}");
    std::fs::write(file, good).unwrap();
}

fn without_its_template_it_stays_until_the_teardown(stage: &Stage, sources: &Path) {
    stage.remove_template("counter.yaml");
    std::fs::remove_dir_all(sources.join("lambdas/counter")).unwrap();
    lock(sources);
    stage.configure("");
    let planned = settle(stage, "plan");
    assert_eq!(action(&planned, "counter"), None);
    assert_eq!(planned["undescribed"][0]["name"], "counter", "{planned}");
    let deployed = stage.run("deploy");
    assert_eq!(deployed.code, Some(0), "{}", deployed.said);
    assert!(
        deployed
            .said
            .contains("stack counter: no template describes it any more"),
        "{}",
        deployed.said
    );
    let status = settle(stage, "status");
    let stacks = status["stacks"].as_array().unwrap();
    assert!(
        stacks.iter().any(|row| row["name"] == "counter"),
        "{status}"
    );
    let gone = settle(stage, "teardown");
    let removed = gone["removed"].as_array().unwrap();
    let place = |name: &str| removed.iter().position(|row| row == name).unwrap();
    assert!(place("stack counter") < place("stack data"), "{gone}");
    assert_eq!(gone["failed"], serde_json::json!([]), "{gone}");
}
