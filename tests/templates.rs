//! Properties of the templates that the emulator cannot show: it has no load balancer that balances, no
//! instances, and no retries of a stream. Each row is a fact by its path in a template; that the whole
//! works with the facts that it can show is proven in `local_stage/`.

mod scale;
mod sign_in;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use factory_tree::template;
use serde_json::{Value, json};

const TEMPLATES: [&str; 9] = [
    "auth",
    "foundation",
    "dns",
    "certificate",
    "data",
    "api",
    "live-appsync",
    "websocket",
    "site",
];

/// The resources of a template. Tags such as `!Ref` are dropped: `!Ref Table` reads as "Table".
fn resources(template: &str) -> Value {
    let file = format!("{}/templates/{template}.yaml", env!("CARGO_MANIFEST_DIR"));
    let document: Value = serde_yaml::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    document["Resources"].clone()
}

/// HTTPS is demanded of other subdomains, and of browsers' lists, only by who says so.
#[test]
fn hsts_is_for_the_sites_own_hosts_until_a_stage_says_more() {
    let file = format!("{}/templates/site.yaml", env!("CARGO_MANIFEST_DIR"));
    let site = template::document(&std::fs::read_to_string(file).unwrap()).unwrap();
    let scope = |wanted: Option<&str>| {
        let parameters = wanted.map(|scope| ("HstsScope".to_owned(), scope.to_owned()));
        let rendered = template::render(&site, &parameters.into_iter().collect());
        let path =
            "/Properties/ResponseHeadersPolicyConfig/SecurityHeadersConfig/StrictTransportSecurity";
        let header = rendered.resources["HeadersPolicy"].pointer(path).unwrap();
        (
            header["IncludeSubdomains"].clone(),
            header["Preload"].clone(),
        )
    };
    assert_eq!(scope(None), (json!(false), json!(false)));
    assert_eq!(scope(Some("subdomains")), (json!(true), json!(false)));
    assert_eq!(scope(Some("preload")), (json!(true), json!(true)));
}

/// One fact a line: template, path in its resources, value as JSON.
const FACTS: &str = r#"
api /ApiPermission/Properties/Principal "apigateway.amazonaws.com"
api /ApiPermission/Properties/FunctionName "ApiFunction.Arn"
api /ApiFunction/Properties/Runtime "provided.al2023"
api /ApiFunction/Properties/Architectures ["Architecture"]
api /PublisherFunction/Properties/Architectures ["Architecture"]
api /ApiFunction/Properties/LoggingConfig/LogFormat "JSON"
auth /UserPool/Properties/AdminCreateUserConfig/AllowAdminCreateUserOnly true
auth /UserPool/Properties/UserPoolTags {"factory-tree:stack":"AWS::StackName"}
auth /UserPool/Properties/MfaConfiguration "OPTIONAL"
auth /Client/Properties/GenerateSecret false
auth /Client/Properties/AllowedOAuthFlows ["code"]
auth /Client/Properties/AllowedOAuthScopes ["openid","email"]
auth /Client/Properties/PreventUserExistenceErrors "ENABLED"
auth /Client/Properties/RefreshTokenRotation {"Feature":"ENABLED","RetryGracePeriodSeconds":10}
auth /Client/Properties/ExplicitAuthFlows ["ALLOW_USER_SRP_AUTH"]
auth /Client/Properties/TokenValidityUnits/AccessToken "minutes"
auth /Client/Properties/AccessTokenValidity 5
auth /SignInPages/Properties/ManagedLoginVersion 2
auth /Branding/Properties/UseCognitoProvidedValues true
api /Authorizer/Properties/AuthorizerType "JWT"
api /Authorizer/Properties/IdentitySource ["$request.header.Authorization"]
api /ApiDomain/Properties/DomainNameConfigurations/0/SecurityPolicy "TLS_1_2"
api /StreamToPublisher/Properties/FunctionResponseTypes ["ReportBatchItemFailures"]
api /StreamToPublisher/Properties/BisectBatchOnFunctionError true
api /StreamToPublisher/Properties/MaximumRetryAttempts 10
api /StreamToPublisher/Properties/DestinationConfig/OnFailure/Destination "DeadLetters.Arn"
certificate /Certificate/Properties/ValidationMethod "DNS"
data /Table/Properties/TimeToLiveSpecification/AttributeName "expires"
data /Table/Properties/PointInTimeRecoverySpecification/PointInTimeRecoveryEnabled true
site /Distribution/Properties/DistributionConfig/ViewerCertificate/SslSupportMethod "sni-only"
foundation /ArtifactBucket/DependsOn "LogBucketPolicy"
site /WwwDistribution/DependsOn "Distribution"
site /Distribution/Properties/DistributionConfig/DefaultCacheBehavior/CachePolicyId "658327ea-f89d-4fab-a63d-7e88639e58f6"
site /Distribution/Properties/DistributionConfig/CacheBehaviors/0/PathPattern "/factories"
site /Distribution/Properties/DistributionConfig/CacheBehaviors/0/AllowedMethods ["GET","HEAD"]
site /Distribution/Properties/DistributionConfig/CacheBehaviors/0/OriginRequestPolicyId null
site /Distribution/Properties/DistributionConfig/CacheBehaviors/1 null
site /Distribution/Properties/DistributionConfig/Origins/1/CustomOriginConfig {"OriginProtocolPolicy":"https-only","OriginSSLProtocols":["TLSv1.2"]}
site /ReadsCachePolicy/Properties/CachePolicyConfig/MinTTL 2
site /ReadsCachePolicy/Properties/CachePolicyConfig/MaxTTL 2
site /ReadsCachePolicy/Properties/CachePolicyConfig/ParametersInCacheKeyAndForwardedToOrigin/CookiesConfig {"CookieBehavior":"none"}
site /ReadsCachePolicy/Properties/CachePolicyConfig/ParametersInCacheKeyAndForwardedToOrigin/HeadersConfig {"HeaderBehavior":"none"}
site /ReadsCachePolicy/Properties/CachePolicyConfig/ParametersInCacheKeyAndForwardedToOrigin/QueryStringsConfig/QueryStrings ["cursor"]
site /OriginAccess/Properties/OriginAccessControlConfig/SigningBehavior "always"
site /Bucket/Properties/PublicAccessBlockConfiguration/RestrictPublicBuckets true
live-appsync /EventApi/Properties/EventConfig/ConnectionAuthModes [{"AuthType":"API_KEY"}]
live-appsync /EventApi/Properties/EventConfig/DefaultPublishAuthModes [{"AuthType":"AWS_IAM"}]
live-appsync /EventApi/Properties/EventConfig/LogConfig/LogLevel "ERROR"
live-appsync /TreeNamespace/Properties/Name "tree"
live-appsync /TreeNamespace/Properties/PublishAuthModes [{"AuthType":"AWS_IAM"}]
live-appsync /TreeNamespace/Properties/SubscribeAuthModes [{"AuthType":"API_KEY"}]
live-appsync /PageKey/Properties/Expires "KeyExpires"
websocket /TlsListener/Properties/Protocol "HTTPS"
websocket /TlsListener/Properties/Port 443
websocket /TlsListener/Properties/SslPolicy "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
websocket /TlsListener/Properties/DefaultActions/0/FixedResponseConfig/StatusCode "404"
websocket /RedirectListener/Properties/Port 80
websocket /RedirectListener/Properties/DefaultActions/0/RedirectConfig/Protocol "HTTPS"
websocket /SocketRule/Properties/Actions/0/TargetGroupArn "Targets"
websocket /SocketRule/Properties/Conditions/0/HostHeaderConfig/Values/0 "ws.${DomainName}"
websocket /SocketRule/Properties/Conditions/1/PathPatternConfig/Values ["/","/heartbeat"]
websocket /Targets/Properties/HealthCheckPath "/readyz"
websocket /Servers/UpdatePolicy/AutoScalingRollingUpdate/WaitOnResourceSignals true
websocket /Servers/UpdatePolicy/AutoScalingRollingUpdate/MaxBatchSize 1
websocket /Servers/UpdatePolicy/AutoScalingRollingUpdate/MinInstancesInService "MinServers"
websocket /Servers/UpdatePolicy/AutoScalingRollingUpdate/MinSuccessfulInstancesPercent 100
websocket /Servers/CreationPolicy/ResourceSignal/Timeout "PT10M"
websocket /Servers/Properties/TargetGroupARNs/0 "Targets"
websocket /Servers/Properties/HealthCheckType "ELB"
websocket /LaunchTemplate/Properties/LaunchTemplateData/ImageId "ImageId"
websocket /PublicSubnetA/Properties/AvailabilityZone "ZoneA"
websocket /PublicSubnetB/Properties/AvailabilityZone "ZoneB"
websocket /PrivateSubnetA/Properties/AvailabilityZone "ZoneA"
websocket /PrivateSubnetB/Properties/AvailabilityZone "ZoneB"
websocket /LaunchTemplate/Properties/LaunchTemplateData/MetadataOptions/HttpTokens "required"
websocket /LaunchTemplate/Properties/LaunchTemplateData/MetadataOptions/HttpPutResponseHopLimit 1
"#;

/// Every error that CloudFront keeps by itself is named, or it would keep it for ten seconds.
#[test]
fn no_error_is_kept_beyond_a_second() {
    let site = resources("site");
    let responses =
        &site["Distribution"]["Properties"]["DistributionConfig"]["CustomErrorResponses"];
    let rows = responses.as_array().unwrap().iter();
    let mut kept: Vec<(u64, u64)> = rows
        .map(|row| {
            (
                row["ErrorCode"].as_u64().unwrap(),
                row["ErrorCachingMinTTL"].as_u64().unwrap(),
            )
        })
        .collect();
    kept.sort_unstable();
    // Source: CloudFront API Reference, `CustomErrorResponse`, `ErrorCode`.
    let codes = [400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504];
    assert_eq!(kept, codes.map(|code| (code, 1)));
}

#[test]
fn what_the_emulator_cannot_show_is_in_the_templates() {
    let wrong: Vec<String> = FACTS
        .lines()
        .filter(|line| !line.is_empty())
        .filter_map(|line| {
            let mut words = line.splitn(3, ' ');
            let mut next = || words.next().unwrap();
            let (template, path) = (next(), next());
            let wanted: Value = serde_json::from_str(next()).unwrap();
            let found = resources(template)
                .pointer(path)
                .cloned()
                .unwrap_or(Value::Null);
            (found != wanted).then(|| format!("{template}{path}: {found}, not {wanted}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn servers_are_reached_through_the_load_balancer_only() {
    let group =
        &resources("websocket")["ServerSecurityGroup"]["Properties"]["SecurityGroupIngress"];
    let sources: Vec<&Value> = group
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| &rule["SourceSecurityGroupId"])
        .collect();
    assert_eq!(sources, [&json!("LoadBalancerSecurityGroup")]);
}

/// Returns what the publisher may do to publish, with this namespace of an Event API.
fn publishing(namespace: &str) -> Value {
    let file = format!("{}/templates/api.yaml", env!("CARGO_MANIFEST_DIR"));
    let document = template::document(&std::fs::read_to_string(file).unwrap()).unwrap();
    let parameters = [("NamespaceArn", namespace), ("TopicArn", "arn:topic")];
    let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let rendered = template::render(&document, &parameters.into());
    let policies = rendered.resources["PublisherRole"]["Properties"]["Policies"].clone();
    let policies = policies.as_array().unwrap().iter();
    let statements = policies.flat_map(|policy| {
        let statements = policy["PolicyDocument"]["Statement"].as_array().unwrap();
        statements.clone()
    });
    let statements: Vec<Value> = statements
        .filter(|statement| {
            let text = statement["Action"].to_string();
            text.contains("sns:") || text.contains("appsync:") || text.contains('*')
        })
        .collect();
    json!(statements)
}

/// The emulator would take any grant that covers the namespace: that it is one namespace, and one destination, is said here.
#[test]
fn the_publisher_may_publish_to_the_one_destination_that_the_stage_has() {
    let grant = |action: &str, resource: &str| json!([{ "Effect": "Allow", "Action": action, "Resource": resource }]);
    let namespace = "arn:aws:appsync:us-east-1:1:apis/a/channelNamespace/tree";
    assert_eq!(
        publishing(namespace),
        grant("appsync:EventPublish", namespace)
    );
    assert_eq!(publishing(""), grant("sns:Publish*", "arn:topic"));
}

/// A server reads the tree and writes the heartbeat. Changes are the API's, and messages the publisher's.
#[test]
fn a_server_writes_the_heartbeat_and_nothing_else_and_publishes_nothing() {
    let policy = &resources("websocket")["ServerPolicy"]["Properties"]["PolicyDocument"];
    let statements = policy["Statement"].as_array().unwrap();
    let of_table: Vec<[&Value; 2]> = statements
        .iter()
        .filter(|statement| statement["Resource"] == "TableArn")
        .map(|statement| {
            let keys = &statement["Condition"]["ForAllValues:StringEquals"];
            [&statement["Action"], &keys["dynamodb:LeadingKeys"]]
        })
        .collect();
    assert_eq!(
        json!(of_table),
        json!([
            ["dynamodb:Query", ["tree#main"]],
            ["dynamodb:PutItem", ["heartbeat"]]
        ])
    );
    assert!(!policy.to_string().contains("sns:Publish"));
    let way = &resources("websocket")["DynamoDbEndpoint"]["Properties"]["PolicyDocument"];
    assert_eq!(
        way["Statement"][0]["Action"],
        json!(["dynamodb:PutItem", "dynamodb:Query"])
    );
}

/// Returns the resources of the servers' stack in a network.
fn servers_in(network: &str, sessions: &str) -> BTreeMap<String, Value> {
    let file = format!("{}/templates/websocket.yaml", env!("CARGO_MANIFEST_DIR"));
    let document = template::document(&std::fs::read_to_string(file).unwrap()).unwrap();
    let parameters = [("Network", network), ("SessionManager", sessions)];
    let parameters = parameters.map(|(name, value)| (name.to_owned(), value.to_owned()));
    template::render(&document, &parameters.into()).resources
}

/// The names of the interface endpoints, the address of the servers and their subnets.
fn way_out(network: &str, sessions: &str) -> (Vec<String>, Value, Value) {
    let resources = servers_in(network, sessions);
    let is_interface = |resource: &Value| resource["Properties"]["VpcEndpointType"] == "Interface";
    let endpoints = resources
        .iter()
        .filter(|(_, resource)| is_interface(resource));
    let launch = "/Properties/LaunchTemplateData/NetworkInterfaces/0/AssociatePublicIpAddress";
    let address = resources["LaunchTemplate"].pointer(launch).unwrap();
    let subnets = &resources["Servers"]["Properties"]["VPCZoneIdentifier"];
    let endpoints = endpoints.map(|(name, _)| name.clone()).collect();
    (endpoints, address.clone(), subnets.clone())
}

#[test]
fn a_private_server_has_no_public_address_and_reaches_aws_through_endpoints() {
    let (endpoints, address, subnets) = way_out("private", "true");
    let services = ["CloudFormation", "Logs", "Sns", "Sqs", "Ssm", "SsmMessages"];
    assert_eq!(
        endpoints,
        services.map(|service| format!("{service}Endpoint"))
    );
    assert_eq!(address, json!(false));
    assert_eq!(
        subnets,
        json!([{"Ref": "PrivateSubnetA"}, {"Ref": "PrivateSubnetB"}])
    );
    let (endpoints, ..) = way_out("private", "false");
    assert_eq!(
        endpoints,
        services[..4]
            .iter()
            .map(|service| format!("{service}Endpoint"))
            .collect::<Vec<_>>()
    );
}

#[test]
fn a_public_server_has_an_address_no_interface_endpoint_and_no_other_way_in() {
    let (endpoints, address, subnets) = way_out("public", "true");
    assert_eq!(endpoints, Vec::<String>::new());
    assert_eq!(address, json!(true));
    assert_eq!(
        subnets,
        json!([{"Ref": "PublicSubnetA"}, {"Ref": "PublicSubnetB"}])
    );
    let resources = servers_in("public", "true");
    let gateways = ["S3Endpoint", "DynamoDbEndpoint"].map(|name| {
        let tables = &resources[name]["Properties"]["RouteTableIds"];
        tables
            .as_array()
            .unwrap()
            .contains(&json!({"Ref": "PublicRouteTable"}))
    });
    assert_eq!(gateways, [true, true]);
    let groups = &resources["ServerSecurityGroup"]["Properties"]["SecurityGroupIngress"];
    let rules = groups.as_array().unwrap().iter();
    let open = rules.filter(|rule| rule.get("CidrIp").is_some() || rule.get("CidrIpv6").is_some());
    assert_eq!(open.count(), 0);
}

/// Who has switched sessions off has no server that would take one.
#[test]
fn without_session_manager_a_server_may_not_open_its_channels() {
    for network in ["private", "public"] {
        let may = |sessions| {
            servers_in(network, sessions)["InstanceRole"]
                .to_string()
                .contains("ssmmessages:")
        };
        assert_eq!([may("true"), may("false")], [true, false]);
    }
}

#[test]
fn the_servers_user_data_installs_the_bundle_and_signals_when_it_is_ready() {
    let data =
        &resources("websocket")["LaunchTemplate"]["Properties"]["LaunchTemplateData"]["UserData"];
    let script = data.to_string();
    for step in [
        "aws s3 cp",
        "BundleKey",
        "tar -x",
        "websocket.env",
        "systemctl",
        "/readyz",
        "cfn-signal",
    ] {
        assert!(script.contains(step), "the user data does not say `{step}`");
    }
}

/// The script on the instance that stops the server when Auto Scaling has chosen the instance to go, run
/// here with commands that only say what was asked of them.
#[test]
fn a_server_whose_instance_is_to_go_closes_its_connections_itself() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates/websocket.yaml");
    let template = std::fs::read_to_string(file).unwrap();
    let from = template
        .split("cat > /opt/factory-tree/drain <<'END'\n")
        .nth(1);
    let script = from.unwrap().split("              END\n").next().unwrap();
    let script = script.replace("\n              ", "\n");
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    };
    write("drain", script.trim_start());
    // In service twice, then to go; the first question of each round is for the token.
    write(
        "curl",
        "#!/bin/bash\necho \"$*\" >> asked\ncase \"$*\" in *token) echo t ;; *)\n\
         [ \"$(grep -c target-lifecycle-state asked)\" -gt 2 ] && echo Terminated || echo InService ;; esac\n",
    );
    write("sleep", "#!/bin/bash\necho slept >> reported\n");
    write("systemctl", "#!/bin/bash\necho \"$*\" >> reported\n");
    let path = format!("{}:/usr/bin:/bin", folder.path().display());
    let mut drain = Command::new(folder.path().join("drain"));
    let ended = drain
        .current_dir(&folder)
        .env("PATH", path)
        .status()
        .unwrap();
    assert!(ended.success());
    let reported = std::fs::read_to_string(folder.path().join("reported")).unwrap();
    assert_eq!(reported, "slept\nslept\nstop factory-tree-websocket\n");
}

/// Hosts that people type have a record: IPv4 for each, IPv6 where the target has it.
#[test]
fn every_host_has_its_record() {
    let mut records: Vec<String> = Vec::new();
    for template in TEMPLATES {
        for resource in resources(template).as_object().unwrap().values() {
            if resource["Type"] == "AWS::Route53::RecordSet" {
                let properties = &resource["Properties"];
                let name = properties["Name"]
                    .as_str()
                    .unwrap()
                    .replace("${DomainName}", "DomainName");
                records.push(format!("{name} {}", properties["Type"].as_str().unwrap()));
            }
        }
    }
    records.retain(|record| !record.ends_with("CAA"));
    records.sort();
    // Of the two templates that have the channel's records a stage has one.
    records.dedup();
    let wanted = [
        "DomainName A",
        "DomainName AAAA",
        "api.DomainName A",
        "api.DomainName AAAA",
        "ws.DomainName A",
        "ws.DomainName AAAA",
        "www.DomainName A",
        "www.DomainName AAAA",
    ];
    assert_eq!(records, wanted);
}
