//! In: the process environment. Out: checked settings, or a message that names variable and cure.
//! No other module reads the environment.

use startup::{VariableError, Variables};

/// The settings that the program needs before it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `TOPIC_ARN`: the topic that changes go to.
    pub topic: String,
    /// `BUILD`: the content id of this build.
    pub build: String,
}

impl Config {
    /// Reads the process environment.
    ///
    /// # Errors
    /// Returns the first variable that is missing.
    pub fn from_env() -> Result<Self, VariableError> {
        let variables = Variables::of_process();
        let cure = "the address of a Lambda runtime interface, or let Lambda start this program";
        variables.text("AWS_LAMBDA_RUNTIME_API", cure)?;
        Self::read(&variables)
    }

    /// Reads settings.
    ///
    /// # Errors
    /// Returns the first variable that is missing.
    pub fn read(
        variables: &Variables<impl Fn(&'static str) -> Option<String>>,
    ) -> Result<Self, VariableError> {
        Ok(Self {
            topic: variables.text("TOPIC_ARN", "the ARN of the topic that changes go to")?,
            build: variables.text("BUILD", "the content id of this build")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_variable_is_named_with_its_cure() {
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
