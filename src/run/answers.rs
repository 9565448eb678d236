//! The verbs that change no stage: they build, look and print. In: the arguments. Out: how the process ends.

use anyhow::Result;

use super::selected::{load_config, load_config_of_all, with_progress};
use super::signals::{quietly_closed, until_signal};
use crate::cli::{
    BuildArgs, CompletionsArgs, DiffArgs, DoctorArgs, LogsArgs, OutputsArgs, OutputsFormat,
    PlanArgs, PolicyArgs, ReleasesArgs, ReportArgs, StatusArgs, ValidateArgs,
};
use crate::commands::releases::Extent;
use crate::config::terminal::Terminal;
use crate::error::Exit;
use crate::event::Journal;
use crate::logs::LogLine;
use crate::policy::Workflow;
use crate::report::Health;
use crate::status::StatusScope;
use crate::{cli, commands, config, ui};

pub(super) async fn build(args: &BuildArgs, terminal: &Terminal) -> Result<Exit> {
    let config = load_config(&args.selection)?;
    let work = async |journal: &Journal| commands::build::build(&config, journal).await;
    let report = with_progress(&config, args.output, terminal, work).await?;
    ui::print_report(&report, args.output)?;
    Ok(Exit::Success)
}

pub(super) fn validate(args: &ValidateArgs) -> Result<Exit> {
    let config = load_config(&args.selection)?;
    let report = commands::validate::validate(&config)?;
    ui::print_report(&report, args.output)?;
    Ok(Exit::Success)
}

pub(super) async fn plan(args: &PlanArgs, terminal: &Terminal) -> Result<Exit> {
    let config = load_config(&args.stage.selection)?;
    let work = async |journal: &Journal| commands::plan::plan(&config, args.image(), journal).await;
    let preview = with_progress(&config, args.stage.output, terminal, work).await?;
    if let Some(file) = &args.out {
        commands::plan::save(&preview, file)?;
    }
    ui::print_report(&preview, args.stage.output)?;
    Ok(if args.detailed_exitcode && preview.has_changes() {
        Exit::Usage
    } else {
        Exit::Success
    })
}

pub(super) async fn status(
    StatusArgs {
        stage,
        drift,
        watch,
    }: &StatusArgs,
    terminal: &Terminal,
) -> Result<Exit> {
    let config = load_config(&stage.selection)?;
    let scope = if *drift {
        StatusScope::WithDrift
    } else {
        StatusScope::Quick
    };
    if *watch {
        let reporter = ui::reporter(stage.output, terminal);
        let mut watcher = ui::Watcher::new(stage.output, terminal);
        let on_report = |report| watcher.show(report);
        let work = commands::status::watch(&config, scope, on_report, &*reporter);
        return until_signal(work).await;
    }
    let report = commands::status::status(&config, scope).await?;
    ui::print_paged(&report, stage.output)?;
    Ok(if report.health == Health::Healthy {
        Exit::Success
    } else {
        Exit::Failure
    })
}

pub(super) async fn logs(args: &LogsArgs, terminal: &Terminal) -> Result<Exit> {
    let config = load_config(&args.stage.selection)?;
    let (reporter, output) = (ui::reporter(args.stage.output, terminal), args.stage.output);
    let mut logs = commands::logs::open(
        &config,
        (&args.source, args.since),
        args.filter(),
        &*reporter,
    )
    .await?;
    if args.follow {
        let on_line = |line: &LogLine| ui::print_log_line(line, output);
        return until_signal(commands::logs::follow(&mut logs, &*reporter, on_line)).await;
    }
    let report = commands::logs::read(&mut logs, &*reporter).await?;
    quietly_closed(ui::print_logs(&report, output))
}

pub(super) async fn dead_letters(args: &ReportArgs) -> Result<Exit> {
    let config = load_config(&args.selection)?;
    let report = commands::dead_letters::dead_letters(&config).await?;
    ui::print_report(&report, args.output)?;
    Ok(Exit::Success)
}

pub(super) async fn releases(args: &ReleasesArgs) -> Result<Exit> {
    let config = load_config(&args.selection)?;
    let extent = if args.all {
        Extent::All
    } else {
        Extent::Recent
    };
    let report = commands::releases::releases(&config, extent).await?;
    ui::print_paged(&report, args.output)?;
    Ok(Exit::Success)
}

pub(super) async fn diff(args: &DiffArgs) -> Result<Exit> {
    let config = load_config(&args.selection)?;
    let report = commands::diff::diff(&config, &args.from, args.to.as_ref()).await?;
    ui::print_report(&report, args.output)?;
    Ok(Exit::Success)
}

pub(super) async fn outputs(args: &OutputsArgs) -> Result<Exit> {
    let config = load_config(&args.selection)?;
    let report = commands::outputs::outputs(&config).await?;
    match args.output {
        OutputsFormat::Env => ui::print_lines(&report.env())?,
        OutputsFormat::Github => ui::print_lines(&report.github())?,
        OutputsFormat::Json => ui::print_json(&report)?,
    }
    Ok(Exit::Success)
}

pub(super) fn policy(args: &PolicyArgs) -> Result<Exit> {
    let config = load_config_of_all(&args.selection)?;
    let workflow = match &args.github {
        Some(repository) => Some(Workflow::new(
            repository,
            args.environment.as_ref(),
            &config,
        )?),
        None => None,
    };
    let report = commands::policy::policy(&config, args.purpose, workflow.as_ref())?;
    ui::print_document(&report, args.output)?;
    Ok(Exit::Success)
}

pub(super) async fn doctor(args: &DoctorArgs) -> Result<Exit> {
    let config = load_config(&args.selection)?;
    let report = commands::doctor::doctor(&config).await;
    ui::print_report(&report, args.output)?;
    Ok(if report.healthy {
        Exit::Success
    } else {
        Exit::Failure
    })
}

pub(super) fn completions(args: CompletionsArgs) -> Result<Exit> {
    let script = cli::completions(args.shell);
    if args.install {
        let data = config::data_folder();
        let installed = commands::completions::install(args.shell, &script, data)?;
        ui::print_text(&installed)?;
    } else {
        ui::print_text(String::from_utf8(script)?.trim_end())?;
    }
    Ok(Exit::Success)
}
