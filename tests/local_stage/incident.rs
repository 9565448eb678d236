//! The commands of an incident work from what is deployed: with broken sources they answer as with whole ones.

use std::path::Path;

use super::SOON;
use crate::support::stage::{Answer, Stage, a_change_arrives};

/// What may be wrong with the templates of the sources.
const DAMAGES: [(&str, fn(&Path)); 4] = [
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
    let deployed = stage.deploy();
    a_change_arrives(&deployed, SOON).unwrap();
    let release = deployed["release"].as_str().unwrap();
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
    assert_eq!(
        gone.json["removed"].as_array().unwrap().len() > 7,
        true,
        "{}",
        gone.json
    );
    assert!(!stage.state().exists(), "files are left");
}

fn outputs(stage: &Stage) -> Answer {
    Answer::from(
        stage
            .command("outputs")
            .args(["--format", "json"])
            .output()
            .unwrap(),
    )
}
