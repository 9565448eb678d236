use super::*;
use crate::config::Live;
use std::path::Path;

fn project() -> std::path::PathBuf {
    std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn config(stage: &str) -> Config {
    Config::load(&project().join("factory-tree.yaml"), Some(stage)).unwrap()
}

fn urls() -> Urls {
    Urls {
        site: "https://factory-tree.com".to_owned(),
        api: "https://api.factory-tree.com".to_owned(),
        socket: "wss://ws.factory-tree.com".to_owned(),
        sign_in: None,
    }
}

fn planned(config: &Config) -> Plan {
    plan(
        config,
        &urls(),
        &Templates::read(&project().join("templates")).unwrap(),
        &[],
    )
    .unwrap()
}

/// The plans of both carriers of changes.
fn both() -> [Plan; 2] {
    [Live::Servers, Live::AppSync].map(|live| {
        let mut config = config("prod");
        config.settings.live = live;
        planned(&config)
    })
}

#[test]
fn every_parameter_is_passed_and_every_passed_one_exists() {
    for stack in both().iter().flat_map(Plan::all) {
        let declared: BTreeSet<&str> = stack
            .template
            .parameters
            .iter()
            // A parameter with a default may be left to it.
            .filter(|(name, default)| {
                stack.parameters.contains_key(name.as_str()) || default.is_none()
            })
            .map(|(name, _)| name.as_str())
            .collect();
        let mut passed: BTreeSet<&str> = stack.parameters.keys().map(String::as_str).collect();
        passed.insert(crate::provision::DIGEST);
        assert_eq!(passed, declared, "{}", stack.template.file.display());
    }
}

#[test]
fn every_output_that_is_handed_on_exists_in_a_stack_that_comes_first() {
    for plan in both() {
        assert_outputs_come_first(&plan);
    }
}

fn assert_outputs_come_first(plan: &Plan) {
    let mut before: BTreeMap<&str, &StackPlan> = BTreeMap::new();
    for stack in plan.all() {
        for source in stack.parameters.values() {
            if let ParameterSource::Output {
                stack: other,
                output,
            } = source
            {
                let outputs = &before[other.as_str()].template.outputs;
                assert!(
                    outputs.iter().any(|name| name == output),
                    "{other}.{output}"
                );
            }
        }
        before.insert(&stack.name, stack);
    }
}

#[test]
fn a_stage_outside_us_east_1_has_a_second_certificate_there_for_the_site() {
    let mut config = config("prod");
    config.settings.region = "eu-central-1".parse().unwrap();
    let plan = planned(&config);
    let rows: Vec<String> = plan
        .all()
        .map(|stack| {
            let needs: Vec<&str> = stack.needs().into_iter().collect();
            format!("{} in {}: {}", stack.name, stack.region, needs.join(", "))
        })
        .collect();
    insta::assert_snapshot!(rows.join("\n"), @r"
foundation in eu-central-1: 
dns in eu-central-1: 
data in eu-central-1: 
certificate in eu-central-1: dns
certificate-us-east-1 in us-east-1: dns
api in eu-central-1: certificate, data, dns, foundation
websocket in eu-central-1: certificate, data, dns, foundation
site in eu-central-1: certificate-us-east-1, dns, foundation
");
}

#[test]
fn people_sign_in_by_a_stack_that_the_api_needs_and_that_carries_the_stages_tag() {
    let mut config = config("prod");
    let open = planned(&config);
    let tokens = |plan: &Plan| {
        let mut stacks = plan.all();
        let api = stacks.find(|stack| stack.name == "api").unwrap();
        api.parameters["SignInClient"].clone()
    };
    assert!(open.all().all(|stack| stack.name != SIGN_IN));
    assert_eq!(tokens(&open), ParameterSource::Value(String::new()));
    config.settings.sign_in = true;
    let plan = planned(&config);
    let names: Vec<&str> = plan.all().map(|stack| stack.name.as_str()).collect();
    let place = |name| names.iter().position(|other| *other == name).unwrap();
    assert!(place(SIGN_IN) < place("api"), "{names:?}");
    let client = ParameterSource::Output {
        stack: SIGN_IN.to_owned(),
        output: "SignInClient".to_owned(),
    };
    assert_eq!(tokens(&plan), client);
    let auth = plan.all().find(|stack| stack.name == SIGN_IN).unwrap();
    assert_eq!(auth.tags[STAGE_TAG], "prod");
    assert_eq!(
        auth.parameters["SiteUrl"],
        ParameterSource::Value("https://factory-tree.com".to_owned())
    );
}

/// What a teardown finds of it when nobody signs in any more: by its tag, as the stack of an own template.
#[test]
fn the_users_are_found_when_nobody_signs_in_any_more_and_told_as_what_they_are() {
    let config = config("prod");
    let tags = BTreeMap::from([(STAGE_TAG.to_owned(), "prod".to_owned())]);
    let name = config.stack_name(SIGN_IN);
    let found = own_stack_found(&config, &name, &tags).unwrap();
    assert_eq!((found.name.as_str(), found.protected), (SIGN_IN, true));
    let left = UndescribedStack {
        name: found.name,
        stack: found.stack,
    };
    insta::assert_snapshot!(left, @"stack auth: nobody signs in any more (`sign_in`), and it holds the users; it stays as it is until `teardown`, or until factory-tree-prod-auth is deleted in CloudFormation");
}

#[test]
fn without_servers_the_api_waits_for_the_event_api_whose_certificate_is_in_us_east_1() {
    let mut config = config("prod");
    config.settings.live = Live::AppSync;
    config.settings.region = "eu-central-1".parse().unwrap();
    let plan = planned(&config);
    let rows = plan.all().map(|stack| {
        let needs: Vec<&str> = stack.needs().into_iter().collect();
        format!("{} in {}: {}", stack.name, stack.region, needs.join(", "))
    });
    insta::assert_snapshot!(rows.collect::<Vec<_>>().join("\n"), @r"
foundation in eu-central-1: 
dns in eu-central-1: 
data in eu-central-1: 
certificate in eu-central-1: dns
certificate-us-east-1 in us-east-1: dns
live-appsync in eu-central-1: certificate-us-east-1, dns, foundation
api in eu-central-1: certificate, data, dns, foundation, live-appsync
site in eu-central-1: certificate-us-east-1, dns, foundation
");
    let names = |stacks: Vec<StackPlan>| stacks.into_iter().map(|stack| stack.name).collect();
    let (free, rest): (Vec<String>, Vec<String>) = {
        let (free, rest) = plan.split_at("live-appsync");
        (names(free), names(rest))
    };
    assert_eq!(
        free,
        [
            "dns",
            "data",
            "certificate",
            "certificate-us-east-1",
            "site"
        ]
    );
    assert_eq!(rest, ["live-appsync", "api"]);
}

#[test]
fn a_resource_is_found_in_its_file() {
    let body = "Parameters:\n  A:\n    Type: String\nResources:\n  Table:\n    Type: AWS::DynamoDB::Table\n";
    let template = Template::parse(Path::new("data.yaml"), body.to_owned()).unwrap();
    assert_eq!(template.line_of("Table"), Some(5));
    assert_eq!(template.line_of("Nothing"), None);
}
