//! The calls of a plan to CloudFormation.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use factory_tree::commands::policy::policy;
use factory_tree::config::Config;
use factory_tree::policy::PolicyPurpose;

use super::{RecordedEvents, connect, provision, provision_data, stack};
use crate::support::fake_account::FakeCloudFormation;

/// The actions that the role for plans allows on a stage.
fn granted() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = Config::load(&root.join("factory-tree.yaml"), Some("prod")).unwrap();
    let report = policy(&config, PolicyPurpose::Plan, None).unwrap();
    let statements = report
        .policies
        .into_iter()
        .flat_map(|policy| policy.document.statement);
    statements.flat_map(|statement| statement.action).collect()
}

#[tokio::test]
async fn a_plan_asks_for_nothing_that_its_policy_does_not_grant() {
    let fake = FakeCloudFormation::start();
    fake.account()
        .declare("data", &[("Table", "AWS::DynamoDB::Table", 20)]);
    provision_data(&fake).await.0.unwrap();
    fake.account().calls.clear();
    let client = connect(&fake).await.cloudformation;
    client.find_stack("demo-data").await.unwrap();
    let heard = RecordedEvents::default();
    let (stack, large) = (stack("data", &[]), provision::LargeTemplates::Refused);
    provision::forecast(&client, &stack, &BTreeMap::new(), large, &heard)
        .await
        .unwrap();

    let asked = fake.account().calls.clone();
    assert!(asked.contains(&"CreateChangeSet".to_owned()), "{asked:?}");
    let asked = asked.iter().map(|call| format!("cloudformation:{call}"));
    let denied: Vec<String> = asked.filter(|call| !granted().contains(call)).collect();
    assert_eq!(denied, Vec::<String>::new());
    assert_eq!(heard.said(), "");
}
