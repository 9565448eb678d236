//! The checks whether a first deploy would meet a name that somebody else has. In: what is in the zone and in CloudFront, and
//! which stacks of the stage there are, whose names are the stage's own. Out: findings. Pure.

use super::Finding;
use crate::aws::{Alias, DnsRecord};

/// The hosts of a stage, before the domain, and the stacks that make their records: of two, a stage has one.
const HOSTS: [(&str, &[&str]); 4] = [
    ("", &["site"]),
    ("www.", &["site"]),
    ("api.", &["api"]),
    ("ws.", &["live-appsync", "websocket"]),
];

/// The stacks that make records.
pub const STACKS_WITH_RECORDS: [&str; 4] = ["site", "api", "websocket", "live-appsync"];

/// Looks in a zone for addresses of the stage's hosts that none of its deployed stacks has made.
pub fn judge_records(domain: &str, records: &[DnsRecord], deployed: &[&str]) -> Finding {
    let name = "records";
    let missing = HOSTS
        .iter()
        .filter(|(_, stacks)| !stacks.iter().any(|stack| deployed.contains(stack)));
    let hosts: Vec<String> = missing.map(|(host, _)| format!("{host}{domain}")).collect();
    let is_address = |kind: &str| ["A", "AAAA", "CNAME"].contains(&kind);
    let taken = records
        .iter()
        .filter(|record| is_address(&record.kind) && hosts.contains(&record.name));
    let taken: Vec<String> = taken
        .map(|record| format!("{} {}", record.name, record.kind))
        .collect();
    if taken.is_empty() {
        return Finding::good(name, "no address of the stage is somebody else's");
    }
    Finding::bad(
        name,
        format!(
            "the zone has {} already, and no stack of the stage made it",
            taken.join(", ")
        ),
        "delete these records in Route 53 (note their values first), or give the stage another `domain`",
    )
}

/// Looks among the account's distributions for the names of the site. Distributions of other accounts are not told.
pub fn judge_aliases(domain: &str, aliases: &[Alias], deployed: &[&str]) -> Finding {
    let name = "alias";
    if deployed.contains(&"site") {
        return Finding::good(name, "the site's distributions are deployed");
    }
    let ours = [domain.to_owned(), format!("www.{domain}")];
    let Some(alias) = aliases.iter().find(|alias| ours.contains(&alias.name)) else {
        return Finding::good(
            name,
            "no distribution of this account has the site's names; those of other accounts are not known",
        );
    };
    Finding::bad(
        name,
        format!(
            "distribution {} has the name {}",
            alias.distribution, alias.name
        ),
        "take the name out of that distribution (`aws cloudfront update-distribution`), or give the stage another `domain`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str, kind: &str) -> DnsRecord {
        DnsRecord {
            name: name.to_owned(),
            kind: kind.to_owned(),
            target: None,
        }
    }

    #[test]
    fn an_address_that_no_stack_of_the_stage_has_made_is_in_the_way() {
        let records = [
            record("example.com", "NS"),
            record("example.com", "MX"),
            record("www.example.com", "CNAME"),
            record("api.example.com", "A"),
            record("shop.example.com", "A"),
        ];
        let finding = judge_records("example.com", &records, &["api"]);
        assert_eq!(finding.ok, Some(false));
        insta::assert_snapshot!(finding.detail, @"the zone has www.example.com CNAME already, and no stack of the stage made it");
        assert_eq!(
            judge_records("example.com", &records, &["api", "site"]).ok,
            Some(true)
        );
        // Either stack of the live channel makes the same record, and a switch replaces one by the other.
        let channel = [record("ws.example.com", "A")];
        let is_ours = |stacks: &[&str]| judge_records("example.com", &channel, stacks).ok;
        assert_eq!(is_ours(&["websocket"]), Some(true));
        assert_eq!(is_ours(&["live-appsync"]), Some(true));
        assert_eq!(is_ours(&["api"]), Some(false));
    }

    #[test]
    fn a_name_of_the_site_at_another_distribution_is_in_the_way() {
        let alias = |name: &str| Alias {
            name: name.to_owned(),
            distribution: "E1".to_owned(),
        };
        let aliases = [alias("shop.example.com"), alias("www.example.com")];
        let finding = judge_aliases("example.com", &aliases, &[]);
        assert_eq!(finding.ok, Some(false));
        insta::assert_snapshot!(finding.detail, @"distribution E1 has the name www.example.com");
        assert_eq!(
            judge_aliases("example.com", &aliases, &["site"]).ok,
            Some(true)
        );
        assert_eq!(
            judge_aliases("example.com", &aliases[..1], &[]).ok,
            Some(true)
        );
    }
}
