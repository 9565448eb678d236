//! The templates where people sign in, and where they do not.

use std::collections::BTreeMap;

use factory_tree::template;
use regex::Regex;
use serde_json::{Value, json};

/// The resources of a template with these parameters.
fn rendered(name: &str, parameters: &[(&str, &str)]) -> BTreeMap<String, Value> {
    let file = format!("{}/templates/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
    let document = template::document(&std::fs::read_to_string(file).unwrap()).unwrap();
    let parameters = parameters.iter();
    let parameters = parameters.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    template::render(&document, &parameters.collect()).resources
}

fn api(client: &str) -> BTreeMap<String, Value> {
    let issuer = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_a";
    rendered("api", &[("SignInClient", client), ("SignInIssuer", issuer)])
}

/// The routes, each with how it is authorized.
fn routes(resources: &BTreeMap<String, Value>) -> Vec<String> {
    let routes = resources.values();
    let routes = routes.filter(|resource| resource["Type"] == "AWS::ApiGatewayV2::Route");
    let mut rows: Vec<String> = routes
        .map(|route| {
            let text = |name: &str| route["Properties"][name].as_str().unwrap().to_owned();
            format!("{} {}", text("AuthorizationType"), text("RouteKey"))
        })
        .collect();
    rows.sort();
    rows
}

/// Reads and preflights carry no token; whatever else writes has a route with the authorizer, as the contract lists them.
#[test]
fn every_write_of_the_contract_has_a_route_with_the_authorizer() {
    let resources = api("c1");
    let open = ["NONE $default", "NONE GET /factories", "NONE GET /{proxy+}"].map(str::to_owned);
    let contract = format!("{}/lambdas/api/openapi.yaml", env!("CARGO_MANIFEST_DIR"));
    let contract = std::fs::read_to_string(contract).unwrap();
    let contract: Value = serde_yaml::from_str(&contract).unwrap();
    let paths = contract["paths"].as_object().unwrap().iter();
    let writes = paths.flat_map(|(path, operations)| {
        let methods = operations.as_object().unwrap().keys();
        let methods =
            methods.filter(|method| ["post", "patch", "delete", "put"].contains(&method.as_str()));
        methods.map(move |method| format!("JWT {} {path}", method.to_uppercase()))
    });
    let mut wanted: Vec<String> = writes.chain(open).collect();
    wanted.sort();
    assert_eq!(routes(&resources), wanted);
    let tokens = &resources["Authorizer"]["Properties"]["JwtConfiguration"];
    assert_eq!(tokens["Audience"], json!(["c1"]));
    let variables = &resources["ApiFunction"]["Properties"]["Environment"]["Variables"];
    assert_eq!(variables["SIGN_IN_CLIENT"], "c1");
    assert_eq!(variables["SIGN_IN_ISSUER"], tokens["Issuer"]);
}

#[test]
fn without_sign_in_the_api_is_as_it_was() {
    let resources = api("");
    assert_eq!(
        routes(&resources),
        ["NONE $default", "NONE GET /factories", "NONE GET /{proxy+}"]
    );
    assert!(!resources.contains_key("Authorizer"));
    let variables = &resources["ApiFunction"]["Properties"]["Environment"]["Variables"];
    let mut names: Vec<&String> = variables.as_object().unwrap().keys().collect();
    names.sort();
    assert_eq!(names, ["ALLOWED_ORIGIN", "BUILD", "TABLE_NAME"]);
    let cors = &resources["HttpApi"]["Properties"]["CorsConfiguration"];
    assert!(!cors.to_string().contains("Authorization"));
}

/// The page sends its code to the sign-in pages, and nothing anywhere else.
#[test]
fn the_page_may_reach_the_sign_in_pages_where_there_are_any_and_nothing_else_changes() {
    let policy = |sign_in: &str| {
        let addresses = [
            ("ApiUrl", "https://api.tree.com"),
            ("SocketUrl", "wss://ws.tree.com"),
            ("SignInUrl", sign_in),
        ];
        let resources = rendered("site", &addresses);
        let path = "/Properties/ResponseHeadersPolicyConfig/SecurityHeadersConfig/ContentSecurityPolicy/ContentSecurityPolicy";
        let text = resources["HeadersPolicy"].pointer(path).unwrap();
        text.as_str().unwrap_or_else(|| panic!("{text}")).to_owned()
    };
    let without = policy("");
    insta::assert_snapshot!(without, @"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' https://api.tree.com wss://ws.tree.com; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types vue");
    let reached = "connect-src 'self' https://api.tree.com wss://ws.tree.com";
    let with = policy("https://tree.auth.us-east-1.amazoncognito.com");
    let wanted = format!("{reached} https://tree.auth.us-east-1.amazoncognito.com;");
    assert_eq!(with, without.replace(&format!("{reached};"), &wanted));
}

/// The emulator takes any address to come back to; Cognito does not, and codes must not go over the wire in the clear.
#[test]
fn users_come_back_over_https_or_to_this_machine() {
    let file = format!("{}/templates/auth.yaml", env!("CARGO_MANIFEST_DIR"));
    let document: Value = serde_yaml::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let pattern = document["Parameters"]["SiteUrl"]["AllowedPattern"].as_str();
    let pattern = Regex::new(pattern.unwrap()).unwrap();
    for good in [
        "https://factory-tree.com",
        "http://localhost:8080",
        "http://factory-tree.localhost:8080",
    ] {
        assert!(pattern.is_match(good), "{good}");
    }
    for bad in [
        "http://factory-tree.com",
        "http://localhost.example.com",
        "http://notlocalhost:8080",
        "http://evil.com#localhost",
        "http://factory-tree.localhost:8080/path",
        "https://factory-tree.com/path",
        "https://*.factory-tree.com",
        "javascript:alert(1)",
        "",
    ] {
        assert!(!pattern.is_match(bad), "{bad}");
    }
}

/// A protected stage keeps its users, and refuses their deletion once its stack is up.
#[test]
fn the_users_of_a_protected_stage_outlive_it() {
    let resources = |protected: &str| {
        let parameters = [("Protected", protected), ("RetainedProtection", protected)];
        rendered("auth", &parameters)
    };
    let (kept, free) = (resources("true"), resources("false"));
    assert_eq!(kept["Editors"]["DeletionPolicy"], "RetainExceptOnCreate");
    let (kept, free) = (&kept["UserPool"], &free["UserPool"]);
    assert_eq!(kept["DeletionPolicy"], "RetainExceptOnCreate");
    assert_eq!(kept["UpdateReplacePolicy"], "Retain");
    assert_eq!(kept["Properties"]["DeletionProtection"], "ACTIVE");
    assert_eq!(free["DeletionPolicy"], "Delete");
    assert_eq!(free["Properties"]["DeletionProtection"], "INACTIVE");
}
