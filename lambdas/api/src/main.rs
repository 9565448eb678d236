//! The entry point of the `api` program.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    startup::log_to_stdout();
    match api::run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "stopped");
            ExitCode::FAILURE
        }
    }
}
