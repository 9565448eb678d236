//! The start of every program that runs in AWS: logging, environment variables and the configuration of the AWS SDK.
//! In: the process environment. Out: a log, checked values, a configuration loader. This crate has nothing that only one
//! program needs.

mod aws;
mod log;
mod variables;

pub use aws::aws_config_loader;
pub use log::log_to_stdout;
pub use variables::{VariableError, Variables};
