//! In: a resource's type and its properties before and after (rendered; `Null` where there is none).
//! Out: every way in which more is allowed than before, in words. What is narrowed is not reported. Where two
//! things cannot be compared (functions that only CloudFormation evaluates), what is new is reported: better
//! one line too many than one too few.

mod network;
mod policy;

use serde_json::Value;

use super::change::ResourceChange;
use super::render::{Rendered, is_true, text};

/// Fills in what each change of a stack allows that was not allowed before. In `after`, a parameter that
/// is not known yet has the value that it has now, if it has one: a new name for what was allowed before
/// is no wider access.
pub fn with_broadening(
    mut changes: Vec<ResourceChange>,
    before: &Rendered,
    after: &Rendered,
) -> Vec<ResourceChange> {
    for change in &mut changes {
        let side = |rendered: &Rendered| {
            let resource = rendered.resources.get(&change.logical_id);
            resource.map_or(Value::Null, |resource| resource["Properties"].clone())
        };
        change.broadens = broadening(&change.kind, &side(before), &side(after));
    }
    changes
}

/// Returns what a change of a resource allows that was not allowed before.
fn broadening(kind: &str, before: &Value, after: &Value) -> Vec<String> {
    let mut found = policy::widened(kind, before, after);
    found.extend(network::widened(kind, before, after));
    found.extend(switches(kind, before, after));
    found
}

/// Settings that keep the public out while they are on.
const BLOCKS: [&str; 4] = [
    "BlockPublicAcls",
    "BlockPublicPolicy",
    "IgnorePublicAcls",
    "RestrictPublicBuckets",
];

/// A setting that opens a resource when it has a certain value: type, path, value, what that means.
const OPENINGS: [(&str, &str, &str, &str); 5] = [
    (
        "AWS::ApiGatewayV2::Route",
        "/AuthorizationType",
        "NONE",
        "may be called without signing in",
    ),
    (
        "AWS::Lambda::Url",
        "/AuthType",
        "NONE",
        "may be called by everybody",
    ),
    (
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        "/Scheme",
        "internet-facing",
        "answers the internet",
    ),
    (
        "AWS::RDS::DBInstance",
        "/PubliclyAccessible",
        "true",
        "answers the internet",
    ),
    (
        "AWS::EC2::Subnet",
        "/MapPublicIpOnLaunch",
        "true",
        "gives its instances public addresses",
    ),
];

fn switches(kind: &str, before: &Value, after: &Value) -> Vec<String> {
    let is_set = |properties: &Value, path: &str, wanted: &str| {
        let value = properties.pointer(path).and_then(text);
        value.is_some_and(|value| value.eq_ignore_ascii_case(wanted))
    };
    let opened = OPENINGS.iter().filter(|(of, path, value, _)| {
        *of == kind && is_set(after, path, value) && !is_set(before, path, value)
    });
    let mut found: Vec<String> = opened
        .map(|(_, _, _, meaning)| (*meaning).to_owned())
        .collect();
    if kind == "AWS::S3::Bucket" && !before.is_null() && !after.is_null() {
        let configuration = "PublicAccessBlockConfiguration";
        let off = BLOCKS.iter().filter(|block| {
            is_true(&before[configuration][**block]) && !is_true(&after[configuration][**block])
        });
        found.extend(off.map(|block| format!("no longer keeps the public out with {block}")));
    }
    found
}

#[cfg(test)]
mod tests;
