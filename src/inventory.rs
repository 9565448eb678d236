//! The contents of a stage before its teardown. In: its stacks. Out: per stack its resources, the contents of
//! its buckets, tables and user pools, and what its template retains. Reads only.

use anyhow::Result;
use serde::Serialize;

use crate::aws::Aws;
use crate::event::{Event, Reporter};
use crate::plain::plain;
use crate::provision::DeployedStack;
use crate::provision::retry_transient;
use crate::template::{Retained, retained};

/// The contents of a stage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Inventory {
    /// Per stack, in the order of their making.
    pub stacks: Vec<StackInventory>,
}

/// The contents of a stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StackInventory {
    /// Short name.
    pub name: String,
    /// The number of its resources.
    pub resources: usize,
    /// Its buckets, tables and user pools.
    pub stores: Vec<Store>,
    /// The resources that outlive it.
    pub retained: Vec<Retained>,
}

/// A resource that holds data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Store {
    /// Its type.
    pub kind: &'static str,
    /// Its name in its service.
    pub physical_id: String,
    /// Whether it could be counted. Otherwise the numbers are 0.
    pub counted: bool,
    /// Objects, items or users.
    pub items: u64,
    /// Of a bucket: versions and delete markers.
    pub versions: u64,
    /// Of a bucket: the size of all versions.
    pub bytes: u64,
}

impl Inventory {
    /// Returns whether there may be data that a teardown would destroy: there is, or nobody could look.
    pub fn holds_data(&self) -> bool {
        let mut stores = self.stacks.iter().flat_map(|stack| &stack.stores);
        stores.any(|store| !store.counted || store.items > 0 || store.versions > 0)
    }

    /// Forgets what templates retain: where the endpoint goes too, nothing outlives its stack.
    pub fn retain_nothing(&mut self) {
        for stack in &mut self.stacks {
            stack.retained.clear();
        }
    }
}

const BUCKET: &str = "AWS::S3::Bucket";
const TABLE: &str = "AWS::DynamoDB::Table";
const USER_POOL: &str = "AWS::Cognito::UserPool";

/// The stack whose table has one item that is nobody's data: the heartbeat of the servers.
const HEARTBEAT_STACK: &str = "data";

/// Counts what the stacks hold. What cannot be counted is warned of.
///
/// # Errors
/// The resources of a stack cannot be listed.
pub async fn take(
    aws: &Aws,
    stacks: &[DeployedStack],
    reporter: &dyn Reporter,
) -> Result<Inventory> {
    let counts = stacks.iter().map(|stack| count(aws, stack, reporter));
    let stacks = futures_util::future::try_join_all(counts).await?;
    Ok(Inventory { stacks })
}

async fn count(
    aws: &Aws,
    (plan, stack): &DeployedStack,
    reporter: &dyn Reporter,
) -> Result<StackInventory> {
    let client = aws.cloudformation_in(&plan.region);
    let resources = retry_transient(reporter, || client.list_every_resource(&stack.id)).await?;
    let of_kind = |kind: &'static str| {
        let found = resources
            .iter()
            .filter(move |resource| resource.kind == kind);
        found.map(|resource| resource.physical_id.as_str())
    };
    let mut stores = Vec::new();
    for bucket in of_kind(BUCKET) {
        let content = or_none(aws.s3.measure_bucket(bucket).await, reporter);
        let counted = content.is_some();
        let content = content.unwrap_or_default();
        stores.push(Store {
            kind: BUCKET,
            physical_id: bucket.to_owned(),
            counted,
            items: content.objects,
            versions: content.versions,
            bytes: content.bytes,
        });
    }
    for table in of_kind(TABLE) {
        let items = or_none(aws.dynamodb.count_items(table).await, reporter);
        let items = items.map(|items| without_heartbeat(&plan.name, items));
        stores.push(Store {
            kind: TABLE,
            physical_id: table.to_owned(),
            counted: items.is_some(),
            items: items.unwrap_or_default(),
            versions: 0,
            bytes: 0,
        });
    }
    for pool in of_kind(USER_POOL) {
        let users = or_none(aws.cognito.count_users(pool).await, reporter);
        stores.push(Store {
            kind: USER_POOL,
            physical_id: pool.to_owned(),
            counted: users.is_some(),
            items: users.unwrap_or_default(),
            versions: 0,
            bytes: 0,
        });
    }
    let template = retry_transient(reporter, || client.get_template(&stack.id)).await;
    let outliving = template.and_then(|body| retained(&body, &stack.parameters));
    Ok(StackInventory {
        name: plan.name.clone(),
        resources: resources.len(),
        stores,
        retained: or_none(outliving, reporter).unwrap_or_default(),
    })
}

/// Returns how many items of a table are somebody's data.
fn without_heartbeat(stack: &str, items: u64) -> u64 {
    items.saturating_sub(u64::from(stack == HEARTBEAT_STACK))
}

fn or_none<T>(counted: Result<T>, reporter: &dyn Reporter) -> Option<T> {
    counted
        .inspect_err(|error| {
            reporter.report(Event::Warning(format!("not counted: {error:#}")));
        })
        .ok()
}

/// Says what a stage holds, a line for each stack and store.
pub fn report(inventory: &Inventory, reporter: &dyn Reporter) {
    for line in lines(inventory) {
        reporter.report(Event::Explanation(line));
    }
}

fn lines(inventory: &Inventory) -> Vec<String> {
    let of_stack = |stack: &StackInventory| {
        let head = format!("stack {}: {} resources", stack.name, stack.resources);
        let stores = stack.stores.iter().map(|store| match store.kind {
            _ if !store.counted => format!("  {}: could not be counted", store.physical_id),
            BUCKET => format!(
                "  bucket {}: {} objects, {} versions, {:.1} MB",
                store.physical_id,
                store.items,
                store.versions,
                store.bytes as f64 / 1e6
            ),
            USER_POOL => format!(
                "  user pool {}: about {} users",
                store.physical_id, store.items
            ),
            _ => format!("  table {}: about {} items", store.physical_id, store.items),
        });
        let retained = stack.retained.iter().map(|row| {
            let (id, kind, policy) = (plain(&row.logical_id), plain(&row.kind), &row.policy);
            format!("  stays: {id} ({kind}), by its DeletionPolicy {policy}")
        });
        let lines = std::iter::once(head).chain(stores).chain(retained);
        lines.collect::<Vec<_>>()
    };
    inventory.stacks.iter().flat_map(of_stack).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_reads_as_lines() {
        let store = |kind, name: &str, items, versions, bytes| Store {
            kind,
            physical_id: name.to_owned(),
            counted: true,
            items,
            versions,
            bytes,
        };
        let stack = |name: &str, resources, stores| StackInventory {
            name: name.to_owned(),
            resources,
            stores,
            retained: Vec::new(),
        };
        let mut inventory = Inventory {
            stacks: vec![
                stack("dns", 2, Vec::new()),
                stack("data", 4, vec![store(TABLE, "demo-table", 12, 0, 0)]),
                stack("auth", 5, vec![store(USER_POOL, "eu-west-1_a", 3, 0, 0)]),
                stack(
                    "site",
                    9,
                    vec![store(BUCKET, "demo-site", 5, 14, 1_234_567)],
                ),
            ],
        };
        inventory.stacks[1].retained.push(Retained {
            logical_id: "Table".to_owned(),
            kind: TABLE.to_owned(),
            policy: "RetainExceptOnCreate".to_owned(),
        });
        assert!(inventory.holds_data());
        insta::assert_snapshot!(lines(&inventory).join("\n"), @r"
        stack dns: 2 resources
        stack data: 4 resources
          table demo-table: about 12 items
          stays: Table (AWS::DynamoDB::Table), by its DeletionPolicy RetainExceptOnCreate
        stack auth: 5 resources
          user pool eu-west-1_a: about 3 users
        stack site: 9 resources
          bucket demo-site: 5 objects, 14 versions, 1.2 MB
        ");
    }

    #[test]
    fn the_heartbeat_is_nobodys_data() {
        assert_eq!(without_heartbeat("data", 0), 0);
        assert_eq!(without_heartbeat("data", 1), 0);
        assert_eq!(without_heartbeat("data", 13), 12);
        assert_eq!(without_heartbeat("counter", 1), 1);
    }

    #[test]
    fn empty_stores_hold_no_data_and_what_nobody_could_count_may() {
        let store = |counted| Store {
            kind: TABLE,
            physical_id: "demo-table".to_owned(),
            counted,
            items: 0,
            versions: 0,
            bytes: 0,
        };
        let inventory = |store| Inventory {
            stacks: vec![StackInventory {
                name: "data".to_owned(),
                resources: 4,
                stores: vec![store],
                retained: Vec::new(),
            }],
        };
        assert!(!Inventory::default().holds_data());
        assert!(!inventory(store(true)).holds_data());
        let unknown = inventory(store(false));
        assert!(unknown.holds_data());
        assert_eq!(lines(&unknown)[1], "  demo-table: could not be counted");
    }
}
