//! The target of each host of the edge. In: the records of the stage's zone, as Route 53 has them. Out:
//! `routes.json`. A host without a record has no route, exactly as it would have no address in AWS.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::aws::DnsRecord;

/// `routes.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Routes {
    /// The emulator's port.
    pub(super) emulator: u16,
    /// The server's port.
    pub(super) server: u16,
    /// The target of each host.
    pub(super) hosts: BTreeMap<String, RouteTarget>,
}

/// The target of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RouteTarget {
    /// A CloudFront distribution, by the first label of its own domain.
    Distribution(String),
    /// A custom domain of API Gateway.
    Api,
    /// The load balancer before the WebSocket servers.
    Server,
    /// The pages for signing in, and what browsers ask an issuer of tokens.
    SignIn,
    /// Vite on this port, in place of the site's distribution. No record points to it.
    #[serde(skip)]
    Vite(u16),
}

/// Reads which hosts there are from the zone's address records.
pub(super) fn hosts(records: &[DnsRecord]) -> BTreeMap<String, RouteTarget> {
    let routed = records
        .iter()
        .filter(|record| record.kind == "A")
        .filter_map(|record| {
            let target = RouteTarget::of(record.target.as_deref()?)?;
            Some((
                record.name.trim_end_matches('.').to_ascii_lowercase(),
                target,
            ))
        });
    routed.collect()
}

impl RouteTarget {
    /// Returns the target that the name of an alias points to. Source: Route 53 Developer Guide,
    /// "Values specific for simple alias records".
    fn of(alias: &str) -> Option<Self> {
        let alias = alias.trim_end_matches('.').to_ascii_lowercase();
        if let Some(label) = alias.strip_suffix(".cloudfront.net") {
            return Some(Self::Distribution(label.to_owned()));
        }
        let labels: Vec<&str> = alias.split('.').collect();
        if !alias.ends_with(".amazonaws.com") {
            None
        } else if labels.contains(&"execute-api") {
            Some(Self::Api)
        } else {
            labels.contains(&"elb").then_some(Self::Server)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str, kind: &str, target: Option<&str>) -> DnsRecord {
        DnsRecord {
            name: name.to_owned(),
            kind: kind.to_owned(),
            target: target.map(str::to_owned),
        }
    }

    #[test]
    fn every_alias_becomes_a_route_and_nothing_else_does() {
        let records = [
            record("demo.localhost", "A", Some("d1abc.cloudfront.net")),
            record("demo.localhost", "AAAA", Some("d1abc.cloudfront.net")),
            record("demo.localhost", "NS", None),
            record("www.demo.localhost", "A", Some("d2abc.cloudfront.net.")),
            record(
                "API.demo.localhost.",
                "A",
                Some("d-1234567890.execute-api.eu-central-1.amazonaws.com"),
            ),
            record(
                "ws.demo.localhost",
                "A",
                Some("dualstack.demo-1.eu-central-1.elb.amazonaws.com"),
            ),
            record("old.demo.localhost", "AAAA", Some("d3abc.cloudfront.net")),
            record(
                "bucket.demo.localhost",
                "A",
                Some("s3-website-us-east-1.amazonaws.com"),
            ),
            record("evil.demo.localhost", "A", Some("elb.example.com")),
        ];
        insta::assert_snapshot!(serde_json::to_string_pretty(&hosts(&records)).unwrap(), @r#"
        {
          "api.demo.localhost": "api",
          "demo.localhost": {
            "distribution": "d1abc"
          },
          "ws.demo.localhost": "server",
          "www.demo.localhost": {
            "distribution": "d2abc"
          }
        }
        "#);
    }
}
