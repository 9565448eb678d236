//! A deploy that is killed after every event that it tells, each time a little further on, and started
//! again. It always goes on, ends by itself at last, and does nothing twice.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::support::stage::{Stage, a_change_arrives};
use factory_tree::aws::Aws;
use factory_tree::config::Config;
use factory_tree::local::Platform;
use serde_json::Value;

/// More kills than any deploy has events.
const MOST: usize = 400;

#[test]
fn a_first_deploy_that_is_killed_after_each_of_its_events_converges_and_does_nothing_twice() {
    let stage = Stage::new("killed");
    let mut sent = Sent::default();
    let kills = kill_until_done(&stage, &mut sent);
    assert!(kills > 30, "a first deploy tells more than {kills} events");
    let report = stage.deploy();
    assert_eq!(report["outcome"], "unchanged", "{report}");
    for (name, ends) in operations(&stage, &report) {
        assert_eq!(ends, ["CREATE_COMPLETE"], "stack {name}");
    }
    a_change_arrives(&report, Duration::from_secs(10)).unwrap();
    sent.assert_once();
    assert_eq!(releases(&stage), [true]);
}

#[test]
fn an_update_that_is_killed_after_each_of_its_events_converges_and_does_nothing_twice() {
    let stage = Stage::new("killed-update");
    let mut sent = Sent::default();
    let mut first = Run::start(&stage);
    sent.note(&first.events().collect::<Vec<_>>());
    assert_eq!(first.child.wait().unwrap().code(), Some(0));
    stage.change_template("data.yaml", |text| {
        let topic = "Resources:\n  Later:\n    Type: AWS::SNS::Topic\n";
        text.replace("Resources:\n", topic)
    });
    kill_until_done(&stage, &mut sent);
    let report = stage.deploy();
    assert_eq!(report["outcome"], "unchanged", "{report}");
    for (name, ends) in operations(&stage, &report) {
        let updated: &[&str] = match name.as_str() {
            "data" => &["CREATE_COMPLETE", "UPDATE_COMPLETE"],
            _ => &["CREATE_COMPLETE"],
        };
        assert_eq!(ends, updated, "stack {name}");
    }
    sent.assert_once();
    assert_eq!(releases(&stage), [true, false]);
}

/// Returns of each release that is on record, newest first, whether it is live.
fn releases(stage: &Stage) -> Vec<bool> {
    let reported = stage.run("releases").json;
    let rows = reported["releases"].as_array().unwrap().iter();
    rows.map(|row| row["live"].as_bool().unwrap()).collect()
}

/// Deploys again and again, each time killed as soon as it reports something that no run before has reported,
/// until one run ends by itself. Returns how many were killed.
fn kill_until_done(stage: &Stage, sent: &mut Sent) -> usize {
    let mut known = BTreeSet::new();
    for kills in 0..MOST {
        let mut run = Run::start(stage);
        let mut reported = Vec::new();
        let news = run.events().find(|event| {
            reported.push(event.clone());
            event["type"] != "report" && known.insert(identity(event))
        });
        if news.is_none() {
            assert_eq!(run.child.wait().unwrap().code(), Some(0), "{reported:?}");
            sent.note(&reported);
            return kills;
        }
        run.child.kill().unwrap();
        // It may have gone on in the meantime; what it reported counts.
        reported.extend(run.events());
        run.child.wait().unwrap();
        let error = reported.iter().find(|event| event["type"] == "error");
        assert_eq!(error, None, "run {kills} failed by itself");
        sent.note(&reported);
    }
    panic!("{MOST} kills were not enough");
}

/// The subject of an event, whenever it is reported and however long it took.
fn identity(event: &Value) -> String {
    let fields = [
        "type",
        "step",
        "task",
        "logical_id",
        "state",
        "outcome",
        "text",
    ];
    fields.map(|field| event[field].to_string()).join(" ")
}

/// A deploy that tells its events.
struct Run {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Run {
    fn start(stage: &Stage) -> Self {
        let mut command = stage.command("deploy");
        command.args(["--output", "ndjson"]);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The events that are still to come. What tools say by the way is none.
    fn events(&mut self) -> impl Iterator<Item = Value> {
        let lines = self.lines.by_ref().map_while(Result::ok);
        // The last line of a killed program may be cut.
        let events = lines.filter_map(|line| serde_json::from_str::<Value>(&line).ok());
        events.filter(|event| {
            !["task_progress", "tool_output"].contains(&event["type"].as_str().unwrap())
        })
    }
}

/// Every operation that CloudFormation carried out on the stacks, in its own words, in order.
fn operations(stage: &Stage, report: &Value) -> BTreeMap<String, Vec<String>> {
    let config = Config::load(&stage.config(), None).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let place = Platform::of(&config).find().await.unwrap().unwrap();
        let mut found = BTreeMap::new();
        for stack in report["stacks"].as_array().unwrap() {
            let name = stack["name"].as_str().unwrap();
            let stack = config.stack_name(name);
            let aws = Aws::connect(&place.access, &config.settings.region, &config.network).await;
            let events = aws.cloudformation.list_newest_events(&stack).await.unwrap();
            let mut ends: Vec<_> = events.iter().filter(|event| event.is_settled()).collect();
            ends.sort_by_key(|event| event.millis);
            let ends = ends.into_iter().map(|event| event.status.clone());
            found.insert(name.to_owned(), ends.collect());
        }
        found
    })
}

/// The number of times that each artifact was sent, over all runs.
#[derive(Default)]
struct Sent(BTreeMap<String, usize>);

impl Sent {
    fn note(&mut self, events: &[Value]) {
        let sent = |event: &&Value| event["type"] == "task_done" && event["outcome"] == "sent";
        for event in events.iter().filter(sent) {
            let task = event["task"].as_str().unwrap().to_owned();
            *self.0.entry(task).or_default() += 1;
        }
    }

    /// Something was sent, and nothing twice.
    fn assert_once(&self) {
        assert!(!self.0.is_empty(), "nothing was sent");
        assert!(self.0.values().all(|times| *times == 1), "{:?}", self.0);
    }
}
