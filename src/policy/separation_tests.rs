//! The policies of two stages of one file: neither reaches what is named after the other one, however long the names are.
//! The names are those that CloudFormation makes of the resources of the real templates.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use proptest::prelude::*;

use super::inventory::Sections;
use super::*;
use crate::config::STACKS;
use crate::template::Templates;
use crate::urls::Urls;

/// The types that CloudFormation names after their stack, the longest names, and the ARN.
/// Source: the naming limits of the services' API references.
const NAMED: [(&str, usize, &str); 10] = [
    ("AWS::S3::Bucket", 63, "arn:aws:s3:::"),
    (
        "AWS::Lambda::Function",
        64,
        "arn:aws:lambda:us-east-1:123456789012:function:",
    ),
    ("AWS::IAM::Role", 64, "arn:aws:iam::123456789012:role/"),
    ("AWS::SQS::Queue", 80, "arn:aws:sqs:us-east-1:123456789012:"),
    (
        "AWS::IAM::ManagedPolicy",
        128,
        "arn:aws:iam::123456789012:policy/",
    ),
    (
        "AWS::IAM::InstanceProfile",
        128,
        "arn:aws:iam::123456789012:instance-profile/",
    ),
    (
        "AWS::CloudWatch::Alarm",
        255,
        "arn:aws:cloudwatch:us-east-1:123456789012:alarm:",
    ),
    (
        "AWS::DynamoDB::Table",
        255,
        "arn:aws:dynamodb:us-east-1:123456789012:table/",
    ),
    (
        "AWS::SNS::Topic",
        256,
        "arn:aws:sns:us-east-1:123456789012:",
    ),
    (
        "AWS::Logs::LogGroup",
        512,
        "arn:aws:logs:us-east-1:123456789012:log-group:",
    ),
];

/// Returns the name that CloudFormation makes: 13 characters for a random end, and the rest shared by the stack's name and
/// the logical id, each of which gets what the other leaves.
/// Source: names that were seen (KensioSoftware/yulin, issue 1113).
fn physical_name(stack: &str, logical_id: &str, longest: usize) -> String {
    let room = longest - 13 - 1;
    let half = room.div_ceil(2);
    let of_stack = stack
        .len()
        .min(half.max(room.saturating_sub(logical_id.len())));
    let of_id = logical_id.len().min(room - of_stack);
    format!(
        "{}-{}-1A2B3C4D5E6F",
        &stack[..of_stack],
        &logical_id[..of_id]
    )
}

/// The templates of a stage: the names of the stacks, the logical ids with their types, and what the policies are made of.
struct Parts {
    stacks: Vec<(String, Vec<(String, String)>)>,
    inventory: TemplateInventory,
}

/// Reading templates takes most of the time, and they are the same for each pair of stages.
static PARTS: LazyLock<Parts> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::load(
        &file(folder.path(), "tree", ["prod", "preview"]),
        Some("prod"),
    )
    .unwrap();
    let templates =
        Templates::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("templates")).unwrap();
    let urls = Urls::secure(&config.settings.domain);
    let plan = crate::plan::plan(&config, &urls, &templates, &[]).unwrap();
    let stacks = plan.all().map(|stack| {
        let sections: Sections = serde_yaml::from_str(&stack.template.body).unwrap();
        let resources = sections.resources.into_iter();
        (
            stack.name.clone(),
            resources
                .map(|(id, resource)| (id, resource.r#type))
                .collect(),
        )
    });
    Parts {
        stacks: stacks.collect(),
        inventory: take(plan.all().map(|stack| &stack.template)).unwrap(),
    }
});

/// Returns the ARN of everything that is named after the stacks of a stage.
fn named_after(config: &Config) -> Vec<String> {
    let mut found = Vec::new();
    for (stack, resources) in &PARTS.stacks {
        let name = config.stack_name(stack);
        found.push(format!(
            "arn:aws:cloudformation:us-east-1:123456789012:stack/{name}/0"
        ));
        for (logical_id, of_resource) in resources {
            let kinds = NAMED.iter().filter(|(kind, ..)| kind == of_resource);
            found.extend(kinds.map(|(kind, longest, arn)| {
                let physical = physical_name(&name, logical_id, *longest);
                let is_bucket = *kind == "AWS::S3::Bucket";
                format!(
                    "{arn}{}",
                    if is_bucket {
                        physical.to_lowercase()
                    } else {
                        physical
                    }
                )
            }));
        }
    }
    found
}

/// Returns whether a resource of a policy names an ARN; a star stands for any characters.
/// Source: IAM User Guide, "Using wildcards in paths".
fn names(pattern: &str, arn: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = arn.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.is_empty()
}

/// The resources of a stage's grants and of its denials, each once. What IAM cannot narrow to any resource is left out.
struct Reach {
    allowed: BTreeSet<String>,
    denied: BTreeSet<String>,
}

impl Reach {
    fn of(statements: &[Statement]) -> Self {
        let resources = |is_one: fn(&Statement) -> bool| {
            let rows = statements.iter().filter(|row| is_one(row));
            let all = rows.flat_map(|row| &row.resource);
            all.filter(|resource| *resource != "*").cloned().collect()
        };
        Self {
            allowed: resources(|row| row.effect == "Allow"),
            denied: resources(|row| {
                row.effect == "Deny" && row.action.contains("*") && row.condition.is_empty()
            }),
        }
    }

    fn allows(&self, arn: &str) -> bool {
        let reaches = |resources: &BTreeSet<String>| resources.iter().any(|one| names(one, arn));
        reaches(&self.allowed) && !reaches(&self.denied)
    }
}

/// A stage with the statements of its policies.
type Stage = (Config, Vec<Statement>);

fn stage(file: &Path, name: &str) -> Result<Stage> {
    let config = Config::load(file, Some(name))?;
    let target = GrantTarget::of(&config);
    let statements = statements(&PARTS.inventory, &target, PolicyPurpose::Deploy)?;
    Ok((config, statements))
}

fn file(folder: &Path, project: &str, stages: [&str; 2]) -> PathBuf {
    let file = folder.join("factory-tree.yaml");
    let [one, other] = stages;
    let text = format!(
        "name: {project}\nstages:\n  {one}: {{ domain: example.com, region: us-east-1, account: '123456789012' }}\n  \
         {other}: {{ domain: preview.example.com, region: us-east-1, account: '123456789012' }}\n"
    );
    std::fs::write(&file, text).unwrap();
    file
}

/// Returns both stages of a file, or `None` where the file is refused.
fn two_stages(project: &str, stages: [&str; 2]) -> Option<[Stage; 2]> {
    let folder = tempfile::tempdir().unwrap();
    let file = file(folder.path(), project, stages);
    match stages.map(|name| stage(&file, name)) {
        [Ok(one), Ok(other)] => Some([one, other]),
        [Err(error), Err(_)] => {
            assert!(
                format!("{error:#}").contains("would reach the resources"),
                "{error:#}"
            );
            None
        }
        _ => panic!("only one of the stages is refused"),
    }
}

fn assert_apart(stages: &[Stage; 2]) {
    let [(one, of_one), (other, of_other)] = stages;
    for (config, own, others) in [(one, of_one, of_other), (other, of_other, of_one)] {
        let (own, others) = (Reach::of(own), Reach::of(others));
        for arn in named_after(config) {
            assert!(!others.allows(&arn), "{arn} is in reach of the other stage");
            assert!(own.allows(&arn), "{arn} is out of reach of its own stage");
        }
    }
}

/// A name that is likely to begin with another one, and to be too long.
fn name(longest: usize) -> impl Strategy<Value = String> {
    let words = proptest::sample::select(vec![
        "prod", "eu", "p", "pr", "data", "site", "factory", "tree", "x1",
    ]);
    proptest::collection::vec(words, 1..6).prop_map(move |words| {
        let all = words.join("-");
        all[..all.len().min(longest)]
            .trim_end_matches('-')
            .to_owned()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn policies_of_two_stages_never_overlap(project in name(32), one in name(16), other in name(16)) {
        prop_assume!(one != other);
        if let Some(stages) = two_stages(&project, [&one, &other]) {
            assert_apart(&stages);
        }
    }
}

#[test]
fn a_stage_whose_name_begins_with_another_ones_is_denied_to_it() {
    for stages in [["prod", "prod-eu"], ["prod-europe-west", "prod"]] {
        assert_apart(&two_stages("factory-tree", stages).unwrap());
    }
}

#[test]
fn stages_that_no_name_tells_apart_are_refused() {
    let long = "a-project-with-a-long-name";
    for (project, stages) in [
        (long, ["prod", "preview"]),
        ("factory-tree", ["production-eu", "production-us"]),
        ("factory-tree", ["prod", "prod-data"]),
    ] {
        assert!(
            two_stages(project, stages).is_none(),
            "{project} {stages:?}"
        );
    }
}

#[test]
fn the_stacks_that_every_stage_has_are_those_of_the_configuration() {
    for (stack, _) in &PARTS.stacks {
        assert!(STACKS.contains(&stack.as_str()), "{stack}");
    }
}

#[test]
fn records_of_a_stage_below_the_domain_are_denied_but_for_its_delegation() {
    let [prod, preview] = two_stages("tree", ["prod", "preview"]).unwrap();
    let denied = |stage: &Stage| {
        let denied = stage.1.iter().filter(|row| row.effect == "Deny");
        serde_json::to_string(&denied.collect::<Vec<_>>()).unwrap()
    };
    insta::assert_snapshot!(denied(&prod), @r#"[{"Sid":"RecordsOfOtherStages","Effect":"Deny","Action":["route53:ChangeResourceRecordSets"],"Resource":["arn:aws:route53:::hostedzone/*"],"Condition":{"ForAnyValue:StringLike":{"route53:ChangeResourceRecordSetsNormalizedRecordNames":["preview.example.com","*.preview.example.com"]},"ForAnyValue:StringNotEquals":{"route53:ChangeResourceRecordSetsRecordTypes":["NS","DS"]}}}]"#);
    assert_eq!(denied(&preview), "[]");
}

/// The role of a pattern reaches every one of its stages and nothing of a stage with a key of its own.
#[test]
fn the_role_of_a_pattern_reaches_its_stages_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("factory-tree.yaml");
    let stage_of = |domain: &str| {
        format!("{{ domain: '{domain}', region: us-east-1, account: '123456789012' }}")
    };
    let text = format!(
        "stages:\n  prod: {}\n  preview-*: {}\n  preview-main: {}\n",
        stage_of("example.com"),
        stage_of("{stage}.example.com"),
        stage_of("preview-main.example.com"),
    );
    std::fs::write(&file, text).unwrap();
    let of_pattern = Config::load_pattern(&file, "preview-*").unwrap();
    let target = GrantTarget::of(&of_pattern);
    let role = statements(&PARTS.inventory, &target, PolicyPurpose::Deploy).unwrap();
    let reach = Reach::of(&role);
    for name in ["preview-1", "preview-42", "preview-123456"] {
        let config = Config::load(&file, Some(name)).unwrap();
        for arn in named_after(&config) {
            assert!(reach.allows(&arn), "{arn} is out of reach");
        }
    }
    for name in ["prod", "preview-main"] {
        let (config, own) = stage(&file, name).unwrap();
        for arn in named_after(&config) {
            assert!(!reach.allows(&arn), "{arn} is in reach");
        }
        let preview = Config::load(&file, Some("preview-42")).unwrap();
        for arn in named_after(&preview) {
            assert!(!Reach::of(&own).allows(&arn), "{arn} is in reach of {name}");
        }
    }
    let records = |rows: &[Statement]| {
        let rows = rows
            .iter()
            .filter(|row| row.action.contains("route53:ChangeResourceRecordSets"));
        serde_json::to_string(
            &rows
                .map(|row| (row.effect, &row.condition))
                .collect::<Vec<_>>(),
        )
        .unwrap()
    };
    insta::assert_snapshot!(records(&role), @r#"[["Allow",{"ForAllValues:StringLike":{"route53:ChangeResourceRecordSetsNormalizedRecordNames":["preview-*.example.com","*.preview-*.example.com"]},"StringEquals":{"aws:RequestedRegion":["us-east-1"]}}],["Deny",{"ForAnyValue:StringLike":{"route53:ChangeResourceRecordSetsNormalizedRecordNames":["preview-main.example.com","*.preview-main.example.com"]},"ForAnyValue:StringNotEquals":{"route53:ChangeResourceRecordSetsRecordTypes":["NS","DS"]}}]]"#);
    let names = policy(&of_pattern, [], PolicyPurpose::Deploy, None).unwrap();
    assert_eq!(
        (names.stage.as_str(), names.policies[0].name.as_str()),
        ("preview-*", "factory-tree-preview-deploy-1")
    );
}
