//! One event for one Lambda, outside Lambda. In: a program, its environment, an event. Out: the answer,
//! and what it took. The program is started as Lambda starts it, with nothing of this process's own
//! environment, and polls a runtime API of ours on loopback. What it logs is handed on as it comes.
//! The environment of the Lambda names its table and its topic; they are not chosen here.

mod function;
mod process;
mod runtime_api;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::error::UserError;
use crate::event::Reporter;
pub use function::{Function, Settings, has_function, settings};
use process::FunctionProcess;
use runtime_api::RuntimeRequest;

/// The longest time that a program may take from its start to its first poll.
/// Source: Lambda Developer Guide, "Lambda execution environment lifecycle", Init phase.
const INIT: Duration = Duration::from_secs(10);

/// An event for a Lambda.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// The Lambda.
    pub function: Function,
    /// Its program.
    pub program: PathBuf,
    /// The settings that its template gives it.
    pub settings: Settings,
    /// Its access to AWS: credentials, region, endpoint.
    pub access: BTreeMap<String, String>,
    /// The event, as JSON.
    pub event: String,
}

/// The result of an invocation.
#[derive(Clone, Debug, PartialEq)]
pub struct FunctionResponse {
    /// The response of the Lambda.
    pub answer: Value,
    /// From the start of the program to its first poll of the runtime API.
    pub init: Duration,
    /// From the event to the answer.
    pub duration: Duration,
    /// The most memory that it held, in bytes; `None` where the system does not report it.
    pub peak_memory: Option<u64>,
}

/// Starts the program, sends it the event, and kills it when it has responded.
///
/// # Errors
/// `UserError::FunctionFailed`: it ends, fails, or takes longer than Lambda would let it.
pub async fn invoke(call: &Invocation, reporter: &dyn Reporter) -> Result<FunctionResponse> {
    let listener = TcpListener::bind("127.0.0.1:0")
        .await
        .context("failed to open a loopback port for the runtime API")?;
    let address = listener.local_addr()?.to_string();
    let (router, words) = runtime_api::open(&call.event, call.settings.timeout);
    let started = Instant::now();
    let (process, log) = FunctionProcess::start(&call.program, &call.environment(&address))?;
    let work = async {
        let mut process = process;
        let conversation = async {
            let answer = wait_for_response(call, words, started, &mut process).await;
            // The runtime API answers as long as anybody may ask it, or the last thing in the log would be a
            // complaint about that.
            process.stop().await;
            answer
        };
        tokio::select! {
            answer = conversation => answer,
            served = axum::serve(listener, router).into_future() => Err(ended_early(served)),
        }
    };
    // The log ends when the process has ended, and everything that it has said is reported by then.
    let (answer, ()) = tokio::join!(work, log.forward_output(reporter));
    answer
}

fn ended_early(served: std::io::Result<()>) -> anyhow::Error {
    let cause = served.err().map(anyhow::Error::new);
    let context = "the runtime API stopped";
    cause.map_or_else(|| anyhow::anyhow!(context), |cause| cause.context(context))
}

impl Invocation {
    /// Returns everything that the program finds in its environment.
    /// Source: Lambda Developer Guide, "Defined runtime environment variables".
    fn environment(&self, runtime_api: &str) -> BTreeMap<String, String> {
        let name = self.function.name();
        let reserved = [
            ("AWS_LAMBDA_RUNTIME_API", runtime_api),
            ("AWS_LAMBDA_FUNCTION_NAME", name),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
            ("_HANDLER", "bootstrap"),
            ("LANG", "en_US.UTF-8"),
            ("TZ", ":UTC"),
            ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ];
        let reserved = reserved.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut environment = self.access.clone();
        environment.extend(self.settings.variables.clone());
        environment.extend(reserved);
        let memory = self.settings.memory.to_string();
        environment.insert("AWS_LAMBDA_FUNCTION_MEMORY_SIZE".to_owned(), memory);
        environment
    }

    fn failed(&self, problem: String) -> anyhow::Error {
        let function = self.function.name().to_owned();
        UserError::FunctionFailed { function, problem }.into()
    }
}

/// Waits for the poll and for the answer, each for as long as Lambda would.
async fn wait_for_response(
    call: &Invocation,
    mut words: UnboundedReceiver<RuntimeRequest>,
    started: Instant,
    process: &mut FunctionProcess,
) -> Result<FunctionResponse> {
    let polled = match next(call, &mut words, INIT, process).await? {
        RuntimeRequest::Polled(at) => at,
        RuntimeRequest::Responded(..) => {
            return Err(call.failed("answered before it had asked".to_owned()));
        }
        RuntimeRequest::Failed(problem) => return Err(call.failed(problem)),
    };
    match next(call, &mut words, call.settings.timeout, process).await? {
        RuntimeRequest::Responded(at, text) => Ok(FunctionResponse {
            answer: serde_json::from_str(&text).unwrap_or(Value::String(text)),
            init: polled - started,
            duration: at - polled,
            peak_memory: process.peak_memory(),
        }),
        RuntimeRequest::Failed(problem) => Err(call.failed(problem)),
        RuntimeRequest::Polled(_) => {
            Err(call.failed("asked for the next event without an answer".to_owned()))
        }
    }
}

async fn next(
    call: &Invocation,
    words: &mut UnboundedReceiver<RuntimeRequest>,
    timeout: Duration,
    process: &mut FunctionProcess,
) -> Result<RuntimeRequest> {
    let late = || call.failed(format!("did not answer within {} s", timeout.as_secs_f64()));
    // A program that reports an error ends then: the reported error counts, not the exit status.
    tokio::select! {
        biased;
        word = words.recv() => word.context("the runtime API stopped"),
        status = process.wait() => Err(call.failed(format!("ended with {}", status?))),
        () = tokio::time::sleep(timeout) => Err(late()),
    }
}

#[cfg(test)]
mod tests;
