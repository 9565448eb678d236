//! The start of each program that runs in AWS, before it serves: it writes its log, reads its settings, and finds its way
//! to AWS. In: the process environment. Out: a log, checked values, the SDK's settings. What a program does then is
//! never here.

mod aws;
mod log;
mod variables;

pub use aws::aws;
pub use log::log_to_stdout;
pub use variables::{VariableError, Variables};
