//! In: the process environment. Out: checked settings, or a message that names variable and cure.
//! No other module reads the environment.

use std::net::SocketAddr;

use axum::http::HeaderValue;

/// What the program needs to know before it serves.
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

/// A variable that is missing or cannot be read. Worded as the cure.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The variable is not set, or empty.
    #[error("environment variable `{variable}` is not set: set it to {cure}")]
    Missing {
        /// Its name.
        variable: &'static str,
        /// What it should hold.
        cure: &'static str,
    },
    /// The variable holds something else.
    #[error("environment variable `{variable}` is `{value}`: set it to {cure}")]
    Invalid {
        /// Its name.
        variable: &'static str,
        /// What it holds.
        value: String,
        /// What it should hold.
        cure: &'static str,
    },
}

impl Config {
    /// Reads the process environment.
    ///
    /// # Errors
    /// Returns the first variable that is missing or wrong.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::read(|variable| std::env::var(variable).ok())
    }

    /// Reads settings through `lookup`.
    ///
    /// # Errors
    /// Returns the first variable that is missing or wrong.
    pub fn read(lookup: impl Fn(&'static str) -> Option<String>) -> Result<Self, ConfigError> {
        let find = |variable| lookup(variable).filter(|value| !value.is_empty());
        let require =
            |variable, cure| find(variable).ok_or(ConfigError::Missing { variable, cure });
        let door = match find("AWS_LAMBDA_RUNTIME_API") {
            Some(_) => Door::Lambda,
            None => Door::Socket(address(find("LISTEN"))?),
        };
        let store = match find("STORE").as_deref() {
            Some("memory") => StoreChoice::Memory,
            Some(other) => return Err(unknown_store(other)),
            None => StoreChoice::Dynamo {
                table: require(
                    "TABLE_NAME",
                    "the name of the table that keeps the factories",
                )?,
            },
        };
        let origin = require("ALLOWED_ORIGIN", ORIGIN_CURE)?;
        Ok(Self {
            store,
            allowed_origin: checked_origin(origin)?,
            build: require("BUILD", "the content id of this build")?,
            door,
        })
    }
}

const ORIGIN_CURE: &str =
    "the origin of the site, like `https://factory-tree.com`, without a slash at the end";

fn address(listen: Option<String>) -> Result<SocketAddr, ConfigError> {
    let value = listen.unwrap_or_else(|| "127.0.0.1:8081".to_owned());
    value.parse().map_err(|_| ConfigError::Invalid {
        variable: "LISTEN",
        value,
        cure: "an address and a port, like `127.0.0.1:8081`",
    })
}

fn unknown_store(value: &str) -> ConfigError {
    ConfigError::Invalid {
        variable: "STORE",
        value: value.to_owned(),
        cure: "`memory`, or leave it out to use the table",
    }
}

fn checked_origin(value: String) -> Result<HeaderValue, ConfigError> {
    let rest = value
        .strip_prefix("https://")
        .or_else(|| value.strip_prefix("http://"));
    let host_alone = rest.is_some_and(|host| !host.is_empty() && !host.contains(['/', '*', ' ']));
    let header = HeaderValue::from_str(&value).ok().filter(|_| host_alone);
    header.ok_or(ConfigError::Invalid {
        variable: "ALLOWED_ORIGIN",
        value,
        cure: ORIGIN_CURE,
    })
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

    fn read_with(changes: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let known = [changes, &LAMBDA].concat();
        Config::read(|variable| {
            let (_, value) = known.iter().find(|(name, _)| *name == variable)?;
            Some((*value).to_owned())
        })
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
    fn an_origin_that_no_browser_sends_is_refused() {
        for origin in [
            "*",
            "https://a.example/",
            "a.example",
            "https://",
            "https://*.a",
        ] {
            assert!(
                read_with(&[("ALLOWED_ORIGIN", origin)]).is_err(),
                "{origin}"
            );
        }
    }

    #[test]
    fn a_wrong_address_or_store_is_refused() {
        let outside = ("AWS_LAMBDA_RUNTIME_API", "");
        assert!(read_with(&[outside, ("LISTEN", "8081")]).is_err());
        assert!(read_with(&[("STORE", "disk")]).is_err());
    }
}
