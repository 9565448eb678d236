use std::path::Path;

use super::*;
use crate::template::AFTER_DEPLOY;

const HEAD: &str = "Parameters:\n  A: { Type: String }\nConditions:\n  C: !Equals [!Ref A, x]\nMappings:\n  M: { a: { b: c } }\nResources:\n  T:\n    Type: AWS::SNS::Topic\n";

fn said(body: &str) -> Vec<String> {
    let rows = faults(&body.into()).into_iter();
    rows.map(|fault| format!("{}: {}", fault.line, fault.message))
        .collect()
}

#[test]
fn each_reference_to_nothing_is_found_with_its_line() {
    let rows = [
        ("      X: !Ref Nope\n", "`Nope` is referred to"),
        ("      X: { Ref: Nope }\n", "`Nope` is referred to"),
        ("      X: !Ref AWS::Nope\n", "`AWS::Nope` is referred to"),
        ("      X: !GetAtt Nope.Arn\n", "an attribute of `Nope`"),
        ("      X: !GetAtt [Nope, Arn]\n", "an attribute of `Nope`"),
        ("      X: !GetAtt A.Arn\n", "an attribute of `A`"),
        ("      X: !Sub 'a-${Nope}'\n", "`Nope` is referred to"),
        ("      X: !Sub '${Nope.Arn}/*'\n", "an attribute of `Nope`"),
        (
            "      X: !Sub ['${B}${Nope}', { B: 1 }]\n",
            "`Nope` is referred to",
        ),
        (
            "      X: !Sub ['${B}', { B: !Ref Nope }]\n",
            "`Nope` is referred to",
        ),
        (
            "      X: !If [Nope, 1, 2]\n",
            "there is no condition `Nope`",
        ),
        (
            "      X: !FindInMap [Nope, a, b]\n",
            "there is no mapping `Nope`",
        ),
        (
            "      X: !Join ['', [a, !Ref Nope]]\n",
            "`Nope` is referred to",
        ),
        ("      X: !Nope 1\n", "there is no function `Fn::Nope`"),
        (
            "      X: { Fn::Transform: { Name: Nope } }\n",
            "it uses `Fn::Transform`",
        ),
        (
            "      Fn::ForEach::Nope: [B, [1], {}]\n",
            "it uses `Fn::ForEach::Nope`",
        ),
    ];
    for (property, wanted) in rows {
        let found = said(&format!("{HEAD}    Properties:\n{property}"));
        assert_eq!(found.len(), 1, "{property}: {found:?}");
        assert!(found[0].starts_with("11: "), "{property}: {found:?}");
        assert!(found[0].contains(wanted), "{property}: {found:?}");
    }
    for (attribute, wanted) in [
        ("    DependsOn: Nope\n", "`DependsOn` names `Nope`"),
        ("    DependsOn: [T, Nope]\n", "`DependsOn` names `Nope`"),
        ("    Condition: Nope\n", "there is no condition `Nope`"),
        (
            "Outputs:\n  O: { Value: !Ref Nope }\n",
            "`Nope` is referred to",
        ),
        (
            "Outputs:\n  O: { Value: 1, Condition: Nope }\n",
            "there is no condition `Nope`",
        ),
        (
            "Transform: AWS::Serverless-2016-10-31\n",
            "it has a `Transform`",
        ),
        ("Recources: {}\n", "`Recources` is no section"),
    ] {
        let found = said(&format!("{HEAD}{attribute}"));
        assert!(
            found.len() == 1 && found[0].contains(wanted),
            "{attribute}: {found:?}"
        );
    }
}

#[test]
fn whole_references_are_no_fault() {
    let properties = "    Condition: C\n    DependsOn: U\n    Properties:\n      X: !Sub '${AWS::Region} ${A} ${U.Arn} ${!Nope}'\n      Y: !If [C, !Ref U, !Ref AWS::NoValue]\n      Z: !FindInMap [M, a, b]\n      Policy: { Statement: [{ Condition: { StringEquals: { a: b } } }] }\n  U:\n    Type: AWS::SNS::Topic\n";
    assert_eq!(said(&format!("{HEAD}{properties}")), [""; 0]);
}

#[test]
fn what_is_no_template_is_told_so() {
    let rows = [
        ("", "1: it is empty, or no mapping"),
        ("# nothing\n", "1: it is empty, or no mapping"),
        ("[]\n", "1: it is empty, or no mapping"),
        ("Parameters: {}\n", "1: it has no resources"),
        ("Resources:\n", "1: it has no resources"),
        ("Resources: {}\n", "1: it has no resources"),
        ("Resources: []\n", "1: it has no resources"),
        (
            "Resources:\n  A:\n",
            "2: resource `A` is empty, or no mapping",
        ),
        (
            "Resources:\n  A: text\n",
            "2: resource `A` is empty, or no mapping",
        ),
        ("Resources:\n  A: {}\n", "2: resource `A` has no type"),
        (
            "Resources:\n  A:\n    Type:\n",
            "2: resource `A` has no type",
        ),
        (
            "Resources:\n  Fn::ForEach::A: []\n",
            "2: it uses `Fn::ForEach::A`",
        ),
    ];
    for (body, wanted) in rows {
        let found = said(body);
        assert!(
            found.iter().any(|row| row.starts_with(wanted)),
            "{body}: {found:?}"
        );
    }
}

#[test]
fn yaml_that_cloudformation_does_not_take_is_told_in_words_of_templates() {
    let rows = [
        ("Resources:\n  A: &a { Type: T }\n", "an anchor"),
        ("Resources:\n  A: &a { Type: T }\n  B: *a\n", "an anchor"),
        ("Resources:\n  A: { <<: { Type: T } }\n", "a merge key"),
        (
            "Resources:\n  A: { Type: T }\n  A: { Type: T }\n",
            "duplicate",
        ),
        ("Resources: [\n", "bracket"),
    ];
    for (body, wanted) in rows {
        let found = said(body);
        assert_eq!(found.len(), 1, "{body}: {found:?}");
        assert!(found[0].contains(wanted), "{body}: {found:?}");
        assert!(!found[0].contains("Options"), "{body}: {found:?}");
    }
}

#[test]
fn our_own_templates_have_no_fault() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let body = std::fs::read_to_string(&file).unwrap();
        assert_eq!(said(&body), [""; 0], "{}", file.display());
        seen += 1;
    }
    assert!(seen > 6);
}

/// Faults with their cures, as a person reads them.
fn told(found: Vec<TemplateFault>) -> String {
    let rows = found.iter().map(|fault| {
        format!(
            "{}: {}\n    cure: {}",
            fault.line, fault.message, fault.cure
        )
    });
    rows.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_declaration_that_cloudformation_refuses_is_told_with_what_is_right() {
    let rows = [
        "AWSTemplateFormatVersion: 2011-01-01\nResources: { T: { Type: AWS::SNS::Topic } }\n",
        "Parameter: {}\nResources: { T: { Type: AWS::SNS::Topic } }\n",
        "Parameters:\n  A: {}\n  B:\n  C: { Type: Text }\n  D: { Type: String, Defualt: a }\n  E: { Type: String, Default: c, AllowedValues: [a, b] }\nResources: { T: { Type: AWS::SNS::Topic } }\n",
        "Parameters:\n  T: { Type: String }\nResources:\n  T:\n    Type: AWS::SNS::Topic\n",
        "Resources:\n  My-Topic:\n    Type: AWS::SNS::Topic\n",
        "Resources:\n  T:\n    Type: AWS::SNS::Topic\n    Propertes: {}\n    DeletionPolicy: Keep\n    UpdateReplacePolicy: RetainExceptOnCreate\n",
        "Resources:\n  T:\n    Type: AWS::SNS::Topic\nOutputs:\n  T: {}\n  U: { Valu: 1 }\n  V: { Value: }\n",
        "Conditions:\n  A: !Not [!Condition B]\n  B: !Not [!Condition A]\n  C: !Equals [!Ref T, a]\n  D: !Not [!Condition E]\nResources:\n  T:\n    Type: AWS::SNS::Topic\n",
        "Mappings:\n  M: { a: { b: c } }\nResources:\n  T:\n    Type: AWS::SNS::Topic\n    Properties:\n      A: !FindInMap [M, x, b]\n      B: !FindInMap [M, a, x]\n      C: !FindInMap [M, !Ref AWS::Region, b]\n      D: !FindInMap [Nope, a, b]\n",
        "Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n  U:\n    Type: AWS::SNS::Topic\n    DependsOn: Topik\n    Properties:\n      A: !Ref Tpic\n      B: !GetAtt Topic\n      C: !If [D]\n      E: !Split [a, b]\n      F: !Spilt [a, b]\n",
        "Resources:\n  T:\n    Type: AWS::SNS::Topic\n    DependsOn: [{ Ref: U }]\n    Condition: [C]\n  U:\n    Type: AWS::SNS::Topic\n",
        &format!(
            "Description: {}\nResources: {{ T: {{ Type: AWS::SNS::Topic }} }}\n",
            "é".repeat(513)
        ),
    ];
    let said = rows.map(|body| told(faults(&body.into())));
    insta::assert_snapshot!(said.join("\n\n"));
}

#[test]
fn a_section_with_more_entries_than_cloudformation_takes_is_told() {
    let many = |section: &str, count: usize, entry: &str| {
        let rows: String = (0..count)
            .map(|number| format!("  N{number}: {entry}\n"))
            .collect();
        let whole = "Resources: { T: { Type: AWS::SNS::Topic } }\n";
        let rest = if section == "Resources" { "" } else { whole };
        said(&format!("{rest}{section}:\n{rows}"))
    };
    for (section, most, entry) in [
        ("Resources", 500, "{ Type: AWS::SNS::Topic }"),
        ("Parameters", 200, "{ Type: String }"),
        ("Outputs", 200, "{ Value: 1 }"),
        ("Mappings", 200, "{ a: { b: c } }"),
    ] {
        assert_eq!(many(section, most, entry), [""; 0]);
        let found = many(section, most + 1, entry);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].contains(&format!("{} entries below `{section}`", most + 1)),
            "{found:?}"
        );
    }
}

/// The resources of a template, and what is found with the parameter `P` in it.
fn with(parameter: &str, resources: &str) -> String {
    let head = "Parameters:\n  P: { Type: String, AllowedValues: ['on', 'off', x] }\nConditions:\n  IsOn: !Equals [!Ref P, 'on']\nResources:\n";
    let body = format!("{head}{resources}");
    assert_eq!(said(&body), [""; 0]);
    told(faults_with(
        &body.as_str().into(),
        &BTreeMap::from([("P".to_owned(), parameter.to_owned())]),
    ))
}

#[test]
fn resources_that_need_each_other_in_a_circle_are_found_whatever_the_reference_is() {
    let topic = |name: &str, rest: &str| format!("  {name}:\n    Type: AWS::SNS::Topic\n{rest}");
    let property = |value: &str| format!("    Properties:\n      X: {value}\n");
    let back = topic("B", &property("!Ref A"));
    for rest in [
        property("!Ref B"),
        property("!GetAtt B.Arn"),
        property("!Sub '${B}'"),
        property("!Sub ['${x}', { x: !GetAtt B.Arn }]"),
        property("!Join ['', [a, !Ref B]]"),
        property("!If [IsOn, !Ref B, x]"),
        "    DependsOn: B\n".to_owned(),
        "    DependsOn: [B]\n".to_owned(),
    ] {
        let found = with("on", &format!("{}{back}", topic("A", &rest)));
        assert!(
            found.starts_with("6: resources need each other in a circle: `A` → `B` → `A`\n"),
            "{rest}: {found}"
        );
    }
    let decided = property("!If [IsOn, !Ref B, x]");
    assert_eq!(with("off", &format!("{}{back}", topic("A", &decided))), "");
    assert_eq!(
        with(AFTER_DEPLOY, &format!("{}{back}", topic("A", &decided))),
        ""
    );
    insta::assert_snapshot!(with("on", &topic("A", &property("!GetAtt A.Arn"))), @r"
    6: resource `A` refers to itself
        cure: move what needs its name or attribute into a resource of its own
    ");
}

#[test]
fn a_reference_to_a_resource_that_the_stage_leaves_out_is_found() {
    let resources = "  A:\n    Type: AWS::SNS::Topic\n    Condition: IsOn\n  B:\n    Type: AWS::SNS::Topic\n    DependsOn: A\n    Properties:\n      X: !GetAtt A.TopicName\n      Y: !If [IsOn, !Ref A, x]\nOutputs:\n  One: { Value: !Ref A }\n  Two: { Value: !Ref A, Condition: IsOn }\n";
    assert_eq!(with("on", resources), "");
    assert_eq!(with(AFTER_DEPLOY, resources), "");
    insta::assert_snapshot!(with("off", resources), @r"
    11: it needs resource `A`, whose `Condition` does not hold with the values of this stage
        cure: give what needs it the same `Condition`, or put the reference into `!If [CONDITION, …, !Ref AWS::NoValue]`
    16: it needs resource `A`, whose `Condition` does not hold with the values of this stage
        cure: give what needs it the same `Condition`, or put the reference into `!If [CONDITION, …, !Ref AWS::NoValue]`
    ");
    insta::assert_snapshot!(with("of", "  A:\n    Type: AWS::SNS::Topic\n"), @r"
    2: parameter `P` gets `of`, which is none of its `AllowedValues`
        cure: write `off`; there are on, off, x, or let the declaration take it
    ");
}
