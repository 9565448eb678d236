//! The program: parse, run, print, exit.

use std::process::ExitCode;

fn main() -> ExitCode {
    let exit = factory_tree::run(std::env::args_os(), commit::commit!());
    ExitCode::from(exit as u8)
}
