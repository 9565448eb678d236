//! The target of each host of the edge. In: the records of the stage's zone, as Route 53 has them. Out:
//! `routes.json`. A host without a record has no route, exactly as it would have no address in AWS.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::aws::{CachedBehavior, DnsRecord};

/// `routes.json`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Routes {
    /// The emulator's port.
    pub(super) emulator: u16,
    /// The server's port.
    pub(super) server: u16,
    /// The target of each host.
    pub(super) hosts: BTreeMap<String, RouteTarget>,
    /// The paths of distributions that have an origin of their own, by the first label of the distribution's domain.
    #[serde(default)]
    pub(super) cached: BTreeMap<String, Vec<CachedPath>>,
}

/// A path of a distribution that is answered from a cache before another host, as its behaviour and its cache policy say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CachedPath {
    /// The path, without wildcards.
    pub(super) path: String,
    /// The host that is asked.
    pub(super) origin: String,
    /// The methods that are allowed.
    pub(super) methods: Vec<String>,
    /// The parameters of the query that tell answers apart.
    pub(super) query: Vec<String>,
    /// The least time that an answer is kept, in seconds, whatever the origin says.
    pub(super) min_seconds: u64,
    /// The time where the origin says nothing.
    pub(super) default_seconds: u64,
    /// The most time.
    pub(super) max_seconds: u64,
    /// The time that errors are kept, by their status.
    pub(super) errors: BTreeMap<u16, u64>,
}

impl Routes {
    /// Returns the cached path of a distribution that a request is for.
    pub(super) fn cached_path(&self, distribution: &str, path: &str) -> Option<&CachedPath> {
        let paths = self.cached.get(distribution)?;
        paths.iter().find(|cached| cached.path == path)
    }
}

/// Reads the cached paths from the behaviours of the account's distributions. One whose path has wildcards is left out: the
/// edge does not match them.
pub(super) fn cached(behaviors: Vec<CachedBehavior>) -> BTreeMap<String, Vec<CachedPath>> {
    let mut cached: BTreeMap<String, Vec<CachedPath>> = BTreeMap::new();
    for behavior in behaviors {
        let CachedBehavior {
            domain,
            path,
            origin,
            methods,
            policy,
            errors,
        } = behavior;
        if path.contains(['*', '?']) {
            continue;
        }
        let label = domain.split('.').next().unwrap_or_default();
        cached
            .entry(label.to_owned())
            .or_default()
            .push(CachedPath {
                path,
                origin: origin.to_ascii_lowercase(),
                methods,
                query: policy.query,
                min_seconds: policy.min_seconds,
                default_seconds: policy.default_seconds,
                max_seconds: policy.max_seconds,
                errors,
            });
    }
    cached
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
