//! The checks whether public DNS knows the stage's zone, and lets Amazon issue certificates. In: a resolver, and
//! what Route 53 says. Out: findings.

use std::collections::BTreeSet;

use super::dns::ANY_ISSUER;
use super::{Dns, DnsAnswer, Finding, in_time};
use crate::aws::Zone;

/// Returns whether a resolver knows public names at all: in a closed network it may answer that nothing
/// exists, and that would be taken for a fault of the domain.
pub async fn knows_public_names(dns: &Dns) -> bool {
    let answer = in_time("dns", dns.name_servers("amazonaws.com")).await;
    matches!(answer, Ok(DnsAnswer::Found(_)))
}

/// Compares a zone's name servers with those that public DNS has for it. The zone may be of the domain
/// or of a parent: what must be delegated is the zone.
pub async fn check_delegation(dns: &Dns, domain: &str, zone: &Zone) -> Finding {
    let name = "delegation";
    let servers = zone.name_servers.join(", ");
    if !is_within(domain, &zone.name) {
        let detail = format!(
            "zone {} is of {}, which does not hold {domain}",
            zone.id, zone.name
        );
        return Finding::bad(
            name,
            detail,
            "leave `hosted_zone_id` out of factory-tree.yaml, so that a zone of the domain is made, or name one that `aws route53 list-hosted-zones` shows for the domain or a parent of it",
        );
    }
    let answer = match in_time(name, dns.name_servers(&zone.name)).await {
        Ok(answer) => answer,
        Err(silence) => return silence,
    };
    let cure = format!(
        "have the registrar (or the parent zone) delegate {} to {servers}",
        zone.name
    );
    match answer {
        DnsAnswer::Found(public) if public == zone.name_servers.iter().cloned().collect() => {
            Finding::good(name, format!("{} is served by {servers}", zone.name))
        }
        DnsAnswer::Found(public) => {
            let public: Vec<String> = public.into_iter().collect();
            let detail = format!(
                "{} is served by {}, not by zone {}",
                zone.name,
                public.join(", "),
                zone.id
            );
            Finding::bad(name, detail, cure)
        }
        DnsAnswer::Nothing => {
            Finding::bad(name, format!("{} is delegated to nobody", zone.name), cure)
        }
        DnsAnswer::Broken(code) => {
            let detail = format!(
                "those that {} is delegated to do not know it ({code})",
                zone.name
            );
            Finding::bad(name, detail, cure)
        }
        DnsAnswer::Silent(problem) => Finding::unknown(name, problem),
    }
}

fn is_within(domain: &str, zone: &str) -> bool {
    domain == zone
        || domain
            .strip_suffix(zone)
            .is_some_and(|rest| rest.ends_with('.'))
}

/// The names by which Amazon may issue.
/// Source: AWS Certificate Manager User Guide, "Configure a CAA record".
const AMAZON: [&str; 4] = [
    "amazon.com",
    "amazontrust.com",
    "awstrust.com",
    "amazonaws.com",
];

/// The hosts in the stage's certificate, before the domain.
const HOSTS: [&str; 4] = ["", "www.", "api.", "ws."];

/// Asks whether CAA records let Amazon issue the stage's certificate.
pub async fn check_caa(dns: &Dns, domain: &str) -> Finding {
    let name = "caa";
    let questions = HOSTS.map(|host| caa_of(dns, format!("{host}{domain}")));
    let asked = futures_util::future::join_all(questions);
    let answers = match in_time(name, asked).await {
        Ok(answers) => answers,
        Err(silence) => return silence,
    };
    let forbidding = answers.iter().find_map(|answer| match answer {
        Caa::At(place, issuers) if !admits_amazon(issuers) => Some((place, issuers)),
        _ => None,
    });
    if let Some((place, issuers)) = forbidding {
        let issuers: Vec<&str> = issuers.iter().map(String::as_str).collect();
        let detail = match issuers.join(", ").as_str() {
            "" => format!("{place} allows nobody to issue certificates"),
            issuers => format!("{place} lets only {issuers} issue certificates"),
        };
        return Finding::bad(
            name,
            detail,
            format!("add the record `{place} CAA 0 issue \"amazon.com\"`"),
        );
    }
    let unclear = answers.into_iter().find_map(|answer| match answer {
        Caa::Unclear(problem) => Some(problem),
        Caa::At(..) | Caa::Nowhere => None,
    });
    match unclear {
        Some(problem) => Finding::unknown(name, problem),
        None => Finding::good(name, "Amazon may issue certificates"),
    }
}

fn admits_amazon(issuers: &BTreeSet<String>) -> bool {
    let restricted = issuers.iter().any(|issuer| issuer != ANY_ISSUER);
    !restricted || AMAZON.iter().any(|name| issuers.contains(*name))
}

/// The CAA records that count for a host.
enum Caa {
    /// Where they are, and whom they name.
    At(String, BTreeSet<String>),
    /// There are none up to the root: anybody may issue.
    Nowhere,
    /// An authority that gets no answer does not issue.
    Unclear(String),
}

/// Climbs from the host towards the root to the first records.
/// Source: RFC 8659, section 3.
async fn caa_of(dns: &Dns, host: String) -> Caa {
    let mut name = host.as_str();
    loop {
        match dns.issuers(name).await {
            DnsAnswer::Found(issuers) => return Caa::At(name.to_owned(), issuers),
            DnsAnswer::Nothing => {}
            DnsAnswer::Broken(problem) | DnsAnswer::Silent(problem) => {
                return Caa::Unclear(format!(
                    "the CAA records of {name} cannot be read: {problem}"
                ));
            }
        }
        match name.split_once('.') {
            Some((_, parent)) => name = parent,
            None => return Caa::Nowhere,
        }
    }
}

#[cfg(test)]
#[path = "domain_tests.rs"]
mod tests;
