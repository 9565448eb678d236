//! The deployer: from a source tree to a verified release, and back to nothing.
//!
//! A command (`commands`) is a list of steps, and each step takes what the one before returned:
//! `config` → `plan` → `build` → `publish` → `provision` → `release` → `verify` → `report`. Steps say
//! what they do as `event`s, which `ui` draws; `aws` holds one door per service; `local` is the stage
//! on this machine. ARCHITECTURE.md tells the whole story.

pub mod aws;
pub mod build;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod content;
pub mod dev;
pub mod doctor;
pub mod error;
pub mod event;
pub mod invoke;
pub mod local;
pub mod logs;
pub mod outputs;
pub mod plain;
pub mod plan;
pub mod policy;
pub mod provision;
pub mod publish;
pub mod release;
pub mod report;
pub mod status;
pub mod ui;
pub mod verify;

use std::convert::Infallible;
use std::io::ErrorKind;

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};

use commands::deploy::Order;
use commands::inventory::Inventory;

use cli::{
    BuildArgs, Cli, Command, DeployArgs, DiffArgs, DoctorArgs, InvokeArgs, LogsArgs, OutputsArgs,
    OutputsFormat, PlanArgs, PolicyArgs, RecoverArgs, ReleasesArgs, RollbackArgs, Selection,
    StageArgs, StatusArgs,
};
use commands::releases::Extent;
use config::Config;
use config::terminal::Terminal;
use error::{Exit, UserError};
use event::{Event, Journal, Reporter};
use logs::LogLine;
use plan::Consent;
use policy::Workflow;
use report::Health;
use status::Scope;

/// Runs a command to its end: prints its answer or its error, and returns how the process ends.
pub async fn run(cli: Cli) -> Exit {
    let wrong_usage = exit_of_wrong_usage(&cli.command);
    let (output, terminal) = (cli.command.output(), Terminal::read());
    let result = match ui::open(output, &terminal) {
        Ok(()) => run_command(cli.command, &terminal).await,
        Err(error) => Err(error),
    };
    result.unwrap_or_else(|error| {
        let exit = match error::exit(&error) {
            Exit::Usage => wrong_usage,
            exit => exit,
        };
        ui::print_error(&error, exit, output, &terminal);
        exit
    })
}

async fn run_command(command: Command, terminal: &Terminal) -> Result<Exit> {
    match command {
        Command::Deploy(args) => deploy(&args, terminal).await,
        Command::Build(args) => build(&args, terminal).await,
        Command::Invoke(args) => invoke(&args, terminal).await,
        Command::Dev(args) => dev(&args, terminal).await,
        Command::Plan(args) => plan(&args, terminal).await,
        Command::Status(args) => status(&args, terminal).await,
        Command::Logs(args) => logs(&args, terminal).await,
        Command::Releases(args) => releases(&args).await,
        Command::Diff(args) => diff(&args).await,
        Command::Rollback(args) => rollback(&args, terminal).await,
        Command::Teardown(args) => teardown(&args, terminal).await,
        Command::Recover(args) => recover(&args, terminal).await,
        Command::Outputs(args) => outputs(&args).await,
        Command::Policy(args) => policy(&args),
        Command::Doctor(args) => doctor(&args).await,
        Command::Schema => ui::print_json(&config::schema()).map(|()| Exit::Success),
        Command::Local(process) => local::run_process(process).await.map(|()| Exit::Success),
    }
}

/// Where 2 means that there are changes, it must not mean that the configuration is wrong.
fn exit_of_wrong_usage(command: &Command) -> Exit {
    match command {
        Command::Plan(args) if args.detailed_exitcode => Exit::Failure,
        _ => Exit::Usage,
    }
}

async fn build(args: &BuildArgs, terminal: &Terminal) -> Result<Exit> {
    let config = select(&args.selection)?;
    let journal = Journal::new(ui::reporter(args.output, terminal));
    let work = commands::build::build(&config, &journal);
    let report = unless_interrupted(&config, &journal, work).await?;
    drop(journal);
    ui::print_report(&report, args.output)?;
    Ok(Exit::Success)
}

async fn invoke(args: &InvokeArgs, terminal: &Terminal) -> Result<Exit> {
    let config = select(&args.selection)?;
    let journal = Journal::new(ui::reporter(args.output, terminal));
    let work = commands::invoke::invoke(&config, args.function, &args.event, &journal);
    let report = unless_interrupted(&config, &journal, work).await?;
    journal.report(Event::Note(report.times()));
    drop(journal);
    ui::print_report(&report, args.output)?;
    Ok(Exit::Success)
}

async fn plan(args: &PlanArgs, terminal: &Terminal) -> Result<Exit> {
    let config = select(&args.stage.selection)?;
    let journal = Journal::new(ui::reporter(args.stage.output, terminal));
    let work = commands::plan::plan(&config, &journal);
    let preview = unless_interrupted(&config, &journal, work).await?;
    drop(journal);
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

async fn deploy(args: &DeployArgs, terminal: &Terminal) -> Result<Exit> {
    let config = select(&args.stage.selection)?;
    if args.express && config.settings.protected {
        return Err(UserError::ExpressProtected(config.stage.to_string()).into());
    }
    let mut order = order(args)?;
    let report = loop {
        let journal = Journal::new(ui::reporter(args.stage.output, terminal));
        let work = commands::deploy::deploy(&config, &order, &journal);
        let result = unless_interrupted(&config, &journal, work).await;
        drop(journal);
        match result {
            Ok(report) => break report,
            Err(error) => order = consented(&config, order, error)?,
        }
    };
    ui::print_report(&report, args.stage.output)?;
    ui::conclude_deploy(&report, terminal);
    Ok(Exit::Success)
}

async fn dev(args: &StageArgs, terminal: &Terminal) -> Result<Exit> {
    let config = select(&args.selection)?;
    let start = commands::dev::start(&config)?;
    deploy(&DeployArgs::of(args), terminal).await?;
    let reporter = ui::reporter(args.output, terminal);
    reporter.report(Event::Note(commands::dev::invitation(&config)));
    let ended = until_signal(commands::dev::follow(&config, start, &*reporter)).await;
    reporter.report(Event::Note(commands::dev::farewell(args)));
    ended
}

fn order(args: &DeployArgs) -> Result<Order> {
    let consent = if args.allow_replacement {
        Consent::All
    } else {
        Consent::default()
    };
    let plan = match &args.plan {
        Some(file) => Some((file.clone(), commands::plan::read(file)?)),
        None => None,
    };
    let options = args.options();
    Ok(Order {
        options,
        consent,
        plan,
    })
}

/// A deploy that stopped before data would be lost goes on when a person on a terminal types the stage's
/// name; consent is to the losses that were told, and no others. A saved plan has been held against
/// reality by then, and what was deployed since is its own work.
fn consented(config: &Config, order: Order, error: anyhow::Error) -> Result<Order> {
    let Some(UserError::DataLoss { losses }) = error::user_error(&error) else {
        return Err(error);
    };
    let stage = config.stage.to_string();
    let told = losses.join("\n  ");
    let question =
        format!("Data would be lost:\n  {told}\nType the name of stage {stage} to let it go: ");
    match ui::ask(&question)? {
        Some(answer) if answer == stage => Ok(Order {
            consent: order.consent.and(losses),
            plan: None,
            ..order
        }),
        Some(_) => Err(UserError::LossNotConfirmed(stage).into()),
        None => Err(error),
    }
}

async fn status(
    StatusArgs {
        stage,
        drift,
        watch,
    }: &StatusArgs,
    terminal: &Terminal,
) -> Result<Exit> {
    let config = select(&stage.selection)?;
    let scope = if *drift {
        Scope::WithDrift
    } else {
        Scope::Quick
    };
    if *watch {
        let (mut watcher, reporter) = (
            ui::Watcher::new(stage.output, terminal),
            ui::reporter(stage.output, terminal),
        );
        return until_signal(commands::watch::watch(
            &config,
            scope,
            &mut watcher,
            &*reporter,
        ))
        .await;
    }
    let report = commands::status::status(&config, scope).await?;
    ui::print_report(&report, stage.output)?;
    Ok(if report.health == Health::Healthy {
        Exit::Success
    } else {
        Exit::Failure
    })
}

async fn logs(args: &LogsArgs, terminal: &Terminal) -> Result<Exit> {
    let config = select(&args.stage.selection)?;
    let (reporter, output) = (ui::reporter(args.stage.output, terminal), args.stage.output);
    let mut logs = commands::logs::open(&config, &args.source, args.since, &*reporter).await?;
    if args.follow {
        let on_line = |line: &LogLine| ui::print_log_line(line, output);
        return until_signal(commands::logs::follow(&mut logs, &*reporter, on_line)).await;
    }
    let report = commands::logs::read(&mut logs, &*reporter).await?;
    quietly_closed(ui::print_logs(&report, output))
}

async fn releases(args: &ReleasesArgs) -> Result<Exit> {
    let config = select(&args.selection)?;
    let extent = if args.all {
        Extent::All
    } else {
        Extent::Recent
    };
    let report = commands::releases::releases(&config, extent).await?;
    ui::print_report(&report, args.output)?;
    Ok(Exit::Success)
}

async fn diff(args: &DiffArgs) -> Result<Exit> {
    let config = select(&args.selection)?;
    let report = commands::diff::diff(&config, &args.from, args.to.as_ref()).await?;
    ui::print_report(&report, args.output)?;
    Ok(Exit::Success)
}

async fn rollback(args: &RollbackArgs, terminal: &Terminal) -> Result<Exit> {
    let config = select(&args.stage.selection)?;
    let journal = Journal::new(ui::reporter(args.stage.output, terminal));
    let consent = |told: &str| consent_to_rollback(&config, &args.stage, told);
    let wanted = args.release.as_ref();
    let work = commands::rollback::rollback(&config, wanted, &consent, &journal);
    let report = unless_interrupted(&config, &journal, work).await?;
    drop(journal);
    ui::print_report(&report, args.stage.output)?;
    Ok(Exit::Success)
}

/// A protected stage is rolled back only when its name is said: typed, or by `--yes --stage NAME`.
fn consent_to_rollback(config: &Config, args: &StageArgs, told: &str) -> Result<()> {
    if !config.settings.protected || (args.yes && args.selection.stage.is_some()) {
        return Ok(());
    }
    let stage = config.stage.to_string();
    let question = format!("Stage {stage} is protected. Type its name to bring back {told}: ");
    match ui::ask(&question)? {
        Some(answer) if answer == stage => Ok(()),
        _ => Err(UserError::RollbackNeedsConsent(stage).into()),
    }
}

async fn teardown(args: &StageArgs, terminal: &Terminal) -> Result<Exit> {
    let config = select(&args.selection)?;
    confirm_teardown(&config, args)?;
    let journal = Journal::new(ui::reporter(args.output, terminal));
    let consent = |before: &Inventory| consent_to_loss(&config, args, before);
    let work = commands::teardown::teardown(&config, &consent, &journal);
    let report = unless_interrupted(&config, &journal, work).await?;
    drop(journal);
    ui::print_report(&report, args.output)?;
    ui::conclude_teardown(&report, terminal);
    Ok(if report.failed.is_empty() {
        Exit::Success
    } else {
        Exit::Leftovers
    })
}

/// The data of a protected stage goes with its name, which has been said; that of any other with a yes.
fn consent_to_loss(config: &Config, args: &StageArgs, before: &Inventory) -> Result<()> {
    if args.yes || config.settings.protected || !before.holds_data() {
        return Ok(());
    }
    match ui::ask("All of this goes, for ever. Take it down? [y/N] ")? {
        Some(answer) if is_yes(&answer) => Ok(()),
        Some(_) => Err(UserError::NotConfirmed(config.stage.to_string()).into()),
        None => Err(UserError::TeardownNeedsConsent(config.stage.to_string()).into()),
    }
}

fn is_yes(answer: &str) -> bool {
    answer.eq_ignore_ascii_case("y") || answer.eq_ignore_ascii_case("yes")
}

async fn recover(args: &RecoverArgs, terminal: &Terminal) -> Result<Exit> {
    let config = select(&args.stage.selection)?;
    let journal = Journal::new(ui::reporter(args.stage.output, terminal));
    let ask = || consent_to_recovery(&config, &args.stage);
    let consent = commands::recover::Consent {
        skip: &args.skip,
        ask: &ask,
    };
    let work = commands::recover::recover(&config, &consent, &journal);
    let report = unless_interrupted(&config, &journal, work).await?;
    drop(journal);
    ui::print_report(&report, args.stage.output)?;
    Ok(if report.stacks.iter().all(|row| row.recovered) {
        Exit::Success
    } else {
        Exit::NeedsPerson
    })
}

fn consent_to_recovery(config: &Config, args: &StageArgs) -> Result<()> {
    if args.yes {
        return Ok(());
    }
    match ui::ask("Do that? [y/N] ")? {
        Some(answer) if answer.eq_ignore_ascii_case("y") || answer.eq_ignore_ascii_case("yes") => {
            Ok(())
        }
        _ => Err(UserError::RecoveryNeedsConsent(config.stage.to_string()).into()),
    }
}

fn select(selection: &Selection) -> Result<Config> {
    Config::load(&selection.config, selection.stage.as_deref())
}

async fn outputs(args: &OutputsArgs) -> Result<Exit> {
    let config = select(&args.selection)?;
    let report = commands::outputs::outputs(&config).await?;
    match args.format {
        OutputsFormat::Env => ui::print_lines(&report.env())?,
        OutputsFormat::Github => ui::print_lines(&report.github())?,
        OutputsFormat::Json => ui::print_json(&report)?,
    }
    Ok(Exit::Success)
}

fn policy(args: &PolicyArgs) -> Result<Exit> {
    let config = select(&args.selection)?;
    let workflow = match &args.github {
        Some(repository) => Some(Workflow::new(
            repository,
            args.environment.as_ref(),
            &config,
        )?),
        None => None,
    };
    let report = commands::policy::policy(&config, workflow.as_ref())?;
    ui::print_report(&report, args.output)?;
    Ok(Exit::Success)
}

async fn doctor(args: &DoctorArgs) -> Result<Exit> {
    let config = select(&args.selection)?;
    let report = commands::doctor::doctor(&config).await;
    ui::print_report(&report, args.output)?;
    Ok(if report.healthy {
        Exit::Success
    } else {
        Exit::Failure
    })
}

/// A protected stage goes only when its name is said: typed, or by `--yes --stage NAME`.
fn confirm_teardown(config: &Config, args: &StageArgs) -> Result<()> {
    if !config.settings.protected || (args.yes && args.selection.stage.is_some()) {
        return Ok(());
    }
    let stage = config.stage.to_string();
    let question = format!(
        "Stage {stage} ({}) is protected. Type its name to take it down: ",
        config.settings.domain
    );
    match ui::ask(&question)? {
        Some(answer) if answer == stage => Ok(()),
        Some(_) => Err(UserError::NotConfirmed(stage).into()),
        None => Err(UserError::NeedsConfirmation(stage).into()),
    }
}

/// Runs what never ends by itself until a signal comes: that is how it is meant to end.
async fn until_signal(work: impl Future<Output = Result<Infallible>>) -> Result<Exit> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        ended = work => quietly_closed(ended.map(|never| match never {})),
        _ = interrupt.recv() => Ok(Exit::Interrupted),
        _ = terminate.recv() => Ok(Exit::Terminated),
    }
}

/// Whoever reads us may have seen enough: `logs | head`.
fn quietly_closed(result: Result<()>) -> Result<Exit> {
    let is_closed = |error: &anyhow::Error| {
        let cause = error.downcast_ref::<std::io::Error>();
        cause.is_some_and(|cause| cause.kind() == ErrorKind::BrokenPipe)
    };
    match result {
        Err(error) if !is_closed(&error) => Err(error),
        _ => Ok(Exit::Success),
    }
}

/// Runs a piece of work until it is done or a signal comes; then says what was going on.
async fn unless_interrupted<T>(
    config: &Config,
    journal: &Journal,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (signal, exit) = tokio::select! {
        result = work => return result,
        _ = interrupt.recv() => ("SIGINT", Exit::Interrupted),
        _ = terminate.recv() => ("SIGTERM", Exit::Terminated),
    };
    Err(UserError::Interrupted {
        signal,
        stage: config.stage.to_string(),
        doing: journal.doing(),
        exit,
    }
    .into())
}
