//! The way of a verb from the command line to how the process ends: the arguments are read, the verb does its work on a runtime of
//! its own, and an error is reported with its cure. In: the command line. Out: the exit code. The verbs themselves are in the
//! files below: each selects its stage, asks a person where one has to be asked, has its command work while the terminal shows
//! the progress, and prints the answer. The work is in `commands`; nothing here knows of AWS.

mod answers;
mod changes;
mod consent;
mod handed_over;
mod selected;
mod signals;
mod teardown;

use std::ffi::OsString;
use std::thread;

use anyhow::Result;
use clap::Parser;
use clap::error::ErrorKind;
use tokio::runtime::{Builder, Runtime};

use crate::cli::{Cli, Command, Output, Selection, Unparsed};
use crate::config::terminal::{Progress, Terminal};
use crate::error::Exit;
use crate::hint::Typed;
use crate::{cli, config, hint, local, ui};
use signals::quietly_closed;

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
        Command::Deploy(args) => changes::deploy(&args, terminal).await,
        Command::Build(args) => answers::build(&args, terminal).await,
        Command::Invoke(args) => changes::invoke(&args, terminal).await,
        Command::Dev(args) => changes::dev(&args, terminal).await,
        Command::Plan(args) => answers::plan(&args, terminal).await,
        Command::Validate(args) => answers::validate(&args),
        Command::Status(args) => answers::status(&args, terminal).await,
        Command::Logs(args) => answers::logs(&args, terminal).await,
        Command::DeadLetters(args) => answers::dead_letters(&args).await,
        Command::Replay(args) => changes::replay(&args, terminal).await,
        Command::Open(args) => handed_over::open(&args, terminal).await,
        Command::Ssh(args) => handed_over::ssh(&args).await,
        Command::Releases(args) => answers::releases(&args).await,
        Command::Diff(args) => answers::diff(&args).await,
        Command::Rollback(args) => changes::rollback(&args, terminal).await,
        Command::Cancel(args) => changes::cancel(&args, terminal).await,
        Command::Teardown(args) => teardown::teardown(&args, terminal).await,
        Command::Recover(args) => changes::recover(&args, terminal).await,
        Command::Users(args) => changes::users(&args).await,
        Command::Outputs(args) => answers::outputs(&args).await,
        Command::Policy(args) => answers::policy(&args),
        Command::Doctor(args) => answers::doctor(&args).await,
        Command::Schema => ui::print_json(&config::schema()).map(|()| Exit::Success),
        Command::Completions(args) => answers::completions(args),
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
