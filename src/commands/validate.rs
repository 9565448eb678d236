//! `validate`: whether the configuration and the templates of a stage can be deployed, as far as that is known without AWS.
//! Nothing is started, built or asked.

use anyhow::Result;

use crate::config::Config;
use crate::event::{Event, Reporter};
use crate::local::Platform;
use crate::plan;
use crate::report::ValidationReport;
use crate::template::Templates;
use crate::urls::Urls;

/// Checks the templates of a stage.
///
/// # Errors
/// `UserError::Templates` with every fault; the folder of the templates cannot be read.
pub fn validate(config: &Config) -> Result<ValidationReport> {
    let urls = Platform::of(config).urls();
    let stacks = plan::stage_stacks(config, &urls);
    let templates = Templates::read(&config.templates)?;
    plan::validate(&stacks, &templates)?;
    let unused = plan::unused_templates(&stacks, &templates);
    Ok(ValidationReport {
        stage: config.stage.to_string(),
        stacks: stacks.into_iter().map(|stack| stack.name).collect(),
        unused: unused
            .iter()
            .map(|file| file.display().to_string())
            .collect(),
    })
}

/// Reads the templates of a stage, and refuses those that cannot be deployed. A template that no stack uses is a warning.
///
/// # Errors
/// As `validate`.
pub(super) fn read_valid_templates(
    config: &Config,
    urls: &Urls,
    reporter: &dyn Reporter,
) -> Result<Templates> {
    let stacks = plan::stage_stacks(config, urls);
    let templates = Templates::read(&config.templates)?;
    plan::validate(&stacks, &templates)?;
    for file in plan::unused_templates(&stacks, &templates) {
        let text = format!("no stack uses template `{}`", file.display());
        reporter.report(Event::Warning(text));
    }
    Ok(templates)
}
