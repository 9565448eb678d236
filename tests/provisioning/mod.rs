//! Provisioning against a CloudFormation that plays scripts: what the local endpoint cannot show.

mod causes;
mod faults;
mod forecast;
mod own;
mod protection;
mod repeats;
mod states;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use crate::support::fake_account::FakeCloudFormation;
use factory_tree::aws::{Access, Aws};
use factory_tree::config::Network;
use factory_tree::event::{Event, Reporter};
use factory_tree::hint;
use factory_tree::outputs::Outputs;
use factory_tree::plan::{ParameterSource, StackPlan};
use factory_tree::provision::{self, Options, Outcome, Provisioned};
use factory_tree::template::Template;

/// Keeps every event.
#[derive(Default)]
struct RecordedEvents(Mutex<Vec<Event>>);

impl Reporter for RecordedEvents {
    fn report(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

impl RecordedEvents {
    /// Notes and warnings, as a person reads them.
    fn said(&self) -> String {
        let events = self.0.lock().unwrap();
        let lines = events.iter().filter_map(|event| match event {
            Event::Warning(text) => Some(format!("warning: {text}")),
            Event::Note(text) => Some(format!("note: {text}")),
            Event::TaskProgress { task, detail } => Some(format!("{task}: {detail}")),
            _ => None,
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// A stack of a template with this name, which needs the outputs of others.
fn stack(name: &str, needs: &[&str]) -> StackPlan {
    let body = format!(
        "# {name}\nParameters:\n  Digest:\n    Type: String\nResources:\n  Table:\n    Type: AWS::DynamoDB::Table\nMetadata:\n  Name: {name}\n"
    );
    let template = Template::parse(Path::new(&format!("templates/{name}.yaml")), body).unwrap();
    let names = ["One", "Two", "Three", "Four"];
    let parameters = needs.iter().zip(names).map(|(need, name)| {
        let source = ParameterSource::Output {
            stack: (*need).to_owned(),
            output: "Id".to_owned(),
        };
        (name.to_owned(), source)
    });
    StackPlan {
        name: name.to_owned(),
        stack: format!("demo-{name}"),
        region: "us-east-1".parse().unwrap(),
        template,
        parameters: parameters.collect(),
        protected: false,
        tags: BTreeMap::new(),
        consent: factory_tree::template::DataConsent::default(),
    }
}

async fn connect(fake: &FakeCloudFormation) -> Aws {
    let access = Access::Endpoint {
        url: fake.url.clone(),
    };
    Aws::connect(&access, &"us-east-1".parse().unwrap(), &Network::default()).await
}

async fn provision(
    fake: &FakeCloudFormation,
    stacks: &[StackPlan],
    options: Options,
    heard: &RecordedEvents,
) -> anyhow::Result<Vec<Provisioned>> {
    let aws = connect(fake).await;
    provision::provision(
        &aws,
        stacks,
        &Outputs::default(),
        &BTreeMap::new(),
        options,
        heard,
    )
    .await
}

/// Provisions one stack `data`, with all that is said.
async fn provision_data(fake: &FakeCloudFormation) -> (anyhow::Result<Outcome>, String) {
    let heard = RecordedEvents::default();
    let result = provision(fake, &[stack("data", &[])], Options::default(), &heard).await;
    (result.map(|stacks| stacks[0].outcome), heard.said())
}

/// The text that a person reads of an error: message, hint, exit code.
fn reported(error: &anyhow::Error) -> String {
    let hint = hint::hint(error).unwrap_or_default();
    format!(
        "error: {error:#}\nhint: {hint}\nexit {}",
        hint::exit(error) as u8
    )
}

#[tokio::test]
async fn a_stack_is_made_then_left_alone_then_changed() {
    let fake = FakeCloudFormation::start();
    fake.account()
        .declare("data", &[("Table", "AWS::DynamoDB::Table", 20)]);
    assert_eq!(provision_data(&fake).await.0.unwrap(), Outcome::Created);

    fake.account().calls.clear();
    assert_eq!(provision_data(&fake).await.0.unwrap(), Outcome::Unchanged);
    assert_eq!(
        fake.account().calls,
        ["DescribeStacks"],
        "nothing to do is known in one call"
    );

    let mut changed = stack("data", &[]);
    changed.template.body = format!("{}  Changed: yes\n", &*changed.template.body).into();
    let heard = RecordedEvents::default();
    let stacks = provision(&fake, &[changed], Options::default(), &heard)
        .await
        .unwrap();
    assert_eq!(stacks[0].outcome, Outcome::Updated);
}

#[tokio::test]
async fn one_failing_stack_lets_independent_ones_finish_and_stops_those_that_need_it() {
    let fake = FakeCloudFormation::start();
    for name in ["dns", "data", "api", "site"] {
        fake.account()
            .declare(name, &[("Table", "AWS::DynamoDB::Table", 30)]);
    }
    fake.account()
        .fail_resource("data", "Table", Some("Cannot exceed quota for tables"));
    let stacks = [
        stack("dns", &[]),
        stack("data", &[]),
        stack("api", &["dns", "data"]),
        stack("site", &["dns"]),
    ];
    let heard = RecordedEvents::default();
    let failed = provision(&fake, &stacks, Options::default(), &heard)
        .await
        .unwrap_err();
    assert!(
        format!("{failed:#}").contains("stack `demo-data` failed"),
        "{failed:#}"
    );
    assert_eq!(
        fake.account().status("demo-site").as_deref(),
        Some("CREATE_COMPLETE")
    );
    assert_eq!(fake.account().status("demo-api"), None);
    assert!(
        heard.said().contains("not started: api"),
        "{}",
        heard.said()
    );
}

/// A slow stack of each layer of the graph: template and milliseconds.
const LAYERS: [(&str, u64); 8] = [
    ("foundation", 100),
    ("dns", 150),
    ("data", 100),
    ("certificate", 200),
    ("certificate-us-east-1", 200),
    ("api", 200),
    ("websocket", 300),
    ("site", 300),
];

/// The bench `benches/graph.rs` measures their time.
#[tokio::test]
async fn stacks_move_together_unless_one_needs_the_other() {
    let fake = FakeCloudFormation::start();
    for (name, millis) in LAYERS {
        fake.account()
            .declare(name, &[("Table", "AWS::DynamoDB::Table", millis)]);
    }
    let needs: [(&str, &[&str]); 8] = [
        ("foundation", &[]),
        ("dns", &[]),
        ("data", &[]),
        ("certificate", &["dns"]),
        ("certificate-us-east-1", &["dns"]),
        ("api", &["certificate", "data", "dns", "foundation"]),
        ("websocket", &["certificate", "data", "dns", "foundation"]),
        ("site", &["certificate-us-east-1", "dns", "foundation"]),
    ];
    let stacks = needs.map(|(name, needs)| stack(name, needs));
    provision(
        &fake,
        &stacks,
        Options::default(),
        &RecordedEvents::default(),
    )
    .await
    .unwrap();
    let span = |name: &str| fake.account().span(&format!("demo-{name}"));
    for (name, needs) in needs {
        for need in needs {
            assert!(
                span(need).1 <= span(name).0,
                "{name} did not wait for {need}"
            );
        }
    }
    let together = [
        ("foundation", "dns"),
        ("dns", "data"),
        ("certificate", "certificate-us-east-1"),
        ("api", "websocket"),
    ];
    for (one, other) in together {
        let (one_span, other_span) = (span(one), span(other));
        let overlap = one_span.0 < other_span.1 && other_span.0 < one_span.1;
        assert!(overlap, "{one} and {other} did not move together");
    }
    let polls = fake.account().count("DescribeStackEvents");
    let looks = fake.account().count("DescribeStacks");
    assert_eq!(
        looks,
        2 * stacks.len(),
        "a look before and a look after, and none while it moves"
    );
    assert!(polls < 200, "{polls} polls");
}
