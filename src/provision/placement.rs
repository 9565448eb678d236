//! The zones and the image of a stack's servers. In: the stack's plan, what is deployed of it, and its other parameters. Out:
//! the parameters with zones and image put in. What the stack was given once it keeps: its zones for as long as it lives, its
//! image until something else of it changes or a person asks for the newest one. AWS is asked only for what is not kept.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use anyhow::Result;
use serde_json::Value;

use super::key_expiry::with_key_expiry;
use super::state::{self, DeployAction};
use super::{DIGEST, Options, retry_transient, with_digest};
use crate::aws::{Aws, Ec2, Stack};
use crate::error::UserError;
use crate::event::Reporter;
use crate::plan::{ParameterSource, PlacementFact, StackPlan, ZonePlace};
use crate::template;

/// When servers get the newest image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ImageChoice {
    /// With the next change of their stack: until then they keep the one that they have.
    #[default]
    Kept,
    /// Now.
    Newest,
}

/// The public parameter that names the newest image of Amazon Linux 2023; the processor follows.
/// Source: Amazon Linux 2023 User Guide, "AL2023 on Amazon EC2", "Launching using the SSM parameter".
const IMAGE: &str = "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-";

/// Puts zones, image and the day of a key into the parameters of a stack that takes them. `deployed` is the stack as it is.
///
/// # Errors
/// AWS is not reached or refuses; `UserError::NoZones` if fewer than two zones will do; `UserError::ZonesKept` if the settings
/// ask for other zones than the stack has.
pub async fn place(
    aws: &Aws,
    plan: &StackPlan,
    deployed: Option<&Stack>,
    image: ImageChoice,
    parameters: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>> {
    let mut parameters = with_key_expiry(plan, parameters, SystemTime::now());
    let facts = plan.parameters.iter();
    let facts: Vec<(&String, &PlacementFact)> = facts
        .filter_map(|(name, source)| match source {
            ParameterSource::Placement(fact) => Some((name, fact)),
            _ => None,
        })
        .collect();
    if facts.is_empty() {
        return Ok(parameters);
    }
    let deployed = deployed.filter(|stack| is_kept(stack));
    let mut chosen = None;
    for (name, fact) in &facts {
        let PlacementFact::Zone { place, wanted } = fact else {
            continue;
        };
        let value = match (kept(deployed, name), wanted) {
            (Some(kept), Some(wanted)) if kept != wanted => {
                return Err(zones_kept(plan, kept, wanted).into());
            }
            (Some(zone), _) | (None, Some(zone)) => zone.clone(),
            (None, None) => {
                let zones = match chosen.take() {
                    Some(zones) => zones,
                    None => choose_zones(&aws.ec2, plan, &parameters).await?,
                };
                zone_at(chosen.insert(zones), *place)
            }
        };
        parameters.insert((*name).clone(), value);
    }
    for (name, fact) in facts {
        let PlacementFact::Image { architecture } = fact else {
            continue;
        };
        let kept = kept(deployed, name).filter(|_| image == ImageChoice::Kept);
        let value = match kept.filter(|kept| stays(plan, deployed, name, kept, &parameters)) {
            Some(kept) => kept.clone(),
            None => newest_image(aws, architecture).await?,
        };
        parameters.insert(name.clone(), value);
    }
    Ok(parameters)
}

/// Puts in what AWS is asked for, and the digest of all.
pub(super) async fn complete(
    aws: &Aws,
    plan: &StackPlan,
    parameters: BTreeMap<String, String>,
    options: Options,
    reporter: &dyn Reporter,
) -> Result<BTreeMap<String, String>> {
    let mut parameters = with_key_expiry(plan, parameters, SystemTime::now());
    if is_placed(plan) {
        let client = aws.cloudformation_in(&plan.region);
        let deployed = retry_transient(reporter, || client.find_stack(&plan.stack)).await?;
        let ask = || {
            let known = parameters.clone();
            place(aws, plan, deployed.as_ref(), options.image, known)
        };
        parameters = retry_transient(reporter, ask).await?;
    }
    Ok(with_digest(&plan.template.body, parameters))
}

/// Returns whether a stack takes zones or an image.
fn is_placed(plan: &StackPlan) -> bool {
    let mut sources = plan.parameters.values();
    sources.any(|source| matches!(source, ParameterSource::Placement(_)))
}

/// The remains of a failed creation keep nothing: it may have failed for its zones.
fn is_kept(stack: &Stack) -> bool {
    let action = state::rules_for(stack.state).deploy;
    !matches!(action, DeployAction::Create | DeployAction::Recreate)
}

fn kept<'a>(deployed: Option<&'a Stack>, parameter: &str) -> Option<&'a String> {
    let value = deployed?.parameters.get(parameter);
    value.filter(|value| !value.is_empty())
}

/// Returns whether nothing of the stack changes while it keeps its image.
fn stays(
    plan: &StackPlan,
    deployed: Option<&Stack>,
    name: &str,
    kept: &str,
    parameters: &BTreeMap<String, String>,
) -> bool {
    let mut parameters = parameters.clone();
    parameters.insert(name.to_owned(), kept.to_owned());
    let wanted = with_digest(&plan.template.body, parameters);
    deployed.is_some_and(|stack| stack.parameters.get(DIGEST) == wanted.get(DIGEST))
}

fn zones_kept(plan: &StackPlan, kept: &str, wanted: &str) -> UserError {
    UserError::ZonesKept {
        stack: plan.stack.clone(),
        kept: kept.to_owned(),
        wanted: wanted.to_owned(),
    }
}

fn zone_at([first, second]: &[String; 2], place: ZonePlace) -> String {
    match place {
        ZonePlace::First => first.clone(),
        ZonePlace::Second => second.clone(),
    }
}

/// An endpoint that does not publish the image gets the reference to it, which CloudFormation resolves, or refuses by its name.
async fn newest_image(aws: &Aws, architecture: &str) -> Result<String> {
    let name = format!("{IMAGE}{architecture}");
    let found = aws.ssm.find_parameter(&name).await?;
    Ok(found.unwrap_or_else(|| format!("{{{{resolve:ssm:{name}}}}}")))
}

/// Asks which zones there are, and what each offers, and chooses two of them.
async fn choose_zones(
    ec2: &Ec2,
    plan: &StackPlan,
    parameters: &BTreeMap<String, String>,
) -> Result<[String; 2]> {
    let services = endpoint_services(plan, parameters, &ec2.region())?;
    let offering = async {
        let Some(kind) = parameters.get("InstanceType") else {
            return Ok(None);
        };
        let zones = ec2.zones_offering(kind).await?;
        Ok(zones.map(|zones| (kind.clone(), zones)))
    };
    let reached = async {
        if services.is_empty() {
            return Ok(BTreeMap::new());
        }
        let mut reached = ec2.zones_of_endpoints(&services).await?;
        for service in &services {
            reached.entry(service.clone()).or_default();
        }
        Ok(reached)
    };
    let (zones, offering, reached) = tokio::try_join!(ec2.list_zones(), offering, reached)?;
    let open = zones.into_iter().filter(|zone| zone.is_open);
    let open = open.map(|zone| zone.name).collect();
    let needed = offering.into_iter().chain(reached);
    choose(&open, &needed.collect()).map_err(|faults| {
        let region = ec2.region();
        UserError::NoZones { region, faults }.into()
    })
}

/// Chooses the first two zones, by name, that have everything that is needed. `needed` are the zones that have each thing. The
/// error is what each of the others lacks.
fn choose(
    open: &BTreeSet<String>,
    needed: &BTreeMap<String, BTreeSet<String>>,
) -> Result<[String; 2], BTreeMap<String, Vec<String>>> {
    let mut faults = BTreeMap::new();
    let mut fit = Vec::new();
    for zone in open {
        let missing = needed.iter().filter(|(_, zones)| !zones.contains(zone));
        let missing: Vec<String> = missing.map(|(thing, _)| thing.clone()).collect();
        if missing.is_empty() {
            fit.push(zone.clone());
        } else {
            faults.insert(zone.clone(), missing);
        }
    }
    fit.truncate(2);
    fit.try_into().map_err(|_| faults)
}

/// Returns the services to which the stack has an interface endpoint, with these parameters.
fn endpoint_services(
    plan: &StackPlan,
    parameters: &BTreeMap<String, String>,
    region: &str,
) -> Result<BTreeSet<String>> {
    let document = plan.template.body.document()?;
    let rendered = template::render(document, parameters);
    let endpoints = rendered.resources.into_values().filter(|resource| {
        resource["Type"] == "AWS::EC2::VPCEndpoint"
            && resource["Properties"]["VpcEndpointType"] == "Interface"
    });
    let names = endpoints.filter_map(|resource| {
        let name = &resource["Properties"]["ServiceName"];
        let text = name
            .as_str()
            .or(name.get("Fn::Sub").and_then(Value::as_str))?;
        Some(text.replace("${AWS::Region}", region))
    });
    Ok(names.collect())
}

#[cfg(test)]
#[path = "placement_tests.rs"]
mod tests;
