//! Settings from environment variables. An empty variable is one that is not set.

use std::str::FromStr;

use http::HeaderValue;

/// A variable that is missing or cannot be read. Worded as the cure.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum VariableError {
    /// The variable is not set, or empty.
    #[error("environment variable `{variable}` is not set: set it to {cure}")]
    Missing {
        /// Its name.
        variable: &'static str,
        /// The kind of value that it should hold.
        cure: &'static str,
    },
    /// The variable holds something else.
    #[error("environment variable `{variable}` is `{value}`: set it to {cure}")]
    Invalid {
        /// Its name.
        variable: &'static str,
        /// The value that it holds.
        value: String,
        /// The kind of value that it should hold.
        cure: &'static str,
    },
}

const ORIGIN: &str =
    "the origin of the site, like `https://factory-tree.com`, without a slash at the end";

/// Variables, and where they are looked up.
#[derive(Clone, Copy, Debug)]
pub struct Variables<F>(F);

impl Variables<fn(&'static str) -> Option<String>> {
    /// Returns those of this process.
    pub fn of_process() -> Self {
        Self(|variable| std::env::var(variable).ok())
    }
}

impl<F: Fn(&'static str) -> Option<String>> Variables<F> {
    /// Returns those that `lookup` knows.
    pub fn new(lookup: F) -> Self {
        Self(lookup)
    }

    /// Returns what a variable holds, if it is set.
    pub fn find(&self, variable: &'static str) -> Option<String> {
        (self.0)(variable).filter(|value| !value.is_empty())
    }

    /// Returns what a variable holds.
    ///
    /// # Errors
    /// It is not set; the error says to set it to `cure`.
    pub fn text(
        &self,
        variable: &'static str,
        cure: &'static str,
    ) -> Result<String, VariableError> {
        self.find(variable)
            .ok_or(VariableError::Missing { variable, cure })
    }

    /// Returns what a variable holds, as a `T`.
    ///
    /// # Errors
    /// It is not set, or holds no `T`; the error says to set it to `cure`.
    pub fn parsed<T: FromStr>(
        &self,
        variable: &'static str,
        cure: &'static str,
    ) -> Result<T, VariableError> {
        let value = self.text(variable, cure)?;
        value.parse().map_err(|_| VariableError::Invalid {
            variable,
            value,
            cure,
        })
    }

    /// Returns what a variable holds, as a `T`, or `default` where it is not set.
    ///
    /// # Errors
    /// It holds no `T`; the error says to set it to `cure`.
    pub fn or<T: FromStr>(
        &self,
        variable: &'static str,
        default: T,
        cure: &'static str,
    ) -> Result<T, VariableError> {
        match self.find(variable) {
            None => Ok(default),
            Some(_) => self.parsed(variable, cure),
        }
    }

    /// Returns `ALLOWED_ORIGIN`: the one origin whose pages may call, as a browser sends it in `Origin`.
    ///
    /// # Errors
    /// It is not set, or is no origin: a wildcard, a path, another scheme than HTTP's.
    pub fn allowed_origin(&self) -> Result<HeaderValue, VariableError> {
        let variable = "ALLOWED_ORIGIN";
        let value = self.text(variable, ORIGIN)?;
        let rest = value
            .strip_prefix("https://")
            .or_else(|| value.strip_prefix("http://"));
        let host_alone =
            rest.is_some_and(|host| !host.is_empty() && !host.contains(['/', '*', ' ']));
        let header = HeaderValue::from_str(&value).ok().filter(|_| host_alone);
        header.ok_or(VariableError::Invalid {
            variable,
            value,
            cure: ORIGIN,
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
    fn a_variable_that_is_missing_or_empty_is_named_with_its_cure() {
        let told = holding("")
            .text("TABLE_NAME", "the name of the table")
            .unwrap_err()
            .to_string();
        assert_eq!(
            told,
            "environment variable `TABLE_NAME` is not set: set it to the name of the table"
        );
        assert_eq!(holding("").or("LIMIT", 7, "a number"), Ok(7));
    }

    #[test]
    fn a_wrong_value_is_shown_with_its_cure() {
        let told = holding("many")
            .or("LIMIT", 7, "a number")
            .unwrap_err()
            .to_string();
        assert_eq!(
            told,
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
