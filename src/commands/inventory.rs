//! What a stage holds before it is taken down. In: its stacks. Out: per stack its resources, what is in
//! its buckets and tables, and what its template retains. Reads only.

use anyhow::Result;
use serde::Serialize;

use crate::aws::{Aws, Stack};
use crate::event::{Event, Reporter};
use crate::plan::StackPlan;
use crate::provision::patiently;

/// What a stage holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Inventory {
    /// Per stack, in the order of their making.
    pub stacks: Vec<StackInventory>,
}

/// What a stack holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StackInventory {
    /// Short name.
    pub name: String,
    /// How many resources it has.
    pub resources: usize,
    /// Its buckets and tables.
    pub stores: Vec<Store>,
}

/// A resource that holds data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Store {
    /// Its type.
    pub kind: &'static str,
    /// Its name in its service.
    pub physical_id: String,
    /// Objects or items.
    pub items: u64,
    /// Of a bucket: versions and delete markers.
    pub versions: u64,
    /// Of a bucket: the size of all versions.
    pub bytes: u64,
}

impl Inventory {
    /// Returns whether there is data that a teardown would destroy.
    pub fn holds_data(&self) -> bool {
        let mut stores = self.stacks.iter().flat_map(|stack| &stack.stores);
        stores.any(|store| store.items > 0 || store.versions > 0)
    }
}

const BUCKET: &str = "AWS::S3::Bucket";
const TABLE: &str = "AWS::DynamoDB::Table";

/// Counts what the stacks hold. What may not be counted counts as nothing, with a warning.
///
/// # Errors
/// The resources of a stack cannot be listed.
pub async fn take(
    aws: &Aws,
    stacks: &[(StackPlan, Stack)],
    reporter: &dyn Reporter,
) -> Result<Inventory> {
    let counts = stacks.iter().map(|(plan, _)| count(aws, plan, reporter));
    let stacks = futures_util::future::try_join_all(counts).await?;
    Ok(Inventory { stacks })
}

async fn count(aws: &Aws, plan: &StackPlan, reporter: &dyn Reporter) -> Result<StackInventory> {
    let door = aws.cloudformation_in(&plan.region);
    let resources = patiently(reporter, || door.count_resources(&plan.stack)).await?;
    let mut stores = Vec::new();
    for bucket in patiently(reporter, || door.list_resources(&plan.stack, BUCKET)).await? {
        let content = aws.s3.measure_bucket(&bucket).await;
        let content = or_nothing(content, reporter);
        stores.push(Store {
            kind: BUCKET,
            physical_id: bucket,
            items: content.objects,
            versions: content.versions,
            bytes: content.bytes,
        });
    }
    for table in patiently(reporter, || door.list_resources(&plan.stack, TABLE)).await? {
        let items = or_nothing(aws.dynamodb.count_items(&table).await, reporter);
        stores.push(Store {
            kind: TABLE,
            physical_id: table,
            items,
            versions: 0,
            bytes: 0,
        });
    }
    Ok(StackInventory {
        name: plan.name.clone(),
        resources,
        stores,
    })
}

fn or_nothing<T: Default>(counted: Result<T>, reporter: &dyn Reporter) -> T {
    counted.unwrap_or_else(|error| {
        reporter.report(Event::Warning(format!("not counted: {error:#}")));
        T::default()
    })
}

/// Says what a stage holds, a line for each stack and store.
pub fn tell(inventory: &Inventory, reporter: &dyn Reporter) {
    for line in lines(inventory) {
        reporter.report(Event::Note(line));
    }
}

fn lines(inventory: &Inventory) -> Vec<String> {
    let of_stack = |stack: &StackInventory| {
        let head = format!("stack {}: {} resources", stack.name, stack.resources);
        let stores = stack.stores.iter().map(|store| match store.kind {
            BUCKET => format!(
                "  bucket {}: {} objects, {} versions, {:.1} MB",
                store.physical_id,
                store.items,
                store.versions,
                store.bytes as f64 / 1e6
            ),
            _ => format!("  table {}: about {} items", store.physical_id, store.items),
        });
        std::iter::once(head).chain(stores).collect::<Vec<_>>()
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
            items,
            versions,
            bytes,
        };
        let stack = |name: &str, resources, stores| StackInventory {
            name: name.to_owned(),
            resources,
            stores,
        };
        let inventory = Inventory {
            stacks: vec![
                stack("dns", 2, Vec::new()),
                stack("data", 4, vec![store(TABLE, "demo-table", 12, 0, 0)]),
                stack(
                    "site",
                    9,
                    vec![store(BUCKET, "demo-site", 5, 14, 1_234_567)],
                ),
            ],
        };
        assert!(inventory.holds_data());
        insta::assert_snapshot!(lines(&inventory).join("\n"), @r"
        stack dns: 2 resources
        stack data: 4 resources
          table demo-table: about 12 items
        stack site: 9 resources
          bucket demo-site: 5 objects, 14 versions, 1.2 MB
        ");
    }

    #[test]
    fn empty_stores_hold_no_data() {
        assert!(!Inventory::default().holds_data());
    }
}
