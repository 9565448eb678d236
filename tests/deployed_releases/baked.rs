//! A release that works, and that an alarm of the stage condemns while it is watched.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;

use regex::Regex;
use serde_json::{Value, json};

use super::undone::{last_words, undo_of};
use super::{page, run, write_text};
use crate::support::stage::{Answer, Stage};

/// The alarms are looked at when the bake begins, and when it ends.
const BAKE: &str = "4s";

/// Leaves the stage as it was.
pub(super) fn a_release_whose_alarm_goes_off_is_undone(
    stage: &Stage,
    sources: &Path,
    good: &Value,
) {
    let alarm = name_of_alarm(stage, "ApiServerErrors");
    write_text(sources, "alarming");
    let failed = deploy_and_bake(stage, || {
        assert!(page(good, "/").contains("alarming"), "it is live");
        set_alarm(stage, &alarm, "ALARM");
    });
    set_alarm(stage, &alarm, "OK");
    write_text(sources, "good");

    assert_eq!(failed.code, Some(1), "{}", failed.said);
    let undone = undo_of(&failed);
    assert_eq!(undone["outcome"], "rolled-back", "{}", failed.said);
    assert_eq!(undone["moved"], json!(["site"]));
    assert!(page(good, "/").contains("good"));
    let message = failed.json["error"]["message"].as_str().unwrap();
    assert!(message.contains(&alarm), "{message}");
    insta::assert_snapshot!(last_words(&failed).replace(&alarm, "[alarm]"));
    let rows = run(stage, "releases", &["--output", "json"]).json["releases"].clone();
    assert_eq!(rows[1]["outcome"], "failed");
}

/// Deploys, and does something as soon as the bake has begun.
fn deploy_and_bake(stage: &Stage, meanwhile: impl FnOnce()) -> Answer {
    let mut child = stage
        .command("deploy")
        .args(["--bake", BAKE, "--undo-on-failure", "--output", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.ends_with("\nbake\n") {
        let length = stderr.read_line(&mut said).unwrap();
        assert_ne!(length, 0, "it ended without a bake: {said}");
    }
    meanwhile();
    stderr.read_to_string(&mut said).unwrap();
    let answer = Answer::from(child.wait_with_output().unwrap());
    Answer { said, ..answer }
}

/// Returns the alarm of the stage that a template calls by this id.
fn name_of_alarm(stage: &Stage, logical_id: &str) -> String {
    let answer = ask_cloudwatch(stage, "Action=DescribeAlarms&Version=2010-08-01");
    let name = Regex::new(&format!("<AlarmName>([^<]*-{logical_id}-[^<]*)<")).unwrap();
    name.captures(&answer).expect(&answer)[1].to_owned()
}

fn set_alarm(stage: &Stage, name: &str, state: &str) {
    let form = format!(
        "Action=SetAlarmState&Version=2010-08-01&AlarmName={name}&StateValue={state}&StateReason=a+test"
    );
    let answer = ask_cloudwatch(stage, &form);
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

/// Asks the stage's own endpoint as the account's root, and returns the whole answer.
fn ask_cloudwatch(stage: &Stage, form: &str) -> String {
    let ports = std::fs::read(stage.state().join("ports.json")).unwrap();
    let ports: Value = serde_json::from_slice(&ports).unwrap();
    let port = u16::try_from(ports["emulator"].as_u64().unwrap()).unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: monitoring\r\nConnection: close\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/monitoring/aws4_request, SignedHeaders=host, Signature=0\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
