//! In: the process environment. Out: checked settings, or an error that names the variable and its expected value.
//! No other module reads the environment.

use startup::{VariableError, Variables};

/// Where the program publishes changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A topic, to which the queues of servers are subscribed.
    Topic {
        /// `TOPIC_ARN`.
        arn: String,
    },
    /// A channel of an Event API, to which pages are subscribed.
    Channel {
        /// `EVENT_HOST`: the host of the Event API that takes events.
        host: String,
        /// `EVENT_CHANNEL`: the channel, for example `/tree/main`.
        channel: String,
    },
}

/// The settings of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The topic or the channel to which the program publishes changes.
    pub destination: Destination,
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
    /// Returns an error for the first variable that is missing, or if both a topic and an Event API are named.
    pub fn read(
        variables: &Variables<impl Fn(&'static str) -> Option<String>>,
    ) -> Result<Self, VariableError> {
        Ok(Self {
            destination: destination(variables)?,
            build: variables.get_text("BUILD", "the content id of this build")?,
        })
    }
}

fn destination(
    variables: &Variables<impl Fn(&'static str) -> Option<String>>,
) -> Result<Destination, VariableError> {
    let topic = "the ARN of the topic that changes go to, or set `EVENT_HOST` and `EVENT_CHANNEL`";
    let Some(host) = variables.find("EVENT_HOST") else {
        let arn = variables.get_text("TOPIC_ARN", topic)?;
        return Ok(Destination::Topic { arn });
    };
    if let Some(value) = variables.find("TOPIC_ARN") {
        return Err(VariableError::Invalid {
            variable: "TOPIC_ARN",
            value,
            expected: "nothing, because `EVENT_HOST` names an Event API that changes go to",
        });
    }
    let channel =
        variables.get_text("EVENT_CHANNEL", "a channel of the Event API: `/tree/main`")?;
    Ok(Destination::Channel { host, channel })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rows: &[(&str, &str)]) -> Result<Config, String> {
        let find = |variable: &str| {
            let row = rows.iter().find(|(name, _)| *name == variable)?;
            Some(row.1.to_owned())
        };
        Config::read(&Variables::new(find)).map_err(|error| error.to_string())
    }

    #[test]
    fn a_missing_variable_is_reported_with_its_expected_value() {
        let message = Config::read(&Variables::new(|_| None))
            .unwrap_err()
            .to_string();

        assert_eq!(
            message,
            "environment variable `TOPIC_ARN` is not set: set it to the ARN of the topic that changes go to, or set \
             `EVENT_HOST` and `EVENT_CHANNEL`"
        );
    }

    #[test]
    fn changes_go_to_the_topic_or_to_the_channel_that_is_named() {
        let topic = read(&[("TOPIC_ARN", "arn:topic"), ("BUILD", "b1")]).unwrap();
        assert_eq!(
            (topic.destination, topic.build.as_str()),
            (
                Destination::Topic {
                    arn: "arn:topic".to_owned()
                },
                "b1"
            )
        );
        let rows = [
            ("EVENT_HOST", "a.appsync-api.eu-central-1.amazonaws.com"),
            ("EVENT_CHANNEL", "/tree/main"),
            ("BUILD", "b1"),
        ];
        assert_eq!(
            read(&rows).unwrap().destination,
            Destination::Channel {
                host: "a.appsync-api.eu-central-1.amazonaws.com".to_owned(),
                channel: "/tree/main".to_owned()
            }
        );
        assert!(read(&rows[..1]).unwrap_err().contains("EVENT_CHANNEL"));
    }

    #[test]
    fn who_names_both_is_told_so() {
        let both = read(&[
            ("TOPIC_ARN", "arn:topic"),
            ("EVENT_HOST", "a"),
            ("BUILD", "b1"),
        ]);
        assert_eq!(
            both.unwrap_err(),
            "environment variable `TOPIC_ARN` is `arn:topic`: set it to nothing, because `EVENT_HOST` names an Event API \
             that changes go to"
        );
    }
}
