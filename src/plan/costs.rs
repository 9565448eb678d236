//! The costs of a stage that nobody visits. In: the resources of its stacks, with their parameters put in. Out: the items of a
//! month's bill at list prices, and the types whose price is not known. What is charged by use (requests, storage, traffic) is
//! not in it, and neither is any free tier. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display, Formatter};

use serde::Serialize;
use serde_json::Value;

use super::prices::{
    ALARM, BY_USE, COMPOSITE_ALARM, DATE, DETAILED_MONITORING, GP3_VOLUME, HOSTED_ZONE, INSTANCES,
    INTERFACE_ENDPOINT, KEY, LOAD_BALANCER, NAT_GATEWAY, PUBLIC_ADDRESS, Price, REGION, SECRET,
};
use crate::config::Region;
use crate::template::text;

/// The costs of a month without visitors.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IdleCosts {
    /// The region of the stage.
    pub region: String,
    /// The region of the prices.
    pub prices_of: &'static str,
    /// The day of the prices.
    pub date: &'static str,
    /// The items, the dearest first.
    pub items: Vec<CostItem>,
    /// Resources without a known price: their types, or what of them is not known.
    pub unknown: BTreeSet<String>,
    /// The sum of all items, in US dollars a month.
    pub total: f64,
}

/// One item of the bill.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CostItem {
    /// The stack's short name.
    pub stack: String,
    /// What is paid for.
    pub item: String,
    /// The number of them.
    pub count: u64,
    /// US dollars a month, for all of them.
    pub monthly: f64,
}

/// Returns the costs of stacks. `stacks` are the resources of each, by its short name.
pub fn idle_costs<'a>(
    region: &Region,
    stacks: impl IntoIterator<Item = (&'a str, &'a BTreeMap<String, Value>)>,
) -> IdleCosts {
    let mut unknown = BTreeSet::new();
    let mut rows = Vec::new();
    for (stack, resources) in stacks {
        let mut counts = Counts::default();
        for resource in resources.values() {
            counts.add(resource, resources);
        }
        let found = counts.items.into_iter();
        rows.extend(found.map(|(item, (count, price))| (stack.to_owned(), item, count, price)));
        let missing = counts.unknown.into_iter();
        unknown.extend(missing.map(|name| format!("{name} (stack {stack})")));
    }
    rows.sort_by(|a, b| (b.2 * b.3, &a.0, a.1).cmp(&(a.2 * a.3, &b.0, b.1)));
    let total = rows.iter().map(|(_, _, count, price)| count * price).sum();
    let items = rows
        .into_iter()
        .map(|(stack, item, count, price)| CostItem {
            stack,
            item: item.to_owned(),
            count,
            monthly: dollars(count * price),
        });
    IdleCosts {
        region: region.to_string(),
        prices_of: REGION,
        date: DATE,
        items: items.collect(),
        unknown,
        total: dollars(total),
    }
}

/// Ten-thousandths of a dollar as dollars, in whole cents.
fn dollars(amount: u64) -> f64 {
    let cents = (amount + 50) / 100;
    #[expect(clippy::cast_precision_loss, reason = "no bill has 2^53 cents")]
    let cents = cents as f64;
    cents / 100.0
}

/// The priced things of one stack.
#[derive(Default)]
struct Counts {
    /// Number, and price of a month in ten-thousandths of a dollar, by name.
    items: BTreeMap<&'static str, (u64, u64)>,
    unknown: BTreeSet<String>,
}

impl Counts {
    fn add(&mut self, resource: &Value, all: &BTreeMap<String, Value>) {
        let kind = resource["Type"].as_str().unwrap_or_default();
        let properties = &resource["Properties"];
        match kind {
            "AWS::EC2::VPCEndpoint" if properties["VpcEndpointType"] == "Interface" => {
                self.count(&INTERFACE_ENDPOINT, length(&properties["SubnetIds"]));
            }
            // The other kinds of endpoint: those to S3 and DynamoDB are free.
            "AWS::EC2::VPCEndpoint" if properties["VpcEndpointType"] != "GatewayLoadBalancer" => {}
            "AWS::ElasticLoadBalancingV2::LoadBalancer" => {
                self.count(&LOAD_BALANCER, 1);
                if properties["Scheme"] != "internal" {
                    self.count(&PUBLIC_ADDRESS, length(&properties["Subnets"]));
                }
            }
            "AWS::AutoScaling::AutoScalingGroup" => self.add_group(properties, all),
            // Target tracking keeps an alarm for each direction. An alarm on an expression costs as one for each of its metrics.
            "AWS::AutoScaling::ScalingPolicy"
                if properties["PolicyType"] == "TargetTrackingScaling" =>
            {
                let target = &properties["TargetTrackingConfiguration"];
                let metrics = &target["CustomizedMetricSpecification"]["Metrics"];
                let metrics = metrics.as_array().into_iter().flatten();
                let read = metrics.filter(|metric| !metric["MetricStat"].is_null());
                let read = u64::try_from(read.count()).unwrap_or(u64::MAX);
                self.count(&ALARM, 2 * read.max(1));
            }
            "AWS::CloudWatch::Alarm" => self.count(&ALARM, length(&properties["Metrics"]).max(1)),
            "AWS::CloudWatch::CompositeAlarm" => self.count(&COMPOSITE_ALARM, 1),
            "AWS::EC2::EIP" => self.count(&PUBLIC_ADDRESS, 1),
            "AWS::EC2::NatGateway" => self.count(&NAT_GATEWAY, 1),
            "AWS::KMS::Key" => self.count(&KEY, 1),
            "AWS::Route53::HostedZone" => self.count(&HOSTED_ZONE, 1),
            "AWS::SecretsManager::Secret" => self.count(&SECRET, 1),
            "AWS::DynamoDB::Table" if properties["BillingMode"] == "PAY_PER_REQUEST" => {}
            // Parameters of the standard tier are free.
            "AWS::SSM::Parameter" if properties["Tier"] != "Advanced" => {}
            _ if BY_USE.contains(&kind) => {}
            _ => {
                self.unknown.insert(kind.to_owned());
            }
        }
    }

    /// Adds the fewest instances of a group, as its launch template makes them.
    fn add_group(&mut self, group: &Value, all: &BTreeMap<String, Value>) {
        let template = group["LaunchTemplate"]["LaunchTemplateId"]["Ref"].as_str();
        let launch = template.and_then(|name| all.get(name));
        let fewest = text(&group["MinSize"]).and_then(|text| text.parse().ok());
        let (Some(launch), Some(fewest)) = (launch, fewest) else {
            self.unknown
                .insert("instances of AWS::AutoScaling::AutoScalingGroup".to_owned());
            return;
        };
        let data = &launch["Properties"]["LaunchTemplateData"];
        let kind = data["InstanceType"].as_str().unwrap_or("instance");
        match INSTANCES.iter().find(|price| price.name == kind) {
            Some(price) => self.count(price, fewest),
            None => {
                self.unknown.insert(format!("instance type {kind}"));
            }
        }
        if data["Monitoring"]["Enabled"] == true {
            self.count(&DETAILED_MONITORING, fewest);
        }
        if data["NetworkInterfaces"][0]["AssociatePublicIpAddress"] == true {
            self.count(&PUBLIC_ADDRESS, fewest);
        }
        let volumes = data["BlockDeviceMappings"].as_array().into_iter().flatten();
        let size: u64 = volumes
            .filter_map(|volume| volume["Ebs"]["VolumeSize"].as_u64())
            .sum();
        self.count(&GP3_VOLUME, fewest * size);
    }

    fn count(&mut self, price: &Price, count: u64) {
        if count > 0 {
            let item = self
                .items
                .entry(price.name)
                .or_insert((0, price.of_month()));
            item.0 += count;
        }
    }
}

fn length(list: &Value) -> u64 {
    let length = list.as_array().map_or(0, Vec::len);
    u64::try_from(length).unwrap_or(u64::MAX)
}

impl Display for IdleCosts {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let Self {
            region,
            prices_of,
            date,
            items,
            unknown,
            total,
        } = self;
        write!(
            formatter,
            "costs of a month without visitors, in US dollars (list prices of {date} in {prices_of}"
        )?;
        if region != prices_of {
            write!(formatter, "; those of {region} differ")?;
        }
        writeln!(formatter, "; use comes on top)")?;
        for CostItem {
            stack,
            item,
            count,
            monthly,
        } in items
        {
            writeln!(formatter, "  {monthly:>8.2}  {stack}: {count} × {item}")?;
        }
        write!(formatter, "  {total:>8.2}  in all")?;
        for name in unknown {
            write!(formatter, "\n         ?  {name}")?;
        }
        writeln!(formatter)
    }
}

#[cfg(test)]
#[path = "costs_tests.rs"]
mod tests;
