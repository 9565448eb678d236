//! The program: parse, run, print, exit.

use std::process::ExitCode;

use clap::Parser;
use factory_tree::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    let exit = factory_tree::run(Cli::parse()).await;
    ExitCode::from(exit as u8)
}
