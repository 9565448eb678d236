use std::path::Path;

use super::*;

const HEAD: &str = "Parameters:\n  A: { Type: String }\nConditions:\n  C: !Equals [!Ref A, x]\nMappings:\n  M: { a: { b: c } }\nResources:\n  T:\n    Type: AWS::SNS::Topic\n";

fn said(body: &str) -> Vec<String> {
    let rows = faults(body).into_iter();
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
