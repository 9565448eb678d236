//! In: the process environment. Out: checked settings, or an error that names the variable and its expected value.
//! No other module reads the environment.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use axum::http::HeaderValue;
use startup::{VariableError, Variables};

/// The settings of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `TABLE_NAME`: the name of the table that stores the factories.
    pub table: String,
    /// `TOPIC_ARN`: the topic that publishes the changes.
    pub topic: TopicArn,
    /// `QUEUE_PREFIX`: the prefix of the queue names of all servers.
    pub queue_prefix: String,
    /// `ALLOWED_ORIGIN`: the one origin whose pages may connect, like `https://factory-tree.com`.
    pub allowed_origin: HeaderValue,
    /// `BUILD`: the content id of this build.
    pub build: String,
    /// `LISTEN`: the address of the listener, by default `0.0.0.0:8080`.
    pub listen: SocketAddr,
    /// `SERVER_ID`: the id of the instance, different for all servers that run at the same time.
    pub server_id: String,
    /// `MAX_CONNECTIONS`: the most connections at the same time, by default 20 000.
    pub max_connections: usize,
    /// `MAX_CONNECTIONS_PER_ADDRESS`: the most connections from one address, by default 256.
    pub max_connections_per_address: usize,
    /// `DRAIN_SECONDS`: the longest time over which the server closes its connections at the end, by default 20 s.
    pub drain: Duration,
}

/// The ARN of a topic, from which the ARNs of its queues are derived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicArn {
    text: String,
    partition: String,
    region: String,
    account: String,
}

impl TopicArn {
    /// Returns the ARN as text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the ARN of a queue in the topic's region and account.
    pub fn queue_arn(&self, queue: &str) -> String {
        let Self {
            partition,
            region,
            account,
            ..
        } = self;
        format!("arn:{partition}:sqs:{region}:{account}:{queue}")
    }
}

impl FromStr for TopicArn {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<&str> = text.split(':').collect();
        let ["arn", partition, "sns", region, account, name] = parts[..] else {
            return Err(());
        };
        if [partition, region, account, name].contains(&"") {
            return Err(());
        }
        Ok(Self {
            text: text.to_owned(),
            partition: partition.to_owned(),
            region: region.to_owned(),
            account: account.to_owned(),
        })
    }
}

/// The most characters that SQS allows in a queue's name.
const QUEUE_NAME_LENGTH: usize = 80;

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
        let drain = variables.parsed_or("DRAIN_SECONDS", 20, "a number of seconds")?;
        let config = Self {
            table: variables.get_text(
                "TABLE_NAME",
                "the name of the table that keeps the factories",
            )?,
            topic: variables
                .get_parsed("TOPIC_ARN", "the ARN of the topic that changes come from")?,
            queue_prefix: variables.get_text(
                "QUEUE_PREFIX",
                "what the names of the servers' queues begin with",
            )?,
            allowed_origin: variables.allowed_origin()?,
            build: variables.get_text("BUILD", "the content id of this build")?,
            listen: variables.parsed_or(
                "LISTEN",
                ([0, 0, 0, 0], 8080).into(),
                "an address and a port, like `0.0.0.0:8080`",
            )?,
            server_id: variables
                .get_text("SERVER_ID", "a name of this server, like its instance id")?,
            max_connections: variables.parsed_or(
                "MAX_CONNECTIONS",
                20_000,
                "a number of connections",
            )?,
            max_connections_per_address: variables.parsed_or(
                "MAX_CONNECTIONS_PER_ADDRESS",
                256,
                "a number of connections",
            )?,
            drain: Duration::from_secs(drain),
        };
        config.check_queue_name()?;
        Ok(config)
    }

    /// Returns the prefix of this server's queue names; every run of the server appends a suffix of its own.
    pub fn own_queue_prefix(&self) -> String {
        format!("{}-{}-", self.queue_prefix, self.server_id)
    }

    fn check_queue_name(&self) -> Result<(), VariableError> {
        let prefix = self.own_queue_prefix();
        let fits = prefix.len() + crate::random::hex().len() <= QUEUE_NAME_LENGTH;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if fits && prefix.bytes().all(allowed) {
            return Ok(());
        }
        Err(VariableError::Invalid {
            variable: "SERVER_ID",
            value: self.server_id.clone(),
            expected: "letters, digits, `-` and `_`, together with `QUEUE_PREFIX` at most 70 of them",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: [(&str, &str); 6] = [
        ("TABLE_NAME", "factories"),
        ("TOPIC_ARN", "arn:aws:sns:eu-central-1:000000000000:changes"),
        ("QUEUE_PREFIX", "factory-tree-local-websocket"),
        ("ALLOWED_ORIGIN", "http://factory-tree.localhost:8000"),
        ("BUILD", "b1"),
        ("SERVER_ID", "i-0123456789abcdef0"),
    ];

    fn read_with(changes: &[(&str, &str)]) -> Result<Config, VariableError> {
        let known = [changes, &GOOD].concat();
        Config::read(&Variables::new(|variable| {
            let (_, value) = known.iter().find(|(name, _)| *name == variable)?;
            Some((*value).to_owned())
        }))
    }

    #[test]
    fn every_optional_variable_has_a_default() {
        let config = read_with(&[]).unwrap();

        assert_eq!(config.listen, ([0, 0, 0, 0], 8080).into());
        assert_eq!(config.drain, Duration::from_secs(20));
        assert_eq!(
            (config.max_connections, config.max_connections_per_address),
            (20_000, 256)
        );
    }

    #[test]
    fn every_missing_variable_is_reported_with_its_expected_value() {
        for (variable, _) in GOOD {
            let message = read_with(&[(variable, "")]).unwrap_err().to_string();
            let expected = format!("environment variable `{variable}` is not set: set it to ");
            assert!(message.starts_with(&expected), "{message}");
        }
    }

    #[test]
    fn an_invalid_value_is_reported_with_the_expected_one() {
        for (variable, value) in [
            ("TOPIC_ARN", "arn:aws:sqs:eu-central-1:000000000000:changes"),
            ("TOPIC_ARN", "changes"),
            ("LISTEN", "8080"),
            ("ALLOWED_ORIGIN", "*"),
            ("MAX_CONNECTIONS", "many"),
            ("SERVER_ID", "a b"),
            ("SERVER_ID", &"x".repeat(60)),
        ] {
            let message = read_with(&[(variable, value)]).unwrap_err().to_string();
            let expected = format!("environment variable `{variable}` is `{value}`: set it to ");
            assert!(message.starts_with(&expected), "{message}");
        }
    }

    #[test]
    fn a_queue_is_in_the_account_and_region_of_its_topic() {
        let topic = read_with(&[]).unwrap().topic;

        assert_eq!(
            topic.queue_arn("q"),
            "arn:aws:sqs:eu-central-1:000000000000:q"
        );
    }
}
