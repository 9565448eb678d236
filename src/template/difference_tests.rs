use std::collections::BTreeMap;

use super::*;
use crate::template::document;
use crate::template::render::{AFTER_DEPLOY, render};

const TABLE: &str = "
Parameters: { Key: { Type: String, Default: one } }
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    DeletionPolicy: Retain
    UpdateReplacePolicy: Delete
    Properties:
      Name: tree
      Stream: !Ref Topic
      Key: !Ref Key
      Enabled: true
      Tags: [a, b, c]
      UserData: |
        first
        second
        third
";

fn rows(before: &str, after: &str, key: &str) -> String {
    let rendered = |body: &str, key: &str| {
        let parameters = BTreeMap::from([("Key".to_owned(), key.to_owned())]);
        render(&document(body).unwrap(), &parameters)
    };
    let changes = difference(&rendered(before, "one"), &rendered(after, key));
    let rows = changes.iter().map(|change| {
        let mut row = format!(
            "{:?} {} {:?}",
            change.action, change.logical_id, change.data
        );
        for PropertyChange {
            path,
            before,
            after,
            ..
        } in &change.properties
        {
            let side = |side: &Option<String>| side.clone().unwrap_or_else(|| "-".to_owned());
            row += &format!("; {path}: {} -> {}", side(before), side(after));
        }
        row
    });
    rows.collect::<Vec<_>>().join("\n")
}

fn changed(from: &str, to: &str) -> String {
    assert!(TABLE.contains(from), "{from}");
    rows(TABLE, &TABLE.replace(from, to), "one")
}

#[test]
fn a_resource_that_is_new_is_told_property_by_property() {
    let empty = "Resources: { Other: { Type: AWS::SNS::Topic } }";
    let found = rows(empty, TABLE, "one");
    let found = found.replace("; ", "\n  ");
    insta::assert_snapshot!(found, @r#"
Delete Other None
Add Table None
  Properties.Enabled: - -> true
  Properties.Key: - -> one
  Properties.Name: - -> tree
  Properties.Stream: - -> ${Topic}
  Properties.Tags: - -> ["a","b","c"]
  Properties.UserData: - -> first
second
third

  DeletionPolicy: - -> Retain
  UpdateReplacePolicy: - -> Delete
"#);
}

#[test]
fn what_is_said_in_other_words_is_no_difference() {
    for (from, to) in [
        ("Enabled: true", "Enabled: 'true'"),
        ("!Ref Topic", "{ Ref: Topic }"),
        ("Name: tree", "Name: tree # a comment"),
        ("Key: !Ref Key", "Key: one"),
        (
            "DeletionPolicy: Retain",
            "DependsOn: Topic\n    DeletionPolicy: Retain",
        ),
    ] {
        assert_eq!(changed(from, to), "", "{to}");
    }
}

#[test]
fn each_difference_is_reported_at_its_place() {
    let reported = [
        ("Name: tree", "Name: bush"),
        ("!Ref Topic", "!GetAtt Topic.Arn"),
        ("      Name: tree\n", ""),
        ("[a, b, c]", "[z, a, b, c]"),
        ("[a, b, c]", "[a, x, c]"),
        ("[a, b, c]", "[a, c]"),
        ("second", "2nd"),
        ("UpdateReplacePolicy: Delete", "UpdateReplacePolicy: Retain"),
        ("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable"),
        ("  Table:", "  Other:"),
    ]
    .map(|(from, to)| changed(from, to));
    insta::assert_snapshot!(reported.join("\n"), @r#"
Modify Table None; Properties.Name: tree -> bush
Modify Table None; Properties.Stream: ${Topic} -> ${Topic.Arn}
Modify Table None; Properties.Name: tree -> -
Modify Table None; Properties.Tags.0: - -> z
Modify Table None; Properties.Tags.1: b -> x
Modify Table None; Properties.Tags.1: b -> -
Modify Table None; Properties.UserData line 2: second -> 2nd
Modify Table None; UpdateReplacePolicy: Delete -> Retain
Replace Table Some(Lost)
Add Other None; Properties.Enabled: - -> true; Properties.Key: - -> one; Properties.Name: - -> tree; Properties.Stream: - -> ${Topic}; Properties.Tags: - -> ["a","b","c"]; Properties.UserData: - -> first
second
third
; DeletionPolicy: - -> Retain; UpdateReplacePolicy: - -> Delete
Delete Table Some(Retained)
"#);
}

#[test]
fn a_parameter_that_moves_moves_what_it_is_in() {
    insta::assert_snapshot!(rows(TABLE, TABLE, "two"), @"Modify Table None; Properties.Key: one -> two");
    insta::assert_snapshot!(rows(TABLE, TABLE, AFTER_DEPLOY), @"Modify Table None; Properties.Key: one -> (known after deploy)");
}

#[test]
fn a_function_around_a_text_of_many_lines_is_no_place_of_its_own() {
    let template = |line: &str| {
        format!(
            "Resources:\n  A:\n    Type: T\n    Properties:\n      Data: !Base64\n        Fn::Sub: |\n          one\n          {line}\n"
        )
    };
    let reported = rows(&template("two ${B}"), &template("2 ${B}"), "one");
    insta::assert_snapshot!(reported, @"Modify A None; Properties.Data line 2: two ${B} -> 2 ${B}");
}
