//! The whole road under the printed policies, with every request held against AWS's service models.
//!
//! The deployer's requests are those of a principal that has the policies of `factory-tree policy` and no others. Three things
//! differ from a stage in AWS, and the test changes the policies for them: the domain, the names that the emulator gives to
//! log groups, and, by name in `recorder.py`, the call that makes the server's session. No condition is taken away: the emulator
//! knows `aws:RequestedRegion`; `aws:CalledVia` it has not, so that what is granted through CloudFormation alone is refused
//! to the deployer; of records it does not know the names, and a condition on all of none holds.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::SOON;
use crate::support::stage::{Answer, Stage, a_change_arrives};

/// A stack that the second deploy adds.
const QUEUE: &str = "Resources:\n  Queue:\n    Type: AWS::SQS::Queue\n    DeletionPolicy: Delete\n    UpdateReplacePolicy: Delete\n";

#[test]
fn the_whole_road_is_granted_by_the_printed_policies_and_aws_would_take_its_requests() {
    let stage = Watched::new("granted");
    let (all, plan) = (stage.printed("deploy"), stage.printed("plan"));

    stage.grant(&all);
    let first = stage.succeeds(&["deploy"]);
    a_change_arrives(&first, SOON).unwrap();

    stage.stage.write_template("queue.yaml", QUEUE);
    stage.grant(&plan);
    stage.succeeds(&["plan"]);

    // What the policy lacks, CloudFormation may not do; with all of it the same deploy goes on.
    stage.grant(&without(&all, "sqs:CreateQueue"));
    let refused = stage.run(&["deploy"]);
    assert_eq!(refused.code, Some(1), "{}", refused.said);
    assert!(refused.said.contains("sqs:CreateQueue"), "{}", refused.said);
    assert_eq!(
        stage.missing(),
        BTreeSet::from(["sqs:CreateQueue".to_owned()])
    );
    // And what the deployer itself does is asked for as well.
    stage.grant(&without(&all, "cloudformation:DescribeStacks"));
    let refused = stage.run(&["outputs"]);
    assert!(
        refused.said.contains("cloudformation:DescribeStacks"),
        "{}",
        refused.said
    );
    assert_eq!(
        stage.denied(),
        BTreeSet::from(["cloudformation:DescribeStacks".to_owned()])
    );
    // The requests that the refused command had under way are noted before a later one ends.
    stage.grant(&all);
    stage.succeeds(&["outputs"]);
    stage.forget();

    stage.succeeds(&["deploy"]);
    for verb in ["status", "logs", "outputs", "dead-letters", "replay"] {
        stage.succeeds(&[verb]);
    }
    let releases = stage.succeeds(&["releases"]);
    let rows = releases["releases"].as_array().unwrap();
    let earlier = rows.iter().find(|row| row["live"] == false).unwrap();
    stage.succeeds(&["rollback", earlier["id"].as_str().unwrap()]);
    let gone = stage.succeeds(&["teardown"]);
    assert_eq!(gone["failed"], json!([]));
    assert_eq!(stage.missing(), BTreeSet::new());
    assert_eq!(stage.denied(), BTreeSet::new());

    let report = stage.validate(&stage.record());
    assert_eq!(report["faults"], json!([]), "{report:#}");
    assert_eq!(report["unread_patterns"], json!([]));
    let requests = report["requests"].as_u64().unwrap();
    assert!(requests > 300, "{requests}: {report:#}");
    every_part_has_sent_something(&report["operations"]);
    a_wrong_request_is_found(&stage);
}

/// Deployer, Lambdas and server, each by a call that nobody else makes.
fn every_part_has_sent_something(operations: &Value) {
    for operation in [
        "deployer cloudformation ExecuteChangeSet",
        "deployer cloudformation DeleteStack",
        "deployer monitoring DescribeAlarms",
        "deployer s3 PutObject",
        "application dynamodb PutItem",
        "application sns PublishBatch",
        "application sqs ReceiveMessage",
    ] {
        assert!(
            operations[operation].is_u64(),
            "{operation}: {operations:#}"
        );
    }
}

/// Spoils a recorded request in three ways.
fn a_wrong_request_is_found(stage: &Watched) {
    let lines = std::fs::read_to_string(stage.record()).unwrap();
    let good = lines
        .lines()
        .find(|line| line.contains("Action=CreateChangeSet"))
        .unwrap();
    let bad = good
        .replace("ChangeSetType=CREATE", "ChangeSetType=MAKE&Colour=red")
        .replace("StackName=", "StackNames=");
    let file = stage.folder.path().join("wrong.jsonl");
    std::fs::write(&file, bad).unwrap();
    let report = stage.validate(&file);
    assert_eq!(
        report["faults"],
        json!([
            "deployer cloudformation Colour: the operation has no such parameter",
            "deployer cloudformation CreateChangeSet.ChangeSetType: `MAKE` is none of CREATE, UPDATE, IMPORT",
            "deployer cloudformation CreateChangeSet: `StackName` is missing",
            "deployer cloudformation StackNames: the operation has no such parameter",
        ])
    );
}

fn without(policies: &[Value], action: &str) -> Vec<Value> {
    let mut policies = policies.to_vec();
    let statements = policies
        .iter_mut()
        .flat_map(|policy| policy["Statement"].as_array_mut().unwrap());
    for statement in statements {
        statement["Action"]
            .as_array_mut()
            .unwrap()
            .retain(|granted| granted != action);
    }
    policies
}

/// A local stage whose emulator writes down what it is asked, and asks the printed policies.
struct Watched {
    stage: Stage,
    folder: tempfile::TempDir,
    /// Keeps the Python environment, which the last teardown of a checkout deletes: the validator runs in it afterwards.
    marker: PathBuf,
    name: String,
}

impl Watched {
    fn new(name: &str) -> Self {
        let (stage, folder) = (Stage::new(name), tempfile::tempdir().unwrap());
        let state = stage.state();
        let marker = state.with_file_name(format!("{name}-validator@{}", std::process::id()));
        std::fs::create_dir_all(&marker).unwrap();
        std::fs::write(marker.join("ports.json"), "{}").unwrap();
        let watched = Self {
            stage,
            folder,
            marker,
            name: name.to_owned(),
        };
        // The emulator starts in this folder, where Python looks first for what it imports.
        let package = state.join("ministack");
        std::fs::create_dir_all(&package).unwrap();
        std::fs::copy(
            root().join("tests/requests/recorder.py"),
            package.join("__init__.py"),
        )
        .unwrap();
        let paths = json!({
            "record": watched.record(),
            "policies": watched.folder.path().join("policies.json"),
            "permissions": root().join("src/policy/permissions.json"),
        });
        std::fs::write(package.join("watched.json"), paths.to_string()).unwrap();
        watched
    }

    fn record(&self) -> PathBuf {
        self.folder.path().join("record.jsonl")
    }

    /// Returns what `policy` prints for a stage of this name in AWS, changed for what is different here.
    fn printed(&self, purpose: &str) -> Vec<Value> {
        let config = self.stage.config().with_file_name("aws.yaml");
        let text = std::fs::read_to_string(self.stage.config()).unwrap();
        let text = text
            .replace(
                "hosting: local",
                "hosting: aws\n    account: '000000000000'",
            )
            .replace("factory-tree.localhost", "tree.example.com");
        std::fs::write(&config, text).unwrap();
        let mut command = self.stage.command("policy");
        command.arg("--config").arg(config);
        command.args(["--stage", &self.name, "--for", purpose, "--output", "json"]);
        let printed = Answer::from(command.output().unwrap());
        assert_eq!(printed.code, Some(0), "{}", printed.said);
        let policies = printed.json["policies"].as_array().unwrap();
        let documents: Vec<&Value> = policies.iter().map(|policy| &policy["document"]).collect();
        let text = serde_json::to_string(&documents).unwrap();
        let text = text
            .replace("tree.example.com", "factory-tree.localhost")
            // The emulator names a log group so; CloudFormation begins with the stack's name.
            .replace(
                "log-group:factory-tree-",
                "log-group:/aws/cloudformation/factory-tree-",
            );
        serde_json::from_str(&text).unwrap()
    }

    fn grant(&self, policies: &[Value]) {
        let file = self.folder.path().join("policies.json");
        std::fs::write(file, serde_json::to_string(policies).unwrap()).unwrap();
    }

    /// Runs a verb. The second release differs from the first one in its site.
    fn run(&self, words: &[&str]) -> Answer {
        let mut command = self.stage.command(words[0]);
        command.args(&words[1..]).args(["--output", "json"]);
        if self
            .stage
            .config()
            .with_file_name("templates/queue.yaml")
            .exists()
        {
            command.env("VITE_RELEASE", "second");
        }
        Answer::from(command.output().unwrap())
    }

    fn succeeds(&self, words: &[&str]) -> Value {
        let answer = self.run(words);
        assert_eq!(answer.code, Some(0), "{words:?}: {}", answer.said);
        assert!(
            !answer.said.contains("permission"),
            "{words:?}: {}",
            answer.said
        );
        answer.json
    }

    fn notes(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.record()).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The actions that were denied to the deployer.
    fn denied(&self) -> BTreeSet<String> {
        let notes = self.notes().into_iter();
        let denied = notes.filter(|note| note["denied"] == true && note["deployer"] == true);
        denied
            .map(|note| note["asked"].as_str().unwrap().to_owned())
            .collect()
    }

    /// The actions that resource handlers needed in vain.
    fn missing(&self) -> BTreeSet<String> {
        let notes = self.notes().into_iter();
        let missing = notes
            .filter_map(|note| note["missing"].as_array().cloned())
            .flatten();
        missing
            .map(|action| action.as_str().unwrap().to_owned())
            .collect()
    }

    /// Forgets what was refused, and keeps the requests.
    fn forget(&self) {
        let notes = self.notes().into_iter();
        let kept = notes.filter(|note| note["method"].is_string());
        let lines: Vec<String> = kept.map(|note| format!("{note}\n")).collect();
        // The emulator appends to the same file.
        std::fs::write(self.record(), lines.concat()).unwrap();
    }

    fn validate(&self, record: &Path) -> Value {
        let python = self
            .stage
            .state()
            .with_file_name(".venv")
            .join("bin/python");
        let output = Command::new(python)
            .arg(root().join("tests/requests/validate.py"))
            .arg(record)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {said}"))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.marker);
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
