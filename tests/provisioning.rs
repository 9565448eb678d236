//! Provisioning against a CloudFormation that plays scripts: what the local endpoint cannot show.

#![expect(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod cloudformation;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use cloudformation::{FakeCloudFormation, Fault, Resource};
use factory_tree::aws::{Access, Aws, CloudFormation};
use factory_tree::error;
use factory_tree::event::{Event, Reporter};
use factory_tree::plan::{Source, StackPlan, Template};
use factory_tree::provision::{self, OnBusy, Options, Outcome, Outputs, Provisioned};

/// Keeps every event.
#[derive(Default)]
struct Heard(Mutex<Vec<Event>>);

impl Reporter for Heard {
    fn report(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }
}

impl Heard {
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
        "# {name}\nParameters:\n  Digest:\n    Type: String\nResources:\n  Table:\n    Type: AWS::DynamoDB::Table\n"
    );
    let template = Template::parse(Path::new(&format!("templates/{name}.yaml")), body).unwrap();
    let names = ["One", "Two", "Three", "Four"];
    let parameters = needs.iter().zip(names).map(|(need, name)| {
        let source = Source::Output {
            stack: (*need).to_owned(),
            output: "Id",
        };
        (name, source)
    });
    StackPlan {
        name: name.to_owned(),
        stack: format!("demo-{name}"),
        region: "us-east-1".parse().unwrap(),
        template,
        parameters: parameters.collect(),
        protected: false,
        consent: factory_tree::plan::Consent::default(),
    }
}

async fn provision(
    fake: &FakeCloudFormation,
    stacks: &[StackPlan],
    options: Options,
    heard: &Heard,
) -> anyhow::Result<Vec<Provisioned>> {
    let access = Access::Endpoint {
        url: fake.url.clone(),
    };
    let aws = Aws::connect(&access, &"us-east-1".parse().unwrap()).await;
    provision::provision(
        &aws,
        stacks,
        &Outputs::new(),
        &BTreeMap::new(),
        options,
        heard,
    )
    .await
}

/// Provisions one stack `data`, with all that is said.
async fn provision_data(fake: &FakeCloudFormation) -> (anyhow::Result<Outcome>, String) {
    let heard = Heard::default();
    let result = provision(fake, &[stack("data", &[])], Options::default(), &heard).await;
    (result.map(|stacks| stacks[0].outcome), heard.said())
}

/// What a person reads of an error: message, hint, exit code.
fn told(error: &anyhow::Error) -> String {
    let hint = error::hint(error).unwrap_or_default();
    format!(
        "error: {error:#}\nhint: {hint}\nexit {}",
        error::exit(error) as u8
    )
}

#[tokio::test]
async fn a_stack_is_made_then_left_alone_then_changed() {
    let fake = FakeCloudFormation::start();
    fake.world()
        .declare("data", &[("Table", "AWS::DynamoDB::Table", 20)]);
    assert_eq!(provision_data(&fake).await.0.unwrap(), Outcome::Created);

    fake.world().calls.clear();
    assert_eq!(provision_data(&fake).await.0.unwrap(), Outcome::Unchanged);
    assert_eq!(
        fake.world().calls,
        ["DescribeStacks"],
        "nothing to do is known in one call"
    );

    let mut changed = stack("data", &[]);
    changed.template.body.push_str("# changed\n");
    let heard = Heard::default();
    let stacks = provision(&fake, &[changed], Options::default(), &heard)
        .await
        .unwrap();
    assert_eq!(stacks[0].outcome, Outcome::Updated);
}

#[tokio::test]
async fn the_root_cause_is_told_with_its_place_and_its_cure() {
    let fake = FakeCloudFormation::start();
    fake.world().declare(
        "data",
        &[
            ("Topic", "AWS::SNS::Topic", 400),
            ("Table", "AWS::DynamoDB::Table", 20),
        ],
    );
    fake.world()
        .resources
        .get_mut("data")
        .unwrap()
        .get_mut("Table")
        .unwrap()
        .fails = Some("factory-tree-data already exists".to_owned());
    let (result, _) = provision_data(&fake).await;
    insta::assert_snapshot!(told(&result.unwrap_err()));
    assert_eq!(
        fake.world().status("demo-data").unwrap(),
        "ROLLBACK_COMPLETE"
    );

    // It never came up: the next deploy makes it anew.
    fake.world()
        .declare("data", &[("Table", "AWS::DynamoDB::Table", 20)]);
    assert_eq!(provision_data(&fake).await.0.unwrap(), Outcome::Created);
    assert_eq!(fake.world().count("DeleteStack"), 1);
}

#[tokio::test]
async fn a_nested_stack_is_asked_for_the_cause_that_it_hides() {
    let fake = FakeCloudFormation::start();
    let arn = "arn:aws:cloudformation:us-east-1:123456789012:stack/inner/9";
    let nested = Resource {
        kind: "AWS::CloudFormation::Stack".to_owned(),
        takes: Duration::from_millis(20),
        fails: Some(format!("Embedded stack {arn} was not successfully created")),
        physical_id: arn.to_owned(),
    };
    fake.world()
        .resources
        .insert("data".to_owned(), [("Inner".to_owned(), nested)].into());
    let row = [
        "Queue",
        "AWS::SQS::Queue",
        "CREATE_FAILED",
        "User: arn:aws:iam::123456789012:user/ci is not authorized to perform: sqs:CreateQueue on resource: arn:aws:sqs:us-east-1:123456789012:dead",
    ];
    fake.world()
        .nested
        .insert(arn.to_owned(), vec![row.map(str::to_owned)]);
    let (result, _) = provision_data(&fake).await;
    insta::assert_snapshot!(told(&result.unwrap_err()));
}

#[tokio::test]
async fn an_early_validation_is_told_in_full() {
    let fake = FakeCloudFormation::start();
    fake.world().refused_change_set = Some("The following hook(s)/validation failed: [AWS::EarlyValidation::PropertyValidation]. To troubleshoot Early Validation errors, use the DescribeEvents API".to_owned());
    let rows = [
        [
            "Table",
            "AWS::DynamoDB::Table",
            "Required property [KeySchema] not found",
            "/Resources/Table/Properties",
        ],
        [
            "Topic",
            "AWS::SNS::Topic",
            "Resource of this name already exists",
            "/Resources/Topic/Properties/TopicName",
        ],
    ];
    fake.world().failed_events = Some(rows.iter().map(|row| row.map(str::to_owned)).collect());
    let (result, _) = provision_data(&fake).await;
    insta::assert_snapshot!(told(&result.unwrap_err()));
}

#[tokio::test]
async fn a_missing_grant_to_describe_events_is_a_warning_and_never_the_error() {
    let fake = FakeCloudFormation::start();
    fake.world().refused_change_set = Some(
        "Template error: instance of Fn::GetAtt references undefined resource [Table]".to_owned(),
    );
    let (result, said) = provision_data(&fake).await;
    insta::assert_snapshot!(format!("{said}\n{}", told(&result.unwrap_err())));
}

#[tokio::test]
async fn a_real_change_that_cloudformation_does_not_see_is_said() {
    let fake = FakeCloudFormation::start();
    provision_data(&fake).await.0.unwrap();
    let mut changed = stack("data", &[]);
    changed.template.body.push_str("# changed\n");
    fake.world().refused_change_set =
        Some("The submitted information didn't contain changes. Submit different information to create a change set.".to_owned());
    let heard = Heard::default();
    let stacks = provision(&fake, &[changed], Options::default(), &heard)
        .await
        .unwrap();
    assert_eq!(stacks[0].outcome, Outcome::Unchanged);
    insta::assert_snapshot!(heard.said());
}

#[tokio::test]
async fn a_storm_of_throttling_does_not_decide_the_result() {
    let fake = FakeCloudFormation::start();
    fake.world()
        .declare("data", &[("Table", "AWS::DynamoDB::Table", 50)]);
    let throttled = Fault::Error(400, "Throttling".to_owned(), "Rate exceeded".to_owned());
    for action in [
        "DescribeStackEvents",
        "DescribeChangeSet",
        "CreateChangeSet",
        "ExecuteChangeSet",
        "DescribeStacks",
    ] {
        for _ in 0..4 {
            fake.world().fail_next(action, throttled.clone());
        }
    }
    let (result, said) = provision_data(&fake).await;
    assert_eq!(result.unwrap(), Outcome::Created);
    assert!(
        said.contains("Rate exceeded") && said.contains("AWS answers again"),
        "{said}"
    );
    assert_eq!(fake.world().status("demo-data").unwrap(), "CREATE_COMPLETE");
}

#[tokio::test]
async fn a_network_that_is_lost_for_a_while_does_not_decide_the_result() {
    let fake = FakeCloudFormation::start();
    fake.world()
        .declare("data", &[("Table", "AWS::DynamoDB::Table", 300)]);
    let lose = async {
        tokio::time::sleep(Duration::from_millis(150)).await;
        let lost = Fault::Silence(Duration::from_millis(100));
        fake.world().fail_all_for(Duration::from_secs(4), lost);
    };
    let ((result, said), ()) = tokio::join!(provision_data(&fake), lose);
    assert_eq!(result.unwrap(), Outcome::Created);
    assert!(said.contains("AWS answers again"), "{said}");
    assert_eq!(
        fake.world().count("CreateChangeSet"),
        1,
        "nothing is done twice"
    );
}

#[tokio::test]
async fn credentials_that_expire_in_the_middle_end_the_watching_and_not_the_work() {
    let fake = FakeCloudFormation::start();
    fake.world()
        .declare("data", &[("Table", "AWS::DynamoDB::Table", 300)]);
    let expire = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let expired = Fault::Error(
            403,
            "ExpiredToken".to_owned(),
            "The security token included in the request is expired".to_owned(),
        );
        fake.world()
            .fail_all_for(Duration::from_millis(200), expired);
    };
    let ((result, _), ()) = tokio::join!(provision_data(&fake), expire);
    let text =
        told(&result.unwrap_err()).replace(&*fake.world().status("demo-data").unwrap(), "[status]");
    insta::assert_snapshot!(text.replace(
        "arn:aws:cloudformation:us-east-1:123456789012:stack/demo-data/1-0",
        "[stack]"
    ));

    // Signed in again, the next run finds its own operation and follows it to its end.
    tokio::time::sleep(Duration::from_millis(250)).await;
    assert!(matches!(
        provision_data(&fake).await.0.unwrap(),
        Outcome::Created | Outcome::Unchanged
    ));
    assert_eq!(fake.world().count("ExecuteChangeSet"), 1);
}

#[tokio::test]
async fn without_leave_to_see_events_the_result_is_seen_all_the_same() {
    let fake = FakeCloudFormation::start();
    fake.world()
        .declare("data", &[("Table", "AWS::DynamoDB::Table", 50)]);
    let denied = Fault::Error(
        403,
        "AccessDenied".to_owned(),
        "not authorized to perform: cloudformation:DescribeStackEvents".to_owned(),
    );
    fake.world().fail_next("DescribeStackEvents", denied);
    let (result, said) = provision_data(&fake).await;
    assert_eq!(result.unwrap(), Outcome::Created);
    assert!(
        said.contains("grant `cloudformation:DescribeStackEvents`"),
        "{said}"
    );
}

#[tokio::test]
async fn what_an_earlier_run_has_begun_is_followed_and_not_begun_again() {
    let fake = FakeCloudFormation::start();
    fake.world()
        .declare("data", &[("Table", "AWS::DynamoDB::Table", 600)]);
    // Cut short as a killed process is: its future is dropped in the middle.
    let cut = tokio::time::timeout(Duration::from_millis(250), provision_data(&fake)).await;
    assert!(cut.is_err() && fake.world().status("demo-data").unwrap() == "CREATE_IN_PROGRESS");
    let (result, said) = provision_data(&fake).await;
    assert_eq!(result.unwrap(), Outcome::Created);
    assert!(
        said.contains("an earlier run of this deploy is at work"),
        "{said}"
    );
    assert_eq!(fake.world().count("ExecuteChangeSet"), 1);
}

#[tokio::test]
async fn a_stack_that_somebody_else_changes_is_waited_for_or_refused() {
    let fake = FakeCloudFormation::start();
    fake.world().put("demo-data", "UPDATE_IN_PROGRESS");
    let heard = Heard::default();
    let fail = Options {
        on_busy: OnBusy::Fail,
        ..Options::default()
    };
    let refused = provision(&fake, &[stack("data", &[])], fail, &heard)
        .await
        .unwrap_err();
    insta::assert_snapshot!(told(&refused));

    let settle = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        fake.world().put("demo-data", "CREATE_COMPLETE");
    };
    let ((result, said), ()) = tokio::join!(provision_data(&fake), settle);
    assert_eq!(result.unwrap(), Outcome::Updated);
    assert!(said.contains("somebody else is at work"), "{said}");
}

#[tokio::test]
async fn a_teardown_that_runs_is_somebody_elses_though_the_stack_has_our_digest() {
    let fake = FakeCloudFormation::start();
    provision_data(&fake).await.0.unwrap();
    fake.world().put("demo-data", "DELETE_IN_PROGRESS");
    let fail = Options {
        on_busy: OnBusy::Fail,
        ..Options::default()
    };
    let heard = Heard::default();
    let busy = provision(&fake, &[stack("data", &[])], fail, &heard).await;
    assert_eq!(error::exit(&busy.unwrap_err()), error::Exit::Busy);
}

#[tokio::test]
async fn every_status_is_met_as_its_row_says() {
    let mut rows = Vec::new();
    for (status, _) in factory_tree::aws::status_names() {
        let fake = FakeCloudFormation::start();
        fake.world().put("demo-data", status);
        let fail = Options {
            on_busy: OnBusy::Fail,
            ..Options::default()
        };
        let result = provision(&fake, &[stack("data", &[])], fail, &Heard::default()).await;
        let deleted = fake.world().count("DeleteStack");
        rows.push(match result {
            Ok(stacks) => format!("{status}: {}, {deleted} deleted", stacks[0].outcome.name()),
            Err(error) => format!(
                "{status}: exit {}, {deleted} deleted",
                error::exit(&error) as u8
            ),
        });
    }
    insta::assert_snapshot!(rows.join("\n"));
}

#[tokio::test]
async fn one_failing_stack_lets_independent_ones_finish_and_stops_those_that_need_it() {
    let fake = FakeCloudFormation::start();
    for name in ["dns", "data", "api", "site"] {
        fake.world()
            .declare(name, &[("Table", "AWS::DynamoDB::Table", 30)]);
    }
    fake.world()
        .resources
        .get_mut("data")
        .unwrap()
        .get_mut("Table")
        .unwrap()
        .fails = Some("Cannot exceed quota for tables".to_owned());
    let stacks = [
        stack("dns", &[]),
        stack("data", &[]),
        stack("api", &["dns", "data"]),
        stack("site", &["dns"]),
    ];
    let heard = Heard::default();
    let failed = provision(&fake, &stacks, Options::default(), &heard)
        .await
        .unwrap_err();
    assert!(
        format!("{failed:#}").contains("stack `demo-data` failed"),
        "{failed:#}"
    );
    assert_eq!(
        fake.world().status("demo-site").as_deref(),
        Some("CREATE_COMPLETE")
    );
    assert_eq!(fake.world().status("demo-api"), None);
    assert!(
        heard.said().contains("not started: api"),
        "{}",
        heard.said()
    );
}

/// Cuts the work short after so many events, as a kill does.
struct Cut {
    left: Mutex<usize>,
    now: tokio::sync::Notify,
}

impl Reporter for Cut {
    fn report(&self, _event: Event) {
        let mut left = self.left.lock().unwrap();
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.now.notify_one();
        }
    }
}

/// Provisions until the work is done or was cut short after so many events; says which.
async fn is_done_before_cut(
    fake: &FakeCloudFormation,
    stacks: &[StackPlan],
    events: usize,
) -> bool {
    let cut = Cut {
        left: Mutex::new(events),
        now: tokio::sync::Notify::new(),
    };
    let access = Access::Endpoint {
        url: fake.url.clone(),
    };
    let aws = Aws::connect(&access, &"us-east-1".parse().unwrap()).await;
    let (known, artifacts) = (Outputs::new(), BTreeMap::new());
    let work = provision::provision(&aws, stacks, &known, &artifacts, Options::default(), &cut);
    tokio::select! {
        biased;
        () = cut.now.notified() => false,
        result = work => { result.unwrap(); true }
    }
}

#[tokio::test]
async fn killed_after_any_event_the_next_run_converges_and_does_nothing_twice() {
    let stacks = [
        stack("dns", &[]),
        stack("data", &[]),
        stack("api", &["dns", "data"]),
    ];
    let mut events = 1;
    loop {
        let fake = FakeCloudFormation::start();
        for name in ["dns", "data", "api"] {
            fake.world()
                .declare(name, &[("Table", "AWS::DynamoDB::Table", 30)]);
        }
        let done = is_done_before_cut(&fake, &stacks, events).await;
        provision(&fake, &stacks, Options::default(), &Heard::default())
            .await
            .unwrap();
        for name in ["demo-dns", "demo-data", "demo-api"] {
            assert_eq!(
                fake.world().status(name).as_deref(),
                Some("CREATE_COMPLETE"),
                "{name}, after {events}"
            );
        }
        assert_eq!(
            fake.world().count("ExecuteChangeSet"),
            stacks.len(),
            "after {events} events"
        );
        if done {
            break;
        }
        events += 1;
    }
    assert!(
        events > 12,
        "only {events} events: too few to be the whole of it"
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

/// How long they take is measured in `benches/graph.rs`.
#[tokio::test]
async fn stacks_move_together_unless_one_needs_the_other() {
    let fake = FakeCloudFormation::start();
    for (name, millis) in LAYERS {
        fake.world()
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
    provision(&fake, &stacks, Options::default(), &Heard::default())
        .await
        .unwrap();
    let span = |name: &str| fake.world().span(&format!("demo-{name}"));
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
    let polls = fake.world().count("DescribeStackEvents");
    let looks = fake.world().count("DescribeStacks");
    assert_eq!(
        looks,
        2 * stacks.len(),
        "a look before and a look after, and none while it moves"
    );
    assert!(polls < 200, "{polls} polls");
}

async fn door(fake: &FakeCloudFormation) -> CloudFormation {
    let access = Access::Endpoint {
        url: fake.url.clone(),
    };
    Aws::connect(&access, &"us-east-1".parse().unwrap())
        .await
        .cloudformation
}

#[tokio::test]
async fn each_failed_stack_is_recovered_by_the_call_that_fits_its_state() {
    let rows = [
        ("ROLLBACK_COMPLETE", "DeleteStack"),
        ("UPDATE_FAILED", "RollbackStack"),
        ("UPDATE_ROLLBACK_FAILED", "ContinueUpdateRollback"),
    ];
    for (status, call) in rows {
        let fake = FakeCloudFormation::start();
        fake.world().put("demo-data", status);
        let door = door(&fake).await;
        let stack = door.find_stack("demo-data").await.unwrap().unwrap();
        let skip = ["Table".to_owned()];
        let heard = Heard::default();
        let done = provision::recover_stack(&door, stack, &skip, &heard, |_| {})
            .await
            .unwrap();
        assert!(done.recovered, "{status}: {done:?}");
        assert_eq!(fake.world().count(call), 1, "{status}");
        let deleted = fake.world().count("DeleteStack") > 0;
        assert_eq!(
            deleted,
            call == "DeleteStack",
            "{status}: a stack that ever worked is not deleted"
        );
        if call == "ContinueUpdateRollback" {
            assert_eq!(fake.world().skipped, skip);
        }
    }
}

#[tokio::test]
async fn what_could_not_be_deleted_is_named_with_its_id() {
    let fake = FakeCloudFormation::start();
    fake.world().put("demo-data", "CREATE_COMPLETE");
    let bucket = Resource {
        kind: "AWS::S3::Bucket".to_owned(),
        fails: Some("The bucket you tried to delete is not empty".to_owned()),
        physical_id: "demo-data-bucket-1".to_owned(),
        ..Resource::default()
    };
    fake.world().refused_deletion = Some(("Bucket".to_owned(), bucket));
    let door = door(&fake).await;
    let heard = Heard::default();
    let refused = provision::delete_stack(&door, "demo-data", &heard, |_| {})
        .await
        .unwrap_err();
    insta::assert_snapshot!(format!("{refused:#}"));
    assert_eq!(fake.world().status("demo-data").unwrap(), "DELETE_FAILED");
    provision::delete_stack(&door, "demo-data", &heard, |_| {})
        .await
        .unwrap();
    assert_eq!(fake.world().status("demo-data").unwrap(), "DELETE_COMPLETE");
}
