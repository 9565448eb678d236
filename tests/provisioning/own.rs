//! Stacks of own templates are known by their tag, without any template.

use std::collections::BTreeMap;
use std::path::Path;

use factory_tree::config::Config;
use factory_tree::plan::{STAGE_TAG, StackPlan};
use factory_tree::provision::{Options, Unlisted, find_deployed_stacks};

use super::{RecordedEvents, connect, provision, stack};
use crate::support::fake_account::{FakeCloudFormation, Fault};

fn tagged(name: &str, stage: Option<&str>) -> StackPlan {
    let tags = stage.map(|stage| (STAGE_TAG.to_owned(), stage.to_owned()));
    StackPlan {
        stack: format!("factory-tree-{name}"),
        tags: tags.into_iter().collect(),
        ..stack(name, &[])
    }
}

async fn found(fake: &FakeCloudFormation, unlisted: Unlisted) -> anyhow::Result<Vec<String>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("factory-tree.yaml");
    let config = Config::load(&file, Some("prod"))?;
    let found = find_deployed_stacks(&connect(fake).await, &config, &[], unlisted).await?;
    Ok(found.into_iter().map(|(stack, _)| stack.name).collect())
}

#[tokio::test]
async fn of_stages_whose_names_begin_alike_each_has_its_own_stacks() {
    let fake = FakeCloudFormation::start();
    let stacks = [
        tagged("prod-queue", Some("prod")),
        tagged("prod-eu-queue", Some("prod-eu")),
        tagged("prod-by-hand", None),
        tagged("production", Some("prod")),
    ];
    let heard = RecordedEvents::default();
    provision(&fake, &stacks, Options::default(), &heard)
        .await
        .unwrap();
    let tags = fake.account().tags("factory-tree-prod-queue");
    let wanted = [
        (STAGE_TAG, "prod"),
        ("factory-tree:stack", "factory-tree-prod-queue"),
    ];
    let wanted = wanted.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(tags, BTreeMap::from(wanted));
    assert_eq!(found(&fake, Unlisted::Refuse).await.unwrap(), ["queue"]);
}

#[tokio::test]
async fn where_stacks_may_not_be_listed_only_a_teardown_is_stopped() {
    let fake = FakeCloudFormation::start();
    let denied = || {
        let text = "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: cloudformation:ListStacks";
        Fault::Error(403, "AccessDenied".to_owned(), text.to_owned())
    };
    fake.account().fail_next("ListStacks", denied());
    assert!(found(&fake, Unlisted::Ignore).await.unwrap().is_empty());
    fake.account().fail_next("ListStacks", denied());
    let refused = found(&fake, Unlisted::Refuse).await.unwrap_err();
    insta::assert_snapshot!(super::reported(&refused), @r#"
    error: failed to list the stacks of the account: permission cloudformation:ListStacks is missing: AccessDenied: User: arn:aws:iam::123456789012:user/ci is not authorized to perform: cloudformation:ListStacks
    hint: allow it to whoever deploys: {"Effect":"Allow","Action":"cloudformation:ListStacks","Resource":"*"}; `factory-tree policy` prints all that is needed
    exit 4
    "#);
}
