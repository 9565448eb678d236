//! In: the process environment. Out: checked settings, or an error that names the variable and its expected value.
//! No other module reads the environment.

use std::net::SocketAddr;

use axum::http::HeaderValue;
use startup::{VariableError, Variables};

use crate::sign_in::SignIn;

/// The settings of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `STORE`: `memory`, or unset for the table named by `TABLE_NAME`.
    pub store: StoreChoice,
    /// `ALLOWED_ORIGIN`: the one origin whose pages may send requests, like `https://factory-tree.com`.
    pub allowed_origin: HeaderValue,
    /// `SIGN_IN_ISSUER` and `SIGN_IN_CLIENT`: issuer and audience of the tokens of those who may write; both unset where
    /// everybody may.
    pub sign_in: Option<SignIn>,
    /// `BUILD`: the content id of this build.
    pub build: String,
    /// Lambda if `AWS_LAMBDA_RUNTIME_API` is set, otherwise the socket `LISTEN`, by default `127.0.0.1:8081`.
    pub serve_mode: ServeMode,
}

/// The kind of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreChoice {
    /// The API stores factories in a DynamoDB table.
    Dynamo {
        /// The table's name.
        table: String,
    },
    /// The API stores factories in its process until it ends.
    Memory,
}

/// The source of the requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServeMode {
    /// The program serves requests from Lambda's runtime interface.
    Lambda,
    /// The program serves requests on a TCP listener.
    Socket(SocketAddr),
}

impl Config {
    /// Reads the settings from the process environment.
    ///
    /// # Errors
    /// Returns an error for the first variable that is missing or invalid.
    pub fn from_env() -> Result<Self, VariableError> {
        Self::read(&Variables::from_env())
    }

    /// Reads the settings from `variables`.
    ///
    /// # Errors
    /// Returns an error for the first variable that is missing or invalid.
    pub fn read(
        variables: &Variables<impl Fn(&'static str) -> Option<String>>,
    ) -> Result<Self, VariableError> {
        Ok(Self {
            store: store(variables)?,
            allowed_origin: variables.allowed_origin()?,
            sign_in: sign_in(variables)?,
            build: variables.get_text("BUILD", "the content id of this build")?,
            serve_mode: serve_mode(variables)?,
        })
    }
}

/// One of both alone is a mistake, which must not open the tree to everybody.
fn sign_in(
    variables: &Variables<impl Fn(&'static str) -> Option<String>>,
) -> Result<Option<SignIn>, VariableError> {
    let (issuer, client) = ("SIGN_IN_ISSUER", "SIGN_IN_CLIENT");
    if variables.find(issuer).is_none() && variables.find(client).is_none() {
        return Ok(None);
    }
    Ok(Some(SignIn {
        issuer: variables.get_text(
            issuer,
            "the issuer of the tokens, or unset SIGN_IN_CLIENT too",
        )?,
        client: variables.get_text(client, "the client's id, or unset SIGN_IN_ISSUER too")?,
    }))
}

fn serve_mode(
    variables: &Variables<impl Fn(&'static str) -> Option<String>>,
) -> Result<ServeMode, VariableError> {
    if variables.find("AWS_LAMBDA_RUNTIME_API").is_some() {
        return Ok(ServeMode::Lambda);
    }
    let default = ([127, 0, 0, 1], 8081).into();
    let expected = "an address and a port, like `127.0.0.1:8081`";
    Ok(ServeMode::Socket(
        variables.parsed_or("LISTEN", default, expected)?,
    ))
}

fn store(
    variables: &Variables<impl Fn(&'static str) -> Option<String>>,
) -> Result<StoreChoice, VariableError> {
    match variables.find("STORE").as_deref() {
        Some("memory") => Ok(StoreChoice::Memory),
        Some(other) => Err(VariableError::Invalid {
            variable: "STORE",
            value: other.to_owned(),
            expected: "`memory`, or leave it out to use the table",
        }),
        None => Ok(StoreChoice::Dynamo {
            table: variables.get_text(
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
        assert_eq!(read_with(&[]).unwrap().serve_mode, ServeMode::Lambda);

        let outside = read_with(&[("AWS_LAMBDA_RUNTIME_API", "")]).unwrap();
        assert_eq!(
            outside.serve_mode,
            ServeMode::Socket(([127, 0, 0, 1], 8081).into())
        );
    }

    #[test]
    fn sign_in_is_both_of_its_variables_or_none() {
        let (issuer, client) = (
            ("SIGN_IN_ISSUER", "https://issuer"),
            ("SIGN_IN_CLIENT", "c1"),
        );
        assert_eq!(read_with(&[]).unwrap().sign_in, None);
        let wanted = SignIn {
            issuer: "https://issuer".to_owned(),
            client: "c1".to_owned(),
        };
        assert_eq!(read_with(&[issuer, client]).unwrap().sign_in, Some(wanted));
        for (one, missing) in [(issuer, "SIGN_IN_CLIENT"), (client, "SIGN_IN_ISSUER")] {
            let message = read_with(&[one]).unwrap_err().to_string();
            assert!(message.contains(missing), "{message}");
        }
    }

    #[test]
    fn memory_needs_no_table() {
        let config = read_with(&[("STORE", "memory"), ("TABLE_NAME", "")]).unwrap();

        assert_eq!(config.store, StoreChoice::Memory);
    }

    #[test]
    fn a_missing_variable_is_reported_with_its_expected_value() {
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
