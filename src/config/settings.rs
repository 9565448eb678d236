//! The settings of one stage. In: what `factory-tree.yaml` says of it. Out: checked types. No file is read here, and what one
//! setting must not say beside another is in `contradictions`.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use serde_yaml::Spanned;

use super::value::{DomainSetting, with_stage};
use super::{
    AccountId, Architecture, BuildTarget, DomainName, Expiry, HostedZoneId, Live, Region,
    StageName, ZoneName,
};

/// One deployment target
// `Domain` is the domain of the stage, or as the file has it: with a place for the stage's name.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "StageSettings")]
pub struct StageSettings<Domain = DomainName> {
    /// The domain of the site; `www.`, `api.` and `ws.` are its hosts, and `{stage}` in it is the name of the stage
    pub domain: Domain,
    /// Platform of the stage: AWS, or an AWS-compatible endpoint on this machine
    #[serde(default)]
    pub hosting: Hosting,
    /// The region of all stacks (the site's certificate is always in us-east-1)
    pub region: Region,
    /// The AWS account that the stage belongs to; credentials of another one are refused
    #[serde(default)]
    pub account: Option<AccountId>,
    /// An existing public hosted zone of the domain; without it, one is created
    #[serde(default)]
    pub hosted_zone_id: Option<HostedZoneId>,
    /// A protected stage keeps its data on teardown, and its teardown must be confirmed
    #[serde(default)]
    pub protected: bool,
    /// Only users who have signed in and are editors may change the tree; reading stays open to everybody
    #[serde(default)]
    pub sign_in: bool,
    /// Processor of the Lambdas and the servers; without it, x86_64, and this machine's where it runs them
    #[serde(default)]
    architecture: Option<Architecture>,
    /// Cargo profile of the Lambdas and the server
    #[serde(default)]
    pub profile: BuildProfile,
    /// The loopback port of a stage on this machine; without it, 8080 or the next free one
    #[serde(default)]
    pub port: Option<std::num::NonZeroU16>,
    /// Carrier of changes to open pages: WebSocket servers, or an Event API of AppSync
    #[serde(default)]
    pub live: Live,
    /// The WebSocket servers, where `live` is `servers`
    #[serde(default)]
    pub servers: Servers,
    /// Days that logs are kept (a value that CloudWatch Logs knows)
    #[serde(default = "thirty_days")]
    pub log_retention_days: u16,
    /// Seconds that a fresh release may take until every public address answers with it
    #[serde(default = "three_minutes")]
    pub verify_seconds: u16,
    /// Restore the last good release when a deploy fails, without asking
    #[serde(default)]
    pub undo_on_failure: bool,
    /// Minutes for which the alarms of the stage are watched after a change; at most 180
    #[serde(default)]
    pub bake_minutes: u16,
    /// Number of releases before the live one that keep their artifacts and site files
    #[serde(default = "ten")]
    pub keep_releases: u16,
    /// The time since its last deploy after which `teardown --expired` removes the stage, such as `3d`
    #[serde(default)]
    pub expires_after: Option<Expiry>,
    /// Where alarms are sent; `{stage}` in it is the name of the stage
    #[serde(default)]
    pub alarm_email: Option<String>,
    /// Values of parameters that templates declare and the deployer does not fill; `{stage}` in them is the name of the stage
    #[serde(default)]
    pub parameters: BTreeMap<String, ParameterSetting>,
}

/// The value of a template's parameter, with its place in the file: what declares it is known only to the templates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParameterSetting {
    /// The value, as CloudFormation is to get it.
    pub value: String,
    /// Its line, from 1.
    pub line: u64,
    /// Its column, from 1.
    pub column: u64,
}

/// A number or `true` counts as it is written: `1.10` stays `1.10`.
impl<'de> Deserialize<'de> for ParameterSetting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Spanned::<String>::deserialize(deserializer)?;
        Ok(Self {
            value: text.value,
            line: text.referenced.line(),
            column: text.referenced.column(),
        })
    }
}

impl JsonSchema for ParameterSetting {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ParameterSetting".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "The value of a template's parameter",
            "type": ["string", "number", "boolean"]
        })
    }
}

fn three_minutes() -> u16 {
    180
}

fn ten() -> u16 {
    10
}

fn thirty_days() -> u16 {
    30
}

/// Platform of a stage
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Hosting {
    /// AWS, or whatever `AWS_ENDPOINT_URL` names
    #[default]
    Aws,
    /// This machine
    Local,
}

/// Cargo profile of what is shipped
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BuildProfile {
    /// Compiled fast; shares every dependency with the deployer's own build
    Dev,
    /// Small and fast
    #[default]
    Release,
}

impl BuildProfile {
    /// Returns the profile's name in `factory-tree.yaml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Release => "release",
        }
    }
}

/// Subnets of the WebSocket servers
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ServerNetwork {
    /// Without a way out: AWS is reached through interface endpoints, which cost by the hour
    Private,
    /// With a public address: AWS is reached through the internet, and only the load balancer reaches the servers
    Public,
}

impl ServerNetwork {
    /// Returns its name in `factory-tree.yaml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Public => "public",
        }
    }
}

/// The group of WebSocket servers
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Servers {
    /// EC2 instance type of the stage's architecture; without it, t3.small or t4g.small
    instance_type: Option<String>,
    /// The fewest instances
    pub min: u16,
    /// The most instances
    pub max: u16,
    /// Subnets of the instances; without it, private where the stage is protected, else public
    network: Option<ServerNetwork>,
    /// Whether a person can open a session on an instance (`ssh`); in a private network, that takes two more endpoints
    pub session_manager: bool,
    /// Two availability zones, in place of those that the first deploy chooses
    pub zones: Option<[ZoneName; 2]>,
}

impl Default for Servers {
    fn default() -> Self {
        Self {
            instance_type: None,
            min: 2,
            max: 4,
            network: None,
            session_manager: true,
            zones: None,
        }
    }
}

impl StageSettings<DomainSetting> {
    /// Returns the settings of a stage: its name is put in where they have a place for it. The error is worded as the cure.
    pub(super) fn of_stage(&self, stage: &StageName) -> Result<StageSettings, String> {
        let parameters = self.parameters.iter().map(|(name, setting)| {
            let value = with_stage(&setting.value, stage);
            (name.clone(), ParameterSetting { value, ..*setting })
        });
        let address = self.alarm_email.as_ref();
        Ok(StageSettings {
            domain: with_stage(self.domain.as_str(), stage).parse()?,
            hosting: self.hosting,
            region: self.region.clone(),
            account: self.account.clone(),
            hosted_zone_id: self.hosted_zone_id.clone(),
            protected: self.protected,
            sign_in: self.sign_in,
            architecture: self.architecture,
            profile: self.profile,
            port: self.port,
            live: self.live,
            servers: self.servers.clone(),
            log_retention_days: self.log_retention_days,
            verify_seconds: self.verify_seconds,
            undo_on_failure: self.undo_on_failure,
            bake_minutes: self.bake_minutes,
            keep_releases: self.keep_releases,
            expires_after: self.expires_after,
            alarm_email: address.map(|address| with_stage(address, stage)),
            parameters: parameters.collect(),
        })
    }
}

impl StageSettings {
    /// Returns the system that the stage's programs run on.
    pub fn target(&self) -> BuildTarget {
        match self.hosting {
            Hosting::Aws => BuildTarget::AmazonLinux(self.architecture()),
            Hosting::Local => BuildTarget::ThisMachine,
        }
    }

    /// Returns the processor that Lambdas and servers have.
    pub fn architecture(&self) -> Architecture {
        let default = match self.hosting {
            Hosting::Aws => Architecture::X86_64,
            Hosting::Local => Architecture::of_this_machine(),
        };
        self.architecture.unwrap_or(default)
    }

    /// Returns the EC2 instance type of the servers.
    pub fn instance_type(&self) -> &str {
        let named = self.servers.instance_type.as_deref();
        named.unwrap_or_else(|| self.architecture().instance_type())
    }

    /// Returns the subnets of the servers.
    pub fn server_network(&self) -> ServerNetwork {
        let default = if self.protected {
            ServerNetwork::Private
        } else {
            ServerNetwork::Public
        };
        self.servers.network.unwrap_or(default)
    }
}
