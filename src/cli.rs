//! The command line as a person types it. In: arguments. Out: which command, and what it is told. The
//! doc comments are the help text.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Put the factory tree, a whole live web application, on AWS or on this machine, and take it down again
#[derive(Debug, Parser)]
#[command(
    name = "factory-tree",
    version,
    propagate_version = true,
    disable_help_subcommand = true
)]
#[command(
    after_help = "Exit codes: 0 done or nothing to do · 1 failed, or not healthy · 2 wrong usage or \
configuration · 3 needs confirmation · 4 credentials · 5 a stack needs a person · 6 something is left · \
7 busy · 130, 143 stopped by a signal"
)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Build, publish, provision and release the application, and prove that it works
    Deploy(StageArgs),
    /// Show how a stage stands; exit 0 only when it is healthy
    Status(StageArgs),
    /// Take everything down, and say what is gone and what stays
    Teardown(StageArgs),
    /// Print the JSON Schema of factory-tree.yaml, for editors
    Schema,
    /// A process of the local stage; started by deploy
    #[command(subcommand, hide = true)]
    Local(crate::local::Process),
}

/// What every verb is told
#[derive(Clone, Debug, Args)]
pub struct StageArgs {
    /// Deployment target, one of those in the configuration file [default: its default_stage]
    #[arg(long, value_name = "NAME", env = "FACTORY_TREE_STAGE")]
    pub stage: Option<String>,
    /// Configuration file
    #[arg(
        long,
        value_name = "FILE",
        env = "FACTORY_TREE_CONFIG",
        default_value = "factory-tree.yaml"
    )]
    pub config: PathBuf,
    /// Form of the answer on stdout
    #[arg(long, value_enum, default_value_t = Output::Text)]
    pub output: Output,
    /// Answer yes to every question; for a protected stage, only together with --stage
    #[arg(long)]
    pub yes: bool,
}

/// Form of the answer
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people
    Text,
    /// One JSON document for scripts
    Json,
}
