//! `invoke`: one event for one Lambda of a stage, on this machine. The stage's own table and topic are
//! worked on, with the rights of the caller.

use std::path::Path;

use anyhow::{Context, Result};

use super::connect;
use crate::aws::Aws;
use crate::build;
use crate::config::Config;
use crate::error::UserError;
use crate::event::Reporter;
use crate::invoke::{Function, Invocation, Settings, has_function, invoke as call, settings};
use crate::local::{self, Platform};
use crate::report::InvokeReport;

/// Builds a Lambda for this machine, starts it as the stage's is, and hands it the event of a file.
///
/// # Errors
/// `UserError::InvalidEventFile`, `UserError::StageAbsent`, those of the build, `UserError::FunctionFailed`.
pub async fn invoke(
    config: &Config,
    function: &Function,
    event: &Path,
    reporter: &dyn Reporter,
) -> Result<InvokeReport> {
    let event = read(event)?;
    ensure_there_is(config, function)?;
    let (aws, settings) = find(config, function).await?;
    let program = build::build_program(config, function.name(), reporter).await?;
    let answer = call(
        &Invocation {
            function: function.clone(),
            program,
            settings,
            access: aws.lend().await?,
            event,
        },
        reporter,
    )
    .await?;
    Ok(InvokeReport::of(config, function, answer))
}

fn read(file: &Path) -> Result<String> {
    let no_event = |problem: String| UserError::InvalidEventFile {
        file: file.to_owned(),
        problem,
    };
    let text = std::fs::read_to_string(file).map_err(|error| no_event(error.to_string()))?;
    let parsed: Result<serde::de::IgnoredAny, _> = serde_json::from_str(&text);
    parsed.map_err(|error| no_event(error.to_string()))?;
    Ok(text)
}

/// The Lambdas that every stage has.
const OURS: [&str; 2] = ["api", "publisher"];

/// Refuses a Lambda that the sources do not have.
fn ensure_there_is(config: &Config, function: &Function) -> Result<()> {
    let own = build::own_lambdas(&config.root)?;
    let known = OURS.map(ToOwned::to_owned).into_iter().chain(own);
    let known: Vec<String> = known.collect();
    if known.iter().any(|name| name == function.name()) {
        return Ok(());
    }
    let function = function.name().to_owned();
    Err(UserError::UnknownLambda { function, known }.into())
}

/// Finds what the stage's Lambda is given: the parameters that its stack was deployed with.
async fn find(config: &Config, function: &Function) -> Result<(Aws, Settings)> {
    let absent = || UserError::StageAbsent(config.stage.to_string());
    let platform = Platform::of(config);
    let endpoint = platform.find().await?.ok_or_else(absent)?;
    if platform.checks().await.iter().any(local::is_dead_endpoint) {
        return Err(absent().into());
    }
    let aws = connect(config, &endpoint).await?;
    let plan = super::validate::read_plan(config, &endpoint.urls)?;
    let stack = plan
        .all()
        .find(|stack| has_function(function, &stack.template.body));
    let no_stack = || format!("no template has a function of `{}`", function.name());
    let stack = stack.with_context(no_stack)?;
    let found = aws.cloudformation.find_stack(&stack.stack).await?;
    let parameters = found.ok_or_else(absent)?.parameters;
    let settings = settings(function, &stack.template.body, &parameters)?;
    Ok((aws, settings))
}
