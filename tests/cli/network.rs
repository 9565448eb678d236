//! The network of a company, and the difference between AWS that is not reached and credentials that are wrong.

use std::process::Command;

use axum::Router;
use axum::http::StatusCode;

use super::project::Project;
use crate::support::fake_account::FakeCloudFormation;
use crate::support::fake_aws::FakeAws;
use crate::support::loopback;
use crate::support::proxy::{CompanyNetwork, NAME};

/// Every verb that talks to AWS before it does anything else.
const VERBS: [&[&str]; 6] = [
    &["status"],
    &["outputs"],
    &["releases"],
    &["logs"],
    &["teardown", "--yes"],
    &["rollback", "--yes"],
];

/// The CLI on stage prod, with keys that any endpoint of a test takes.
fn on_aws(project: &Project, verb: &[&str], endpoint: &str) -> Command {
    let mut command = project.command(&[verb, &["--stage", "prod"]].concat());
    command
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_ACCESS_KEY_ID", "key")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_MAX_ATTEMPTS", "1");
    command
}

fn reported(project: &Project, command: &mut Command) -> String {
    project.reported(&command.output().unwrap())
}

/// A port on loopback where nobody listens.
fn dead_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn company() -> (CompanyNetwork, FakeCloudFormation) {
    let account = FakeCloudFormation::start();
    (CompanyNetwork::before(&account.url), account)
}

/// Names and values of the environment.
type Variables<'a> = &'a [(&'a str, &'a str)];

#[test]
fn every_request_goes_through_the_proxy_to_the_private_authority() {
    let (project, (network, account)) = (Project::new(), company());
    let url = format!("https://{NAME}");
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"] {
        let before = network.seen().through;
        let mut command = on_aws(&project, &["status"], &url);
        command.env(variable, network.proxy());
        command.env("AWS_CA_BUNDLE", network.authority());
        let reported = reported(&project, &mut command);
        assert!(!reported.contains("not reached"), "{reported}");
        assert!(network.seen().through > before, "{variable}: {reported}");
    }
    assert!(account.account().count("GetCallerIdentity") >= 3);
    network.assert_that_nothing_went_around_it();
}

/// The hosts of stage prod, and that of AWS by which `doctor` knows region and time.
const PUBLIC: [&str; 4] = [
    "factory-tree.com",
    "www.factory-tree.com",
    "api.factory-tree.com",
    "ws.factory-tree.com",
];

#[test]
fn a_whole_deploy_and_every_verb_after_it_go_through_the_proxy() {
    let (project, aws) = (Project::new(), FakeAws::default());
    let (api, stage) = (aws.serve_api(), aws.serve_stage("factory-tree-prod"));
    let mut servers = PUBLIC.map(|name| (name, stage.as_str())).to_vec();
    servers.extend([(NAME, api.as_str()), ("sts.us-east-1.amazonaws.com", &api)]);
    let network = CompanyNetwork::of(&servers);
    let url = format!("https://{NAME}");
    let run = |verb: &[&str]| {
        let mut command = on_aws(&project, verb, &url);
        command.env("HTTPS_PROXY", network.proxy());
        command.env("AWS_CA_BUNDLE", network.authority());
        reported(&project, &mut command)
    };
    let deployed = run(&["deploy", "--output", "json"]);
    assert!(deployed.starts_with("exit 0\n"), "{deployed}");
    let asked = network.seen().asked;
    for host in PUBLIC.iter().chain([&NAME]) {
        let line = format!("CONNECT {host}:443 HTTP/1.1");
        assert!(asked.contains(&line), "{host}: {asked:?}");
    }
    let doctor = run(&["doctor"]);
    let row = |name: &str| {
        let mut rows = doctor.lines();
        let row = rows.find(|line| line.contains(&format!(" {name} ")));
        row.unwrap_or_else(|| panic!("{name}: {doctor}"))
    };
    assert!(row("clock").starts_with("  ok "), "{doctor}");
    // Whether this machine knows public names, differs.
    for name in ["region", "delegation", "caa"] {
        assert!(!row(name).contains("FAIL"), "{doctor}");
    }
    let status = run(&["status"]);
    assert!(
        status.contains("redirects to https://factory-tree.com"),
        "{status}"
    );
    for check in ["site", "api", "socket"] {
        let is_healthy =
            |line: &str| line.contains(&format!(" {check} ")) && line.contains(" build ");
        assert!(status.lines().any(is_healthy), "{check}: {status}");
    }
    let heartbeat = |line: &str| line.contains(" heartbeat ") && line.contains("publisher");
    assert!(status.lines().any(heartbeat), "{status}");
    project.write("event.json", "{}");
    let later: [&[&str]; 8] = [
        &["invoke", "api", "--event", "event.json"],
        &["plan"],
        &["releases"],
        &["outputs", "--output", "json"],
        &["diff", "0a1b2c3d"],
        &["recover", "--yes"],
        &["rollback", "--yes"],
        &["teardown", "--yes"],
    ];
    for verb in later {
        let before = network.seen().through;
        let reported = run(verb);
        assert!(!reported.contains("not reached"), "{verb:?}: {reported}");
        assert!(network.seen().through > before, "{verb:?}: {reported}");
    }
    network.assert_that_nothing_went_around_it();
    assert!(aws.account().count("ExecuteChangeSet") >= 7);
}

#[test]
fn a_way_that_leads_nowhere_is_told_and_is_no_fault_of_the_credentials() {
    let (project, (network, _account)) = (Project::new(), company());
    let url = format!("https://{NAME}");
    let authority = network.authority();
    let authority = authority.to_str().unwrap();
    let (proxy, dead) = (network.proxy(), dead_port());
    let without_password = proxy.replace("user:password@", "");
    let dead_proxy = format!("http://eve:secret@127.0.0.1:{dead}");
    let dead_endpoint = format!("http://127.0.0.1:{dead}");
    let cases: [(&str, &str, Variables); 5] = [
        ("refused", &dead_endpoint, &[]),
        (
            "unknown name",
            &url,
            &[("NO_PROXY", "*"), ("HTTPS_PROXY", &proxy)],
        ),
        ("unknown authority", &url, &[("HTTPS_PROXY", &proxy)]),
        (
            "no password",
            &url,
            &[
                ("HTTPS_PROXY", &without_password),
                ("AWS_CA_BUNDLE", authority),
            ],
        ),
        (
            "dead proxy",
            &url,
            &[("HTTPS_PROXY", &dead_proxy), ("AWS_CA_BUNDLE", authority)],
        ),
    ];
    let mut told = String::new();
    for (name, endpoint, variables) in cases {
        for verb in VERBS {
            let mut command = on_aws(&project, verb, endpoint);
            let reported = reported(&project, command.envs(variables.iter().copied()));
            assert!(
                reported.starts_with("exit 1\n"),
                "{name} {verb:?}: {reported}"
            );
            assert!(
                reported.contains("AWS is not reached at "),
                "{name} {verb:?}: {reported}"
            );
            assert!(!reported.contains("secret"), "{reported}");
            if *verb == ["status"] {
                told += &format!("== {name}\n{reported}");
            }
        }
    }
    let told = told
        .replace(&network.proxy_port.to_string(), "[proxy]")
        .replace(&dead.to_string(), "[dead]");
    let unknown = regex::Regex::new("(failed to lookup address information): .*").unwrap();
    insta::assert_snapshot!(unknown.replace_all(&told, "$1"));
}

/// An AWS that refuses every call for one reason.
fn refusing(code: &str, message: &str) -> String {
    let text = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
    );
    loopback::serve(Router::new().fallback(move || {
        let text = text.clone();
        async move { (StatusCode::FORBIDDEN, text) }
    }))
}

#[test]
fn whatever_is_wrong_with_credentials_names_itself_on_every_verb() {
    let project = Project::new();
    let refusals = [
        (
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
        ),
        (
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided.",
        ),
        (
            "SignatureDoesNotMatch",
            "Signature expired: 20261126T120000Z is now earlier than 20261126T123000Z",
        ),
        (
            "ExpiredToken",
            "The security token included in the request is expired",
        ),
        (
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
        ),
        (
            "AccessDenied",
            "User: arn:aws:iam::1:user/a is not authorized to perform: sts:GetCallerIdentity",
        ),
    ];
    let mut told = String::new();
    for (code, message) in refusals {
        let url = refusing(code, message);
        for verb in VERBS {
            let reported = reported(&project, &mut on_aws(&project, verb, &url));
            assert!(
                reported.starts_with("exit 4\n"),
                "{code} {verb:?}: {reported}"
            );
            assert!(reported.contains(code), "{verb:?}: {reported}");
            if *verb == ["status"] {
                told += &format!("== {code}\n{reported}");
            }
        }
    }
    insta::assert_snapshot!(told);
}

#[test]
fn missing_credentials_and_wrong_profiles_name_themselves() {
    let project = Project::new();
    let expired = "[profile sso]\nsso_start_url = https://x.awsapps.com/start\nsso_region = us-east-1\n\
                   sso_account_id = 111122223333\nsso_role_name = deploy\n";
    let cases = [
        (
            "no profile of that name",
            "[default]\nregion = us-east-1\n",
            "nope",
        ),
        ("not signed in", expired, "sso"),
        (
            "malformed",
            "[profile broken\naws_access_key_id = x\n",
            "broken",
        ),
        (
            "empty profile",
            "[profile empty]\nregion = us-east-1\n",
            "empty",
        ),
        (
            "process",
            "[profile p]\ncredential_process = /bin/false\n",
            "p",
        ),
        ("half a pair", "[profile h]\naws_access_key_id = a\n", "h"),
        (
            "token file",
            "[profile w]\nrole_arn = arn:aws:iam::1:role/a\nweb_identity_token_file = /nowhere/token\n",
            "w",
        ),
        (
            "no source profile",
            "[profile r]\nrole_arn = arn:aws:iam::1:role/a\nsource_profile = base\n",
            "r",
        ),
    ];
    let mut told = String::new();
    for (name, text, profile) in cases {
        let file = project.write("aws-config", text);
        for verb in VERBS {
            let mut command = project.command(&[verb, &["--stage", "prod"]].concat());
            command
                .env("AWS_CONFIG_FILE", &file)
                .env("AWS_PROFILE", profile);
            command.env("HOME", project.path());
            let reported = reported(&project, &mut command);
            assert!(
                reported.starts_with("exit 4\n"),
                "{name} {verb:?}: {reported}"
            );
            if *verb == ["status"] {
                told += &format!("== {name}\n{reported}");
            }
        }
    }
    insta::assert_snapshot!(told);
}

#[test]
fn a_wrong_variable_is_named_on_every_verb_and_spares_the_local_stage() {
    let project = Project::new();
    for verb in VERBS {
        let mut command = on_aws(&project, verb, "http://127.0.0.1:9");
        let reported = reported(
            &project,
            command.env("HTTPS_PROXY", "socks5://eve:secret@p:1"),
        );
        assert!(reported.starts_with("exit 2\n"), "{verb:?}: {reported}");
        assert!(
            reported.contains("HTTPS_PROXY: `socks5://eve:***@p:1`"),
            "{reported}"
        );
    }
    let mut command = project.command(&["releases"]);
    let reported = reported(&project, command.env("HTTPS_PROXY", "socks5://p:1"));
    assert!(!reported.contains("HTTPS_PROXY"), "{reported}");
}
