//! In: the process environment. Out: checked settings, or an error that names the variable and its expected value.
//! No other module reads the environment.

use startup::{VariableError, Variables};

/// The settings of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `TOPIC_ARN`: the topic to which the program publishes changes.
    pub topic: String,
    /// `BUILD`: the content id of this build.
    pub build: String,
}

impl Config {
    /// Reads the settings from the process environment.
    ///
    /// # Errors
    /// Returns an error for the first variable that is missing.
    pub fn from_env() -> Result<Self, VariableError> {
        let variables = Variables::from_env();
        let expected =
            "the address of a Lambda runtime interface, or let Lambda start this program";
        variables.get_text("AWS_LAMBDA_RUNTIME_API", expected)?;
        Self::read(&variables)
    }

    /// Reads the settings from `variables`.
    ///
    /// # Errors
    /// Returns an error for the first variable that is missing.
    pub fn read(
        variables: &Variables<impl Fn(&'static str) -> Option<String>>,
    ) -> Result<Self, VariableError> {
        Ok(Self {
            topic: variables.get_text("TOPIC_ARN", "the ARN of the topic that changes go to")?,
            build: variables.get_text("BUILD", "the content id of this build")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_variable_is_reported_with_its_expected_value() {
        let message = Config::read(&Variables::new(|_| None))
            .unwrap_err()
            .to_string();

        assert_eq!(
            message,
            "environment variable `TOPIC_ARN` is not set: set it to the ARN of the topic that changes go to"
        );
    }

    #[test]
    fn both_variables_are_read() {
        let config =
            Config::read(&Variables::new(|variable| Some(format!("the {variable}")))).unwrap();

        assert_eq!(
            (config.topic.as_str(), config.build.as_str()),
            ("the TOPIC_ARN", "the BUILD")
        );
    }
}
