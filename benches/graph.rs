//! How much longer eight stacks take than the longest way through their graph: what the deployer adds by
//! asking, waiting and handing on. And how long a first deploy waits for CloudFormation, with servers and without.
//!
//! Method: `cargo bench --workspace --profile dev --bench graph`. Our provisioning, as `deploy` uses it, makes
//! the stacks of a stage on the scripted CloudFormation of the tests (an HTTP server on loopback) and
//! polls as it does on AWS, once for each value of the setting `live`. Each resource takes as long as in `STACKS`, `SPEED`
//! times as fast; the longest way is the sum of the slowest resources along it. That is unkind to us: the shortest rest between two
//! polls, 0.1 s, is not sped up, so it weighs `SPEED` times as much as on AWS. The figures are the
//! median, the smallest and the largest of `RUNS` runs. Prints `figure NAME VALUE UNIT`, `ratio NAME VALUE` and
//! `goal PASS|MISS` lines, and ends with 1 on a miss.

#![expect(clippy::unwrap_used, reason = "a bench says what is wrong by failing")]
#![expect(clippy::print_stdout, reason = "its figures are its answer")]

/// The fake account of the tests.
#[expect(
    dead_code,
    unused_imports,
    reason = "a bench needs a part of it; nothing fails here"
)]
#[path = "../tests/support"]
mod support {
    pub(crate) mod fake_account;
    mod loopback;
}

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use factory_tree::aws::{Access, Aws};
use factory_tree::config::Network;
use factory_tree::event::{Event, Reporter};
use factory_tree::outputs::Outputs;
use factory_tree::plan::{ParameterSource, StackPlan};
use factory_tree::provision::{self, Options};
use factory_tree::template::{DataConsent, Template};
use support::fake_account::FakeCloudFormation;

/// A stack: its name, whose outputs it needs, and its resources with the seconds that they take on AWS.
type Row = (
    &'static str,
    &'static [&'static str],
    &'static [(&'static str, &'static str, u64)],
);

/// The stacks that a stage has whichever way its changes go. The seconds are rough, from what people report of these types: a
/// bench of the graph needs their proportions only. Those of an HTTP API, of a load balancer with what is behind it, and of a
/// distribution are published (go-to-k/cdkd, docs/benchmarks.md, "CloudFormation" columns of July 2026).
const STACKS: [Row; 6] = [
    (
        "foundation",
        &[],
        &[
            ("Bucket", "AWS::S3::Bucket", 25),
            ("Topic", "AWS::SNS::Topic", 12),
        ],
    ),
    ("dns", &[], &[("Zone", "AWS::Route53::HostedZone", 45)]),
    (
        "data",
        &[],
        &[
            ("Table", "AWS::DynamoDB::Table", 30),
            ("Topic", "AWS::SNS::Topic", 12),
        ],
    ),
    (
        "certificate",
        &["dns"],
        &[("Certificate", "AWS::CertificateManager::Certificate", 110)],
    ),
    (
        "certificate-us-east-1",
        &["dns"],
        &[("Certificate", "AWS::CertificateManager::Certificate", 130)],
    ),
    (
        "site",
        &["certificate-us-east-1", "dns", "foundation"],
        &[("Distribution", "AWS::CloudFront::Distribution", 232)],
    ),
];

const API: &[(&str, &str, u64)] = &[
    ("Function", "AWS::Lambda::Function", 20),
    ("Api", "AWS::ApiGatewayV2::Api", 166),
];

/// The stacks of `live: servers`.
const SERVERS: [Row; 2] = [
    ("api", &["certificate", "data", "dns", "foundation"], API),
    (
        "websocket",
        &["certificate", "data", "dns", "foundation"],
        &[("Balancer", "AWS::ElasticLoadBalancingV2::LoadBalancer", 277)],
    ),
];

/// The stacks of `live: appsync`. Nobody has published the time of a custom domain of AppSync: it is a distribution, so it has
/// the time of one here.
const APPSYNC: [Row; 2] = [
    (
        "live-appsync",
        &["certificate-us-east-1", "dns", "foundation"],
        &[
            ("EventApi", "AWS::AppSync::Api", 10),
            ("Domain", "AWS::AppSync::DomainName", 232),
        ],
    ),
    (
        "api",
        &["certificate", "data", "live-appsync", "foundation"],
        API,
    ),
];

/// How many times as fast as on AWS.
const SPEED: u64 = 20;

const RUNS: usize = 5;

/// The goal: the whole within a tenth of the longest way.
const MOST: f64 = 1.1;

struct Silent;

impl Reporter for Silent {
    fn report(&self, _: Event) {}
}

#[tokio::main]
async fn main() -> ExitCode {
    let kinds = [("servers", SERVERS), ("appsync", APPSYNC)];
    let mut is_met = true;
    for (kind, rows) in kinds {
        let stacks: Vec<Row> = STACKS.into_iter().chain(rows).collect();
        is_met &= measure(kind, &stacks).await;
    }
    ExitCode::from(u8::from(!is_met))
}

/// Measures the stacks of one kind, and returns whether they meet the goal.
async fn measure(kind: &str, stacks: &[Row]) -> bool {
    let longest = stacks.iter().map(|row| way_to(row, stacks)).max();
    let longest = longest.unwrap_or_default() as f64 / 1000.0;
    let mut walls = Vec::new();
    let mut calls = Vec::new();
    for _ in 0..RUNS {
        let (wall, asked) = run(stacks).await;
        walls.push(wall);
        calls.push(asked);
    }
    walls.sort_by(f64::total_cmp);
    let wall = walls[RUNS / 2];
    let ratio = wall / longest;
    let of_aws = longest * SPEED as f64;
    println!("figure graph.{kind}.longest-way-on-aws {of_aws:.0} s");
    println!("figure graph.{kind}.longest-way {longest:.2} s");
    println!("figure graph.{kind}.wall {wall:.3} s");
    println!("figure graph.{kind}.wall.smallest {:.3} s", walls[0]);
    println!("figure graph.{kind}.wall.largest {:.3} s", walls[RUNS - 1]);
    println!(
        "figure graph.{kind}.calls {} calls",
        calls.iter().max().unwrap()
    );
    println!("ratio graph.{kind}.wall-over-longest-way {ratio:.4}");
    let is_met = ratio <= MOST;
    let verdict = if is_met { "PASS" } else { "MISS" };
    println!("goal {verdict}: eight stacks with {kind} within 10 % of the longest way: {ratio:.3}");
    is_met
}

/// Makes all stacks in an empty account. Returns the seconds that it took and the calls that it cost.
async fn run(rows: &[Row]) -> (f64, usize) {
    let fake = FakeCloudFormation::start();
    for (name, _, resources) in rows {
        let rows: Vec<_> = resources
            .iter()
            .map(|(id, kind, seconds)| (*id, *kind, seconds * 1000 / SPEED))
            .collect();
        fake.account().declare(name, &rows);
    }
    let stacks = rows.iter().map(|(name, needs, _)| stack(name, needs));
    let stacks: Vec<StackPlan> = stacks.collect();
    let access = Access::Endpoint {
        url: fake.url.clone(),
    };
    let started = Instant::now();
    let aws = Aws::connect(&access, &"us-east-1".parse().unwrap(), &Network::default()).await;
    let known = (Outputs::default(), BTreeMap::new());
    provision::provision(
        &aws,
        &stacks,
        &known.0,
        &known.1,
        Options::default(),
        &Silent,
    )
    .await
    .unwrap();
    let calls = fake.account().calls.len();
    (started.elapsed().as_secs_f64(), calls)
}

fn stack(name: &str, needs: &[&str]) -> StackPlan {
    let body = format!(
        "# {name}\nMetadata:\n  Name: {name}\nParameters:\n  Digest:\n    Type: String\nResources:\n  Topic:\n    Type: AWS::SNS::Topic\n"
    );
    let names = ["One", "Two", "Three", "Four"];
    let parameters = needs.iter().zip(names).map(|(need, name)| {
        let stack = (*need).to_owned();
        (
            name.to_owned(),
            ParameterSource::Output {
                stack,
                output: "Id".to_owned(),
            },
        )
    });
    StackPlan {
        name: name.to_owned(),
        stack: format!("bench-{name}"),
        region: "us-east-1".parse().unwrap(),
        template: Template::parse(Path::new(&format!("templates/{name}.yaml")), body).unwrap(),
        parameters: parameters.collect(),
        protected: false,
        tags: BTreeMap::new(),
        consent: DataConsent::default(),
    }
}

/// Returns the milliseconds of the longest way that ends with a stack.
fn way_to((_, needs, resources): &Row, stacks: &[Row]) -> u64 {
    let own = resources
        .iter()
        .map(|(_, _, seconds)| seconds * 1000 / SPEED)
        .max();
    let before = stacks
        .iter()
        .filter(|(name, ..)| needs.contains(name))
        .map(|row| way_to(row, stacks))
        .max();
    own.unwrap_or_default() + before.unwrap_or_default()
}
