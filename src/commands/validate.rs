//! `validate`: whether the configuration and the templates of a stage can be deployed, as far as that is known without AWS.
//! Nothing is started, built or asked.

use std::path::PathBuf;

use anyhow::Result;

use crate::build;
use crate::config::Config;
use crate::event::{Event, Reporter};
use crate::local::Platform;
use crate::plan::{self, Plan};
use crate::report::ValidationReport;
use crate::template::Templates;
use crate::urls::Urls;

/// Checks the templates of a stage.
///
/// # Errors
/// `UserError::Templates` with every fault; `UserError::Config` for a setting that no template takes; the folder of the
/// templates cannot be read.
pub fn validate(config: &Config) -> Result<ValidationReport> {
    let (plan, unused) = read(config, &Platform::of(config).urls())?;
    Ok(ValidationReport {
        stage: config.stage.to_string(),
        stacks: plan.all().map(|stack| stack.name.clone()).collect(),
        unused: unused
            .iter()
            .map(|file| file.display().to_string())
            .collect(),
    })
}

/// Reads the templates of a stage and decides what a deploy does with each stack.
///
/// # Errors
/// As `validate`.
pub(super) fn read_plan(config: &Config, urls: &Urls) -> Result<Plan> {
    Ok(read(config, urls)?.0)
}

/// Reads the plan of a stage, before anything is built. A template whose file is not taken for one is a warning.
///
/// # Errors
/// As `validate`.
pub(super) fn read_valid_plan(
    config: &Config,
    urls: &Urls,
    reporter: &dyn Reporter,
) -> Result<Plan> {
    let (plan, unused) = read(config, urls)?;
    for file in unused {
        let text = format!(
            "no stack uses `{}`: a template's name ends in `.yaml`",
            file.display()
        );
        reporter.report(Event::Warning(text));
    }
    Ok(plan)
}

fn read(config: &Config, urls: &Urls) -> Result<(Plan, Vec<PathBuf>)> {
    let templates = Templates::read(&config.templates)?;
    let lambdas = build::own_lambdas(&config.root)?;
    let plan = plan::plan(config, urls, &templates, &lambdas)?;
    Ok((plan, templates.strays().to_vec()))
}
