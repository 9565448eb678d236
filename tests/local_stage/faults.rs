//! Faults of a stage are reported, and the next deploy repairs them.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{SOON, kill};
use crate::support::stage::{
    Answer, Stage, a_change_arrives, call, check, create_factory, failing, stacks_with,
};

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

#[test]
fn a_template_that_is_refused_is_reported_with_its_resource_and_put_right_by_the_next_deploy() {
    let stage = Stage::new("refused");
    let whole = stage.change_template("data.yaml", |text| {
        text.replace("AWS::SNS::TopicPolicy", "AWS::SNS::NoSuchType")
    });
    let refused = stage.run("deploy");
    assert_eq!(refused.code, Some(1), "{}", refused.said);
    let from = refused.said.find("error:").unwrap();
    let reported = refused.said[from..].replace(&*stage_templates(&stage), "[templates]");
    insta::assert_snapshot!(reported);

    // A template above the limit of a request goes by way of the artifact bucket.
    let padding = format!("# {}\n", "x".repeat(60_000));
    let retained = "  Topic:\n    DeletionPolicy: Retain\n    UpdateReplacePolicy: Retain\n";
    stage.change_template("data.yaml", |_| {
        let whole = whole.replace("  Topic:\n", retained);
        format!("{padding}{whole}")
    });
    assert_eq!(stage.deploy()["outcome"], "deployed");

    // A plan asks about such a template, too.
    stage.change_template("data.yaml", |text| {
        text.replace("Factory tree changes", "Changes")
    });
    let planned = stage.run("plan");
    assert_eq!(planned.code, Some(0), "{}", planned.said);
    let stacks = planned.json["stacks"].as_array().unwrap();
    let data = stacks.iter().find(|stack| stack["name"] == "data").unwrap();
    let topic = &data["changes"][0];
    assert_eq!(topic["logical_id"], "Topic", "{data}");
    assert_ne!(topic["seen_by"], "template", "{data}");

    // What the template retains, the emulator held, and it is gone.
    let gone = stage.run("teardown");
    assert_eq!(gone.code, Some(0), "{}", gone.said);
    assert_eq!(gone.json["kept"], serde_json::json!([]));
    assert!(!gone.said.contains("stays:"), "{}", gone.said);
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

#[test]
fn a_port_that_is_taken_is_reported_with_its_holder() {
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
    let reported = refused.said[from..].replace(&port.to_string(), "[port]");
    let reported = reported.replace(&std::process::id().to_string(), "[pid]");
    let holder = regex::Regex::new(r"by \S+ ").unwrap();
    let reported = holder.replace(&reported, "by [holder] ");
    insta::assert_snapshot!(reported);
}

#[test]
fn a_deploy_that_is_stopped_half_way_goes_on_with_the_next_one() {
    let stage = Stage::new("stopped");
    // The first stack is there: now we are in the middle.
    let (mut deploy, said) = deploy_until(&stage, "stack foundation: created");
    let asked = Instant::now();
    assert!(
        Command::new("kill")
            .args(["-TERM", &deploy.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
    let rest: Vec<String> = said.collect();
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
        rest.contains("the same command (`factory-tree deploy`) continues from there"),
        "{rest}"
    );

    let report = stage.deploy();
    assert_eq!(
        stacks_with(&report, "unchanged").first(),
        Some(&"foundation")
    );
    a_change_arrives(&report, SOON).unwrap();
}

/// Starts a deploy and waits for a line that begins like this. Returns what it says after that, too.
fn deploy_until(stage: &Stage, begin: &str) -> (Child, impl Iterator<Item = String>) {
    let mut deploy = stage.command("deploy");
    deploy.stderr(Stdio::piped()).stdout(Stdio::null());
    let mut deploy = deploy.spawn().unwrap();
    let said = BufReader::new(deploy.stderr.take().unwrap()).lines();
    let mut said = said.map_while(Result::ok);
    assert!(
        said.any(|line| line.starts_with(begin)),
        "it ended before `{begin}`"
    );
    (deploy, said)
}

/// They choose the same port. One gets it, and answers there for both until the other has noticed.
#[test]
fn two_stages_that_start_at_the_same_time_do_not_share_an_address() {
    let stages = [Stage::new("twin-a"), Stage::new("twin-b")];
    let deploys = std::thread::scope(|scope| {
        let deploys = stages
            .each_ref()
            .map(|stage| scope.spawn(|| stage.deploy()));
        deploys.map(|deploy| deploy.join().unwrap())
    });
    assert_ne!(deploys[0]["urls"], deploys[1]["urls"]);
    for (stage, first) in stages.iter().zip(&deploys) {
        let status = stage.run("status");
        assert_eq!(status.code, Some(0), "{}", status.json);
        a_change_arrives(first, SOON).unwrap();
        let again = stage.run("deploy");
        assert_eq!(again.json["outcome"], "unchanged", "{}", again.said);
        assert_eq!(again.json["urls"], first["urls"]);
    }
    let (id, _) = create_factory(&deploys[0], "of one");
    let request = format!("GET /factories/{id}");
    assert_eq!(call(&deploys[0], &request, "", "").0, 200);
    assert_eq!(call(&deploys[1], &request, "", "").0, 404);
}

#[test]
fn two_deploys_of_one_stage_at_once_do_not_meet() {
    let stage = Stage::new("busy");
    let (mut first, said) = deploy_until(&stage, "build");
    let mut second = stage.command("deploy");
    let refused = second.args(["--on-busy", "fail"]).output().unwrap();
    let refused = Answer::from(refused);
    let waited = stage.run("deploy");
    said.for_each(drop);
    assert!(first.wait().unwrap().success());
    assert_eq!(refused.code, Some(7), "{}", refused.said);
    assert!(refused.said.contains("stage `busy`"), "{}", refused.said);
    assert_eq!(waited.code, Some(0), "{}", waited.said);
    assert_eq!(waited.json["outcome"], "unchanged");
    assert!(waited.said.contains("waiting for it"), "{}", waited.said);
    assert!(check(&stage.run("status").json, "site")["ok"] == true);
}
