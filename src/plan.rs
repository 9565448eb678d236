//! In: a `Config`, the stage's addresses and the templates. Out: a `Plan`: every stack with its
//! region, and where each of its parameters comes from. Which stacks a stage has is known without any template, for
//! those who work with what is deployed. Pure: no clock, no disk, no network, no AWS.

mod digest;
mod names;
mod planned_outputs;
mod preview;
mod preview_text;
mod validation;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use crate::config::{CLOUDFRONT_REGION, Config, Region};
use crate::template::{DataConsent, Template, Templates};
use crate::urls::Urls;
pub use digest::{SavedPlan, changed_parts, digest, part};
pub use names::{NameChange, name_changes};
pub use planned_outputs::{
    output_changes, planned_outputs, planned_parameters, unknown_parameters, with_deployed_values,
};
pub use preview::{
    ArtifactPreview, OutputChange, Preview, RemainingFile, SitePreview, StackAction, StackPreview,
    outcome,
};
pub use validation::{unused_templates, validate};

/// The parameter of a stack whose resources refuse to be deleted while it is `true`.
pub const DELETION_PROTECTION: &str = "DeletionProtection";

/// The stacks that a deploy provisions.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The stack that holds the artifact bucket: everything else waits for it.
    pub foundation: StackPlan,
    /// All other stacks, each after those it needs.
    pub stacks: Vec<StackPlan>,
}

/// A stack of a stage: all that is known of it without its template.
#[derive(Clone, Debug, PartialEq)]
pub struct StageStack {
    /// Its short name, as reports show it: the template's, with the region where that is not the stage's.
    pub name: String,
    /// Its name in CloudFormation.
    pub stack: String,
    /// Its region.
    pub region: Region,
    /// The name of its template.
    pub template: &'static str,
    /// Where each parameter comes from.
    pub parameters: BTreeMap<&'static str, ParameterSource>,
    /// Whether CloudFormation is to refuse its deletion.
    pub protected: bool,
}

/// One stack, with the template that it is to have.
#[derive(Clone, Debug, PartialEq)]
pub struct StackPlan {
    /// Its short name, as reports show it: the template's, with the region where that is not the stage's.
    pub name: String,
    /// Its name in CloudFormation.
    pub stack: String,
    /// Its region.
    pub region: Region,
    /// The template.
    pub template: Template,
    /// Where each parameter comes from.
    pub parameters: BTreeMap<&'static str, ParameterSource>,
    /// Whether CloudFormation is to refuse its deletion.
    pub protected: bool,
    /// The losses of data that a person has agreed to.
    pub consent: DataConsent,
}

/// Where a parameter's value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParameterSource {
    /// Known now.
    Value(String),
    /// An output of another stack.
    Output {
        /// The other stack's short name.
        stack: String,
        /// The output.
        output: &'static str,
    },
    /// Known when the artifacts are published.
    Artifact(ArtifactFact),
}

/// A property of an artifact that a parameter may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ArtifactFact {
    /// Key of the api Lambda's zip.
    ApiKey,
    /// Content id of the api Lambda's zip.
    ApiBuild,
    /// Key of the publisher Lambda's zip.
    PublisherKey,
    /// Content id of the publisher Lambda's zip.
    PublisherBuild,
    /// Key of the server bundle.
    BundleKey,
    /// Content id of the server bundle.
    ServerBuild,
}

impl StageStack {
    /// Returns the short names of the stacks whose outputs this one needs.
    pub fn needs(&self) -> BTreeSet<&str> {
        needs(&self.parameters)
    }

    /// Returns the plan to give this stack a template. Nobody has agreed to a loss of data yet.
    pub fn with_template(self, template: Template) -> StackPlan {
        StackPlan {
            name: self.name,
            stack: self.stack,
            region: self.region,
            template,
            parameters: self.parameters,
            protected: self.protected,
            consent: DataConsent::default(),
        }
    }
}

impl StackPlan {
    /// Returns the short names of the stacks whose outputs this one needs.
    pub fn needs(&self) -> BTreeSet<&str> {
        needs(&self.parameters)
    }
}

fn needs(parameters: &Parameters) -> BTreeSet<&str> {
    let needed = parameters.values().filter_map(|source| match source {
        ParameterSource::Output { stack, .. } => Some(stack.as_str()),
        ParameterSource::Value(_) | ParameterSource::Artifact(_) => None,
    });
    needed.collect()
}

impl Plan {
    /// Returns the plan with consent to losses of data.
    pub fn with_consent(mut self, consent: &DataConsent) -> Self {
        self.foundation.consent = consent.clone();
        for stack in &mut self.stacks {
            stack.consent = consent.clone();
        }
        self
    }

    /// Returns every stack, each after those it needs.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = &StackPlan> {
        std::iter::once(&self.foundation).chain(&self.stacks)
    }
}

/// Decides what a deploy does with each stack of a stage, without touching any of them.
///
/// # Errors
/// A template is missing.
pub fn plan(config: &Config, urls: &Urls, templates: &Templates) -> Result<Plan> {
    let planned = stage_stacks(config, urls).into_iter().map(|stack| {
        let template = templates.get(stack.template)?;
        anyhow::Ok(stack.with_template(template))
    });
    let mut stacks: Vec<StackPlan> = planned.collect::<Result<_>>()?;
    Ok(Plan {
        foundation: stacks.remove(0),
        stacks,
    })
}

/// Returns the stacks that a stage has, each after those it needs; the first one holds the artifact bucket.
pub fn stage_stacks(config: &Config, urls: &Urls) -> Vec<StageStack> {
    let region = &config.settings.region;
    let mut certificates = vec![("certificate".to_owned(), region.clone())];
    if region.as_str() != CLOUDFRONT_REGION {
        certificates.push((
            format!("certificate-{CLOUDFRONT_REGION}"),
            Region::of_cloudfront(),
        ));
    }
    let site_certificate = certificates[certificates.len() - 1].0.clone();

    let stack = |template, parameters| stage_stack(config, template, parameters);
    let mut stacks = vec![
        stack("foundation", foundation(config)),
        stack("dns", dns(config)),
        stack("data", data(config)),
    ];
    for (name, region) in certificates {
        let parameters = certificate(config);
        stacks.push(StageStack {
            name,
            region,
            ..stack("certificate", parameters)
        });
    }
    stacks.push(stack("api", api(config, urls)));
    stacks.push(stack("websocket", websocket(config, urls)));
    stacks.push(stack("site", site(config, urls, &site_certificate)));
    stacks
}

type Parameters = BTreeMap<&'static str, ParameterSource>;

fn stage_stack(config: &Config, template: &'static str, parameters: Parameters) -> StageStack {
    StageStack {
        name: template.to_owned(),
        stack: config.stack_name(template),
        region: config.settings.region.clone(),
        template,
        parameters,
        protected: config.settings.protected,
    }
}

fn value(text: impl ToString) -> ParameterSource {
    ParameterSource::Value(text.to_string())
}

fn output(stack: &str, output: &'static str) -> ParameterSource {
    ParameterSource::Output {
        stack: stack.to_owned(),
        output,
    }
}

fn foundation(config: &Config) -> Parameters {
    let email = config.settings.alarm_email.clone().unwrap_or_default();
    BTreeMap::from([("AlarmEmail", value(email))])
}

fn dns(config: &Config) -> Parameters {
    let zone = config
        .settings
        .hosted_zone_id
        .as_ref()
        .map(ToString::to_string);
    BTreeMap::from([
        ("DomainName", value(&config.settings.domain)),
        ("HostedZoneId", value(zone.unwrap_or_default())),
    ])
}

fn certificate(config: &Config) -> Parameters {
    BTreeMap::from([
        ("DomainName", value(&config.settings.domain)),
        ("HostedZoneId", output("dns", "HostedZoneId")),
    ])
}

fn data(config: &Config) -> Parameters {
    BTreeMap::from([("Protected", value(config.settings.protected))])
}

/// The parameters that `api` and `websocket` have in common.
fn service(config: &Config, urls: &Urls) -> Parameters {
    BTreeMap::from([
        ("DomainName", value(&config.settings.domain)),
        ("HostedZoneId", output("dns", "HostedZoneId")),
        ("CertificateArn", output("certificate", "CertificateArn")),
        ("TableName", output("data", "TableName")),
        ("TableArn", output("data", "TableArn")),
        ("TopicArn", output("data", "TopicArn")),
        ("AlarmTopic", output("foundation", "AlarmTopic")),
        ("ArtifactBucket", output("foundation", "ArtifactBucket")),
        ("Architecture", value(config.settings.architecture().name())),
        ("SiteOrigin", value(&urls.site)),
        (
            "LogRetentionDays",
            value(config.settings.log_retention_days),
        ),
    ])
}

fn api(config: &Config, urls: &Urls) -> Parameters {
    let mut parameters = service(config, urls);
    parameters.extend([
        ("StreamArn", output("data", "StreamArn")),
        ("ApiKey", ParameterSource::Artifact(ArtifactFact::ApiKey)),
        (
            "ApiBuild",
            ParameterSource::Artifact(ArtifactFact::ApiBuild),
        ),
        (
            "PublisherKey",
            ParameterSource::Artifact(ArtifactFact::PublisherKey),
        ),
        (
            "PublisherBuild",
            ParameterSource::Artifact(ArtifactFact::PublisherBuild),
        ),
    ]);
    parameters
}

fn websocket(config: &Config, urls: &Urls) -> Parameters {
    let servers = &config.settings.servers;
    let mut parameters = service(config, urls);
    parameters.extend([
        ("LogBucket", output("foundation", "LogBucket")),
        (
            "BundleKey",
            ParameterSource::Artifact(ArtifactFact::BundleKey),
        ),
        (
            "ServerBuild",
            ParameterSource::Artifact(ArtifactFact::ServerBuild),
        ),
        ("InstanceType", value(config.settings.instance_type())),
        ("MinServers", value(servers.min)),
        ("MaxServers", value(servers.max)),
        (DELETION_PROTECTION, value(config.settings.protected)),
    ]);
    parameters
}

fn site(config: &Config, urls: &Urls, certificate: &str) -> Parameters {
    BTreeMap::from([
        ("DomainName", value(&config.settings.domain)),
        ("HostedZoneId", output("dns", "HostedZoneId")),
        ("CertificateArn", output(certificate, "CertificateArn")),
        ("LogBucket", output("foundation", "LogBucket")),
        ("SiteUrl", value(&urls.site)),
        ("ApiUrl", value(&urls.api)),
        ("SocketUrl", value(&urls.socket)),
    ])
}

#[cfg(test)]
mod tests;
