//! The templates under many connections and many readers (docs/scale.md).

use serde_json::Value;

use super::resources;

/// Idle connections cost no processor time, so the number of servers follows them too: a server is to have half of what it takes.
#[test]
fn the_number_of_servers_follows_the_connections_too() {
    let all = resources("websocket");
    let policies = all.as_object().unwrap().values();
    let policies = policies.filter(|policy| policy["Type"] == "AWS::AutoScaling::ScalingPolicy");
    let targets: Vec<&Value> = policies
        .map(|policy| &policy["Properties"]["TargetTrackingConfiguration"])
        .collect();
    assert_eq!(targets.len(), 2, "processor time and connections");
    let of_connections = targets
        .iter()
        .find(|target| target["TargetValue"] == 10_000)
        .unwrap();
    let metrics = &of_connections["CustomizedMetricSpecification"]["Metrics"];
    let returned: Vec<_> = metrics
        .as_array()
        .unwrap()
        .iter()
        .filter(|metric| metric["ReturnData"] == true)
        .map(|metric| metric["Expression"].as_str().unwrap())
        .collect();
    assert_eq!(returned, ["connections / 2 / servers"]);
    let config = format!(
        "{}/crates/websocket/src/config.rs",
        env!("CARGO_MANIFEST_DIR")
    );
    let config = std::fs::read_to_string(config).unwrap();
    let most = config.split("\"MAX_CONNECTIONS\",").nth(1).unwrap();
    assert!(most.trim_start().starts_with("20_000"), "twice the target");
}

/// Readers of the list cannot ask for more than the table's one partition serves, and take nothing from writers. A route without
/// settings of its own would share the bucket of no other route, but have the rate of writes.
#[test]
fn reads_of_the_list_other_reads_and_writes_have_throttles_of_their_own() {
    let api = resources("api");
    let stage = &api["Stage"]["Properties"];
    let rate = |settings: &Value| settings["ThrottlingRateLimit"].as_u64().unwrap();
    let settings = stage["RouteSettings"].as_object().unwrap();
    let routes = api.as_object().unwrap().iter();
    let routes = routes.filter(|(_, resource)| resource["Type"] == "AWS::ApiGatewayV2::Route");
    let mut keys = Vec::new();
    for (name, route) in routes {
        let key = route["Properties"]["RouteKey"].as_str().unwrap();
        assert_eq!(
            route["Properties"]["Target"],
            api["DefaultRoute"]["Properties"]["Target"]
        );
        // Those of users who have signed in are writes.
        if key != "$default" && route["Condition"] != "SignsIn" {
            let waited_for = stage_needs(&api);
            assert!(
                waited_for.contains(&name.as_str()),
                "{name}: {waited_for:?}"
            );
            keys.push(key.to_owned());
        }
    }
    let with_settings: Vec<_> = settings.keys().cloned().collect();
    assert_eq!(keys, with_settings);
    let table = &resources("data")["Table"]["Properties"]["OnDemandThroughput"];
    let units = table["MaxReadRequestUnits"].as_u64().unwrap();
    let of_list = rate(&settings["GET /factories"]);
    assert!(of_list * UNITS_A_PAGE <= units, "{of_list}");
    assert!(of_list < rate(&stage["DefaultRouteSettings"]));
}

/// The read units of a full page of the list, read consistently: 1 000 factories of 288 bytes (docs/scale.md).
const UNITS_A_PAGE: u64 = 72;

fn stage_needs(api: &Value) -> Vec<&str> {
    let needs = api["Stage"]["DependsOn"].as_array().unwrap().iter();
    needs.filter_map(Value::as_str).collect()
}
