//! `doctor`: checks what a deploy needs before it begins. Reads only, and never hangs.

use std::time::SystemTime;

use super::connect;
use crate::aws::{Aws, Zone};
use crate::config::Config;
use crate::doctor::{self, Dns, DnsAnswer, DoctorReport, Finding, in_time};
use crate::error::user_error;
use crate::local::Platform;
use crate::verify;

/// Looks at this machine and, for a stage on AWS, at the account and at public DNS.
pub async fn doctor(config: &Config) -> DoctorReport {
    let platform = Platform::of(config);
    let (mut checks, tools) = tokio::join!(
        look_at_aws(config, &platform),
        doctor::check_tools(&config.root)
    );
    checks.extend(tools);
    checks.push(match platform {
        Platform::Aws { .. } => Finding::not_needed("python"),
        Platform::Local(_) => doctor::check_python().await,
    });
    checks.push(doctor::check_disk(&config.root));
    checks.push(doctor::judge_port(platform.port()));
    DoctorReport::new(config.stage.to_string(), checks)
}

/// The rows that only a stage on AWS needs.
const ON_AWS: [&str; 6] = [
    "credentials",
    "region",
    "clock",
    "quota",
    "delegation",
    "caa",
];

async fn look_at_aws(config: &Config, platform: &Platform) -> Vec<Finding> {
    let Some(endpoint) = platform.endpoint_without_start() else {
        return ON_AWS.map(Finding::not_needed).to_vec();
    };
    let dns = public_dns(config).await;
    let (account, region, clock, caa) = tokio::join!(
        in_time("credentials", connect(config, &endpoint)),
        check_region(config, &dns),
        check_clock(config),
        check_caa(config, &dns),
    );
    let (credentials, aws) = judge_credentials(account).await;
    let (quota, delegation) = tokio::join!(
        check_quota(config, aws.as_ref()),
        check_delegation(config, aws.as_ref(), &dns),
    );
    vec![credentials, region, clock, quota, delegation, caa]
}

/// A resolver, or why there is none.
type Resolver = Result<Dns, String>;

/// Returns this machine's resolver, if it knows what the public knows. Behind a proxy it need not: names are resolved there,
/// and questions to DNS cannot go that way.
async fn public_dns(config: &Config) -> Resolver {
    let proxy = config.network.proxy_to(&sts_host(config), 443, true);
    let excuse = proxy.map(|proxy| {
        format!("; names are resolved by proxy {proxy}, through which DNS cannot be asked")
    });
    let excuse = excuse.unwrap_or_default();
    let dns = Dns::system().map_err(|error| format!("{error:#}{excuse}"))?;
    if doctor::knows_public_names(&dns).await {
        Ok(dns)
    } else {
        Err(format!(
            "this machine's DNS does not know public names{excuse}"
        ))
    }
}

async fn judge_credentials(
    account: Result<anyhow::Result<Aws>, Finding>,
) -> (Finding, Option<Aws>) {
    let name = "credentials";
    match account {
        Err(silence) => (silence, None),
        Ok(Ok(aws)) => {
            let identity = in_time(name, aws.sts.get_identity()).await;
            let finding = match identity {
                Ok(Ok(identity)) => Finding::good(name, identity.arn),
                Ok(Err(error)) => Finding::unknown(name, format!("{error:#}")),
                Err(silence) => silence,
            };
            (finding, Some(aws))
        }
        Ok(Err(error)) => {
            let finding = match user_error(&error) {
                Some(fault) => Finding::bad(name, fault, fault.hint()),
                None => Finding::unknown(name, format!("{error:#}")),
            };
            (finding, None)
        }
    }
}

/// The host that signs us in, in the stage's region.
/// Source: AWS General Reference, "AWS Security Token Service endpoints and quotas".
fn sts_host(config: &Config) -> String {
    let region = &config.settings.region;
    let china = if region.as_str().starts_with("cn-") {
        ".cn"
    } else {
        ""
    };
    format!("sts.{region}.amazonaws.com{china}")
}

/// A region that there is has an STS.
async fn check_region(config: &Config, dns: &Resolver) -> Finding {
    let name = "region";
    let dns = match dns {
        Ok(dns) => dns,
        Err(problem) => return Finding::unknown(name, problem),
    };
    let (host, region) = (sts_host(config), &config.settings.region);
    match in_time(name, dns.has_address(&host)).await {
        Ok(DnsAnswer::Found(_)) => Finding::good(name, region),
        Ok(DnsAnswer::Nothing) => {
            let detail = format!("AWS has no region {region} ({host} does not exist)");
            Finding::bad(
                name,
                detail,
                "set `region` of the stage to one that `aws account list-regions` shows, such as `us-east-1`",
            )
        }
        Ok(DnsAnswer::Broken(problem) | DnsAnswer::Silent(problem)) => {
            Finding::unknown(name, problem)
        }
        Err(silence) => silence,
    }
}

async fn check_clock(config: &Config) -> Finding {
    let url = format!("https://{}/", sts_host(config));
    match in_time("clock", verify::ask_date(url, &config.network)).await {
        Ok(Ok(date)) => doctor::judge_clock(&date, SystemTime::now()),
        Ok(Err(problem)) => Finding::unknown("clock", problem),
        Err(silence) => silence,
    }
}

async fn check_caa(config: &Config, dns: &Resolver) -> Finding {
    match dns {
        Ok(dns) => doctor::check_caa(dns, config.settings.domain.as_str()).await,
        Err(problem) => Finding::unknown("caa", problem),
    }
}

async fn check_quota(config: &Config, aws: Option<&Aws>) -> Finding {
    let name = "quota";
    let Some(aws) = aws else {
        return Finding::unknown(name, "needs credentials");
    };
    let asked = aws
        .service_quotas
        .get_quota("ec2", doctor::NEEDED_VCPUS_CODE);
    match in_time(name, asked).await {
        Ok(Ok(quota)) => doctor::judge_vcpus(quota, &config.settings),
        Ok(Err(error)) => Finding::unknown(name, format!("{error:#}")),
        Err(silence) => silence,
    }
}

async fn check_delegation(config: &Config, aws: Option<&Aws>, dns: &Resolver) -> Finding {
    let name = "delegation";
    let (aws, dns) = match (aws, dns) {
        (Some(aws), Ok(dns)) => (aws, dns),
        (None, _) => return Finding::unknown(name, "needs credentials"),
        (_, Err(problem)) => return Finding::unknown(name, problem),
    };
    match in_time(name, find_zone(config, aws)).await {
        Ok(Ok(Some(zone))) => {
            doctor::check_delegation(dns, config.settings.domain.as_str(), &zone).await
        }
        Ok(Ok(None)) => Finding::unknown(
            name,
            "there is no zone yet: the first deploy makes it and names its servers",
        ),
        Ok(Err(error)) => Finding::unknown(name, format!("{error:#}")),
        Err(silence) => silence,
    }
}

/// Returns the zone of the stage: the one in the settings, or that which an earlier deploy made.
async fn find_zone(config: &Config, aws: &Aws) -> anyhow::Result<Option<Zone>> {
    if let Some(id) = &config.settings.hosted_zone_id {
        return aws.route53.find_zone(id.as_str()).await;
    }
    let stack = aws
        .cloudformation
        .find_stack(&config.stack_name("dns"))
        .await?;
    let id = stack.and_then(|stack| stack.outputs.get("HostedZoneId").cloned());
    match id {
        Some(id) => aws.route53.find_zone(&id).await,
        None => Ok(None),
    }
}
