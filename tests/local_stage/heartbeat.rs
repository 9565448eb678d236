//! The whole way of a change is proved: a deploy whose publisher takes no record, or is another one, fails and says where. What was
//! written meanwhile is replayed as it is then.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::stage::{Answer, Stage, call, check, create_factory};

/// The time within which the emulator gives a record up.
const GIVEN_UP: Duration = Duration::from_secs(60);

fn detail<'a>(status: &'a Value, name: &str) -> &'a str {
    check(status, name)["detail"].as_str().unwrap()
}

fn fails(answer: &Answer, words: &[&str]) {
    assert_eq!(answer.code, Some(1), "{}", answer.said);
    for word in words {
        assert!(answer.said.contains(word), "`{word}`: {}", answer.said);
    }
}

#[test]
fn a_broken_publisher_fails_the_deploy_at_its_hop_and_what_it_missed_is_replayed_as_it_is_now() {
    let stage = Stage::new("heartbeat");
    let whole = stage.change_template("api.yaml", |text| {
        text.replace(
            "MaximumRecordAgeInSeconds: 3600",
            "MaximumRecordAgeInSeconds: 1",
        )
    });
    let whole = whole.replace(
        "MaximumRecordAgeInSeconds: 3600",
        "MaximumRecordAgeInSeconds: 1",
    );
    // It cannot start without the topic, so every call of it fails.
    stage.change_template("api.yaml", |text| {
        text.replace("          TOPIC_ARN:", "          NO_TOPIC_ARN:")
    });
    stage.configure("    verify_seconds: 4\n");
    let broken = stage.run("deploy");
    let hop = "the publisher does not take the stream's records";
    fails(&broken, &["heartbeat (", "none has come back", hop]);
    let status = stage.run("status").json;
    assert_eq!(check(&status, "heartbeat")["ok"], false);
    assert!(detail(&status, "heartbeat").contains("writes them into the table"));
    assert_eq!(check(&status, "stream StreamToPublisher")["ok"], false);

    let missed = write(&status);
    letters_about(&stage, &missed);
    fails(&stage.run("replay"), &["the publisher fails:"]);

    // Another publisher than the one that was built.
    stage.write_template("api.yaml", &whole);
    stage.change_template("api.yaml", |text| {
        text.replace("BUILD: !Ref PublisherBuild", "BUILD: of-yesterday")
    });
    let stale = stage.run("deploy");
    fails(&stale, &["came through publisher of-yesterday, not"]);

    stage.write_template("api.yaml", &whole);
    let deployed = stage.deploy();
    let sent = changes_sent(&stage);
    letters_about(&stage, &missed);
    let replayed = stage.run("replay");
    assert_eq!(replayed.code, Some(0), "{}", replayed.said);
    assert_eq!(replayed.json["outcome"], "replayed", "{}", replayed.json);
    assert_eq!(replayed.json["published"], 2, "{}", replayed.json);
    assert_eq!(stage.run("dead-letters").json["letters"], json!([]));
    assert_eq!(stage.run("replay").json["outcome"], "idle");
    let started = Instant::now();
    while changes_sent(&stage) < sent + 2 {
        assert!(started.elapsed() < super::SOON, "nothing was published");
        std::thread::sleep(Duration::from_millis(20));
    }

    let status = stage.run("status");
    assert_eq!(status.code, Some(0), "{}", status.json);
    assert!(detail(&status.json, "heartbeat").contains("ago at 1 server, through publisher"));
    let (_, list) = call(&deployed, "GET /factories", "", "");
    let factories = list["factories"].as_array().unwrap().iter();
    let names: Vec<_> = factories.map(|factory| &factory["name"]).collect();
    assert_eq!(names, ["renamed"], "{list}");
}

/// Creates two factories, renames the first and removes the second. Returns their ids.
fn write(report: &Value) -> [String; 2] {
    let ids = ["first", "second"].map(|name| create_factory(report, name).0);
    let revision = |id: &str| {
        let (_, factory) = call(report, &format!("GET /factories/{id}"), "", "");
        format!("If-Match: \"{}\"\r\n", factory["revision"])
    };
    let path = format!("PATCH /factories/{}", ids[0]);
    let renamed = call(report, &path, &revision(&ids[0]), r#"{"name":"renamed"}"#);
    assert_eq!(renamed.0, 200, "{}", renamed.1);
    let path = format!("DELETE /factories/{}", ids[1]);
    assert_eq!(call(report, &path, &revision(&ids[1]), "").0, 204);
    ids
}

/// Waits until the dead letters are about these factories.
fn letters_about(stage: &Stage, ids: &[String]) {
    let started = Instant::now();
    loop {
        let report = stage.run("dead-letters").json;
        let letters = report["letters"].as_array().unwrap().iter();
        let factories = letters.flat_map(|letter| letter["factories"].as_array().unwrap());
        let factories: Vec<_> = factories.filter_map(Value::as_str).collect();
        if ids.iter().all(|id| factories.contains(&id.as_str())) {
            return;
        }
        assert!(started.elapsed() < GIVEN_UP, "{report}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Returns how many changes the topic has sent to the server, those that it knew already included.
fn changes_sent(stage: &Stage) -> u64 {
    let ports = std::fs::read_to_string(stage.state().join("ports.json")).unwrap();
    let ports: Value = serde_json::from_str(&ports).unwrap();
    let port = ports["server"].as_u64().unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", u16::try_from(port).unwrap())).unwrap();
    let request = "GET /metrics HTTP/1.1\r\nHost: server\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let value = |name: &str| {
        let prefix = format!("factory_tree_websocket_{name} ");
        let line = answer.lines().find_map(|line| line.strip_prefix(&prefix));
        line.and_then(|value| value.parse::<u64>().ok()).unwrap()
    };
    value("queue_messages_total") - value("heartbeats_total")
}
