//! In: the process environment. Out: checked settings, or a message that names variable and cure.
//! No other module reads the environment.

/// What the program needs to know before it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `TOPIC_ARN`: the topic that changes go to.
    pub topic: String,
    /// `BUILD`: the content id of this build.
    pub build: String,
}

/// A variable that is not set, or empty. Worded as the cure.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("environment variable `{variable}` is not set: set it to {cure}")]
pub struct MissingVariable {
    variable: &'static str,
    cure: &'static str,
}

impl Config {
    /// Reads the process environment.
    ///
    /// # Errors
    /// Returns the first variable that is missing.
    pub fn from_env() -> Result<Self, MissingVariable> {
        if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_none() {
            return Err(MissingVariable {
                variable: "AWS_LAMBDA_RUNTIME_API",
                cure: "the address of a Lambda runtime interface, or let Lambda start this program",
            });
        }
        Self::read(|variable| std::env::var(variable).ok())
    }

    /// Reads settings through `lookup`.
    ///
    /// # Errors
    /// Returns the first variable that is missing.
    pub fn read(lookup: impl Fn(&'static str) -> Option<String>) -> Result<Self, MissingVariable> {
        let require = |variable, cure| {
            let value = lookup(variable).filter(|value| !value.is_empty());
            value.ok_or(MissingVariable { variable, cure })
        };
        Ok(Self {
            topic: require("TOPIC_ARN", "the ARN of the topic that changes go to")?,
            build: require("BUILD", "the content id of this build")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_variable_is_named_with_its_cure() {
        let message = Config::read(|_| None).unwrap_err().to_string();

        assert_eq!(
            message,
            "environment variable `TOPIC_ARN` is not set: set it to the ARN of the topic that changes go to"
        );
    }

    #[test]
    fn both_variables_are_read() {
        let config = Config::read(|variable| Some(format!("the {variable}"))).unwrap();

        assert_eq!(
            (config.topic.as_str(), config.build.as_str()),
            ("the TOPIC_ARN", "the BUILD")
        );
    }
}
