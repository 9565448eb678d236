use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;

use super::*;
use crate::aws::{Access, StackState};
use crate::config::Network;
use crate::plan::StageStack;
use crate::template::Template;

const BODY: &str = "
Parameters: { ZoneA: { Type: String }, ZoneB: { Type: String }, ImageId: { Type: String }, InstanceType: { Type: String } }
Resources:
  Sqs:
    Type: AWS::EC2::VPCEndpoint
    Properties: { VpcEndpointType: Interface, ServiceName: !Sub 'com.amazonaws.${AWS::Region}.sqs' }
  S3:
    Type: AWS::EC2::VPCEndpoint
    Properties: { VpcEndpointType: Gateway, ServiceName: !Sub 'com.amazonaws.${AWS::Region}.s3' }
";

/// The questions that AWS was asked.
type Questions = Arc<Mutex<Vec<String>>>;

/// Zones a to e: a has no `t3.small`, b has no endpoint, e must be opted in to.
async fn answer(
    State(questions): State<Questions>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, String) {
    let action = headers.get("x-amz-target").map_or_else(
        || body.split(['=', '&']).nth(1).unwrap_or_default().to_owned(),
        |target| target.to_str().unwrap().to_owned(),
    );
    questions.lock().unwrap().push(action.clone());
    let item = |text: String| format!("<item>{text}</item>");
    let list = |zones: &str, each: &dyn Fn(String) -> String| {
        let zones = zones.chars().map(|zone| each(format!("us-east-1{zone}")));
        zones.collect::<String>()
    };
    let answer = match action.as_str() {
        "DescribeAvailabilityZones" => {
            let zones = list("edcba", &|zone| {
                let opt_in = if zone.ends_with('e') {
                    "not-opted-in"
                } else {
                    "opt-in-not-required"
                };
                item(format!(
                    "<zoneName>{zone}</zoneName><zoneState>available</zoneState><zoneType>availability-zone</zoneType><optInStatus>{opt_in}</optInStatus>"
                ))
            });
            format!("<R><availabilityZoneInfo>{zones}</availabilityZoneInfo></R>")
        }
        "DescribeInstanceTypeOfferings" => {
            let offered = if body.contains("t3%2Esmall") {
                "bcde"
            } else {
                "d"
            };
            let zones = list(offered, &|zone| {
                item(format!("<location>{zone}</location>"))
            });
            format!("<R><instanceTypeOfferingSet>{zones}</instanceTypeOfferingSet></R>")
        }
        "DescribeVpcEndpointServices" => {
            assert!(!body.contains("s3"), "{body}");
            let zones = list("acde", &item);
            format!(
                "<R><serviceDetailSet><item><serviceName>com.amazonaws.us-east-1.sqs</serviceName><availabilityZoneSet>{zones}</availabilityZoneSet></item></serviceDetailSet></R>"
            )
        }
        "AmazonSSM.GetParameter" => r#"{"Parameter": {"Value": "ami-new"}}"#.to_owned(),
        other => return (StatusCode::BAD_REQUEST, other.to_owned()),
    };
    (StatusCode::OK, answer)
}

async fn fake_aws() -> (Aws, Questions) {
    let questions = Questions::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/", post(answer));
    let router = router.with_state(questions.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let region = "us-east-1".parse().unwrap();
    let aws = Aws::connect(&Access::Endpoint { url }, &region, &Network::default()).await;
    (aws, questions)
}

fn servers(wanted: Option<&str>) -> StackPlan {
    let zone = |place| PlacementFact::Zone {
        place,
        wanted: wanted.map(str::to_owned),
    };
    let facts = [
        ("ZoneA", zone(ZonePlace::First)),
        ("ZoneB", zone(ZonePlace::Second)),
        (
            "ImageId",
            PlacementFact::Image {
                architecture: "x86_64".to_owned(),
            },
        ),
    ];
    let facts = facts.map(|(name, fact)| (name.to_owned(), ParameterSource::Placement(fact)));
    let stack = StageStack {
        name: "websocket".to_owned(),
        stack: "tree-prod-websocket".to_owned(),
        region: "us-east-1".parse().unwrap(),
        template: "websocket".to_owned(),
        parameters: facts.into(),
        protected: false,
        tags: BTreeMap::new(),
    };
    stack.with_template(Template::parse(Path::new("websocket.yaml"), BODY.to_owned()).unwrap())
}

fn values(rows: &[(&str, &str)]) -> BTreeMap<String, String> {
    let rows = rows.iter();
    rows.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

/// A stack that was given these zones, this image and a `t3.small`.
fn deployed(state: StackState) -> Stack {
    let parameters = values(&[
        ("ZoneA", "us-east-1b"),
        ("ZoneB", "us-east-1e"),
        ("ImageId", "ami-old"),
        ("InstanceType", "t3.small"),
    ]);
    Stack {
        parameters: with_digest(&BODY.into(), parameters),
        id: String::new(),
        state,
        status: String::new(),
        outputs: BTreeMap::new(),
        tags: BTreeMap::new(),
        updated: String::new(),
        termination_protection: false,
        has_rollback_triggers: false,
        change_set: None,
    }
}

/// Returns zones and image, and the questions, a word each.
async fn placed(stack: Option<&Stack>, kind: &str, image: ImageChoice) -> String {
    let (aws, questions) = fake_aws().await;
    let known = values(&[("InstanceType", kind)]);
    let plan = servers(None);
    let placed = place(&aws, &plan, stack, image, known);
    let placed = placed.await.unwrap();
    let asked = questions.lock().unwrap().len();
    let [a, b, image] = ["ZoneA", "ZoneB", "ImageId"].map(|name| placed[name].as_str());
    format!("{a} {b} {image}, asked {asked}")
}

#[tokio::test]
async fn a_new_stack_gets_two_zones_that_have_everything_and_the_newest_image() {
    let kept = ImageChoice::Kept;
    let of = placed(None, "t3.small", kept).await;
    insta::assert_snapshot!(of, @"us-east-1c us-east-1d ami-new, asked 4");
}

#[tokio::test]
async fn a_stack_in_which_nothing_changes_keeps_everything_and_nobody_is_asked() {
    let stack = deployed(StackState::Ready);
    let of = placed(Some(&stack), "t3.small", ImageChoice::Kept).await;
    insta::assert_snapshot!(of, @"us-east-1b us-east-1e ami-old, asked 0");
}

#[tokio::test]
async fn a_change_or_a_wish_brings_the_newest_image_and_no_other_zone() {
    let stack = deployed(StackState::Ready);
    let of = placed(Some(&stack), "t3.large", ImageChoice::Kept).await;
    insta::assert_snapshot!(of, @"us-east-1b us-east-1e ami-new, asked 1");
    let of = placed(Some(&stack), "t3.small", ImageChoice::Newest).await;
    insta::assert_snapshot!(of, @"us-east-1b us-east-1e ami-new, asked 1");
}

#[tokio::test]
async fn the_remains_of_a_failed_creation_keep_nothing() {
    let stack = deployed(StackState::Broken);
    let of = placed(Some(&stack), "t3.small", ImageChoice::Kept).await;
    insta::assert_snapshot!(of, @"us-east-1c us-east-1d ami-new, asked 4");
}

#[tokio::test]
async fn too_few_zones_are_told_with_what_each_lacks() {
    let (aws, _) = fake_aws().await;
    let known = values(&[("InstanceType", "x9.huge")]);
    let plan = servers(None);
    let placed = place(&aws, &plan, None, ImageChoice::Kept, known);
    let error = placed.await.unwrap_err();
    let hint = error.downcast_ref::<UserError>().unwrap().hint();
    insta::assert_snapshot!(format!("{error}\n\n{hint}"), @r"
    region us-east-1 has fewer than two zones with everything that the servers need
      us-east-1a lacks x9.huge
      us-east-1b lacks com.amazonaws.us-east-1.sqs, x9.huge
      us-east-1c lacks x9.huge

    set another `servers.instance_type` (of the same processor), or another `region`
    ");
}

#[tokio::test]
async fn zones_of_the_settings_are_taken_and_never_change() {
    let (aws, questions) = fake_aws().await;
    let known = values(&[("InstanceType", "t3.small")]);
    let wanted = servers(Some("us-east-1d"));
    let placed = place(&aws, &wanted, None, ImageChoice::Kept, known.clone());
    assert_eq!(placed.await.unwrap()["ZoneA"], "us-east-1d");
    assert_eq!(*questions.lock().unwrap(), ["AmazonSSM.GetParameter"]);
    let stack = deployed(StackState::Ready);
    let placed = place(&aws, &wanted, Some(&stack), ImageChoice::Kept, known);
    let error = placed.await.unwrap_err();
    let hint = error.downcast_ref::<UserError>().unwrap().hint();
    insta::assert_snapshot!(format!("{error}\n\n{hint}"), @r"
    stack `tree-prod-websocket` is in zone us-east-1b, and `servers.zones` asks for us-east-1d

    a stack stays in its zones: leave `servers.zones` out, or tear the stage down and deploy it anew
    ");
}
