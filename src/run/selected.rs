//! The stage that a verb is about, and its work while the terminal shows its progress. In: `--stage` and `--config`. Out: the
//! configuration of the stage, and the result of the work.

use anyhow::Result;

use super::signals::unless_interrupted;
use crate::cli::{Output, Selection};
use crate::config::terminal::Terminal;
use crate::config::{self, Config};
use crate::event::Journal;
use crate::ui;

pub(super) fn load_config(selection: &Selection) -> Result<Config> {
    let file = config::file(selection.config.as_deref());
    let named = selection.stage.clone();
    let named = named.or_else(config::stage_of_environment);
    Config::load(&file, named.as_deref())
}

/// Loads the configuration of a stage, or of all stages of a pattern.
pub(super) fn load_config_of_all(selection: &Selection) -> Result<Config> {
    let pattern = selection.stage.as_ref().filter(|name| name.contains('*'));
    match pattern {
        Some(pattern) => Config::load_pattern(&config::file(selection.config.as_deref()), pattern),
        None => load_config(selection),
    }
}

/// Works while the terminal shows its progress, until the work is done or a signal comes. What is drawn is gone when it ends,
/// so that only the answer remains.
pub(super) async fn with_progress<T>(
    config: &Config,
    output: Output,
    terminal: &Terminal,
    work: impl AsyncFnOnce(&Journal) -> Result<T>,
) -> Result<T> {
    with_progress_of(config.stage.as_str(), output, terminal, work).await
}

/// The same for work on more than one stage, by their names.
pub(super) async fn with_progress_of<T>(
    stages: &str,
    output: Output,
    terminal: &Terminal,
    work: impl AsyncFnOnce(&Journal) -> Result<T>,
) -> Result<T> {
    let journal = Journal::new(ui::reporter(output, terminal));
    unless_interrupted(stages, &journal, work(&journal)).await
}
