//! The program: parse, run, print, exit.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let exit = factory_tree::run(std::env::args_os(), commit::commit!()).await;
    ExitCode::from(exit as u8)
}
