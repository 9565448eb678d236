//! In: the process environment. Out: checked settings, or a message that names variable and cure.
//! No other module reads the environment.

use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Duration;

use axum::http::HeaderValue;
use startup::{VariableError, Variables};

/// The settings that the program needs before it serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// `TABLE_NAME`: the table that keeps the factories.
    pub table: String,
    /// `TOPIC_ARN`: the topic that changes come from.
    pub topic: TopicArn,
    /// `QUEUE_PREFIX`: what the names of all servers' queues begin with.
    pub queue_prefix: String,
    /// `ALLOWED_ORIGIN`: the one origin whose pages may connect, like `https://factory-tree.com`.
    pub allowed_origin: HeaderValue,
    /// `BUILD`: the content id of this build.
    pub build: String,
    /// `LISTEN`, by default `0.0.0.0:8080`.
    pub listen: SocketAddr,
    /// `SERVER_ID`: the instance's id, another one for every server that runs at the same time.
    pub server_id: String,
    /// `MAX_CONNECTIONS`: how many browsers may be connected, by default 20 000.
    pub max_connections: usize,
    /// `MAX_CONNECTIONS_PER_ADDRESS`: how many of them from one address, by default 256.
    pub max_connections_per_address: usize,
    /// `DRAIN_SECONDS`: over which time connections are closed at the end, by default 20 s.
    pub drain: Duration,
}

/// The name of a topic, which also says where its queues are.
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

    /// Returns the ARN of a queue beside the topic.
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

/// The most characters of a queue's name that SQS takes.
const QUEUE_NAME_LENGTH: usize = 80;

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
        let drain = variables.or("DRAIN_SECONDS", 20, "a number of seconds")?;
        let config = Self {
            table: variables.text(
                "TABLE_NAME",
                "the name of the table that keeps the factories",
            )?,
            topic: variables.parsed("TOPIC_ARN", "the ARN of the topic that changes come from")?,
            queue_prefix: variables.text(
                "QUEUE_PREFIX",
                "what the names of the servers' queues begin with",
            )?,
            allowed_origin: variables.allowed_origin()?,
            build: variables.text("BUILD", "the content id of this build")?,
            listen: variables.or(
                "LISTEN",
                ([0, 0, 0, 0], 8080).into(),
                "an address and a port, like `0.0.0.0:8080`",
            )?,
            server_id: variables
                .text("SERVER_ID", "a name of this server, like its instance id")?,
            max_connections: variables.or("MAX_CONNECTIONS", 20_000, "a number of connections")?,
            max_connections_per_address: variables.or(
                "MAX_CONNECTIONS_PER_ADDRESS",
                256,
                "a number of connections",
            )?,
            drain: Duration::from_secs(drain),
        };
        config.check_queue_name()?;
        Ok(config)
    }

    /// Returns what the names of this server's queues begin with, one for every run.
    pub fn queue_stem(&self) -> String {
        format!("{}-{}-", self.queue_prefix, self.server_id)
    }

    fn check_queue_name(&self) -> Result<(), VariableError> {
        let stem = self.queue_stem();
        let fits = stem.len() + crate::random::hex().len() <= QUEUE_NAME_LENGTH;
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if fits && stem.bytes().all(allowed) {
            return Ok(());
        }
        Err(VariableError::Invalid {
            variable: "SERVER_ID",
            value: self.server_id.clone(),
            cure: "letters, digits, `-` and `_`, together with `QUEUE_PREFIX` at most 70 of them",
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
    fn what_may_be_left_out_has_a_default() {
        let config = read_with(&[]).unwrap();

        assert_eq!(config.listen, ([0, 0, 0, 0], 8080).into());
        assert_eq!(config.drain, Duration::from_secs(20));
        assert_eq!(
            (config.max_connections, config.max_connections_per_address),
            (20_000, 256)
        );
    }

    #[test]
    fn every_missing_variable_is_named_with_its_cure() {
        for (variable, _) in GOOD {
            let message = read_with(&[(variable, "")]).unwrap_err().to_string();
            let expected = format!("environment variable `{variable}` is not set: set it to ");
            assert!(message.starts_with(&expected), "{message}");
        }
    }

    #[test]
    fn a_wrong_value_is_shown_with_its_cure() {
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
    fn a_queue_lies_beside_its_topic() {
        let topic = read_with(&[]).unwrap().topic;

        assert_eq!(
            topic.queue_arn("q"),
            "arn:aws:sqs:eu-central-1:000000000000:q"
        );
    }
}
