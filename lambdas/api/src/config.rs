//! In: the process environment. Out: checked settings, or a message that names variable and cure.
//! No other module reads the environment.

use std::net::SocketAddr;

use axum::http::HeaderValue;
use startup::{VariableError, Variables};

/// The settings that the program needs before it serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `STORE`: `memory`, or unset for the table named by `TABLE_NAME`.
    pub store: StoreChoice,
    /// `ALLOWED_ORIGIN`: the one origin whose pages may call the API, like `https://factory-tree.com`.
    pub allowed_origin: HeaderValue,
    /// `BUILD`: the content id of this build.
    pub build: String,
    /// `AWS_LAMBDA_RUNTIME_API` set: Lambda. Otherwise `LISTEN`, by default `127.0.0.1:8081`.
    pub door: Door,
}

/// Where factories are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreChoice {
    /// In a DynamoDB table.
    Dynamo {
        /// The table's name.
        table: String,
    },
    /// In this process, until it ends.
    Memory,
}

/// Where requests come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Door {
    /// From Lambda's runtime interface.
    Lambda,
    /// From a TCP listener.
    Socket(SocketAddr),
}

impl Config {
    /// Reads the process environment.
    ///
    /// # Errors
    /// Returns the first variable that is missing or wrong.
    pub fn from_env() -> Result<Self, VariableError> {
        Self::read(&Variables::of_process())
    }

    /// Reads settings.
    ///
    /// # Errors
    /// Returns the first variable that is missing or wrong.
    pub fn read(
        variables: &Variables<impl Fn(&'static str) -> Option<String>>,
    ) -> Result<Self, VariableError> {
        Ok(Self {
            store: store(variables)?,
            allowed_origin: variables.allowed_origin()?,
            build: variables.text("BUILD", "the content id of this build")?,
            door: door(variables)?,
        })
    }
}

fn door(
    variables: &Variables<impl Fn(&'static str) -> Option<String>>,
) -> Result<Door, VariableError> {
    if variables.find("AWS_LAMBDA_RUNTIME_API").is_some() {
        return Ok(Door::Lambda);
    }
    let default = ([127, 0, 0, 1], 8081).into();
    let cure = "an address and a port, like `127.0.0.1:8081`";
    Ok(Door::Socket(variables.or("LISTEN", default, cure)?))
}

fn store(
    variables: &Variables<impl Fn(&'static str) -> Option<String>>,
) -> Result<StoreChoice, VariableError> {
    match variables.find("STORE").as_deref() {
        Some("memory") => Ok(StoreChoice::Memory),
        Some(other) => Err(VariableError::Invalid {
            variable: "STORE",
            value: other.to_owned(),
            cure: "`memory`, or leave it out to use the table",
        }),
        None => Ok(StoreChoice::Dynamo {
            table: variables.text(
                "TABLE_NAME",
                "the name of the table that keeps the factories",
            )?,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAMBDA: [(&str, &str); 4] = [
        ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
        ("TABLE_NAME", "factories"),
        ("ALLOWED_ORIGIN", "https://factory-tree.com"),
        ("BUILD", "b1"),
    ];

    fn read_with(changes: &[(&str, &str)]) -> Result<Config, VariableError> {
        let known = [changes, &LAMBDA].concat();
        Config::read(&Variables::new(|variable| {
            let (_, value) = known.iter().find(|(name, _)| *name == variable)?;
            Some((*value).to_owned())
        }))
    }

    #[test]
    fn lambda_is_chosen_by_its_runtime_address() {
        assert_eq!(read_with(&[]).unwrap().door, Door::Lambda);

        let outside = read_with(&[("AWS_LAMBDA_RUNTIME_API", "")]).unwrap();
        assert_eq!(outside.door, Door::Socket(([127, 0, 0, 1], 8081).into()));
    }

    #[test]
    fn memory_needs_no_table() {
        let config = read_with(&[("STORE", "memory"), ("TABLE_NAME", "")]).unwrap();

        assert_eq!(config.store, StoreChoice::Memory);
    }

    #[test]
    fn a_missing_variable_is_named_with_its_cure() {
        let message = read_with(&[("TABLE_NAME", "")]).unwrap_err().to_string();
        assert_eq!(
            message,
            "environment variable `TABLE_NAME` is not set: set it to the name of the table that keeps the factories"
        );
        for variable in ["ALLOWED_ORIGIN", "BUILD"] {
            let message = read_with(&[(variable, "")]).unwrap_err().to_string();
            assert!(message.contains(variable), "{message}");
        }
    }

    #[test]
    fn a_wrong_address_or_store_is_refused() {
        let outside = ("AWS_LAMBDA_RUNTIME_API", "");
        assert!(read_with(&[outside, ("LISTEN", "8081")]).is_err());
        assert!(read_with(&[("STORE", "disk")]).is_err());
    }
}
