//! Settings from environment variables. An empty variable counts as not set.

use std::str::FromStr;

use http::HeaderValue;

/// A variable that is missing or invalid. Its message states the value that the user should set.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum VariableError {
    /// The variable is not set, or empty.
    #[error("environment variable `{variable}` is not set: set it to {expected}")]
    Missing {
        /// The name of the variable.
        variable: &'static str,
        /// A description of the value to set.
        expected: &'static str,
    },
    /// The variable has an invalid value.
    #[error("environment variable `{variable}` is `{value}`: set it to {expected}")]
    Invalid {
        /// The name of the variable.
        variable: &'static str,
        /// The invalid value.
        value: String,
        /// A description of the value to set.
        expected: &'static str,
    },
}

const ORIGIN: &str =
    "the origin of the site, like `https://factory-tree.com`, without a slash at the end";

/// A source of environment variables.
#[derive(Clone, Copy, Debug)]
pub struct Variables<F>(F);

impl Variables<fn(&'static str) -> Option<String>> {
    /// Returns the environment variables of this process.
    pub fn from_env() -> Self {
        Self(|variable| std::env::var(variable).ok())
    }
}

impl<F: Fn(&'static str) -> Option<String>> Variables<F> {
    /// Returns the variables for which `lookup` returns a value.
    pub fn new(lookup: F) -> Self {
        Self(lookup)
    }

    /// Returns the value of a variable, or `None` if it is not set.
    pub fn find(&self, variable: &'static str) -> Option<String> {
        (self.0)(variable).filter(|value| !value.is_empty())
    }

    /// Returns the value of a variable.
    ///
    /// # Errors
    /// Returns an error that asks for `expected` if the variable is not set.
    pub fn get_text(
        &self,
        variable: &'static str,
        expected: &'static str,
    ) -> Result<String, VariableError> {
        self.find(variable)
            .ok_or(VariableError::Missing { variable, expected })
    }

    /// Returns the value of a variable, parsed as a `T`.
    ///
    /// # Errors
    /// Returns an error that asks for `expected` if the variable is not set or cannot be parsed.
    pub fn get_parsed<T: FromStr>(
        &self,
        variable: &'static str,
        expected: &'static str,
    ) -> Result<T, VariableError> {
        let value = self.get_text(variable, expected)?;
        value.parse().map_err(|_| VariableError::Invalid {
            variable,
            value,
            expected,
        })
    }

    /// Returns the value of a variable, parsed as a `T`, or `default` if it is not set.
    ///
    /// # Errors
    /// Returns an error that asks for `expected` if the value cannot be parsed.
    pub fn parsed_or<T: FromStr>(
        &self,
        variable: &'static str,
        default: T,
        expected: &'static str,
    ) -> Result<T, VariableError> {
        match self.find(variable) {
            None => Ok(default),
            Some(_) => self.get_parsed(variable, expected),
        }
    }

    /// Returns `ALLOWED_ORIGIN`: the one origin whose pages may send requests, as a browser writes it in `Origin`.
    ///
    /// # Errors
    /// Returns an error if the variable is not set or is no origin: a wildcard, a path, a scheme other than HTTP's.
    pub fn allowed_origin(&self) -> Result<HeaderValue, VariableError> {
        let variable = "ALLOWED_ORIGIN";
        let value = self.get_text(variable, ORIGIN)?;
        let rest = value
            .strip_prefix("https://")
            .or_else(|| value.strip_prefix("http://"));
        let host_alone =
            rest.is_some_and(|host| !host.is_empty() && !host.contains(['/', '*', ' ']));
        let header = HeaderValue::from_str(&value).ok().filter(|_| host_alone);
        header.ok_or(VariableError::Invalid {
            variable,
            value,
            expected: ORIGIN,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holding(value: &str) -> Variables<impl Fn(&'static str) -> Option<String>> {
        Variables::new(move |_| Some(value.to_owned()))
    }

    #[test]
    fn a_missing_or_empty_variable_is_reported_with_its_expected_value() {
        let message = holding("")
            .get_text("TABLE_NAME", "the name of the table")
            .unwrap_err()
            .to_string();
        assert_eq!(
            message,
            "environment variable `TABLE_NAME` is not set: set it to the name of the table"
        );
        assert_eq!(holding("").parsed_or("LIMIT", 7, "a number"), Ok(7));
    }

    #[test]
    fn an_invalid_value_is_reported_with_the_expected_one() {
        let message = holding("many")
            .parsed_or("LIMIT", 7, "a number")
            .unwrap_err()
            .to_string();
        assert_eq!(
            message,
            "environment variable `LIMIT` is `many`: set it to a number"
        );
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
            assert!(holding(origin).allowed_origin().is_err(), "{origin}");
        }
        assert_eq!(
            holding("https://a.example").allowed_origin().unwrap(),
            "https://a.example"
        );
    }
}
