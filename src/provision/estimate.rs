//! The time that the creation of a stack should take. In: its template. Out: the time of its slowest resource, from published
//! measurements: a stack without a past has no times of its own. Pure.

use std::time::Duration;

/// The seconds from the request until CloudFormation reports a resource as created. Types that are not here take seconds.
/// Source: go-to-k/cdkd, docs/benchmarks.md, "CloudFormation" columns of July 2026: a distribution until "Deployed" 232 s, a
/// load balancer with its service 277 s, a network with a Lambda and an HTTP API 166 s.
const SECONDS: [(&str, u64); 3] = [
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", 277),
    ("AWS::CloudFront::Distribution", 232),
    ("AWS::ApiGatewayV2::Api", 166),
];

/// Returns the time of the slowest resource that a template has, or `None` where none of its types is known.
pub(super) fn creation(template: &str) -> Option<Duration> {
    let has = |kind: &str| {
        let mut types = template
            .lines()
            .filter_map(|line| line.trim().strip_prefix("Type:"));
        types.any(|named| named.trim().trim_matches(['"', '\'']) == kind)
    };
    let known = SECONDS.iter().filter(|(kind, _)| has(kind));
    let slowest = known.map(|(_, seconds)| *seconds).max();
    slowest.map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_creation_takes_as_long_as_its_slowest_resource() {
        let seconds = |template: &str| creation(template).map(|time| time.as_secs());
        let site = "Resources:\n  Site:\n    Type: AWS::CloudFront::Distribution\n  Bucket:\n    Type: AWS::S3::Bucket\n";
        assert_eq!(seconds(site), Some(232));
        let both =
            format!("{site}  Balancer:\n    Type: \"AWS::ElasticLoadBalancingV2::LoadBalancer\"\n");
        assert_eq!(seconds(&both), Some(277));
        assert_eq!(
            seconds("Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n"),
            None
        );
        let other = "Resources:\n  Policy:\n    Type: AWS::CloudFront::DistributionPolicy\n";
        assert_eq!(seconds(other), None);
    }
}
