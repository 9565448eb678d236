//! The checks whether the account's quotas are enough for the stage. In: a quota, and what the stage needs of it. Out: a
//! finding. Pure.

use super::Finding;
use crate::config::StageSettings;

/// The quota "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances" of service `ec2`, in
/// vCPUs. New accounts begin with few. Source: Service Quotas, EC2.
pub const NEEDED_VCPUS_CODE: &str = "L-1216C47A";

/// Compares the quota with what the stage's servers may come to.
pub fn judge_vcpus(quota: f64, settings: &StageSettings) -> Finding {
    let name = "quota";
    let (instance_type, max) = (settings.instance_type(), settings.servers.max);
    let Some(each) = vcpus(instance_type) else {
        return Finding::unknown(
            name,
            format!("{quota} vCPUs of EC2; how many a {instance_type} has is not known here"),
        );
    };
    let needed = u32::from(max) * each;
    let detail = format!("{quota} vCPUs of EC2; {max} servers of {instance_type} need {needed}");
    if quota >= f64::from(needed) {
        return Finding::good(name, detail);
    }
    let cure = format!(
        "ask Service Quotas for {needed} vCPUs (ec2, {NEEDED_VCPUS_CODE}), or lower `servers.max`"
    );
    Finding::bad(name, detail, cure)
}

/// The quota "VPCs per Region" of service `vpc`. Source: Service Quotas, Amazon VPC.
pub const VPCS_CODE: &str = "L-F678F1CE";

/// Judges the quota of VPCs. Their number is EC2's to tell, and is not asked.
pub fn judge_vpcs(quota: f64, deployed: &[&str]) -> Finding {
    let name = "vpcs";
    if deployed.contains(&"websocket") {
        return Finding::good(name, "the stage has its network");
    }
    if quota < 1.0 {
        let cure = format!("ask Service Quotas for one VPC more (vpc, {VPCS_CODE})");
        return Finding::bad(name, "the account may have no VPC in the region", cure);
    }
    let detail = format!(
        "{quota} VPCs in the region, and the stage needs one more than there are: `aws ec2 describe-vpcs` lists them, \
         and Service Quotas gives more (vpc, {VPCS_CODE})"
    );
    Finding::unknown(name, detail)
}

/// The quota "Concurrent executions" of service `lambda`. Source: Service Quotas, AWS Lambda.
pub const CONCURRENCY_CODE: &str = "L-B99A9384";

/// The stage's Lambdas: the api, and the publisher, which keeps one call per shard of the stream at work.
const LAMBDAS: f64 = 2.0;

/// The concurrency below which a site with visitors meets refusals. Young accounts have 10, old ones 1 000.
/// Source: AWS Lambda Developer Guide, "Lambda quotas".
const MODEST_CONCURRENCY: f64 = 50.0;

/// Judges how many calls of all Lambdas of the account and the region may run at a time. The stage's reserve none of them.
pub fn judge_concurrency(quota: f64) -> Finding {
    let name = "lambda";
    let detail = format!("{quota} calls at a time, for all Lambdas of the account in the region");
    let ask =
        format!("ask Service Quotas for 1000 concurrent executions (lambda, {CONCURRENCY_CODE})");
    if quota < LAMBDAS {
        return Finding::bad(name, detail, ask);
    }
    if quota < MODEST_CONCURRENCY {
        return Finding::good(name, format!("{detail}; before visitors come, {ask}"));
    }
    Finding::good(name, detail)
}

/// Returns how many vCPUs an instance type has, by its size: so it is for the families that follow the
/// rule, in which `large` is 2 and each step doubles. Source: EC2 Instance Types, general purpose.
fn vcpus(instance_type: &str) -> Option<u32> {
    let (family, size) = instance_type.split_once('.')?;
    // The smallest of the previous generation have one.
    let one = family == "t2" && ["nano", "micro", "small"].contains(&size);
    match size {
        _ if one => Some(1),
        "nano" | "micro" | "small" | "medium" | "large" => Some(2),
        "xlarge" => Some(4),
        _ => size
            .strip_suffix("xlarge")?
            .parse::<u32>()
            .ok()
            .map(|times| times * 4),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::Config;

    #[test]
    fn a_quota_below_the_most_servers_fails() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("factory-tree.yaml");
        let prod = Config::load(&file, Some("prod")).unwrap().settings;
        assert_eq!(judge_vcpus(8.0, &prod).ok, Some(true));
        let finding = judge_vcpus(5.0, &prod);
        assert_eq!(finding.ok, Some(false));
        insta::assert_snapshot!(format!("{}\n{}", finding.detail, finding.cure.unwrap()), @r"
5 vCPUs of EC2; 4 servers of t3.small need 8
ask Service Quotas for 8 vCPUs (ec2, L-1216C47A), or lower `servers.max`
");
    }

    #[test]
    fn a_young_account_is_told_to_ask_for_concurrency_and_fails_only_without_any() {
        assert_eq!(judge_concurrency(1.0).ok, Some(false));
        assert_eq!(judge_concurrency(1000.0).cure, None);
        let young = judge_concurrency(10.0);
        assert_eq!(young.ok, Some(true));
        insta::assert_snapshot!(young.detail, @"10 calls at a time, for all Lambdas of the account in the region; before visitors come, ask Service Quotas for 1000 concurrent executions (lambda, L-B99A9384)");
    }

    #[test]
    fn the_number_of_vpcs_is_not_known_before_the_stage_has_its_own() {
        assert_eq!(judge_vpcs(5.0, &["site"]).ok, None);
        assert_eq!(judge_vpcs(0.0, &[]).ok, Some(false));
        assert_eq!(judge_vpcs(5.0, &["websocket"]).ok, Some(true));
    }

    #[test]
    fn an_instance_type_says_how_many_it_has() {
        for (kind, wanted) in [
            ("t3.small", Some(2)),
            ("t2.small", Some(1)),
            ("m7i.xlarge", Some(4)),
            ("c7i.4xlarge", Some(16)),
            ("m7i.metal-24xl", None),
            ("huge", None),
        ] {
            assert_eq!(vcpus(kind), wanted, "{kind}");
        }
    }
}
