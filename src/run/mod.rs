//! Each verb from its arguments to its exit code: the stage is selected, a person is asked where one has to be,
//! the command works while the terminal shows its progress, and its answer is printed. In: the command line. Out: how the
//! process ends. The work itself is in `commands`; nothing here knows of AWS.

mod consent;
mod handed_over;
mod signals;
mod teardown;

use std::ffi::OsString;
use std::thread;

use anyhow::Result;
use clap::Parser;
use clap::error::ErrorKind;
use tokio::runtime::{Builder, Runtime};

use crate::cli::{
    BuildArgs, Cli, Command, CompletionsArgs, DeployArgs, DiffArgs, DoctorArgs, InvokeArgs,
    LogsArgs, Output, OutputsArgs, OutputsFormat, PlanArgs, PolicyArgs, RecoverArgs, ReleasesArgs,
    ReportArgs, RollbackArgs, Selection, StageArgs, StatusArgs, Unparsed, UsersAction, UsersArgs,
    ValidateArgs,
};
use crate::commands;
use crate::commands::deploy::DeployRequest;
use crate::commands::releases::Extent;
use crate::config::terminal::{Progress, Terminal};
use crate::config::{BakeTime, Config};
use crate::error::{Exit, UserError};
use crate::event::{Event, Journal, Reporter};
use crate::hint::Typed;
use crate::logs::LogLine;
use crate::policy::Workflow;
use crate::provision::Options;
use crate::report::Health;
use crate::seed::Seed;
use crate::status::StatusScope;
use crate::template::DataConsent;
use crate::{cli, config, hint, local, ui};
use signals::{quietly_closed, unless_interrupted, until_signal};

/// Runs a command to its end: prints its answer or its error, and returns how the process ends.
/// `commit` is what the program was compiled from, where that is known.
pub fn run(arguments: impl IntoIterator<Item = OsString>, commit: Option<&'static str>) -> Exit {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let terminal = Terminal::read();
    match Cli::try_parse_from(&arguments) {
        Ok(cli) => start(cli, &arguments, terminal),
        Err(version) if is_for_version(&version, &arguments) => {
            let text = cli::verbose_version(commit);
            print_help(|| ui::print_text(&text), &terminal)
        }
        Err(help) if ui::is_help(&help) => print_help(|| ui::print_help(&help), &terminal),
        Err(error) => report_usage(&error, &Unparsed::read(&arguments), &terminal),
    }
}

/// Runs a command on a runtime of its own. Help, version and faults of usage do without one.
fn start(cli: Cli, arguments: &[OsString], terminal: Terminal) -> Exit {
    let (output, shown) = (cli.command.output(), terminal.clone());
    let ended = runtime(&cli.command).and_then(|runtime| {
        // Boxed, because the compiler computes the layout of a future only so many levels deep.
        on_a_deep_stack(|| runtime.block_on(Box::pin(run_parsed(cli, arguments, terminal))))
    });
    ended.unwrap_or_else(|error| {
        let error = anyhow::Error::new(error).context("failed to start the runtime");
        ui::print_error(&error, None, Exit::Failure, output, &shown);
        Exit::Failure
    })
}

/// The stack of the thread on which a verb runs, in bytes. The futures of a deploy hold each other, and a build without
/// optimization, as `cargo run` makes it, copies them from frame to frame: those of `dev` took more than the 8 MiB that a main
/// thread has. Only what is used is taken from the system.
const STACK: usize = 64 << 20;

fn on_a_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> std::io::Result<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().stack_size(STACK);
        let thread = thread.spawn_scoped(scope, work)?;
        Ok(thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// Returns the runtime of a verb. A verb waits for AWS and for its children, which one thread does with less CPU than several that
/// hand each other the work; what computes (packing, hashing) has threads of its own. The processes of a local stage serve
/// everybody at once, on all cores.
fn runtime(command: &Command) -> std::io::Result<Runtime> {
    let mut builder = match command {
        Command::Local(_) => Builder::new_multi_thread(),
        _ => Builder::new_current_thread(),
    };
    builder.enable_all().build()
}

fn is_for_version(refusal: &clap::Error, arguments: &[OsString]) -> bool {
    refusal.kind() == ErrorKind::DisplayVersion && cli::is_verbose(arguments)
}

/// Help and version are answers too.
fn print_help(print: impl FnOnce() -> Result<()>, terminal: &Terminal) -> Exit {
    let output = Output::Text;
    let printed = ui::open(output, terminal).and_then(|()| print());
    quietly_closed(printed).unwrap_or_else(|error| {
        let cure = hint::hint(&error);
        ui::print_error(&error, cure.as_deref(), Exit::Failure, output, terminal);
        Exit::Failure
    })
}

/// A fault in the command line, reported in the form that the command line asks for all the same.
fn report_usage(error: &clap::Error, unparsed: &Unparsed, terminal: &Terminal) -> Exit {
    let exit = if unparsed.detailed_exitcode {
        Exit::Failure
    } else {
        Exit::Usage
    };
    // What cannot be written on stdout is said on stderr.
    let _ = ui::open(unparsed.output, terminal);
    ui::print_usage(error, exit, unparsed.output);
    exit
}

async fn run_parsed(cli: Cli, arguments: &[OsString], mut terminal: Terminal) -> Exit {
    let Cli {
        selection: Selection { stage, config },
        quiet,
        command,
        ..
    } = cli;
    if quiet {
        terminal.progress = Progress::Problems;
    }
    let typed = Typed::new(arguments, stage.as_deref(), config.as_deref());
    let wrong_usage = exit_of_wrong_usage(&command);
    let output = command.output();
    let result = match ui::open(output, &terminal) {
        Ok(()) => run_command(command, &terminal).await,
        Err(error) => Err(error),
    };
    result.unwrap_or_else(|error| {
        let exit = match hint::exit(&error) {
            Exit::Usage => wrong_usage,
            exit => exit,
        };
        let cure = hint::hint(&error).map(|hint| typed.complete(&hint));
        ui::print_error(&error, cure.as_deref(), exit, output, &terminal);
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
        Command::Validate(args) => validate(&args),
        Command::Status(args) => status(&args, terminal).await,
        Command::Logs(args) => logs(&args, terminal).await,
        Command::DeadLetters(args) => dead_letters(&args).await,
        Command::Replay(args) => replay(&args, terminal).await,
        Command::Open(args) => handed_over::open(&args, terminal).await,
        Command::Ssh(args) => handed_over::ssh(&args).await,
        Command::Releases(args) => releases(&args).await,
        Command::Diff(args) => diff(&args).await,
        Command::Rollback(args) => rollback(&args, terminal).await,
        Command::Cancel(args) => cancel(&args, terminal).await,
        Command::Teardown(args) => teardown::teardown(&args, terminal).await,
        Command::Recover(args) => recover(&args, terminal).await,
        Command::Users(args) => users(&args).await,
        Command::Outputs(args) => outputs(&args).await,
        Command::Policy(args) => policy(&args),
        Command::Doctor(args) => doctor(&args).await,
        Command::Schema => ui::print_json(&config::schema()).map(|()| Exit::Success),
        Command::Completions(args) => completions(args),
        Command::Man => ui::print_text(cli::man_page()?.trim_end()).map(|()| Exit::Success),
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
    let config = load_config(&args.selection)?;
    let work = async |journal: &Journal| commands::build::build(&config, journal).await;
    let report = with_progress(&config, args.output, terminal, work).await?;
    ui::print_report(&report, args.output)?;
    Ok(Exit::Success)
}

async fn invoke(args: &InvokeArgs, terminal: &Terminal) -> Result<Exit> {
    let config = load_config(&args.selection)?;
    let work = async |journal: &Journal| {
        let work = commands::invoke::invoke(&config, &args.function, &args.event, journal);
        let report = work.await?;
        journal.report(Event::Note(report.times()));
        Ok(report)
    };
    let report = with_progress(&config, args.output, terminal, work).await?;
    ui::print_document(&report, args.output)?;
    Ok(Exit::Success)
}

fn validate(args: &ValidateArgs) -> Result<Exit> {
    let config = load_config(&args.selection)?;
    let report = commands::validate::validate(&config)?;
    ui::print_report(&report, args.output)?;
    Ok(Exit::Success)
}

async fn plan(args: &PlanArgs, terminal: &Terminal) -> Result<Exit> {
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

async fn deploy(args: &DeployArgs, terminal: &Terminal) -> Result<Exit> {
    let config = load_config(&args.stage.selection)?;
    if args.express && config.settings.protected {
        return Err(UserError::ExpressProtected(config.stage.to_string()).into());
    }
    if args.seed.is_some() && config.settings.sign_in {
        return Err(UserError::SeedNeedsSignIn(config.stage.to_string()).into());
    }
    let mut request = deploy_request(&config, args)?;
    let report = loop {
        let work =
            async |journal: &Journal| commands::deploy::deploy(&config, &request, journal).await;
        match with_progress(&config, args.stage.output, terminal, work).await {
            Ok(report) => break report,
            Err(error) => request = consent::to_data_loss(&config, request, error)?,
        }
    };
    let printed = ui::print_report(&report, args.stage.output);
    ui::conclude_deploy(&report, terminal);
    printed?;
    Ok(Exit::Success)
}

async fn dev(args: &ReportArgs, terminal: &Terminal) -> Result<Exit> {
    let config = load_config(&args.selection)?;
    let start = commands::dev::start(&config)?;
    deploy(&DeployArgs::of(args), terminal).await?;
    let reporter = ui::reporter(args.output, terminal);
    reporter.report(Event::Note(commands::dev::invitation(&config)));
    let ended = until_signal(commands::dev::follow(&config, start, &*reporter)).await;
    reporter.report(Event::Note(commands::dev::farewell(
        args.selection.stage.as_deref(),
    )));
    ended
}

fn deploy_request(config: &Config, args: &DeployArgs) -> Result<DeployRequest> {
    let selection = &args.stage.selection;
    let consent = if args.allow_replacement && consent::may_lose_data(config, selection) {
        DataConsent::All
    } else {
        DataConsent::default()
    };
    let plan = match &args.plan {
        Some(file) => Some((file.clone(), commands::plan::read(file)?)),
        None => None,
    };
    let configured = BakeTime::of_minutes(config.settings.bake_minutes);
    let options = Options {
        bake: args.bake.unwrap_or(configured),
        ..args.options()
    };
    let seed = args.seed.as_ref().map(|file| Seed::read(config, file));
    Ok(DeployRequest {
        seed: seed.transpose()?,
        options,
        consent,
        plan,
        prune: args.prune_now,
        undo_on_failure: args.undo_on_failure || config.settings.undo_on_failure,
    })
}

async fn status(
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

async fn logs(args: &LogsArgs, terminal: &Terminal) -> Result<Exit> {
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

async fn dead_letters(args: &ReportArgs) -> Result<Exit> {
    let config = load_config(&args.selection)?;
    let report = commands::dead_letters::dead_letters(&config).await?;
    ui::print_report(&report, args.output)?;
    Ok(Exit::Success)
}

/// Asks nobody: what is published is what the table has, and a letter goes only with its reason.
async fn replay(args: &ReportArgs, terminal: &Terminal) -> Result<Exit> {
    let config = load_config(&args.selection)?;
    let work = async |journal: &Journal| commands::replay::replay(&config, journal).await;
    let report = with_progress(&config, args.output, terminal, work).await?;
    ui::print_report(&report, args.output)?;
    Ok(if report.left.is_empty() {
        Exit::Success
    } else {
        Exit::Failure
    })
}

async fn releases(args: &ReleasesArgs) -> Result<Exit> {
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

async fn diff(args: &DiffArgs) -> Result<Exit> {
    let config = load_config(&args.selection)?;
    let report = commands::diff::diff(&config, &args.from, args.to.as_ref()).await?;
    ui::print_report(&report, args.output)?;
    Ok(Exit::Success)
}

async fn rollback(args: &RollbackArgs, terminal: &Terminal) -> Result<Exit> {
    let config = load_config(&args.stage.selection)?;
    let consent = |reported: &str| consent::to_rollback(&config, &args.stage, reported);
    let wanted = args.release.as_ref();
    let work = async |journal: &Journal| {
        commands::rollback::rollback(&config, wanted, &consent, journal).await
    };
    let report = with_progress(&config, args.stage.output, terminal, work).await?;
    ui::print_report(&report, args.stage.output)?;
    Ok(Exit::Success)
}

async fn cancel(args: &StageArgs, terminal: &Terminal) -> Result<Exit> {
    let config = load_config(&args.selection)?;
    let consent = || consent::to_cancellation(&config, args);
    let work = async |journal: &Journal| commands::cancel::cancel(&config, &consent, journal).await;
    let report = with_progress(&config, args.output, terminal, work).await?;
    ui::print_report(&report, args.output)?;
    Ok(if report.stacks.iter().all(|row| row.cancelled) {
        Exit::Success
    } else {
        Exit::NeedsPerson
    })
}

async fn recover(args: &RecoverArgs, terminal: &Terminal) -> Result<Exit> {
    let config = load_config(&args.stage.selection)?;
    let ask = || consent::to_recovery(&config, &args.stage);
    let consent = commands::recover::RecoveryConsent {
        skip: &args.skip,
        ask: &ask,
    };
    let work =
        async |journal: &Journal| commands::recover::recover(&config, &consent, journal).await;
    let report = with_progress(&config, args.stage.output, terminal, work).await?;
    ui::print_report(&report, args.stage.output)?;
    Ok(if report.stacks.iter().all(|row| row.recovered) {
        Exit::Success
    } else {
        Exit::NeedsPerson
    })
}

/// Works while the terminal shows its progress, until the work is done or a signal comes. What is drawn is gone when it ends,
/// so that only the answer remains.
async fn with_progress<T>(
    config: &Config,
    output: Output,
    terminal: &Terminal,
    work: impl AsyncFnOnce(&Journal) -> Result<T>,
) -> Result<T> {
    with_progress_of(config.stage.as_str(), output, terminal, work).await
}

/// The same for work on more than one stage, by their names.
async fn with_progress_of<T>(
    stages: &str,
    output: Output,
    terminal: &Terminal,
    work: impl AsyncFnOnce(&Journal) -> Result<T>,
) -> Result<T> {
    let journal = Journal::new(ui::reporter(output, terminal));
    unless_interrupted(stages, &journal, work(&journal)).await
}

fn load_config(selection: &Selection) -> Result<Config> {
    let file = config::file(selection.config.as_deref());
    let named = selection.stage.clone();
    let named = named.or_else(config::stage_of_environment);
    Config::load(&file, named.as_deref())
}

/// Loads the configuration of a stage, or of all stages of a pattern.
fn load_config_of_all(selection: &Selection) -> Result<Config> {
    let pattern = selection.stage.as_ref().filter(|name| name.contains('*'));
    match pattern {
        Some(pattern) => Config::load_pattern(&config::file(selection.config.as_deref()), pattern),
        None => load_config(selection),
    }
}

async fn outputs(args: &OutputsArgs) -> Result<Exit> {
    let config = load_config(&args.selection)?;
    let report = commands::outputs::outputs(&config).await?;
    match args.output {
        OutputsFormat::Env => ui::print_lines(&report.env())?,
        OutputsFormat::Github => ui::print_lines(&report.github())?,
        OutputsFormat::Json => ui::print_json(&report)?,
    }
    Ok(Exit::Success)
}

async fn users(args: &UsersArgs) -> Result<Exit> {
    match &args.action {
        UsersAction::Add(args) => {
            let config = load_config(&args.stage.selection)?;
            let report = commands::users::add(&config, &args.name, &args.email).await?;
            ui::print_report(&report, args.stage.output)?;
        }
        UsersAction::Remove(args) => {
            let config = load_config(&args.stage.selection)?;
            let consent = || consent::to_user_removal(&config, &args.stage, args.name.as_str());
            let report = commands::users::remove(&config, &args.name, &consent).await?;
            ui::print_report(&report, args.stage.output)?;
        }
        UsersAction::List(args) => {
            let config = load_config(&args.selection)?;
            let report = commands::users::list(&config).await?;
            ui::print_report(&report, args.output)?;
        }
    }
    Ok(Exit::Success)
}

fn completions(args: CompletionsArgs) -> Result<Exit> {
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

fn policy(args: &PolicyArgs) -> Result<Exit> {
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

async fn doctor(args: &DoctorArgs) -> Result<Exit> {
    let config = load_config(&args.selection)?;
    let report = commands::doctor::doctor(&config).await;
    ui::print_report(&report, args.output)?;
    Ok(if report.healthy {
        Exit::Success
    } else {
        Exit::Failure
    })
}
