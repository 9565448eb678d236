//! The settings of one stage. In: what `factory-tree.yaml` says of it. Out: checked types, and a fault where two settings
//! contradict each other. No file is read here.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};
use serde_yaml::Spanned;

use super::value::{DomainSetting, with_stage};
use super::{
    AccountId, Architecture, BuildTarget, DomainName, Expiry, HostedZoneId, Live, MOST_MINUTES,
    Region, StageName, ZoneName,
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

/// The retention times that CloudWatch Logs accepts, in days.
/// Source: CloudWatch Logs API, `PutRetentionPolicy`.
const RETENTION_DAYS: [u16; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

/// The regions that every account has without asking for them. CloudFront's standard logs go to a bucket by its ACL, which
/// works in these only.
/// Sources: AWS General Reference, "Manage AWS Regions", Regions that are enabled by default; CloudFront Developer Guide,
/// "Configure standard logging (legacy)", "Choose an Amazon S3 bucket for standard logs".
const DEFAULT_REGIONS: [&str; 17] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

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

    /// Checks what the settings of many stages must not have. The error is message and hint.
    pub(super) fn check_pattern(&self) -> Result<(), (String, String)> {
        if !self.domain.names_stage() {
            return Err((
                format!(
                    "`domain` is `{}`, the same for every stage of the pattern",
                    self.domain
                ),
                format!(
                    "put the name of the stage into it, in quotes: `'{{stage}}.{}'`",
                    self.domain
                ),
            ));
        }
        if let Some(port) = self.port {
            return Err((
                format!("`port` is {port}, the same for every stage of the pattern"),
                "leave it out: each stage gets a free one".to_owned(),
            ));
        }
        Ok(())
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

    /// Checks what no single field shows. The error is message and hint.
    pub(super) fn check(&self) -> Result<(), (String, String)> {
        self.check_servers()?;
        self.check_zones()?;
        self.check_region()?;
        self.check_expiry()?;
        self.check_hosting()
    }

    fn check_servers(&self) -> Result<(), (String, String)> {
        let Servers { min, max, .. } = self.servers;
        if min == 0 || min >= max {
            let message = format!("`servers` has min {min} and max {max}");
            return Err((message, "min must be at least 1, and max greater: a roll-out starts a new server before it stops an old one".to_owned()));
        }
        if !RETENTION_DAYS.contains(&self.log_retention_days) {
            let message = format!("`log_retention_days` is {}", self.log_retention_days);
            return Err((message, format!("use one of {RETENTION_DAYS:?}")));
        }
        if self.bake_minutes > MOST_MINUTES {
            let message = format!("`bake_minutes` is {}", self.bake_minutes);
            let hint = format!("use at most {MOST_MINUTES}: CloudFormation watches no longer");
            return Err((message, hint));
        }
        let (named, ours) = (self.instance_type(), self.architecture());
        if self.hosting == Hosting::Aws && Architecture::of_instance_type(named) != ours {
            let message = format!(
                "`servers.instance_type` is `{named}`, but `architecture` is {}",
                ours.name()
            );
            let hint = format!(
                "use a type such as `{}`, or leave it out",
                ours.instance_type()
            );
            return Err((message, hint));
        }
        Ok(())
    }

    fn check_region(&self) -> Result<(), (String, String)> {
        let region = self.region.as_str();
        if self.hosting == Hosting::Local || DEFAULT_REGIONS.contains(&region) {
            return Ok(());
        }
        let message = format!(
            "`region` is {region}, and CloudFront delivers no access logs to buckets there"
        );
        let regions = DEFAULT_REGIONS.join(", ");
        Err((message, format!("use one of {regions}")))
    }

    fn check_expiry(&self) -> Result<(), (String, String)> {
        match self.expires_after {
            Some(expiry) if self.protected => Err((
                format!("`expires_after` is {expiry}, but the stage is `protected`"),
                "remove one of the two: a protected stage goes only when its name is typed"
                    .to_owned(),
            )),
            _ => Ok(()),
        }
    }

    fn check_zones(&self) -> Result<(), (String, String)> {
        let Some([first, second]) = &self.servers.zones else {
            return Ok(());
        };
        let is_here = |zone: &ZoneName| {
            let letter = zone.as_str().strip_prefix(self.region.as_str());
            letter.is_some_and(|letter| letter.len() == 1)
        };
        if first != second && is_here(first) && is_here(second) {
            return Ok(());
        }
        let message = format!("`servers.zones` is {first} and {second}");
        let hint = format!(
            "name two different zones of {}, or leave it out",
            self.region
        );
        Err((message, hint))
    }

    fn check_hosting(&self) -> Result<(), (String, String)> {
        let local_name = self.domain.as_str().ends_with(".localhost");
        match self.hosting {
            Hosting::Local if !local_name => {
                let message = format!(
                    "`domain` is `{}`, but the stage runs on this machine",
                    self.domain
                );
                Err((
                    message,
                    "use a name that ends in `.localhost`, such as `factory-tree.localhost`"
                        .to_owned(),
                ))
            }
            Hosting::Aws if local_name => {
                let message = format!("`domain` is `{}`, which no AWS stage can have", self.domain);
                Err((
                    message,
                    "use a domain that you own, or set `hosting: local`".to_owned(),
                ))
            }
            Hosting::Aws if self.port.is_some() => Err((
                "`port` is set".to_owned(),
                "only a stage with `hosting: local` has a port: remove it".to_owned(),
            )),
            Hosting::Local if self.architecture() != Architecture::of_this_machine() => Err((
                format!(
                    "`architecture` is {}, but this machine's is {}",
                    self.architecture().name(),
                    Architecture::of_this_machine().name()
                ),
                "a stage with `hosting: local` has this machine's: remove it".to_owned(),
            )),
            Hosting::Aws | Hosting::Local => Ok(()),
        }
    }
}
