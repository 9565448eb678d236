//! The stacks that every stage has, and the parameters that the deployer fills of them. Of two, a stage has the one that its
//! setting `live` names. No template is asked. Pure.

use std::collections::BTreeMap;

use super::artifact::{ArtifactFact, SERVER};
use super::placement::placement;
use super::{
    DELETION_PROTECTION, ParameterSource, Parameters, RETAINED_PROTECTION, STAGE_TAG, StageStack,
};
use crate::config::{CLOUDFRONT_REGION, Config, Live, Region};
use crate::urls::{Urls, sign_in_prefix};

/// The templates of ours that not every stage uses.
pub(super) const UNUSED_BY_SOME: [&str; 3] = [SIGN_IN, "live-appsync", "websocket"];

/// The stack of the users who may sign in.
pub const SIGN_IN: &str = "auth";

/// The group of that stack whose members may change the tree.
pub const EDITORS: &str = "editors";

/// Returns the stack by which the changes of a stage would reach its pages if its setting `live` were the other one. A stage
/// that was deployed with that other setting still has it, until a deploy or a teardown deletes it.
pub fn other_live_stack(config: &Config) -> StageStack {
    let template = config.settings.live.other().template();
    stage_stack(config, template, Parameters::new())
}

/// Returns the stacks that every stage has, each after those it needs; the first one holds the artifact bucket.
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

    let values = values(config, urls);
    let stack = |template, parameters| stage_stack(config, template, parameters);
    let mut stacks = vec![
        stack("foundation", named(&values, &["AlarmEmail"])),
        stack("dns", dns(config, &values)),
        stack("data", named(&values, &["Protected", RETAINED_PROTECTION])),
    ];
    for (name, region) in certificates {
        let mut parameters = named(&values, &["DomainName"]);
        parameters.extend(outputs(&[("dns", "HostedZoneId")]));
        stacks.push(StageStack {
            name,
            region,
            ..stack("certificate", parameters)
        });
    }
    if config.settings.sign_in {
        stacks.push(auth(config, &values));
    }
    let live = config.settings.live;
    let api = stack("api", api(config, &values));
    match live {
        Live::Servers => stacks.extend([api, stack(live.template(), websocket(config, &values))]),
        // The publisher publishes to this stack's Event API.
        Live::AppSync => {
            let parameters = live_appsync(&values, &site_certificate);
            stacks.extend([stack(live.template(), parameters), api]);
        }
    }
    stacks.push(stack("site", site(&values, &site_certificate)));
    stacks
}

/// Returns a stack of a template in the stage's region.
pub(super) fn stage_stack(config: &Config, template: &str, parameters: Parameters) -> StageStack {
    StageStack {
        name: template.to_owned(),
        stack: config.stack_name(template),
        region: config.settings.region.clone(),
        template: template.to_owned(),
        parameters,
        protected: config.settings.protected,
        tags: BTreeMap::new(),
    }
}

/// Returns what a stage knows of itself, its addresses among it, by the name of the parameter that carries it.
pub(super) fn values(config: &Config, urls: &Urls) -> BTreeMap<&'static str, String> {
    let settings = &config.settings;
    let protected = settings.protected.to_string();
    BTreeMap::from([
        ("Stage", config.stage.to_string()),
        ("DomainName", settings.domain.to_string()),
        (
            "AlarmEmail",
            settings.alarm_email.clone().unwrap_or_default(),
        ),
        ("Architecture", settings.architecture().name().to_owned()),
        ("LogRetentionDays", settings.log_retention_days.to_string()),
        ("Protected", protected.clone()),
        (DELETION_PROTECTION, protected.clone()),
        (RETAINED_PROTECTION, protected),
        ("SiteOrigin", urls.site.clone()),
        ("SiteUrl", urls.site.clone()),
        ("ApiUrl", urls.api.clone()),
        ("SocketUrl", urls.socket.clone()),
        ("SignInUrl", sign_in_url(urls)),
        ("SignInPrefix", sign_in_prefix(&settings.domain)),
    ])
}

/// Returns the address of the sign-in pages; empty where nobody signs in.
fn sign_in_url(urls: &Urls) -> String {
    let pages = urls.sign_in.as_ref().map(|sign_in| sign_in.pages.clone());
    pages.unwrap_or_default()
}

fn value(text: impl ToString) -> ParameterSource {
    ParameterSource::Value(text.to_string())
}

/// Parameters that carry what the stage knows of itself.
fn named(values: &BTreeMap<&'static str, String>, names: &[&str]) -> Parameters {
    let rows = names
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), value(values.get(name)?))));
    rows.collect()
}

/// Parameters that are called like the output of another stack that they carry.
fn outputs<'a>(rows: &'a [(&str, &str)]) -> impl Iterator<Item = (String, ParameterSource)> + 'a {
    rows.iter().map(|(stack, output)| {
        let (stack, output) = ((*stack).to_owned(), (*output).to_owned());
        (output.clone(), ParameterSource::Output { stack, output })
    })
}

fn artifact(name: &str) -> impl Iterator<Item = (String, ParameterSource)> {
    let facts = ArtifactFact::of(name).into_iter();
    facts.map(|fact| (fact.parameter(), ParameterSource::Artifact(fact)))
}

fn dns(config: &Config, values: &BTreeMap<&'static str, String>) -> Parameters {
    let zone = config.settings.hosted_zone_id.as_ref();
    let zone = zone.map(ToString::to_string).unwrap_or_default();
    let mut parameters = named(values, &["DomainName"]);
    parameters.insert("HostedZoneId".to_owned(), value(zone));
    parameters
}

/// The parameters that `api` and `websocket` have in common.
fn service(values: &BTreeMap<&'static str, String>) -> Parameters {
    let mut parameters = named(values, &["DomainName", "SiteOrigin", "LogRetentionDays"]);
    parameters.extend(outputs(&[
        ("dns", "HostedZoneId"),
        ("certificate", "CertificateArn"),
        ("data", "TableName"),
        ("data", "TableArn"),
        ("data", "TopicArn"),
        ("foundation", "AlarmTopic"),
        ("foundation", "ArtifactBucket"),
    ]));
    parameters
}

/// The stack has the stage's tag, so that it is found also when nobody signs in any more: its users are nobody's to delete
/// without a word.
fn auth(config: &Config, values: &BTreeMap<&'static str, String>) -> StageStack {
    let parameters = ["SiteUrl", "SignInPrefix", "Protected", RETAINED_PROTECTION];
    StageStack {
        tags: BTreeMap::from([(STAGE_TAG.to_owned(), config.stage.to_string())]),
        ..stage_stack(config, SIGN_IN, named(values, &parameters))
    }
}

fn api(config: &Config, values: &BTreeMap<&'static str, String>) -> Parameters {
    let mut parameters = service(values);
    let channel = ["EventHost", "NamespaceArn", "Channel"];
    let live = config.settings.live;
    match live {
        Live::Servers => {
            let none = channel.map(|name| (name.to_owned(), value("")));
            parameters.extend(none);
        }
        Live::AppSync => {
            parameters.extend(outputs(&channel.map(|name| (live.template(), name))));
        }
    }
    parameters.extend(named(values, &["Architecture"]));
    parameters.extend(outputs(&[("data", "StreamArn")]));
    if config.settings.sign_in {
        let tokens = [(SIGN_IN, "SignInIssuer"), (SIGN_IN, "SignInClient")];
        parameters.extend(outputs(&tokens));
    } else {
        let nobody = ["SignInIssuer", "SignInClient"].map(|name| (name.to_owned(), value("")));
        parameters.extend(nobody);
    }
    parameters.extend(artifact("api"));
    parameters.extend(artifact("publisher"));
    parameters
}

fn websocket(config: &Config, values: &BTreeMap<&'static str, String>) -> Parameters {
    let servers = &config.settings.servers;
    let mut parameters = service(values);
    parameters.extend(named(values, &[DELETION_PROTECTION]));
    parameters.extend(outputs(&[("foundation", "LogBucket")]));
    parameters.extend(artifact(SERVER));
    parameters.extend(placement(&config.settings));
    let sizes = [
        ("InstanceType", value(config.settings.instance_type())),
        ("Network", value(config.settings.server_network().name())),
        ("SessionManager", value(servers.session_manager)),
        ("MinServers", value(servers.min)),
        ("MaxServers", value(servers.max)),
    ];
    parameters.extend(sizes.map(|(name, source)| (name.to_owned(), source)));
    parameters
}

fn live_appsync(values: &BTreeMap<&'static str, String>, certificate: &str) -> Parameters {
    let mut parameters = named(values, &["DomainName", "LogRetentionDays"]);
    parameters.extend(outputs(&[
        ("dns", "HostedZoneId"),
        (certificate, "CertificateArn"),
        ("foundation", "AlarmTopic"),
    ]));
    parameters.insert("KeyExpires".to_owned(), ParameterSource::KeyExpiry);
    parameters
}

fn site(values: &BTreeMap<&'static str, String>, certificate: &str) -> Parameters {
    let addresses = ["DomainName", "SiteUrl", "ApiUrl", "SocketUrl", "SignInUrl"];
    let mut parameters = named(values, &addresses);
    parameters.extend(outputs(&[
        ("dns", "HostedZoneId"),
        (certificate, "CertificateArn"),
        ("foundation", "LogBucket"),
    ]));
    parameters
}
