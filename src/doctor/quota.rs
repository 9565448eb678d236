//! The check whether the account's quota is enough for the stage's servers. In: the quota, and the stage's servers. Out: a
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
