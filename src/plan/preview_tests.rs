use std::collections::BTreeMap;

use super::*;
use crate::plan::names::NameChange;
use crate::plan::preview::{ArtifactPreview, outcome};
use crate::template::ChangeOrigin;

fn property(path: &str, before: Option<&str>, after: Option<&str>) -> PropertyChange {
    PropertyChange {
        path: path.to_owned(),
        before: before.map(ToOwned::to_owned),
        after: after.map(ToOwned::to_owned),
        recreates: Recreates::Never,
        seen_by: ChangeOrigin::Both,
        ignored: false,
    }
}

fn change(
    logical_id: &str,
    kind: &str,
    action: ChangeAction,
    properties: Vec<PropertyChange>,
) -> ResourceChange {
    ResourceChange {
        logical_id: logical_id.to_owned(),
        kind: kind.to_owned(),
        action,
        seen_by: ChangeOrigin::Both,
        properties,
        data: None,
        broadens: Vec::new(),
    }
}

fn stack(name: &str, action: StackAction, changes: Vec<ResourceChange>) -> StackPreview {
    StackPreview {
        name: name.to_owned(),
        stack: format!("factory-tree-prod-{name}"),
        region: "us-east-1".to_owned(),
        action,
        known_after_deploy: Vec::new(),
        changes,
        outputs: Vec::new(),
    }
}

fn preview(stacks: Vec<StackPreview>, site: SitePreview) -> Preview {
    Preview {
        stage: "prod".to_owned(),
        outcome: outcome(&stacks, &site),
        digest: "5d1c".to_owned(),
        stacks,
        undescribed: Vec::new(),
        artifacts: Vec::new(),
        site,
        idle_costs: None,
        names: Vec::new(),
        parts: BTreeMap::new(),
    }
}

fn table() -> ResourceChange {
    let key = property(
        "Properties.KeySchema.0.AttributeName",
        Some("pk"),
        Some("id"),
    );
    let unseen = PropertyChange {
        seen_by: ChangeOrigin::Template,
        ignored: true,
        ..property(
            "Properties.Rules.0.Action",
            Some("{\"Allow\":{}}"),
            Some("{\"Block\":{}}"),
        )
    };
    let properties = vec![
        PropertyChange {
            recreates: Recreates::Always,
            ..key
        },
        unseen,
    ];
    ResourceChange {
        data: Some(DataImpact::Lost),
        ..change(
            "Table",
            "AWS::DynamoDB::Table",
            ChangeAction::Replace,
            properties,
        )
    }
}

fn role() -> ResourceChange {
    let action = property(
        "Properties.Policies.0.PolicyDocument.Statement.0.Action.1",
        None,
        Some("dynamodb:Scan"),
    );
    ResourceChange {
        broadens: vec!["allows dynamodb:Scan on ${Table.Arn}".to_owned()],
        ..change(
            "ApiRole",
            "AWS::IAM::Role",
            ChangeAction::Modify,
            vec![action],
        )
    }
}

fn artifacts() -> Vec<ArtifactPreview> {
    let rows = [
        ("api", Some("a1"), "b2"),
        ("publisher", Some("c3"), "c3"),
        ("websocket", None, "d4"),
    ];
    let rows = rows.map(|(name, before, after)| ArtifactPreview {
        name: name.to_owned(),
        before: before.map(ToOwned::to_owned),
        after: after.to_owned(),
    });
    rows.to_vec()
}

#[test]
fn an_update_is_reported_at_property_level_with_what_is_lost_and_what_is_widened() {
    let kept = ResourceChange {
        data: Some(DataImpact::Retained),
        ..change("Logs", "AWS::S3::Bucket", ChangeAction::Delete, Vec::new())
    };
    let follows = ResourceChange {
        seen_by: ChangeOrigin::ChangeSet,
        ..change(
            "Policy",
            "AWS::IAM::Policy",
            ChangeAction::Modify,
            Vec::new(),
        )
    };
    let data = stack("data", StackAction::Update, vec![table(), kept, follows]);
    let mut api = stack("api", StackAction::Update, vec![role()]);
    api.known_after_deploy = vec!["TableArn".to_owned(), "TableName".to_owned()];
    let unchanged = stack("dns", StackAction::Unchanged, Vec::new());
    let site = SitePreview {
        add: vec!["assets/index-b2.js".to_owned()],
        change: vec!["index.html".to_owned()],
        unchanged: 9,
        invalidate: vec!["/index.html".to_owned(), "/".to_owned()],
        remain: Vec::new(),
    };
    let mut preview = preview(vec![unchanged, data, api], site);
    preview.artifacts = artifacts();
    preview.names = vec![NameChange {
        stack: "api".to_owned(),
        what: "record",
        name: "api.factory-tree.com A".to_owned(),
        action: ChangeAction::Add,
    }];
    insta::assert_snapshot!(preview, @r#"
stage prod: 2 of 3 stacks change, 2 site files; DATA IS LOST in 1 resource; access is widened by 1 resource

stack data: update in us-east-1
  -/+ Table (AWS::DynamoDB::Table) is replaced: its data is LOST
        KeySchema.0.AttributeName: pk -> id  forces replacement  [both]
        Rules.0.Action: {"Allow":{}} -> {"Block":{}}  [template: CloudFormation will not act on this]
  -   Logs (AWS::S3::Bucket) is deleted: the old one stays, outside the stack  [both]
  ~   Policy (AWS::IAM::Policy)  [change set]

stack api: update in us-east-1
  ~   ApiRole (AWS::IAM::Role)
        Policies.0.PolicyDocument.Statement.0.Action.1: + dynamodb:Scan  [both]
      ! allows dynamodb:Scan on ${Table.Arn}
  known after deploy: TableArn, TableName

names
  +   record api.factory-tree.com A

artifacts
  ~   api a1 -> b2
  +   websocket d4

site
  +   assets/index-b2.js
  ~   index.html
      9 files stay as they are
      then out of the caches: /index.html /

plan 5d1c
"#);
}

#[test]
fn a_new_stack_lists_its_resources_and_counts_what_it_opens() {
    let added = |change: ResourceChange| ResourceChange {
        action: ChangeAction::Add,
        properties: Vec::new(),
        data: None,
        seen_by: ChangeOrigin::Template,
        ..change
    };
    let mut api = stack(
        "api",
        StackAction::Create,
        vec![added(table()), added(role())],
    );
    api.known_after_deploy = vec!["TableArn".to_owned()];
    insta::assert_snapshot!(preview(vec![api], SitePreview::default()), @r"
stage prod: 1 of 1 stacks change

stack api: create in us-east-1
  +   Table (AWS::DynamoDB::Table)
  +   ApiRole (AWS::IAM::Role)
  access that is new with it: 1 grant (--output json lists them)
  known after deploy: TableArn

plan 5d1c
");
}

#[test]
fn a_resource_that_is_new_is_told_with_its_properties_and_a_large_new_stack_counts_them() {
    let added = |name: &str, count: usize| {
        let row = |number: usize| {
            let path = format!("Properties.P{number}");
            property(&path, None, Some(&format!("value {number}")))
        };
        let mut rows: Vec<PropertyChange> = (0..count).map(row).collect();
        rows.insert(
            1,
            property("Properties.Long", None, Some(&"{\"é\":1},".repeat(20))),
        );
        change(name, "AWS::SQS::Queue", ChangeAction::Add, rows)
    };
    let grown = stack("data", StackAction::Update, vec![added("Queue", 8)]);
    let small = stack("jobs", StackAction::Create, vec![added("Jobs", 1)]);
    let many = (0..11)
        .map(|number| added(&format!("Q{number}"), 2))
        .collect();
    let large = stack("api", StackAction::Create, many);
    let preview = preview(vec![grown, small, large], SitePreview::default());
    insta::assert_snapshot!(preview);
}

#[test]
fn nothing_to_do_is_reported_in_one_line() {
    let unchanged = stack("dns", StackAction::Unchanged, Vec::new());
    insta::assert_snapshot!(preview(vec![unchanged], SitePreview::default()), @r"
stage prod: nothing to do
plan 5d1c
");
}

#[test]
fn what_would_move_the_cursor_or_turn_the_text_is_shown_as_its_escape() {
    assert_eq!(
        plain("a\u{1b}[2Jb\n\u{202e}c é"),
        "a\\u{1b}[2Jb\\n\\u{202e}c é"
    );
}

#[test]
fn a_stack_of_which_only_outputs_change_says_so_and_names_them() {
    let output = |name: &str, before: Option<&str>, after: Option<&str>| OutputChange {
        name: name.to_owned(),
        before: before.map(ToOwned::to_owned),
        after: after.map(ToOwned::to_owned),
    };
    let outputs = vec![
        output("Fresh", None, Some("(known after deploy)")),
        output("Gone", Some("a\u{202e}b"), None),
        output("Moved", Some("one"), Some("two")),
    ];
    let only_outputs = StackPreview {
        outputs,
        ..stack("data", StackAction::Update, Vec::new())
    };
    let preview = preview(vec![only_outputs], SitePreview::default());
    insta::assert_snapshot!(preview.to_string(), @r"
    stage prod: 1 of 1 stacks change

    stack data: update in us-east-1
      no resource changes, only outputs
      +   output Fresh: (known after deploy)
      -   output Gone: a\u{202e}b is removed
      ~   output Moved: one -> two

    plan 5d1c
    ");
}

#[test]
fn files_that_were_deleted_and_still_answer_are_named_with_until_when() {
    let file = |path: &str, releases, until: Option<&str>| RemainingFile {
        path: path.to_owned(),
        releases,
        until: until.map(str::to_owned),
    };
    let site = SitePreview {
        unchanged: 9,
        remain: vec![
            file("terms.pdf", Some(11), None),
            file("old.pdf", Some(1), Some("2026-11-25T23:59:59Z")),
            file("older.pdf", Some(0), Some("2026-11-25T23:59:59Z")),
            file("unknown.pdf", None, None),
        ],
        ..SitePreview::default()
    };
    let unchanged = stack("dns", StackAction::Unchanged, Vec::new());
    let preview = preview(vec![unchanged], site);
    assert!(!preview.has_changes());
    insta::assert_snapshot!(preview);
}
