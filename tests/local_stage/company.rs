//! A stage in AWS, deployed to the endpoint of a local stage from within the network of a company. The endpoint knows nothing
//! of public names, so the deploy ends at its proof, when everything is there.

use std::process::Command;

use serde_json::Value;

use crate::cli::project::Project;
use crate::support::proxy::{CompanyNetwork, NAME};
use crate::support::stage::Stage;

/// Each verb with its exit code, once the deploy has failed at its proof: 0 where nothing public is asked.
const VERBS: [(&[&str], i32); 7] = [
    (&["outputs"], 0),
    (&["releases"], 0),
    (&["plan"], 0),
    (&["logs", "--since", "1m"], 0),
    (&["recover", "--yes"], 0),
    (&["status"], 1),
    (&["teardown", "--yes"], 0),
];

pub(super) fn a_stage_of_aws_goes_through_the_proxy_to_the_endpoint(stage: &Stage) {
    let ports = std::fs::read(stage.state().join("ports.json")).unwrap();
    let ports: Value = serde_json::from_slice(&ports).unwrap();
    let network = CompanyNetwork::before(&format!("http://127.0.0.1:{}", ports["emulator"]));
    let project = Project::new();
    project.replace("factory-tree.yaml", "protected: true", "verify_seconds: 2");
    let run = |verb: &[&str]| {
        let mut command = project.command(verb);
        let answer = within(&mut command, &network).output().unwrap();
        (answer.status.code(), project.reported(&answer))
    };
    let (code, deployed) = run(&["deploy"]);
    assert_eq!(code, Some(1), "{deployed}");
    assert!(deployed.contains("stack site: created"), "{deployed}");
    for (verb, expected) in VERBS {
        let before = network.seen().through;
        let (code, reported) = run(verb);
        assert_eq!(code, Some(expected), "{verb:?}: {reported}");
        assert!(network.seen().through > before, "{verb:?}: {reported}");
    }
    network.assert_that_nothing_went_around_it();
}

fn within<'a>(command: &'a mut Command, network: &CompanyNetwork) -> &'a mut Command {
    command
        .env("AWS_ENDPOINT_URL", format!("https://{NAME}"))
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("HTTPS_PROXY", network.proxy())
        .env("AWS_CA_BUNDLE", network.authority())
        .env("FACTORY_TREE_STAGE", "prod")
}
