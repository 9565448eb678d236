use super::*;
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

#[test]
fn every_parameter_is_passed_and_every_passed_one_exists() {
    for stack in planned(&config("prod")).all() {
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
    let plan = planned(&config("prod"));
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
fn a_resource_is_found_in_its_file() {
    let body = "Parameters:\n  A:\n    Type: String\nResources:\n  Table:\n    Type: AWS::DynamoDB::Table\n";
    let template = Template::parse(Path::new("data.yaml"), body.to_owned()).unwrap();
    assert_eq!(template.line_of("Table"), Some(5));
    assert_eq!(template.line_of("Nothing"), None);
}
