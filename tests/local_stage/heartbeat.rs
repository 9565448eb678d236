//! The whole way of a change is proved: a deploy whose publisher takes no record, or is another one, fails and says where.

use serde_json::Value;

use crate::support::stage::{Answer, Stage, check};

/// The rest of the way, as `verify` and `status` name it.
fn detail<'a>(status: &'a Value, name: &str) -> &'a str {
    check(status, name)["detail"].as_str().unwrap()
}

fn fails(deploy: &Answer, words: &[&str]) {
    assert_eq!(deploy.code, Some(1), "{}", deploy.said);
    for word in words {
        assert!(deploy.said.contains(word), "`{word}`: {}", deploy.said);
    }
}

#[test]
fn a_deploy_whose_changes_would_reach_nobody_fails_and_names_the_hop() {
    let stage = Stage::new("heartbeat");
    // It cannot start without the topic, so every call of it fails.
    let whole = stage.change_template("api.yaml", |text| {
        text.replace("          TOPIC_ARN:", "          NO_TOPIC_ARN:")
    });
    stage.configure("    verify_seconds: 4\n");
    let broken = stage.run("deploy");
    fails(
        &broken,
        &[
            "heartbeat (",
            "none has come back",
            "the publisher does not take the stream's records",
        ],
    );
    let status = stage.run("status").json;
    assert_eq!(check(&status, "heartbeat")["ok"], false);
    assert!(detail(&status, "heartbeat").contains("writes them into the table"));
    assert_eq!(check(&status, "stream StreamToPublisher")["ok"], false);

    // Another publisher than the one that was built.
    stage.write_template("api.yaml", &whole);
    stage.change_template("api.yaml", |text| {
        text.replace("BUILD: !Ref PublisherBuild", "BUILD: of-yesterday")
    });
    let stale = stage.run("deploy");
    fails(&stale, &["came through publisher of-yesterday, not"]);

    stage.write_template("api.yaml", &whole);
    let deployed = stage.deploy();
    let status = stage.run("status");
    assert_eq!(status.code, Some(0), "{}", status.json);
    assert!(detail(&status.json, "heartbeat").contains("ago at 1 server, through publisher"));
    let list = crate::support::stage::call(&deployed, "GET /factories", "", "");
    assert_eq!(list.1["factories"], serde_json::json!([]), "{}", list.1);
}
