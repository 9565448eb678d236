use super::*;
use crate::config::Region;
use crate::template::{document, render};

/// Returns the costs of a stage's own templates, with servers.
fn costs(network: &str, servers: &str) -> IdleCosts {
    costs_with("websocket", network, servers)
}

/// Returns the costs of a stage's own templates, with one of the two by which changes reach pages.
fn costs_with(live: &str, network: &str, servers: &str) -> IdleCosts {
    let names = [
        "foundation",
        "dns",
        "certificate",
        "data",
        "api",
        live,
        "site",
    ];
    let given = [
        ("Network", network),
        ("SessionManager", "true"),
        ("MinServers", servers),
        ("InstanceType", "t3.small"),
        ("HostedZoneId", ""),
        ("AlarmEmail", ""),
        ("Protected", "true"),
    ];
    let given = given.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let stacks = names.map(|name| {
        let file = format!("{}/templates/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
        let body = std::fs::read_to_string(file).unwrap();
        let rendered = render(&document(&body).unwrap(), &given.clone().into());
        (name, rendered.resources)
    });
    let region: Region = "us-east-1".parse().unwrap();
    idle_costs(
        &region,
        stacks.iter().map(|(name, resources)| (*name, resources)),
    )
}

#[test]
fn each_item_of_the_bill_is_told_and_nothing_of_ours_is_unknown() {
    insta::assert_snapshot!(costs("private", "2"), @r#"
    costs of a month without visitors, in US dollars (list prices of 2026-11-26 in us-east-1; use comes on top)
         87.60  websocket: 12 × interface endpoint
         30.37  websocket: 2 × t3.small
         16.43  websocket: 1 × load balancer
          7.30  websocket: 2 × public IPv4 address
          4.20  websocket: 2 × detailed monitoring of an instance
          1.28  websocket: 16 × GiB of gp3 volume
          1.00  foundation: 1 × KMS key
          0.90  websocket: 9 × alarm
          0.70  api: 7 × alarm
          0.50  dns: 1 × hosted zone
        150.27  in all
    "#);
}

#[test]
fn a_public_network_pays_for_addresses_in_place_of_endpoints() {
    insta::assert_snapshot!(costs("public", "1"), @r#"
    costs of a month without visitors, in US dollars (list prices of 2026-11-26 in us-east-1; use comes on top)
         16.43  websocket: 1 × load balancer
         15.18  websocket: 1 × t3.small
         10.95  websocket: 3 × public IPv4 address
          2.10  websocket: 1 × detailed monitoring of an instance
          1.00  foundation: 1 × KMS key
          0.90  websocket: 9 × alarm
          0.70  api: 7 × alarm
          0.64  websocket: 8 × GiB of gp3 volume
          0.50  dns: 1 × hosted zone
         48.40  in all
    "#);
}

#[test]
fn an_event_api_costs_nothing_but_its_alarms() {
    insta::assert_snapshot!(costs_with("live-appsync", "public", "1"), @r#"
    costs of a month without visitors, in US dollars (list prices of 2026-11-26 in us-east-1; use comes on top)
          1.00  foundation: 1 × KMS key
          0.70  api: 7 × alarm
          0.50  dns: 1 × hosted zone
          0.20  live-appsync: 2 × alarm
          2.40  in all
    "#);
}

#[test]
fn a_type_without_a_price_is_named_and_the_region_of_the_prices_too() {
    let body =
        "Resources: { Stream: { Type: AWS::Kinesis::Stream }, Key: { Type: AWS::KMS::Key } }";
    let rendered = render(&document(body).unwrap(), &BTreeMap::new());
    let region: Region = "eu-central-1".parse().unwrap();
    let costs = idle_costs(&region, [("queue", &rendered.resources)]);
    insta::assert_snapshot!(costs, @r#"
    costs of a month without visitors, in US dollars (list prices of 2026-11-26 in us-east-1; those of eu-central-1 differ; use comes on top)
          1.00  queue: 1 × KMS key
          1.00  in all
             ?  AWS::Kinesis::Stream (stack queue)
    "#);
    let json = serde_json::to_value(&costs).unwrap();
    assert_eq!(json["total"], 1.0);
    assert_eq!(json["items"][0]["monthly"], 1.0);
}

/// Both networks and no servers at all, as the README says them.
#[test]
fn the_readme_has_the_sums() {
    let of = |servers| ["private", "public"].map(|network| costs(network, servers).total);
    let without = costs_with("live-appsync", "public", "1").total;
    let readme = format!("{}/README.md", env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(readme).unwrap();
    for (servers, [private, public]) in [("two servers", of("2")), ("one server", of("1"))] {
        let row = format!("| {servers} | {private:.2} | {public:.2} | {without:.2} |");
        assert!(readme.contains(&row), "README.md lacks: {row}");
    }
}
