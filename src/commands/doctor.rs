//! `doctor`: checks what a deploy needs before it begins. Reads only, and never hangs.

use std::time::SystemTime;

use futures_util::future::{join_all, try_join_all};

use super::connect;
use crate::aws::{Aws, Zone};
use crate::config::{Config, Live};
use crate::doctor::{self, Dns, DnsAnswer, DoctorReport, Finding, in_time};
use crate::error::user_error;
use crate::local::Platform;
use crate::status::judge_page_key;
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

/// The rows that only a stage on AWS needs, before and behind those of its account.
const BEFORE_ACCOUNT: [&str; 3] = ["credentials", "region", "clock"];
const BEHIND_ACCOUNT: [&str; 1] = ["caa"];

/// The rows that need credentials.
const OF_ACCOUNT: [&str; 7] = [
    "quota",
    "vpcs",
    "lambda",
    "delegation",
    "records",
    "alias",
    "page key",
];

async fn look_at_aws(config: &Config, platform: &Platform) -> Vec<Finding> {
    let Some(endpoint) = platform.endpoint_without_start() else {
        let rows = BEFORE_ACCOUNT
            .iter()
            .chain(&OF_ACCOUNT)
            .chain(&BEHIND_ACCOUNT);
        return rows.map(|name| Finding::not_needed(name)).collect();
    };
    let dns = public_dns(config).await;
    let (account, region, clock, caa) = tokio::join!(
        in_time("credentials", connect(config, &endpoint)),
        check_region(config, &dns),
        check_clock(config),
        check_caa(config, &dns),
    );
    let (credentials, aws) = judge_credentials(account).await;
    let Some(aws) = aws else {
        let unknown = OF_ACCOUNT.map(|name| Finding::unknown(name, "needs credentials"));
        let mut findings = vec![credentials, region, clock];
        findings.extend(unknown);
        findings.push(caa);
        return findings;
    };
    let deployed = deployed_stacks(config, &aws).await;
    let deployed = deployed.as_deref();
    let ((quota, vpcs), lambda, delegation, records, alias, page_key) = tokio::join!(
        check_quotas_of_servers(config, &aws, deployed.unwrap_or_default()),
        check_quota(
            &aws,
            "lambda",
            ("lambda", doctor::CONCURRENCY_CODE),
            doctor::judge_concurrency
        ),
        check_delegation(config, &aws, &dns),
        check_records(config, &aws, deployed),
        check_aliases(config, &aws, deployed),
        check_page_key(config, &aws),
    );
    vec![
        credentials,
        region,
        clock,
        quota,
        vpcs,
        lambda,
        delegation,
        records,
        alias,
        page_key,
        caa,
    ]
}

/// The stacks of the stage that have records, as far as they are deployed, or why that is not known.
type Deployed<'a> = Result<&'a [&'static str], &'a Finding>;

async fn deployed_stacks(config: &Config, aws: &Aws) -> Result<Vec<&'static str>, Finding> {
    let name = "records";
    let asked = doctor::STACKS_WITH_RECORDS.map(async |stack| {
        let found = aws
            .cloudformation
            .find_stack(&config.stack_name(stack))
            .await?;
        anyhow::Ok(found.map(|_| stack))
    });
    match in_time(name, try_join_all(asked)).await {
        Ok(Ok(found)) => Ok(found.into_iter().flatten().collect()),
        Ok(Err(error)) => Err(Finding::unknown(name, format!("{error:#}"))),
        Err(silence) => Err(silence),
    }
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

/// The services of the templates, by the names of their hosts. A region that there is has an STS; a new one may lack others.
/// Source: AWS General Reference, "Service endpoints and quotas".
const SERVICES: [&str; 10] = [
    "acm",
    "apigateway",
    "cloudformation",
    "dynamodb",
    "kms",
    "lambda",
    "logs",
    "monitoring",
    "sns",
    "sqs",
];

/// Returns the services of the carrier of changes, by the names of their hosts.
fn services_of(live: Live) -> &'static [&'static str] {
    match live {
        Live::Servers => &["autoscaling", "ec2", "elasticloadbalancing"],
        Live::AppSync => &["appsync"],
    }
}

/// Asks public DNS for the hosts of the services in the region.
async fn check_region(config: &Config, dns: &Resolver) -> Finding {
    let name = "region";
    let dns = match dns {
        Ok(dns) => dns,
        Err(problem) => return Finding::unknown(name, problem),
    };
    let (host, region) = (sts_host(config), &config.settings.region);
    match in_time(name, dns.has_address(&host)).await {
        Ok(DnsAnswer::Found(_)) => check_services(name, config, dns).await,
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

async fn check_services(name: &str, config: &Config, dns: &Dns) -> Finding {
    let region = &config.settings.region;
    let users = config.settings.sign_in.then_some(&"cognito-idp");
    let services = SERVICES.iter().chain(services_of(config.settings.live));
    let asked = services.chain(users).map(async |service| {
        let host = sts_host(config).replacen("sts", service, 1);
        (service, dns.has_address(&host).await)
    });
    let answers = match in_time(name, join_all(asked)).await {
        Ok(answers) => answers,
        Err(silence) => return silence,
    };
    let missing = answers
        .into_iter()
        .filter(|(_, answer)| matches!(answer, DnsAnswer::Nothing));
    let missing: Vec<&str> = missing.map(|(service, _)| *service).collect();
    if missing.is_empty() {
        return Finding::good(name, region);
    }
    Finding::bad(
        name,
        format!("region {region} has no {}", missing.join(", ")),
        "set `region` of the stage to one that has all services of the templates, such as `us-east-1`",
    )
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

/// Only servers need instances and a network.
async fn check_quotas_of_servers(
    config: &Config,
    aws: &Aws,
    deployed: &[&str],
) -> (Finding, Finding) {
    let (quota, vpcs) = ("quota", "vpcs");
    if config.settings.live == Live::AppSync {
        return (Finding::not_needed(quota), Finding::not_needed(vpcs));
    }
    tokio::join!(
        check_quota(aws, quota, ("ec2", doctor::NEEDED_VCPUS_CODE), |quota| {
            doctor::judge_vcpus(quota, &config.settings)
        }),
        check_quota(aws, vpcs, ("vpc", doctor::VPCS_CODE), |quota| {
            doctor::judge_vpcs(quota, deployed)
        }),
    )
}

async fn check_quota(
    aws: &Aws,
    name: &str,
    (service, code): (&str, &str),
    judge: impl Fn(f64) -> Finding,
) -> Finding {
    match in_time(name, aws.service_quotas.get_quota(service, code)).await {
        Ok(Ok(quota)) => judge(quota),
        Ok(Err(error)) => Finding::unknown(name, format!("{error:#}")),
        Err(silence) => silence,
    }
}

async fn check_records(config: &Config, aws: &Aws, deployed: Deployed<'_>) -> Finding {
    let name = "records";
    let deployed = match deployed {
        Ok(deployed) => deployed,
        Err(unknown) => return unknown.clone(),
    };
    let asked = async {
        let Some(zone) = find_zone(config, aws).await? else {
            return anyhow::Ok(None);
        };
        aws.route53.list_records(&zone.id).await.map(Some)
    };
    match in_time(name, asked).await {
        Ok(Ok(Some(records))) => {
            doctor::judge_records(config.settings.domain.as_str(), &records, deployed)
        }
        Ok(Ok(None)) => Finding::good(name, "there is no zone yet, so nothing is in it"),
        Ok(Err(error)) => Finding::unknown(name, format!("{error:#}")),
        Err(silence) => silence,
    }
}

async fn check_aliases(config: &Config, aws: &Aws, deployed: Deployed<'_>) -> Finding {
    let name = "alias";
    let deployed = match deployed {
        Ok(deployed) => deployed,
        Err(unknown) => return Finding::unknown(name, &unknown.detail),
    };
    match in_time(name, aws.cloudfront.list_aliases()).await {
        Ok(Ok(aliases)) => {
            doctor::judge_aliases(config.settings.domain.as_str(), &aliases, deployed)
        }
        Ok(Err(error)) => Finding::unknown(name, format!("{error:#}")),
        Err(silence) => silence,
    }
}

/// The key of the pages expires where nobody deploys for long: every deploy of a new quarter renews it.
async fn check_page_key(config: &Config, aws: &Aws) -> Finding {
    let name = "page key";
    if config.settings.live == Live::Servers {
        return Finding::not_needed(name);
    }
    let stack = config.stack_name(config.settings.live.template());
    let key = match in_time(name, aws.cloudformation.find_stack(&stack)).await {
        Ok(Ok(stack)) => {
            stack.and_then(|stack| judge_page_key(&stack.parameters, SystemTime::now()))
        }
        Ok(Err(error)) => return Finding::unknown(name, format!("{error:#}")),
        Err(silence) => return silence,
    };
    match key {
        None => Finding::good(name, "the first deploy makes it"),
        Some(key) if key.ok => Finding::good(name, key.detail),
        Some(key) => Finding::bad(name, key.detail, "run `factory-tree deploy`"),
    }
}

async fn check_delegation(config: &Config, aws: &Aws, dns: &Resolver) -> Finding {
    let name = "delegation";
    let dns = match dns {
        Ok(dns) => dns,
        Err(problem) => return Finding::unknown(name, problem),
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
