//! A stage on which people sign in: whoever is no editor writes nothing, whatever the request looks like, and what an editor
//! writes tells who it was. Then the same stage without: everybody writes, and the users stay until the teardown.

use std::path::Path;
use std::time::Duration;

use factory_tree::aws::{Access, Aws, Invitation};
use factory_tree::config::Network;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::SOON;
use crate::support::stage::{
    Answer, Stage, check, create_factory, failing, open_socket, stacks_with,
};
use crate::support::visitor::{Answered, Page, Tokens, forged, send, spellings};

/// How long an access token of this stage is good for.
const TOKEN: Duration = Duration::from_secs(20);

const SIGN_IN: &str = "    sign_in: true\n";

fn run(stage: &Stage, arguments: &[&str]) -> Answer {
    let mut command = stage.command(arguments[0]);
    let command = command.args(&arguments[1..]).args(["--output", "json"]);
    Answer::from(command.output().unwrap())
}

#[test]
fn only_editors_write_where_people_sign_in() {
    let stage = Stage::of("signed", Path::new(env!("CARGO_MANIFEST_DIR")), SIGN_IN);
    with_short_tokens_and_another_client(&stage);
    let report = stage.deploy();
    assert!(stacks_with(&report, "created").contains(&"auth"));
    let outputs = run(&stage, &["outputs"]).json;
    let tree = Tree::of(&report, &outputs);

    the_page_learns_how_to_sign_in(&report, &outputs);
    let tokens = tree.page.sign_in(&tree.user.0, &tree.user.1);
    an_editor_writes_and_everybody_hears_who_it_was(&tree, &report, &tokens);
    anonymous_writes_are_refused_in_every_spelling(&tree);
    bad_tokens_are_refused(&tree, &outputs);
    a_visitor_reads_and_does_not_write(&stage, &tree, &outputs);
    users_come_and_go(&stage);
    a_renewed_token_is_an_editors_too(&tree);
    let status = run(&stage, &["status"]).json;
    assert_eq!(failing(&status), Vec::<&str>::new(), "{status}");
    let pages = check(&status, "sign-in")["detail"].as_str().unwrap();
    assert_eq!(pages, format!("pages at {}", tree.page.pages));

    without_sign_in_everybody_writes_and_the_users_stay(&stage);
}

/// Two minutes of waiting are too long for a test; and one client more has tokens of its own.
fn with_short_tokens_and_another_client(stage: &Stage) {
    stage.change_template("auth.yaml", |template| {
        let seconds = TOKEN.as_secs();
        let short = template
            .replace(
                "AccessTokenValidity: 5",
                &format!("AccessTokenValidity: {seconds}"),
            )
            .replace("AccessToken: minutes", "AccessToken: seconds");
        let client = short.split("  Client:\n").nth(1).unwrap();
        let client = client.split("\n  SignInPages:").next().unwrap();
        let other = format!("  OtherClient:\n{client}\n  SignInPages:");
        let output = "Outputs:\n  OtherClient:\n    Value: !Ref OtherClient\n";
        short
            .replace("\n  SignInPages:", &format!("\n{other}"))
            .replace("Outputs:\n", output)
    });
}

/// The tree, as its visitors reach it.
struct Tree {
    api: String,
    page: Page,
    user: (String, String),
}

impl Tree {
    fn of(report: &Value, outputs: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self {
            api: text(&report["urls"]["api"]),
            page: Page {
                site: text(&report["urls"]["site"]),
                pages: text(&report["urls"]["sign_in"]["pages"]),
                client: text(&outputs["stacks"]["auth"]["SignInClient"]),
            },
            user: (
                text(&outputs["user"]["name"]),
                text(&outputs["user"]["password"]),
            ),
        }
    }

    fn write(&self, request: &str, token: Option<&str>, body: &str) -> Answered {
        let token = token.map(|token| format!("Authorization: Bearer {token}\r\n"));
        let headers = format!(
            "Content-Type: application/json\r\nIf-Match: \"1\"\r\nOrigin: {}\r\n{}",
            self.page.site,
            token.unwrap_or_default()
        );
        send(&self.api, request, &headers, body)
    }

    fn factories(&self) -> Value {
        send(&self.api, "GET /factories", "", "").json()["factories"].take()
    }
}

fn body(name: &str) -> String {
    json!({ "name": name, "lower": 1, "upper": 6, "count": 3 }).to_string()
}

fn the_page_learns_how_to_sign_in(report: &Value, outputs: &Value) {
    let site = report["urls"]["site"].as_str().unwrap();
    let config = send(site, "GET /config.json", "", "").json();
    let auth = &outputs["stacks"]["auth"];
    let pages = report["urls"]["sign_in"]["pages"].as_str().unwrap();
    let issuer = format!("{pages}/{}", auth["UserPoolId"].as_str().unwrap());
    let wanted = json!({ "issuer": issuer, "client": auth["SignInClient"], "pages": pages });
    assert_eq!(config["signIn"], wanted);
    let described = send(
        pages,
        &format!(
            "GET /{}/.well-known/openid-configuration",
            auth["UserPoolId"].as_str().unwrap()
        ),
        "",
        "",
    );
    let token_endpoint = described.json()["token_endpoint"].take();
    assert_eq!(
        token_endpoint,
        format!("{pages}/oauth2/token"),
        "{described:?}"
    );
    let policy = send(site, "GET /", "", "");
    let policy = policy.header("content-security-policy").unwrap();
    assert!(policy.contains(&format!(" {pages};")), "{policy}");
    let hidden = send(pages, "GET /_ministack/health", "", "");
    assert_eq!(hidden.status, 404, "the emulator shows through");
}

fn an_editor_writes_and_everybody_hears_who_it_was(tree: &Tree, report: &Value, tokens: &Tokens) {
    let mut socket = open_socket(report).unwrap();
    let created = tree.write("POST /factories", Some(&tokens.access), &body("mill"));
    assert_eq!(created.status, 201, "{created:?}");
    assert_eq!(created.json()["changed_by"], "editor");
    let started = std::time::Instant::now();
    let heard = loop {
        assert!(started.elapsed() < SOON, "nobody hears of the change");
        match socket.read() {
            Ok(Message::Text(text)) if text.contains("\"changed\"") => break text,
            _ => {}
        }
    };
    assert!(heard.contains("\"changed_by\":\"editor\""), "{heard}");
}

fn anonymous_writes_are_refused_in_every_spelling(tree: &Tree) {
    let before = tree.factories();
    let mut asked = 0;
    for path in spellings() {
        for method in ["POST", "PATCH", "DELETE", "PUT", "post", "MKCOL"] {
            let answered = tree.write(&format!("{method} {path}"), None, &body("forged"));
            asked += 1;
            // What the emulator or the edge refuses by itself has reached nothing.
            assert!(
                matches!(answered.status, 400 | 401 | 404 | 405 | 501),
                "{method} {path}: {answered:?}"
            );
        }
        for method in ["HEAD", "OPTIONS", "GET"] {
            let disguise =
                "X-HTTP-Method-Override: POST\r\nX-HTTP-Method: DELETE\r\nIf-Match: \"1\"\r\n";
            send(
                &tree.api,
                &format!("{method} {path}"),
                disguise,
                &body("forged"),
            );
        }
    }
    assert!(asked > 300, "{asked}");
    assert_eq!(tree.factories(), before, "something was written");
    let plain = tree.write("POST /factories", None, &body("forged"));
    assert_eq!(
        (plain.status, plain.header("www-authenticate")),
        (401, Some("Bearer"))
    );
    let origin = plain.header("access-control-allow-origin");
    assert_eq!(origin, Some(tree.page.site.as_str()), "a page reads why");
    // A path of no route comes by the default route, and the Lambda refuses it.
    let odd = tree.write("POST /factories/", None, &body("forged"));
    assert_eq!(odd.status, 401);
    let kind = odd.json()["type"].as_str().unwrap_or_default().to_owned();
    assert!(kind.ends_with("/not-signed-in"), "{odd:?}");
    let preflight = send(
        &tree.api,
        "OPTIONS /factories",
        &format!(
            "Origin: {}\r\nAccess-Control-Request-Method: POST\r\n",
            tree.page.site
        ),
        "",
    );
    let allowed = preflight.header("access-control-allow-headers").unwrap();
    assert!(allowed.contains("Authorization"), "{preflight:?}");
}

fn bad_tokens_are_refused(tree: &Tree, outputs: &Value) {
    let before = tree.factories();
    let good = tree.page.sign_in(&tree.user.0, &tree.user.1);
    let other = Page {
        client: outputs["stacks"]["auth"]["OtherClient"]
            .as_str()
            .unwrap()
            .to_owned(),
        ..tree.page.clone()
    };
    let other = other.sign_in(&tree.user.0, &tree.user.1);
    let later = |claims: &mut Value| claims["exp"] = json!(4_000_000_000_u64);
    let none = r#"{"alg":"none","typ":"JWT"}"#;
    let mut cut = good.access.clone();
    cut.truncate(cut.len() - 10);
    for (what, token) in [
        ("altered", forged(&good.access, None, later)),
        ("unsigned", forged(&good.access, Some(none), later)),
        ("cut short", cut),
        ("of another client", other.access),
        ("an id token", good.id.clone()),
        ("a refresh token", good.refresh.clone()),
        ("no token", "x".to_owned()),
    ] {
        for path in ["/factories", "/factories/"] {
            let answered = tree.write(&format!("POST {path}"), Some(&token), &body("forged"));
            assert_eq!(answered.status, 401, "{what} {path}: {answered:?}");
        }
    }
    // Behind the gateway nobody has verified it, so a good token is as good as none.
    let odd = tree.write("POST /factories/", Some(&good.access), &body("forged"));
    assert_eq!(odd.status, 401, "{odd:?}");
    std::thread::sleep(TOKEN + Duration::from_secs(1));
    let expired = tree.write("POST /factories", Some(&good.access), &body("forged"));
    assert_eq!(expired.status, 401, "{expired:?}");
    assert_eq!(tree.factories(), before);
}

/// The way to the stage's own endpoint.
fn endpoint(stage: &Stage, runtime: &tokio::runtime::Runtime) -> Aws {
    let ports = std::fs::read(stage.state().join("ports.json")).unwrap();
    let ports: Value = serde_json::from_slice(&ports).unwrap();
    let url = format!("http://127.0.0.1:{}", ports["emulator"]);
    let region = "us-east-1".parse().unwrap();
    let access = Access::Endpoint { url };
    runtime.block_on(Aws::connect(&access, &region, &Network::default()))
}

fn a_visitor_reads_and_does_not_write(stage: &Stage, tree: &Tree, outputs: &Value) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let pool = outputs["stacks"]["auth"]["UserPoolId"].as_str().unwrap();
    let password = "Visitor-0123456789";
    let aws = endpoint(stage, &runtime);
    let made = async {
        let address = "visitor@example.com";
        let cognito = &aws.cognito;
        cognito
            .create_user(pool, "visitor", address, Invitation::None)
            .await?;
        cognito.set_password(pool, "visitor", password).await
    };
    runtime.block_on(made).unwrap();
    let tokens = tree.page.sign_in("visitor", password);
    let answered = tree.write("POST /factories", Some(&tokens.access), &body("mine"));
    assert_eq!(answered.status, 403, "{answered:?}");
    let problem = answered.json();
    assert!(
        problem["type"]
            .as_str()
            .unwrap()
            .ends_with("/not-an-editor")
    );
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("visitor") && detail.contains("editors"),
        "{detail}"
    );
}

fn users_come_and_go(stage: &Stage) {
    let users = |arguments: &[&str]| run(stage, &[&["users"], arguments].concat());
    let add = ["add", "eve", "--email", "eve@example.com"];
    let added = users(&add);
    assert_eq!(added.code, Some(0), "{}", added.said);
    assert_eq!(added.json["outcome"], "added");
    assert_eq!(added.json["invited"], "eve@example.com");
    assert_eq!(users(&add).json["outcome"], "unchanged");
    let other = users(&["add", "eve", "--email", "other@example.com"]);
    assert_eq!(other.code, Some(2), "{}", other.said);
    let made_editor = users(&["add", "visitor", "--email", "visitor@example.com"]);
    assert_eq!(made_editor.json["outcome"], "added", "{}", made_editor.said);
    let list = users(&["list"]).json;
    let rows: Vec<(&str, bool, &str)> = list["users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let text = |name: &str| row[name].as_str().unwrap();
            (text("name"), row["editor"] == true, text("state"))
        })
        .collect();
    let wanted = [
        ("editor", true, "active"),
        ("eve", true, "invited"),
        ("visitor", true, "active"),
    ];
    assert_eq!(rows, wanted);
    let unasked = users(&["remove", "eve"]);
    assert_eq!(unasked.code, Some(3), "nobody has agreed: {}", unasked.said);
    // Of a protected stage its name must be typed: a default consents to nothing.
    stage.configure(&format!("{SIGN_IN}    protected: true\n"));
    let unnamed = users(&["remove", "eve", "--yes"]);
    assert_eq!(unnamed.code, Some(3), "{}", unnamed.said);
    let named = users(&["remove", "eve", "--yes", "--stage", "signed"]);
    assert_eq!(named.json["outcome"], "removed", "{}", named.said);
    stage.configure(SIGN_IN);
    let again = users(&["remove", "eve"]);
    assert_eq!(
        (again.code, &again.json["outcome"]),
        (Some(0), &json!("absent"))
    );
}

fn a_renewed_token_is_an_editors_too(tree: &Tree) {
    let first = tree.page.sign_in(&tree.user.0, &tree.user.1);
    let second = tree.page.renew(&first.refresh).unwrap();
    assert_ne!(second.refresh, first.refresh, "it is for once");
    let two_tabs = tree.page.renew(&first.refresh);
    assert!(two_tabs.is_ok(), "both tabs renew at the same time");
    let written = tree.write("POST /factories", Some(&second.access), &body("forge"));
    assert_eq!(written.status, 201, "{written:?}");
    std::thread::sleep(Duration::from_secs(11));
    let late = tree.page.renew(&first.refresh).unwrap_err();
    assert_eq!(late.status, 400, "{late:?}");
    assert!(tree.page.renew(&second.refresh).is_ok());
}

fn without_sign_in_everybody_writes_and_the_users_stay(stage: &Stage) {
    stage.configure("");
    let plan = run(stage, &["plan"]);
    assert_eq!(plan.json["undescribed"][0]["name"], "auth", "{}", plan.said);
    let deployed = run(stage, &["deploy"]);
    assert_eq!(deployed.code, Some(0), "{}", deployed.said);
    assert!(
        deployed.said.contains("it holds the users"),
        "{}",
        deployed.said
    );
    let report = deployed.json;
    assert_eq!(report["urls"].get("sign_in"), None);
    let (id, status) = create_factory(&report, "anybody's");
    assert_eq!(status, 201);
    let api = report["urls"]["api"].as_str().unwrap();
    let factory = send(api, &format!("GET /factories/{id}"), "", "").json();
    assert_eq!(factory.get("changed_by"), None, "{factory}");
    let site = report["urls"]["site"].as_str().unwrap();
    let config = send(site, "GET /config.json", "", "");
    assert!(!config.body.contains("signIn"), "{config:?}");
    let policy = send(site, "GET /", "", "");
    assert!(
        !policy
            .header("content-security-policy")
            .unwrap()
            .contains("auth.")
    );
    let nobody = run(stage, &["users", "list"]);
    let still_there = nobody.json["users"].as_array().map(Vec::len);
    assert_eq!(still_there, Some(2), "{}", nobody.said);
    assert_eq!(run(stage, &["outputs"]).json.get("user"), None);

    let gone = run(stage, &["teardown"]);
    assert_eq!(gone.code, Some(0), "{}", gone.said);
    let before = gone.json["before"]["stacks"].as_array().unwrap();
    let users = before.iter().find(|stack| stack["name"] == "auth").unwrap();
    let store = &users["stores"][0];
    assert_eq!(store["kind"], "AWS::Cognito::UserPool", "{users}");
    assert_eq!(store["items"], 2, "{users}");
    let removed = gone.json["removed"].as_array().unwrap();
    assert!(removed.contains(&json!("stack auth")), "{removed:?}");
}
