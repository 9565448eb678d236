//! A stage whose changes reach the pages by an Event API: its road, the emulator's patch held against AppSync's documents, the
//! grant to publish, and the switch from servers and back.
//! Source of the protocol: AWS AppSync Events Developer Guide, "Event API WebSocket protocol" and "Publish events via HTTP".

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{self, Message};

use super::SOON;
use crate::support::browser::BrowserDriver;
use crate::support::stage::channel::{ask_channel, event, open_channel, subscribe, subscription};
use crate::support::stage::{
    Answer, Socket, Stage, a_change_arrives, call, check, create_factory, is_timeout, page_config,
    stacks_with,
};

const APPSYNC: &str = "    live: appsync\n    verify_seconds: 20\n";

/// AppSync sends a keep-alive every 60 s.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

fn stage(name: &str) -> Stage {
    Stage::of(name, Path::new(env!("CARGO_MANIFEST_DIR")), APPSYNC)
}

#[test]
fn a_stage_without_servers_comes_up_speaks_appsyncs_protocol_and_goes() {
    let stage = stage("appsync");
    let report = stage.deploy();
    let created = stacks_with(&report, "created");
    assert!(
        created.contains(&"live-appsync") && !created.contains(&"websocket"),
        "{created:?}"
    );
    assert_eq!(report["released"]["server"], false);
    no_server_is_built(&stage);
    a_change_arrives(&report, SOON).unwrap();

    let config = page_config(&report);
    let key = config["live"]["key"].as_str().unwrap();
    let site = report["urls"]["site"].as_str().unwrap();
    let host = site.replace("http://", "ws.");
    let live = json!({ "kind": "appsync", "host": host, "key": key, "channel": "/tree/main" });
    assert_eq!(config["live"], live);
    assert_eq!(config["socket"], format!("ws://{host}/event/realtime"));

    let opened = Instant::now();
    let mut idle = subscribe(&report, &config).unwrap();
    the_protocol_is_that_of_the_documents(&report, &config);
    only_a_signature_publishes(&stage, &report, &config);
    nothing_is_left_to_do(&stage);
    status_knows_the_channel_and_no_server(&stage);
    an_earlier_release_comes_back_without_a_server(&stage);

    let kind =
        |text: &str| -> Value { serde_json::from_str::<Value>(text).unwrap()["type"].clone() };
    let is_alive = read_until(
        &mut idle,
        KEEP_ALIVE.saturating_sub(opened.elapsed()),
        |text| kind(text) == "ka",
    );
    assert!(is_alive, "no keep-alive within {} s", KEEP_ALIVE.as_secs());

    let gone = stage.run("teardown");
    assert_eq!(gone.json["failed"], json!([]), "{}", gone.said);
    let removed = gone.json["removed"].to_string();
    assert!(removed.contains("stack live-appsync"), "{removed}");
}

fn no_server_is_built(stage: &Stage) {
    let built = stage.run("build");
    assert_eq!(built.code, Some(0), "{}", built.said);
    let artifacts = built.json["artifacts"].as_array().unwrap().iter();
    let names: Vec<_> = artifacts.map(|artifact| &artifact["name"]).collect();
    assert_eq!(names, ["api", "publisher"], "{}", built.json);
}

/// Reads a socket until a text is as wanted, or the time is up.
fn read_until(socket: &mut Socket, patience: Duration, is_it: impl Fn(&str) -> bool) -> bool {
    let started = Instant::now();
    while started.elapsed() < patience {
        match socket.read() {
            Ok(Message::Text(text)) if is_it(&text) => return true,
            Ok(_) => {}
            Err(tungstenite::Error::Io(error)) if is_timeout(&error) => {}
            Err(error) => panic!("{error}"),
        }
    }
    false
}

fn the_protocol_is_that_of_the_documents(report: &Value, config: &Value) {
    let key = config["live"]["key"].as_str().unwrap();
    let init = json!({ "type": "connection_init" });
    let error_type = |answer: &Value| answer["errors"][0]["errorType"].clone();

    // A key that is none is refused at the connection.
    let mut stranger = open_channel(report, config, "da2-none").unwrap();
    let refused = ask_channel(&mut stranger, &init).unwrap();
    assert_eq!(refused["type"], "connection_error", "{refused}");
    assert_eq!(error_type(&refused), "UnauthorizedException");

    let mut page = open_channel(report, config, key).unwrap();
    let acknowledged = ask_channel(&mut page, &init).unwrap();
    let wanted = json!({ "type": "connection_ack", "connectionTimeoutMs": 300_000 });
    assert_eq!(acknowledged, wanted);
    // No namespace of this name, and a key that is none.
    for (channel, key) in [("/other/main", key), ("/tree/main", "da2-none")] {
        let refused = ask_channel(&mut page, &subscription(config, channel, key)).unwrap();
        assert_eq!(refused["type"], "subscribe_error", "{refused}");
        assert_eq!(error_type(&refused), "UnauthorizedException");
    }
    let subscribe = subscription(config, "/tree/main", key);
    let subscribed = ask_channel(&mut page, &subscribe).unwrap();
    let id = &subscribe["id"];
    assert_eq!(subscribed, json!({ "type": "subscribe_success", "id": id }));
    let again = ask_channel(&mut page, &subscribe).unwrap();
    assert_eq!(again["type"], "subscribe_error", "an id is used once");

    let (factory, status) = create_factory(report, "told");
    assert_eq!(status, 201);
    let is_data = read_until(&mut page, SOON, |text| {
        let message: Value = serde_json::from_str(text).unwrap();
        let change: Value = serde_json::from_str(&event(text)).unwrap_or_default();
        message["type"] == "data" && message["id"] == *id && change["factory"]["id"] == factory
    });
    assert!(is_data, "no data of the created factory");
}

/// Sends a publish to a host of the stage; returns status and body.
fn publish(report: &Value, config: &Value, header: &str) -> (u16, Value) {
    let site = report["urls"]["site"].as_str().unwrap();
    let port: u16 = site.rsplit(':').next().unwrap().parse().unwrap();
    let host = config["live"]["host"].as_str().unwrap();
    let body = json!({ "channel": "/tree/main", "events": ["{}"] }).to_string();
    let length = body.len();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let request = format!(
        "POST /event HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         {header}Content-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let json = answer
        .find('{')
        .map(|from| &answer[from..=answer.rfind('}').unwrap()]);
    let json = json.and_then(|text| serde_json::from_str(text).ok());
    (status, json.unwrap_or_default())
}

/// The key of the pages may not publish. The publisher may, by its signature, and is told which events were taken.
fn only_a_signature_publishes(stage: &Stage, report: &Value, config: &Value) {
    let key = config["live"]["key"].as_str().unwrap();
    for header in [String::new(), format!("x-api-key: {key}\r\n")] {
        let (status, answer) = publish(report, config, &header);
        assert_eq!(status, 401, "{header}: {answer}");
        assert_eq!(answer["errors"][0]["errorType"], "UnauthorizedException");
    }
    let mut page = subscribe(report, config).unwrap();
    let file = format!(
        "{}/lambdas/publisher/events/changed.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let mut command = stage.command("invoke");
    command.args(["publisher", "--event", &file, "--output", "json"]);
    let invoked = Answer::from(command.output().unwrap());
    assert_eq!(invoked.code, Some(0), "{}", invoked.said);
    let failures = &invoked.json["answer"]["batchItemFailures"];
    assert_eq!(failures, &json!([]), "{}", invoked.said);
    let is_told = read_until(&mut page, SOON, |text| event(text).contains("\"changed\""));
    assert!(is_told, "what was published did not come");
}

fn nothing_is_left_to_do(stage: &Stage) {
    let again = stage.run("deploy");
    assert_eq!(again.json["outcome"], "unchanged", "{}", again.said);
}

fn status_knows_the_channel_and_no_server(stage: &Stage) {
    let status = stage.run("status");
    assert_eq!(status.code, Some(0), "{}", status.json);
    let names: Vec<&str> = status.json["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| check["name"].as_str().unwrap())
        .collect();
    for absent in ["server", "server queues", "heartbeat"] {
        assert!(!names.contains(&absent), "{names:?}");
    }
    let detail = |name: &str| {
        check(&status.json, name)["detail"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(detail("socket"), "takes subscriptions to /tree/main");
    assert!(
        detail("page key").starts_with("expires in "),
        "{}",
        detail("page key")
    );
    let session = stage.run("ssh");
    assert_eq!(session.code, Some(2), "{}", session.said);
    assert!(session.said.contains("has no servers"), "{}", session.said);
}

fn an_earlier_release_comes_back_without_a_server(stage: &Stage) {
    stage.change_template("data.yaml", |text| {
        text.replace("DisplayName: Factory tree changes", "DisplayName: Changes")
    });
    let second = stage.deploy();
    let releases = stage.run("releases").json;
    let rows = releases["releases"].as_array().unwrap().iter();
    let earlier: Vec<&Value> = rows.filter(|row| row["live"] == false).collect();
    assert_eq!(earlier.len(), 1, "{releases}");
    let mut command = stage.command("rollback");
    command.args([earlier[0]["id"].as_str().unwrap(), "--output", "json"]);
    let back = Answer::from(command.output().unwrap());
    assert_eq!(back.code, Some(0), "{}", back.said);
    assert_eq!(page_config(&second)["live"]["kind"], "appsync");
}

/// Without its grant the publisher publishes nothing, and the deploy says which hop it is.
#[test]
fn the_grant_to_publish_is_needed_and_its_lack_fails_the_deploy_at_its_hop() {
    let stage = Stage::of(
        "appsync-grant",
        Path::new(env!("CARGO_MANIFEST_DIR")),
        "    live: appsync\n    verify_seconds: 4\n",
    );
    let whole = stage.change_template("api.yaml", |text| {
        text.replace(
            "[ToEventApi, appsync:EventPublish,",
            "[ToEventApi, appsync:GetApi,",
        )
    });
    let failed = stage.run("deploy");
    assert_eq!(failed.code, Some(1), "{}", failed.said);
    for words in [
        "heartbeat (it is written into the table, and it does not come out",
        "Event API",
    ] {
        assert!(failed.said.contains(words), "`{words}`: {}", failed.said);
    }
    stage.write_template("api.yaml", &whole);
    a_change_arrives(&stage.deploy(), SOON).unwrap();
}

/// From servers to an Event API and back, by deploys alone. What was written before is there after.
/// Creates a factory every two seconds while `work` goes on; returns their names too.
fn while_somebody_writes<T>(
    report: &Value,
    tag: &str,
    work: impl FnOnce() -> T,
) -> (T, Vec<String>) {
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut names = Vec::new();
            while !is_over.load(Ordering::Relaxed) {
                let name = format!("{tag} {}", names.len());
                let (_, status) = create_factory(report, &name);
                assert_eq!(status, 201, "{name}");
                names.push(name);
                std::thread::sleep(Duration::from_secs(2));
            }
            names
        });
        let done = work();
        is_over.store(true, Ordering::Relaxed);
        (done, writer.join().unwrap())
    })
}

#[test]
fn a_stage_is_switched_from_servers_to_an_event_api_and_back() {
    let stage = Stage::new("switched");
    let report = stage.deploy();
    a_change_arrives(&report, SOON).unwrap();
    let (kept, _) = create_factory(&report, "kept");
    let site = Path::new(env!("CARGO_MANIFEST_DIR")).join("site");
    let mut page = BrowserDriver::open(&site, "e2e/switch.mjs", &report);
    page.hears("keep kept");

    for (settings, gone, new) in [
        (APPSYNC, "websocket", "live-appsync"),
        ("    live: servers\n", "live-appsync", "websocket"),
    ] {
        stage.configure(settings);
        let planned = stage.run("plan").json;
        let action = |name: &str| {
            let stacks = planned["stacks"].as_array().unwrap().iter();
            let mut found = stacks.filter(|stack| stack["name"] == name);
            found.next().map(|stack| stack["action"].clone())
        };
        assert_eq!(action(gone), Some("delete".into()), "{planned}");
        assert_eq!(action(new), Some("create".into()));
        assert_eq!(action("api"), Some("update".into()));

        let (switched, written) = while_somebody_writes(&report, new, || stage.run("deploy"));
        assert_eq!(switched.code, Some(0), "{}", switched.said);
        page.hears("live");
        for name in written {
            page.hears(&format!("shows {name}"));
        }
        assert!(
            switched.said.contains(&format!("stack {gone} is deleted")),
            "{}",
            switched.said
        );
        assert_eq!(stacks_with(&switched.json, "created"), [new]);
        a_change_arrives(&switched.json, SOON).unwrap();
        let path = format!("GET /factories/{kept}");
        assert_eq!(call(&switched.json, &path, "", "").0, 200);
        let status = stage.run("status");
        assert_eq!(status.code, Some(0), "{}", status.json);
        let stacks = status.json["stacks"].to_string();
        assert!(stacks.contains(new) && !stacks.contains(gone), "{stacks}");
        assert_eq!(stage.run("deploy").json["outcome"], "unchanged");
    }
    assert_eq!(page.leave(), json!({ "faults": [] }));
    // A setting that was changed and not deployed hides no stack from the teardown.
    stage.configure(APPSYNC);
    let gone = stage.run("teardown");
    assert_eq!(gone.json["failed"], json!([]), "{}", gone.said);
    let removed = gone.json["removed"].to_string();
    assert!(removed.contains("stack websocket"), "{removed}");
}
