//! Templates that cannot be deployed are told with file and line before anything is touched.

use std::path::Path;

use super::project::Project;

/// A project with templates of its own.
fn project() -> Project {
    let project = Project::new();
    let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    for entry in std::fs::read_dir(templates).unwrap() {
        let file = entry.unwrap().path();
        let name = format!("templates/{}", file.file_name().unwrap().to_string_lossy());
        project.write(&name, &std::fs::read_to_string(file).unwrap());
    }
    let config = std::fs::read_to_string(project.path().join("factory-tree.yaml")).unwrap();
    let config = config
        .lines()
        .filter(|line| !line.starts_with("templates:"));
    let config: String = config.map(|line| format!("{line}\n")).collect();
    project.write("factory-tree.yaml", &config);
    project
}

#[test]
fn a_template_of_ones_own_makes_a_stack_and_what_else_lies_there_hinders_nobody() {
    let project = project();
    insta::assert_snapshot!("whole", project.run(&["validate"]));
    for (file, text) in [
        ("templates/README.md", "# About\n"),
        ("templates/notes.yaml", "- remember\n"),
        ("templates/broken.yaml", "a: [\n"),
        ("templates/data.yaml~", "Resources: [\n"),
        ("templates/old/data.yaml", "Resources: [\n"),
        ("templates/folder.yaml/x", ""),
        (
            "templates/queue.yaml",
            "Resources:\n  A:\n    Type: AWS::SQS::Queue\n",
        ),
        (
            "templates/other.yml",
            "Resources:\n  A:\n    Type: AWS::SQS::Queue\n",
        ),
    ] {
        project.write(file, text);
    }
    std::fs::write(project.path().join("templates/bytes.yaml"), [0xff, 0xfe]).unwrap();
    std::os::unix::fs::symlink("nowhere", project.path().join("templates/.#data.yaml")).unwrap();
    insta::assert_snapshot!("others", project.run(&["validate"]));
    insta::assert_snapshot!(
        "others_json",
        project.run(&["validate", "--output", "json"])
    );
    let planned = project.run(&["plan"]);
    assert!(planned.starts_with("exit 0\n"), "{planned}");
    assert!(
        planned.contains("stack queue: create in us-east-1\n  +   A (AWS::SQS::Queue)\n"),
        "{planned}"
    );
    assert!(
        planned.contains(
            "no stack uses `[project]/templates/other.yml`: a template's name ends in `.yaml`"
        ),
        "{planned}"
    );
    assert_eq!(planned.matches("no stack uses").count(), 1, "{planned}");
}

#[test]
fn an_output_that_another_stack_needs_is_missed_before_anything_is_touched() {
    let project = project();
    project.replace("templates/data.yaml", "  TopicArn:", "  Other:");
    for verb in ["validate", "plan", "deploy"] {
        insta::assert_snapshot!("output", project.run(&[verb]));
    }
    super::assert_nothing_there(&project);
}

#[test]
fn every_fault_is_told_with_its_place() {
    let project = project();
    project.replace(
        "templates/data.yaml",
        "      BillingMode:",
        "      TableName: !Ref Nope\n      BillingMode:",
    );
    project.replace("templates/api.yaml", "Resources:", "Resources:\n  Empty:\n");
    project.write("templates/dns.yaml", "");
    std::fs::remove_file(project.path().join("templates/site.yaml")).unwrap();
    let many = format!("# {}\nResources: {{}}\n", "x".repeat(51_200));
    project.write("templates/foundation.yaml", &many);
    insta::assert_snapshot!("faults", project.run(&["validate"]));
    insta::assert_snapshot!("faults_plan", project.run(&["plan", "--detailed-exitcode"]));
}

#[test]
fn a_parameter_without_a_value_and_one_that_is_not_declared_are_told() {
    let project = project();
    project.replace("templates/data.yaml", "  Protected:", "  Guarded:");
    project.replace("templates/data.yaml", "!Ref Protected", "!Ref Guarded");
    insta::assert_snapshot!("parameters", project.run(&["validate"]));
}

#[test]
fn a_circle_and_a_value_that_nothing_takes_are_told_with_file_and_line() {
    let project = project();
    project.replace(
        "templates/data.yaml",
        "  Topic:\n",
        "  Topic:\n    DependsOn: Table\n",
    );
    project.replace(
        "templates/data.yaml",
        "      BillingMode:",
        "      Note: !Sub '${Topic.TopicName}'\n      BillingMode:",
    );
    project.replace("templates/dns.yaml", "Resources:", "Recources:");
    insta::assert_snapshot!("section", project.run(&["validate"]));
    project.replace("templates/dns.yaml", "Recources:", "Resources:");
    insta::assert_snapshot!("circle", project.run(&["validate"]));
    insta::assert_snapshot!("circle", project.run(&["deploy"]));
    super::assert_nothing_there(&project);
}

#[test]
fn settings_of_parameters_are_held_against_the_templates() {
    let project = project();
    project.write(
        "templates/queue.yaml",
        "Parameters:\n  Colour:\n    Type: String\n  TabelName:\n    Type: String\n    Default: none\nResources:\n  A:\n    Type: AWS::SQS::Queue\n",
    );
    let with = |settings: &str| {
        project.replace(
            "factory-tree.yaml",
            "profile: dev }\n  prod",
            &format!("profile: dev, parameters: {{ {settings} }} }}\n  prod"),
        );
        let reported = project.run(&["validate"]);
        project.replace(
            "factory-tree.yaml",
            &format!(", parameters: {{ {settings} }} }}\n  prod"),
            " }\n  prod",
        );
        reported
    };
    let all = [
        "Colour: 1.10",
        "Colour: green, Color: red",
        "Colour: green, TableName: mine",
        "Colour: [green]",
    ];
    insta::assert_snapshot!("settings", all.map(with).join("\n\n"));
}
