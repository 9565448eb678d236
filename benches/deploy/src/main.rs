//! Deploys one template as the deployer does a stack of its own: the same doors, provisioning and live
//! progress. In: a stack's name, a region and a template file. Out: what was done, on stdout. It is
//! measured against the peers by `benches/run`; alone it measures nothing.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use factory_tree::aws::{Access, Aws};
use factory_tree::cli::Output;
use factory_tree::config::terminal::Terminal;
use factory_tree::config::{Network, Region};
use factory_tree::outputs::Outputs;
use factory_tree::plan::StackPlan;
use factory_tree::provision::{self, Options};
use factory_tree::template::Template;
use factory_tree::ui;

// As `run` does: one thread.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [stack, region, file] = arguments.as_slice() else {
        bail!("benches/run starts this with STACK REGION TEMPLATE");
    };
    deploy(stack_plan(stack, region, file.as_ref())?).await
}

/// Returns the one stack as the plan of a stage would hold it.
fn stack_plan(stack: &str, region: &str, file: &Path) -> Result<StackPlan> {
    let naming = || format!("failed to read template `{}`", file.display());
    let body = std::fs::read_to_string(file).with_context(naming)?;
    let region: Region = region.parse().map_err(anyhow::Error::msg)?;
    Ok(StackPlan {
        name: stack.to_owned(),
        stack: stack.to_owned(),
        region,
        template: Template::parse(file, body).with_context(naming)?,
        parameters: BTreeMap::new(),
        protected: false,
        tags: BTreeMap::new(),
        consent: factory_tree::template::DataConsent::default(),
    })
}

/// Goes the way of `factory-tree deploy` from its credentials to its settled stacks.
async fn deploy(stack: StackPlan) -> Result<()> {
    let aws = Aws::connect(&Access::Environment, &stack.region, &Network::read()?).await;
    aws.sts.get_identity().await?;
    let terminal = Terminal::read();
    let reporter = ui::reporter(Output::Text, &terminal);
    let stacks = std::slice::from_ref(&stack);
    let (known, artifacts) = (Outputs::default(), BTreeMap::new());
    let options = Options::default();
    let done = provision::provision(&aws, stacks, &known, &artifacts, options, reporter.as_ref());
    let done = done.await?;
    let outcomes: BTreeMap<_, _> = done.iter().map(|row| (&row.name, row.outcome)).collect();
    drop(reporter);
    ui::print_json(&outcomes)
}
