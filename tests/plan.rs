//! `plan`, and `deploy --plan`, on a local stage: what is shown comes true, what has moved is refused, and
//! no data goes without consent.

use serde_json::Value;

use crate::support::stage::{Answer, Stage, stacks_with};

/// Runs a verb with more arguments; the answer is JSON.
fn run(stage: &Stage, verb: &str, arguments: &[&str]) -> Answer {
    let mut command = stage.command(verb);
    Answer::from(
        command
            .args(["--output", "json"])
            .args(arguments)
            .output()
            .unwrap(),
    )
}

fn plan(stage: &Stage, code: i32) -> Value {
    let answer = run(
        stage,
        "plan",
        &["--detailed-exitcode", "--out", "plan.json"],
    );
    assert_eq!(answer.code, Some(code), "{}", answer.said);
    answer.json
}

fn actions(plan: &Value) -> Vec<String> {
    let stacks = plan["stacks"].as_array().unwrap().iter();
    let moved = stacks.filter(|stack| stack["action"] != "unchanged");
    let rows = moved.map(|stack| format!("{} {}", stack["action"], stack["name"]).replace('"', ""));
    rows.collect()
}

fn rename_topic(stage: &Stage, from: &str, to: &str) {
    let name = |name: &str| format!("DisplayName: {name}\n");
    stage.change_template("data.yaml", |text| text.replace(&name(from), &name(to)));
}

const BEFORE: &str = "Factory tree changes";

#[test]
fn a_plan_comes_true_or_is_refused() {
    let stage = Stage::new("planned");
    let fresh = plan(&stage, 2);
    assert_eq!(actions(&fresh).len(), 7, "{fresh}");
    assert!(!stage.state().exists(), "a plan starts nothing");

    let deployed = run(&stage, "deploy", &["--plan", "plan.json"]);
    assert_eq!(deployed.code, Some(0), "{}", deployed.said);
    assert!(actions(&plan(&stage, 0)).is_empty());

    rename_topic(&stage, BEFORE, "Changes");
    let planned = plan(&stage, 2);
    assert_eq!(actions(&planned), ["update data"]);
    assert_eq!(
        planned["digest"],
        plan(&stage, 2)["digest"],
        "a plan touches nothing"
    );
    insta::assert_snapshot!(first_change(&planned), @r#"
"Topic" "AWS::SNS::Topic" "modify" "both"
  "Properties.DisplayName" "Factory tree changes" "Changes" "both" false
"#);

    reality_moves(&stage);
    let refused = run(&stage, "deploy", &["--plan", "plan.json"]);
    assert_eq!(refused.code, Some(5), "{}", refused.said);
    assert!(
        refused
            .said
            .contains("changed since: state of stack data\n"),
        "{}",
        refused.said
    );

    plan(&stage, 2);
    let deployed = run(&stage, "deploy", &["--plan", "plan.json"]);
    assert_eq!(deployed.code, Some(0), "{}", deployed.said);
    assert_eq!(stacks_with(&deployed.json, "updated"), ["data"]);

    data_needs_consent(&stage);
}

/// Returns the first change of a plan: what is changed, and each of its properties in a line.
fn first_change(plan: &Value) -> String {
    let stacks = plan["stacks"].as_array().unwrap().iter();
    let mut changes = stacks.flat_map(|stack| stack["changes"].as_array().unwrap());
    let change = changes.next().unwrap();
    let fields = |object: &Value, names: &[&str]| {
        let fields = names.iter().map(|name| object[*name].to_string());
        fields.collect::<Vec<_>>().join(" ")
    };
    let mut text = fields(change, &["logical_id", "type", "action", "seen_by"]);
    for property in change["properties"].as_array().unwrap() {
        text += "\n  ";
        text += &fields(property, &["path", "before", "after", "seen_by", "ignored"]);
    }
    text
}

/// Somebody else deploys something else, and the templates are then as they were planned.
fn reality_moves(stage: &Stage) {
    rename_topic(stage, "Changes", "Others");
    stage.deploy();
    rename_topic(stage, "Others", "Changes");
}

/// Another name needs another table.
fn data_needs_consent(stage: &Stage) {
    stage.change_template("data.yaml", |text| {
        let billing = "      BillingMode: PAY_PER_REQUEST\n";
        text.replace(
            billing,
            &format!("{billing}      TableName: another-tree\n"),
        )
    });
    // The foundation would be updated before the data stack.
    stage.change_template("foundation.yaml", |text| {
        text.replace("Factory tree alarms", "Alarms of the tree")
    });
    let planned = plan(stage, 2);
    assert!(
        actions(&planned).contains(&"update foundation".to_owned()),
        "{planned}"
    );
    assert!(
        actions(&planned).contains(&"update data".to_owned()),
        "{planned}"
    );

    let refused = run(stage, "deploy", &[]);
    assert_eq!(refused.code, Some(3), "{}", refused.said);
    assert!(
        refused.said.contains("data would be lost: Table"),
        "{}",
        refused.said
    );
    assert!(
        refused.said.contains("--allow-replacement"),
        "{}",
        refused.said
    );
    assert_eq!(
        planned["digest"],
        plan(stage, 2)["digest"],
        "nothing was touched"
    );

    stage.configure("    protected: true\n");
    let unnamed = run(stage, "deploy", &["--allow-replacement"]);
    stage.configure("");
    assert_eq!(unnamed.code, Some(3), "{}", unnamed.said);
    assert_eq!(
        planned["digest"],
        plan(stage, 2)["digest"],
        "the data of a protected stage need its name"
    );

    let deployed = run(stage, "deploy", &["--allow-replacement"]);
    assert_eq!(deployed.code, Some(0), "{}", deployed.said);
    assert!(actions(&plan(stage, 0)).is_empty());
    stage.change_template("foundation.yaml", |text| format!("# a comment\n{text}"));
    assert!(
        actions(&plan(stage, 0)).is_empty(),
        "a comment is no change"
    );
    assert_eq!(stage.deploy()["outcome"], "unchanged");
}
