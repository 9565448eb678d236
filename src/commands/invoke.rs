//! `invoke`: one event for one Lambda of a stage, on this machine. The stage's own table and topic are
//! worked on, with the rights of the caller.

use std::path::Path;

use anyhow::Result;

use super::connect;
use crate::aws::Aws;
use crate::build;
use crate::config::Config;
use crate::error::UserError;
use crate::event::Reporter;
use crate::invoke::{Function, Invocation, Settings, invoke as call, settings};
use crate::local::{self, Platform};
use crate::plan;
use crate::report::InvokeReport;
use crate::template::Templates;

/// Builds a Lambda for this machine, starts it as the stage's is, and hands it the event of a file.
///
/// # Errors
/// `UserError::InvalidEventFile`, `UserError::StageAbsent`, those of the build, `UserError::FunctionFailed`.
pub async fn invoke(
    config: &Config,
    function: Function,
    event: &Path,
    reporter: &dyn Reporter,
) -> Result<InvokeReport> {
    let event = read(event)?;
    let (aws, settings) = find(config, function).await?;
    let program = build::build_program(config, function.name(), reporter).await?;
    let answer = call(
        &Invocation {
            function,
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

/// Finds what the stage's Lambda is given: the parameters that its stack was deployed with.
async fn find(config: &Config, function: Function) -> Result<(Aws, Settings)> {
    let absent = || UserError::StageAbsent(config.stage.to_string());
    let platform = Platform::of(config);
    let endpoint = platform.find().await?.ok_or_else(absent)?;
    if platform.checks().await.iter().any(local::is_dead_endpoint) {
        return Err(absent().into());
    }
    let aws = connect(config, &endpoint).await?;
    let templates = Templates::read(&config.templates)?;
    let plan = plan::plan(config, &endpoint.urls, &templates)?;
    let stack = plan
        .all()
        .find(|stack| stack.name == "api")
        .ok_or_else(absent)?;
    let found = aws.cloudformation.find_stack(&stack.stack).await?;
    let parameters = found.ok_or_else(absent)?.parameters;
    let settings = settings(function, &stack.template.body, &parameters)?;
    Ok((aws, settings))
}
