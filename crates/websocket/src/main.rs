//! The entry point of the `websocket` program.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// The system's allocator keeps a quarter more than before after a storm of connections (benches/live).
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main]
async fn main() -> ExitCode {
    startup::log_to_stdout();
    match websocket::run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "stopped");
            ExitCode::FAILURE
        }
    }
}
