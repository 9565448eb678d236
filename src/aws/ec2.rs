//! EC2: the zones of a region, what each of them offers, and what an instance has said. Whether a zone is good enough is not
//! decided here.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use aws_config::SdkConfig;
use base64::prelude::{BASE64_STANDARD, Engine};

use super::direct::{Call, Direct};
use super::ec2_answer::{Item, error, field, first, items, nested_items};
use super::fault::Fault;

/// The version of the Query API.
/// Source: Amazon EC2 API Reference, "Query requests".
const VERSION: &str = "2016-11-15";

/// The client to EC2.
#[derive(Clone, Debug)]
pub struct Ec2 {
    direct: Direct,
}

/// A zone of a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AvailabilityZone {
    /// Its name, which means another zone in another account, such as `us-east-1a`.
    pub name: String,
    /// Whether it is an availability zone that is open to every account: no Local Zone, no Wavelength Zone, none that must
    /// be opted in to, none that is impaired.
    pub is_open: bool,
}

impl Ec2 {
    pub(super) fn new(config: &SdkConfig) -> Self {
        Self {
            direct: Direct::new(config, "ec2", error),
        }
    }

    /// Returns the stage's region.
    pub fn region(&self) -> String {
        self.direct.region()
    }

    /// Lists the zones of the region.
    ///
    /// # Errors
    /// EC2 is not reached or refuses (`ec2:DescribeAvailabilityZones`).
    pub async fn list_zones(&self) -> Result<Vec<AvailabilityZone>> {
        let call = query("ec2:DescribeAvailabilityZones", &[]);
        let answer = self.direct.send(call).await;
        let xml = answer.context("failed to list the zones of the region")?;
        let fields = ["zoneName", "zoneState", "optInStatus", "zoneType"];
        let zones = items(&xml, "availabilityZoneInfo", &fields, &[])?;
        Ok(zones.iter().map(zone).collect())
    }

    /// Returns the zones that offer an instance type, or `None` at an endpoint that does not know the question.
    ///
    /// # Errors
    /// EC2 is not reached or refuses (`ec2:DescribeInstanceTypeOfferings`).
    pub async fn zones_offering(&self, instance_type: &str) -> Result<Option<BTreeSet<String>>> {
        let call = query(
            "ec2:DescribeInstanceTypeOfferings",
            &[
                ("LocationType", "availability-zone"),
                ("Filter.1.Name", "instance-type"),
                ("Filter.1.Value.1", instance_type),
            ],
        );
        let xml = match self.direct.send(call).await {
            Err(error) if is_unknown_question(&error) => return Ok(None),
            answer => answer.with_context(|| {
                format!("failed to find the zones that offer `{instance_type}`")
            })?,
        };
        let offerings = items(&xml, "instanceTypeOfferingSet", &["location"], &[])?;
        let zones = offerings
            .iter()
            .map(|item| first(item, "location").to_owned());
        Ok(Some(zones.collect()))
    }

    /// Returns the zones in which each of these services can have an interface endpoint. One that the region does not have
    /// is missing.
    ///
    /// # Errors
    /// EC2 is not reached or refuses (`ec2:DescribeVpcEndpointServices`).
    pub async fn zones_of_endpoints(
        &self,
        services: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, BTreeSet<String>>> {
        let names = (1..).zip(services);
        let mut parameters = vec![
            ("Filter.1.Name".to_owned(), "service-name"),
            ("Filter.2.Name".to_owned(), "service-type"),
            ("Filter.2.Value.1".to_owned(), "Interface"),
        ];
        parameters.extend(names.map(|(n, name)| (format!("Filter.1.Value.{n}"), name.as_str())));
        let parameters = parameters.iter();
        let parameters: Vec<_> = parameters
            .map(|(name, value)| (name.as_str(), *value))
            .collect();
        let call = query("ec2:DescribeVpcEndpointServices", &parameters);
        let answer = self.direct.send(call).await;
        let xml = answer.context("failed to find the zones of endpoint services")?;
        let (fields, lists) = (["serviceName"], ["availabilityZoneSet"]);
        let found = items(&xml, "serviceDetailSet", &fields, &lists)?.into_iter();
        let zones = found.map(|mut item| {
            let zones = item.remove("availabilityZoneSet").unwrap_or_default();
            (
                first(&item, "serviceName").to_owned(),
                zones.into_iter().collect(),
            )
        });
        Ok(zones.collect())
    }

    /// Returns the ids of the instances that a group has started; also of those that were ended within the last hour.
    ///
    /// # Errors
    /// EC2 is not reached or refuses (`ec2:DescribeInstances`).
    pub async fn instances_of(&self, auto_scaling_group: &str) -> Result<Vec<String>> {
        let call = query(
            "ec2:DescribeInstances",
            &[
                ("Filter.1.Name", "tag:aws:autoscaling:groupName"),
                ("Filter.1.Value.1", auto_scaling_group),
            ],
        );
        let answer = self.direct.send(call).await;
        let xml = answer.with_context(|| {
            format!("failed to list the instances of group `{auto_scaling_group}`")
        })?;
        let reservations = nested_items(&xml, ["reservationSet", "instancesSet"], &["instanceId"])?;
        let ids = reservations.iter().map(|item| first(item, "instanceId"));
        Ok(ids.map(str::to_owned).collect())
    }

    /// Returns what an instance has written to its console, the last 64 KB of it; also of one that was ended within the last
    /// hour. Types without the Nitro hypervisor keep what they had written soon after their start.
    ///
    /// # Errors
    /// There is no such instance, or EC2 is not reached or refuses (`ec2:GetConsoleOutput`).
    pub async fn console_output(&self, instance: &str) -> Result<String> {
        let call = |latest| {
            query(
                "ec2:GetConsoleOutput",
                &[("InstanceId", instance), ("Latest", latest)],
            )
        };
        let newest = match self.direct.send(call("true")).await {
            Err(error) if has_code(&error, "UnsupportedOperation") => {
                self.direct.send(call("false")).await
            }
            answer => answer,
        };
        let reading = || format!("failed to read the console of instance `{instance}`");
        let output = field(&newest.with_context(reading)?, "output").with_context(reading)?;
        // Lines of the encoding are broken, as mail does.
        let encoded: String = output.split_whitespace().collect();
        let bytes = BASE64_STANDARD.decode(encoded).with_context(reading)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

fn query(permission: &'static str, parameters: &[(&str, &str)]) -> Call {
    let operation = permission.split(':').next_back().unwrap_or_default();
    let fixed = [("Action", operation), ("Version", VERSION)];
    let pairs = fixed.iter().chain(parameters);
    let pairs = pairs.map(|(name, value)| format!("{name}={}", encoded(value)));
    Call {
        permission,
        method: "POST",
        path: "/".to_owned(),
        headers: vec![(
            "content-type",
            "application/x-www-form-urlencoded; charset=utf-8".to_owned(),
        )],
        body: pairs.collect::<Vec<_>>().join("&"),
    }
}

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// AWS's own EC2 knows every question that is asked here.
fn is_unknown_question(error: &anyhow::Error) -> bool {
    has_code(error, "InvalidAction")
}

fn has_code(error: &anyhow::Error, code: &str) -> bool {
    let found = Fault::of(error).and_then(|fault| fault.code.as_deref());
    found == Some(code)
}

/// Source: Amazon EC2 API Reference, `AvailabilityZone`.
fn zone(item: &Item) -> AvailabilityZone {
    let is = |field, wanted| first(item, field) == wanted;
    AvailabilityZone {
        name: first(item, "zoneName").to_owned(),
        is_open: is("zoneState", "available")
            && is("optInStatus", "opt-in-not-required")
            && is("zoneType", "availability-zone"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws::direct::fake_config;

    const OPEN: &str = "<item><zoneName>eu-central-1a</zoneName><zoneState>available</zoneState>\
         <optInStatus>opt-in-not-required</optInStatus><zoneType>availability-zone</zoneType>\
         <messageSet><item><message>ignored</message></item></messageSet></item>";

    fn answering(status: u16, answer: &str) -> Ec2 {
        Ec2::new(&fake_config(move |_| status, answer))
    }

    #[tokio::test]
    async fn a_zone_that_is_impaired_or_local_or_to_be_opted_in_to_is_not_open() {
        let changes = [
            ("available", "impaired"),
            ("opt-in-not-required", "opted-in"),
            ("availability-zone", "local-zone"),
        ];
        let others =
            changes.map(|(from, to)| OPEN.replace(&format!(">{from}<"), &format!(">{to}<")));
        let list = format!("{OPEN}{}", others.concat());
        let answer = format!("<R><availabilityZoneInfo>{list}</availabilityZoneInfo></R>");
        let zones = answering(200, &answer).list_zones().await.unwrap();
        assert_eq!(zones[0].name, "eu-central-1a");
        let open = zones.iter().map(|zone| zone.is_open);
        assert_eq!(open.collect::<Vec<_>>(), [true, false, false, false]);
    }

    #[tokio::test]
    async fn a_request_is_signed_for_the_service_and_names_every_value() {
        let config = fake_config(
            |request| {
                let header = request.headers()["authorization"].to_str().unwrap();
                assert!(
                    header.contains("/eu-central-1/ec2/aws4_request"),
                    "{header}"
                );
                let uri = request.uri().to_string();
                assert_eq!(uri, "https://ec2.eu-central-1.amazonaws.com/");
                let body = std::str::from_utf8(request.body().bytes().unwrap()).unwrap();
                assert_eq!(
                    body,
                    "Action=DescribeInstanceTypeOfferings&Version=2016%2D11%2D15&LocationType=availability%2Dzone\
                     &Filter.1.Name=instance%2Dtype&Filter.1.Value.1=t3%2Esmall"
                );
                200
            },
            "<R><instanceTypeOfferingSet><item><instanceType>t3.small</instanceType>\
             <location>eu-central-1b</location></item></instanceTypeOfferingSet></R>",
        );
        let zones = Ec2::new(&config).zones_offering("t3.small").await.unwrap();
        assert_eq!(zones.unwrap(), BTreeSet::from(["eu-central-1b".to_owned()]));
    }

    #[tokio::test]
    async fn each_service_has_its_zones() {
        let answer = "<R><serviceNameSet><item>com.x</item></serviceNameSet><serviceDetailSet><item>\
             <serviceName>com.x</serviceName><availabilityZoneSet><item>a</item><item>b</item></availabilityZoneSet>\
             </item></serviceDetailSet></R>";
        let services = BTreeSet::from(["com.x".to_owned(), "com.y".to_owned()]);
        let ec2 = answering(200, answer);
        let zones = ec2.zones_of_endpoints(&services).await.unwrap();
        let both = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
        assert_eq!(zones, BTreeMap::from([("com.x".to_owned(), both)]));
    }

    #[tokio::test]
    async fn the_instances_of_all_reservations_are_listed() {
        let reservation = |ids: &[&str]| {
            let ids = ids.iter();
            let instances: String = ids
                .map(|id| {
                    format!("<item><instanceId>{id}</instanceId><x><item>1</item></x></item>")
                })
                .collect();
            format!("<item><ownerId>1</ownerId><instancesSet>{instances}</instancesSet></item>")
        };
        let answer = format!(
            "<R><reservationSet>{}{}</reservationSet></R>",
            reservation(&["i-1", "i-2"]),
            reservation(&["i-3"])
        );
        let found = answering(200, &answer).instances_of("servers").await;
        assert_eq!(found.unwrap(), ["i-1", "i-2", "i-3"]);
    }

    #[tokio::test]
    async fn a_console_is_read_also_where_there_is_only_what_followed_the_start() {
        let answer = "<R><instanceId>i-1</instanceId><output>Ym9v\n dGVk</output></R>";
        let console = answering(200, answer).console_output("i-1").await;
        assert_eq!(console.unwrap(), "booted");
        let nothing = answering(200, "<R><instanceId>i-1</instanceId></R>");
        assert_eq!(nothing.console_output("i-1").await.unwrap(), "");

        let asked = std::sync::Mutex::new(Vec::new());
        let config = fake_config(
            move |request| {
                let body = std::str::from_utf8(request.body().bytes().unwrap()).unwrap();
                let mut asked = asked.lock().unwrap();
                asked.push(body.contains("Latest=true"));
                assert!(asked.len() < 3 && asked[0], "{asked:?}");
                400
            },
            "<Response><Errors><Error><Code>UnsupportedOperation</Code><Message>m</Message></Error></Errors></Response>",
        );
        let error = Ec2::new(&config).console_output("i-1").await.unwrap_err();
        assert!(error.to_string().contains("console of instance `i-1`"));
    }

    #[tokio::test]
    async fn a_refusal_names_the_permission_and_an_unknown_question_has_no_answer() {
        let answer = |code| {
            format!(
                "<Response><Errors><Error><Code>{code}</Code><Message>m</Message></Error></Errors></Response>"
            )
        };
        let denied = answering(403, &answer("UnauthorizedOperation"));
        let error = denied.list_zones().await.unwrap_err();
        let permission = crate::aws::missing_permission(&error);
        assert_eq!(permission, Some("ec2:DescribeAvailabilityZones"));
        let other = answering(400, &answer("InvalidAction"));
        assert_eq!(other.zones_offering("t3.small").await.unwrap(), None);
    }
}
