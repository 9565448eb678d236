//! The commands of an incident work from what is deployed: with broken sources they answer as with whole ones.

use std::path::Path;

use super::SOON;
use crate::support::stage::{Answer, Stage, a_change_arrives};

type Damage = fn(&Path);

/// What may be wrong with the templates of the sources.
const DAMAGES: [(&str, Damage); 4] = [
    ("a template that is no YAML", |templates| {
        std::fs::write(templates.join("data.yaml"), "Resources: [").unwrap();
    }),
    ("an empty template", |templates| {
        std::fs::write(templates.join("data.yaml"), "").unwrap();
    }),
    ("a missing template", |templates| {
        std::fs::remove_file(templates.join("data.yaml")).unwrap();
    }),
    ("no folder of templates", |templates| {
        std::fs::remove_dir_all(templates).unwrap();
    }),
];

#[test]
fn commands_of_an_incident_work_with_broken_templates() {
    let stage = Stage::new("incident");
    let release = deploy_with_a_lost_answer(&stage);
    let release = release.as_str();
    let whole = outputs(&stage);
    assert_eq!(whole.code, Some(0), "{}", whole.said);
    assert!(whole.json["stacks"]["data"]["TableName"].is_string());

    for (damage, break_templates) in DAMAGES {
        break_templates(&stage.config().with_file_name("templates"));
        for verb in ["status", "logs", "releases", "recover"] {
            let answer = stage.run(verb);
            assert_eq!(answer.code, Some(0), "{verb}, {damage}: {}", answer.said);
        }
        assert_eq!(outputs(&stage).json, whole.json, "{damage}");
        for arguments in [&["diff", release, release][..], &["rollback", release]] {
            let mut command = stage.command(arguments[0]);
            command.args(&arguments[1..]).args(["--output", "json"]);
            let answer = Answer::from(command.output().unwrap());
            assert_eq!(
                answer.code,
                Some(0),
                "{arguments:?}, {damage}: {}",
                answer.said
            );
        }
        let deploy = stage.run("deploy");
        assert_ne!(
            deploy.code,
            Some(0),
            "a deploy needs whole templates: {damage}"
        );
    }

    let gone = stage.run("teardown");
    assert_eq!(gone.code, Some(0), "{}", gone.said);
    assert_eq!(gone.json["outcome"], "removed");
    let removed = gone.json["removed"].as_array().unwrap();
    assert!(removed.len() > 7, "{removed:?}");
    assert!(!stage.state().exists(), "files are left");
}

/// Deploys where the answer cannot be written. The stage is deployed and recorded all the same; returns the release.
fn deploy_with_a_lost_answer(stage: &Stage) -> String {
    let mut deploy = stage.command("deploy");
    deploy.stdout(std::fs::File::create("/dev/full").unwrap());
    let lost = deploy.output().unwrap();
    let said = String::from_utf8_lossy(&lost.stderr);
    assert_eq!(lost.status.code(), Some(1), "{said}");
    assert!(said.contains("the answer cannot be written"), "{said}");

    let again = stage.deploy();
    assert_eq!(again["outcome"], "unchanged", "{again}");
    a_change_arrives(&again, SOON).unwrap();
    let releases = stage.run("releases").json;
    let rows = releases["releases"].as_array().unwrap();
    assert_eq!((rows.len(), &rows[0]["live"]), (1, &true.into()));
    rows[0]["id"].as_str().unwrap().to_owned()
}

fn outputs(stage: &Stage) -> Answer {
    Answer::from(
        stage
            .command("outputs")
            .args(["--output", "json"])
            .output()
            .unwrap(),
    )
}
