//! Security groups: addresses and ports that are let in or out and were not.

use std::net::IpAddr;

use serde_json::Value;

use crate::template::render::{shown, text};

/// One rule of a security group.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NetworkRule {
    /// `in` or `out`.
    way: Way,
    /// `tcp`, `udp`, …; `-1` is all.
    protocol: String,
    /// First and last port, where the protocol has ports and the rule names them.
    ports: Option<(i64, i64)>,
    /// A range of addresses, another group, or a list of prefixes.
    peer: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    In,
    Out,
}

/// The properties of a group that hold rules, and the direction of the rules.
const LISTS: [(&str, Way); 2] = [
    ("SecurityGroupIngress", Way::In),
    ("SecurityGroupEgress", Way::Out),
];

/// The peer that a rule lets through.
const PEERS: [&str; 7] = [
    "CidrIp",
    "CidrIpv6",
    "SourceSecurityGroupId",
    "SourceSecurityGroupName",
    "SourcePrefixListId",
    "DestinationSecurityGroupId",
    "DestinationPrefixListId",
];

/// Returns what security groups let through that they did not before.
pub(super) fn widened(kind: &str, before: &Value, after: &Value) -> Vec<String> {
    let (old, new) = (rules(kind, before), rules(kind, after));
    let is_new = |rule: &&NetworkRule| !old.iter().any(|known| known.covers(rule));
    new.iter().filter(is_new).map(ToString::to_string).collect()
}

fn rules(kind: &str, properties: &Value) -> Vec<NetworkRule> {
    if properties.is_null() {
        return Vec::new();
    }
    match kind {
        "AWS::EC2::SecurityGroup" => group_rules(properties),
        "AWS::EC2::SecurityGroupIngress" => vec![rule(Way::In, properties)],
        "AWS::EC2::SecurityGroupEgress" => vec![rule(Way::Out, properties)],
        _ => Vec::new(),
    }
}

fn group_rules(properties: &Value) -> Vec<NetworkRule> {
    let listed = LISTS.iter().flat_map(|(list, way)| {
        let rules = properties[*list].as_array().into_iter().flatten();
        rules.map(|properties| rule(*way, properties))
    });
    let mut rules: Vec<NetworkRule> = listed.collect();
    // A group without a word about its way out lets everything out.
    // Source: CloudFormation reference, AWS::EC2::SecurityGroup, "SecurityGroupEgress".
    if properties["SecurityGroupEgress"].is_null() {
        rules.extend(["0.0.0.0/0", "::/0"].map(|peer| NetworkRule {
            way: Way::Out,
            protocol: "-1".to_owned(),
            ports: None,
            peer: peer.to_owned(),
        }));
    }
    rules
}

fn rule(way: Way, properties: &Value) -> NetworkRule {
    let port = |name: &str| text(&properties[name]).and_then(|port| port.parse::<i64>().ok());
    let peer = PEERS.iter().find_map(|name| properties.get(*name));
    let peer = peer.map(shown);
    NetworkRule {
        way,
        protocol: text(&properties["IpProtocol"]).unwrap_or_default(),
        ports: port("FromPort").zip(port("ToPort")),
        peer: peer.unwrap_or_default(),
    }
}

impl NetworkRule {
    fn covers(&self, other: &Self) -> bool {
        let all = self.protocol == "-1";
        let ports = match (self.ports, other.ports) {
            (None, _) => true,
            (Some((from, to)), Some((first, last))) => from <= first && last <= to,
            (Some(_), None) => false,
        };
        self.way == other.way
            && (all || (self.protocol == other.protocol && ports))
            && takes_in(&self.peer, &other.peer)
    }
}

impl std::fmt::Display for NetworkRule {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (verb, side) = match self.way {
            Way::In => ("lets in", "from"),
            Way::Out => ("lets out", "to"),
        };
        let protocol = if self.protocol == "-1" {
            "everything"
        } else {
            &self.protocol
        };
        write!(formatter, "{verb} {protocol}")?;
        match self.ports {
            Some((first, last)) if first == last => write!(formatter, " {first}")?,
            Some((first, last)) => write!(formatter, " {first} to {last}")?,
            None => {}
        }
        write!(formatter, " {side} {}", self.peer)
    }
}

/// Returns whether one range of addresses is within another. Groups and lists are equal or not.
fn takes_in(range: &str, other: &str) -> bool {
    if range == other {
        return true;
    }
    let (Some((network, bits)), Some((address, length))) = (parse(range), parse(other)) else {
        return false;
    };
    // The bits of the longer family are compared from the left, as networks are.
    network.is_ipv4() == address.is_ipv4()
        && bits <= length
        && prefix(network, bits) == prefix(address, bits)
}

fn parse(range: &str) -> Option<(IpAddr, u32)> {
    let (address, length) = range.split_once('/')?;
    Some((address.parse().ok()?, length.parse().ok()?))
}

fn prefix(address: IpAddr, bits: u32) -> u128 {
    let (value, width) = match address {
        IpAddr::V4(address) => (u128::from(u32::from(address)), 32_u32),
        IpAddr::V6(address) => (u128::from(address), 128),
    };
    value.checked_shr(width.saturating_sub(bits)).unwrap_or(0)
}
