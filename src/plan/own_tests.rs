//! Own templates: their stacks, their parameters, their order, and how they are known again.

use std::path::Path;

use super::super::{Plan, StackPlan, plan, stage_stacks};
use super::*;
use crate::error::UserError;
use crate::template::Templates;
use crate::urls::Urls;

/// The real templates with others beside them, and a configuration.
struct Project {
    folder: tempfile::TempDir,
    settings: String,
    lambdas: Vec<String>,
}

const DOMAIN: &str = "domain: factory-tree.com, region: us-east-1";

impl Project {
    fn with(templates: &[(&str, &str)]) -> Self {
        let project = Self {
            folder: tempfile::tempdir().unwrap(),
            settings: DOMAIN.to_owned(),
            lambdas: Vec::new(),
        };
        let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
        for entry in std::fs::read_dir(ours).unwrap() {
            let file = entry.unwrap().path();
            let name = file.file_name().unwrap().to_owned();
            std::fs::copy(&file, project.folder.path().join(name)).unwrap();
        }
        for (name, body) in templates {
            let file = project.folder.path().join(format!("{name}.yaml"));
            std::fs::write(file, body).unwrap();
        }
        project
    }

    fn config(&self) -> Config {
        self.config_of("prod")
    }

    fn config_of(&self, stage: &str) -> Config {
        let file = self.folder.path().join("stages.conf");
        let text = format!(
            "templates: .\nstages:\n  prod: {{ {} }}\n  prod-eu: {{ domain: eu.factory-tree.com, region: us-east-1 }}\n",
            self.settings
        );
        std::fs::write(&file, text).unwrap();
        Config::load(&file, Some(stage)).unwrap()
    }

    fn plan(&self) -> Result<Plan, UserError> {
        let config = self.config();
        let urls = Urls::secure(&config.settings.domain);
        let templates = Templates::read(self.folder.path()).unwrap();
        plan(&config, &urls, &templates, &self.lambdas)
    }

    fn stack(&self, name: &str) -> StackPlan {
        let plan = self.plan().unwrap();
        plan.all().find(|stack| stack.name == name).unwrap().clone()
    }

    /// What a person reads of the faults.
    fn complaint(&self) -> String {
        let folder = self.folder.path().display().to_string();
        let error = self.plan().unwrap_err();
        let text = match &error {
            UserError::Templates { .. } => error.to_string(),
            _ => format!("{error}\nhint: {}", error.hint()),
        };
        text.replace(&folder, "[folder]")
    }
}

fn template(parameters: &[&str], outputs: &[&str]) -> String {
    let mut text = "Resources:\n  Queue:\n    Type: AWS::SQS::Queue\n".to_owned();
    if !parameters.is_empty() {
        text += "Parameters:\n";
    }
    for name in parameters {
        text += &format!("  {name}:\n    Type: String\n");
    }
    if !outputs.is_empty() {
        text += "Outputs:\n";
    }
    for name in outputs {
        text += &format!("  {name}:\n    Value: !GetAtt Queue.Arn\n");
    }
    text
}

fn sources(stack: &StackPlan) -> String {
    let rows = stack.parameters.iter().map(|(name, source)| match source {
        ParameterSource::Value(text) => format!("{name} = {text}"),
        ParameterSource::Output { stack, output } => format!("{name} = {stack}.{output}"),
        ParameterSource::Artifact(fact) => format!("{name} = {fact:?}"),
        ParameterSource::Placement(fact) => format!("{name} = {fact:?}"),
        ParameterSource::KeyExpiry => format!("{name} = when the key expires"),
    });
    rows.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_parameter_of_an_own_template_is_found_by_its_name() {
    let counter = [
        "Stage",
        "ApiUrl",
        "TableName",
        "DataTableArn",
        "ArtifactBucket",
        "CounterKey",
        "CounterBuild",
        "QueueArn",
        "Colour",
    ];
    let mut project = Project::with(&[
        ("counter", &template(&counter, &[])),
        ("queue", &template(&[], &["QueueArn"])),
    ]);
    project.lambdas = vec!["counter".to_owned()];
    project.settings += ", parameters: { Colour: 1.10 }";
    let stack = project.stack("counter");
    insta::assert_snapshot!(sources(&stack), @r#"
    ApiUrl = https://api.factory-tree.com
    ArtifactBucket = foundation.ArtifactBucket
    Colour = 1.10
    CounterBuild = Build("counter")
    CounterKey = Key("counter")
    DataTableArn = data.TableArn
    QueueArn = queue.QueueArn
    Stage = prod
    TableName = data.TableName
    "#);
    assert_eq!(stack.tags[STAGE_TAG], "prod");
    let plan = project.plan().unwrap();
    let order: Vec<&str> = plan.all().map(|stack| stack.name.as_str()).collect();
    assert_eq!(order[7..], ["queue", "counter"]);
}

#[test]
fn what_has_a_default_keeps_it_and_a_digest_is_added() {
    let body = format!("{}    Default: green\n", template(&["Colour"], &[]));
    let stack = Project::with(&[("queue", &body)]).stack("queue");
    assert_eq!(sources(&stack), "");
    assert!(stack.template.parameters.contains_key("Digest"));
    assert!(stack.template.outputs.contains(&"Digest".to_owned()));
    assert_eq!(stack.template.line_of("Colour"), Some(5), "of the file");
}

#[test]
fn a_template_of_ours_may_take_an_output_of_an_own_one() {
    let project = Project::with(&[("queue", &template(&["TopicArn"], &["QueueArn"]))]);
    let file = project.folder.path().join("site.yaml");
    let site = std::fs::read_to_string(&file).unwrap();
    let site = site.replace(
        "Parameters:\n",
        "Parameters:\n  QueueArn:\n    Type: String\n",
    );
    std::fs::write(file, site).unwrap();
    let plan = project.plan().unwrap();
    let order: Vec<&str> = plan.all().map(|stack| stack.name.as_str()).collect();
    assert_eq!(order[6..], ["queue", "site"]);
}

#[test]
fn what_has_no_value_or_two_is_told_with_its_place() {
    let project = Project::with(&[
        ("one", &template(&[], &["QueueArn"])),
        ("two", &template(&[], &["QueueArn"])),
        (
            "user",
            &template(&["QueueArn", "TabelName", "Unheard"], &[]),
        ),
        ("free", &template(&["OneQueueArn"], &[])),
    ]);
    insta::assert_snapshot!(project.complaint(), @r"
    the templates cannot be deployed:
      [folder]/user.yaml:5: parameter `QueueArn` may mean the output of more than one stack: `one` and `two`
        cure: call it `OneQueueArn` or `TwoQueueArn`
      [folder]/user.yaml:7: parameter `TabelName` has no value: it is called like no value of the stage, no artifact, no output of another stack and no setting, and has no default
        cure: call it `TableName`, which has a value, give it a `Default`, or set `TabelName` below `parameters` of the stage
      [folder]/user.yaml:9: parameter `Unheard` has no value: it is called like no value of the stage, no artifact, no output of another stack and no setting, and has no default
        cure: give it a `Default`, or set `Unheard` below `parameters` of the stage
    ");
}

#[test]
fn a_stage_without_servers_has_no_bundle_to_give() {
    let mut project = Project::with(&[("user", &template(&["BundleKey"], &[]))]);
    assert!(project.plan().is_ok());

    project.settings += ", live: appsync";
    insta::assert_snapshot!(project.complaint(), @r"
    the templates cannot be deployed:
      [folder]/user.yaml:5: parameter `BundleKey` has no value: it is called like no value of the stage, no artifact, no output of another stack and no setting, and has no default
        cure: give it a `Default`, or set `BundleKey` below `parameters` of the stage
    ");
}

#[test]
fn stacks_that_need_each_other_are_told() {
    let project = Project::with(&[
        ("one", &template(&["TwoArn"], &["OneArn"])),
        ("two", &template(&["OneArn"], &["TwoArn"])),
    ]);
    insta::assert_snapshot!(project.complaint(), @r"
    the templates cannot be deployed:
      [folder]/one.yaml:5: stacks need each other's outputs in a circle: `one` → `two` → `one`
        cure: move what both need into a third template
    ");
}

#[test]
fn a_name_that_no_stack_can_have_is_refused() {
    let body = template(&[], &[]);
    let long = "x".repeat(120);
    let project = Project::with(&[
        ("my_queue", &body),
        ("plan", &body),
        ("eu-data", &body),
        (&long, &body),
    ]);
    insta::assert_snapshot!(project.complaint().replace(&long, "[long]"), @r"
    the templates cannot be deployed:
      [folder]/eu-data.yaml:1: its stack would be called `factory-tree-prod-eu-data`, as if it were one of stage `prod-eu`
        cure: give the file another name
      [folder]/my_queue.yaml:1: its stack would be called `factory-tree-prod-my_queue`, which is no name of a stack
        cure: name the file with letters, digits and hyphens, so that the stack's name has 128 characters at most
      [folder]/plan.yaml:1: `plan` means something else: a verb, or a stack of ours
        cure: give the file another name
      [folder]/[long].yaml:1: its stack would be called `factory-tree-prod-[long]`, which is no name of a stack
        cure: name the file with letters, digits and hyphens, so that the stack's name has 128 characters at most
    ");
}

#[test]
fn a_stage_whose_name_begins_with_another_ones_has_its_own_names() {
    let config = Project::with(&[]).config_of("prod-eu");
    assert_eq!(name_fault(&config, "data-lake"), None);
}

#[test]
fn a_template_with_a_mistake_does_not_take_its_stack_away() {
    let broken = "Resources:\n  Queue: [\n";
    let project = Project::with(&[("queue", broken), ("notes", "- [\n")]);
    insta::assert_snapshot!(project.complaint(), @r"
    the templates cannot be deployed:
      [folder]/queue.yaml:2: unclosed bracket '['
        cure: indent the lines of one mapping or list to the same column with spaces, write `KEY: VALUE` with a space after the colon, and close every quote and bracket
    ");
}

#[test]
fn a_setting_that_nobody_takes_or_that_the_deployer_fills_is_refused() {
    let mut project = Project::with(&[("queue", &template(&["TableName", "Colour"], &[]))]);
    let mut complaint = |settings: &str| {
        project.settings = format!("{DOMAIN}, parameters: {{ {settings} }}");
        project.complaint()
    };
    let all = [
        "Colour: green, Color: red",
        "Colour: green, TableName: other",
        "Colour: green, Digest: x",
        "Colour: green, DomainName: x",
        "Colour: green, ApiKey: x",
    ];
    insta::assert_snapshot!(all.map(&mut complaint).join("\n\n"), @r"
    [folder]/stages.conf:3:92: stage `prod`: `parameters.Color`: no template declares such a parameter
    hint: perhaps it is called `Colour`

    [folder]/stages.conf:3:96: stage `prod`: `parameters.TableName`: the deployer fills it in stack `api` with output `TableName` of stack `data`
    hint: remove the line; a parameter with a value of your own needs another name

    [folder]/stages.conf:3:93: stage `prod`: `parameters.Digest`: the deployer fills it in stack `foundation` with the digest of the stack
    hint: remove the line; a parameter with a value of your own needs another name

    [folder]/stages.conf:3:97: stage `prod`: `parameters.DomainName`: the deployer fills it in stack `dns` with what it knows of the stage
    hint: remove the line; a parameter with a value of your own needs another name

    [folder]/stages.conf:3:93: stage `prod`: `parameters.ApiKey`: the deployer fills it in stack `api` with what it has published
    hint: remove the line; a parameter with a value of your own needs another name
    ");
}

fn facts(
    stack: StageStack,
    parameters: &[(&str, &str)],
    outputs: &[(&str, &str)],
) -> DeployedFacts {
    let map = |rows: &[(&str, &str)]| {
        let rows = rows.iter();
        rows.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    };
    DeployedFacts {
        stack,
        parameters: map(parameters),
        outputs: map(outputs),
    }
}

#[test]
fn a_stack_is_of_the_stage_that_its_tag_names() {
    let config = Project::with(&[]).config();
    let found = |stack: &str, stage: &str| {
        let tags = BTreeMap::from([(STAGE_TAG.to_owned(), stage.to_owned())]);
        own_stack_found(&config, stack, &tags).map(|stack| stack.name)
    };
    assert_eq!(
        found("factory-tree-prod-queue", "prod").as_deref(),
        Some("queue")
    );
    assert_eq!(found("factory-tree-prod-eu-queue", "prod-eu"), None);
    assert_eq!(
        found("factory-tree-prod-eu-queue", "prod").as_deref(),
        Some("eu-queue")
    );
    assert_eq!(found("another-prod-queue", "prod"), None);
    let none = own_stack_found(&config, "factory-tree-prod-instance", &BTreeMap::new());
    assert_eq!(none, None);
}

#[test]
fn where_parameters_came_from_shows_in_what_is_deployed() {
    let config = Project::with(&[]).config();
    let urls = Urls::secure(&config.settings.domain);
    let data = stage_stacks(&config, &urls).remove(2);
    let deployed = vec![
        facts(
            data,
            &[("QueueArn", "q")],
            &[("TableName", "t"), ("QueueArn", "q")],
        ),
        facts(
            own_stack(&config, "counter"),
            &[
                ("CounterBuild", "5e5e"),
                ("CounterKey", "artifacts/counter/5e5e5e.zip"),
                ("DataTableName", "t"),
                ("QueueArn", "q"),
                ("Colour", "green"),
                ("TableName", "another"),
            ],
            &[],
        ),
        facts(own_stack(&config, "queue"), &[], &[("QueueArn", "q")]),
    ];
    let stacks = with_deployed_sources(deployed);
    let rows = stacks.iter().map(|stack| {
        let needs: Vec<&str> = stack.needs().into_iter().collect();
        let carries = stack.parameters.values().filter(|source| {
            matches!(source, ParameterSource::Artifact(ArtifactFact::Key(name) | ArtifactFact::Build(name)) if name == "counter")
        });
        format!("{}: {} and {} facts", stack.name, needs.join(" "), carries.count())
    });
    insta::assert_snapshot!(rows.collect::<Vec<_>>().join("\n"), @r"
    data: queue and 0 facts
    counter: data and 2 facts
    queue:  and 0 facts
    ");
}

#[test]
fn no_own_stack_is_called_like_a_verb_or_a_stack_of_the_local_stage() {
    use clap::CommandFactory;

    let command = crate::cli::Cli::command();
    let verbs = command.get_subcommands();
    let mut names: Vec<String> = verbs.map(|verb| verb.get_name().to_owned()).collect();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("factory-tree.yaml");
    let local = Config::load(&file, Some("local")).unwrap();
    let platform = crate::local::Platform::of(&local);
    names.extend(platform.platform_stacks().iter().map(ToString::to_string));
    names.retain(|name| !RESERVED.contains(&name.as_str()));
    assert_eq!(names, Vec::<String>::new());
}

#[test]
fn a_hidden_value_that_its_declaration_does_not_take_is_not_shown() {
    let body = format!(
        "{}    NoEcho: true\n    MinLength: 20\n",
        template(&["Token"], &[])
    );
    let mut project = Project::with(&[("queue", &body)]);
    project.settings += ", parameters: { Token: geheim }";
    insta::assert_snapshot!(project.complaint(), @r"
    the templates cannot be deployed:
      [folder]/queue.yaml:5: parameter `Token` gets a value that is hidden, which is out of its bounds
        cure: use a length from 20, or let the declaration take it
    ");
}
