//! A seed against an API of a test, and a bucket that keeps the record: what was written once is never written again, whatever the
//! API has forgotten since.

use std::path::Path;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Json;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::post;
use serde_json::{Value, json};

use factory_tree::aws::{Access, Aws};
use factory_tree::config::{Config, Network};
use factory_tree::event::SilentReporter;
use factory_tree::hint;
use factory_tree::seed::{Seed, Seeded};

use crate::support::fake_storage::FakeStorage;
use crate::support::loopback;

const FILE: &str = r#"[
  { "name": "One", "lower": 1, "upper": 6, "count": 3 },
  {
    "name": "Two",
    "lower": 1,
    "upper": 6,
    "count": 0
  },
  { "name": "One", "lower": 1, "upper": 6, "count": 3 }
]
"#;

/// An API that remembers nothing but what it was sent, and answers what it is told, else 201.
#[derive(Clone, Default)]
struct Api {
    sent: Arc<Mutex<Vec<Value>>>,
    answers: Arc<Mutex<Vec<(u16, Value)>>>,
}

impl Api {
    fn serve(&self) -> String {
        let api = self.clone();
        let create = move |Json(body): Json<Value>| {
            api.sent.lock().unwrap().push(body);
            let answer = api.answers.lock().unwrap().pop();
            let (status, body) = answer.unwrap_or((201, Value::Null));
            async move { (StatusCode::from_u16(status).unwrap(), Json(body)).into_response() }
        };
        loopback::serve(Router::new().route("/factories", post(create)))
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self
            .sent
            .lock()
            .unwrap()
            .iter()
            .map(|body| body["name"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    }
}

struct Tree {
    api: Api,
    url: String,
    storage: FakeStorage,
    folder: tempfile::TempDir,
}

impl Tree {
    fn start() -> Self {
        let api = Api::default();
        let folder = tempfile::tempdir().unwrap();
        let config = "stages: { a: { domain: example.com, region: us-east-1 } }\n";
        std::fs::write(folder.path().join("factory-tree.yaml"), config).unwrap();
        Self {
            url: api.serve(),
            api,
            storage: FakeStorage::start(),
            folder,
        }
    }

    async fn write(&self, text: &str) -> anyhow::Result<Seeded> {
        let folder = self.folder.path();
        let config = Config::load(&folder.join("factory-tree.yaml"), Some("a")).unwrap();
        let file = folder.join("seed.json");
        std::fs::write(&file, text).unwrap();
        let access = Access::Endpoint {
            url: self.storage.url.clone(),
        };
        let aws = Aws::connect(&access, &"us-east-1".parse().unwrap(), &Network::default()).await;
        let seed = Seed::read(&config, &file).unwrap();
        seed.write(
            &self.url,
            &Network::default(),
            &aws.s3,
            "artifacts",
            &SilentReporter,
        )
        .await
    }
}

#[tokio::test]
async fn what_was_written_once_is_never_written_again() {
    let tree = Tree::start();
    assert_eq!(
        tree.write(FILE).await.unwrap(),
        Seeded {
            created: 3,
            present: 0
        }
    );
    assert_eq!(tree.api.names(), ["One", "One", "Two"]);
    let ids: std::collections::BTreeSet<String> = tree
        .api
        .sent
        .lock()
        .unwrap()
        .iter()
        .map(|body| body["id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ids.len(), 3);

    // This API would create them again, as ours would a day after they were removed.
    tree.api.sent.lock().unwrap().clear();
    assert_eq!(
        tree.write(FILE).await.unwrap(),
        Seeded {
            created: 0,
            present: 3
        }
    );
    assert_eq!(tree.api.names(), Vec::<String>::new());

    let changed = FILE.replace("\"upper\": 6", "\"upper\": 60").replacen(
        '[',
        "[ { \"name\": \"Three\", \"lower\": 0, \"upper\": 0, \"count\": 0 },",
        1,
    );
    assert_eq!(
        tree.write(&changed).await.unwrap(),
        Seeded {
            created: 1,
            present: 3
        }
    );
    assert_eq!(tree.api.names(), ["Three"]);
}

#[tokio::test]
async fn a_busy_api_is_asked_again_and_a_refusal_names_line_and_field() {
    let tree = Tree::start();
    let refusal = json!({ "type": "https://example.com/problems/invalid-field", "field": "upper", "detail": "6 is odd here" });
    *tree.api.answers.lock().unwrap() = vec![(503, Value::Null), (429, Value::Null)];
    assert_eq!(
        tree.write(FILE).await.unwrap(),
        Seeded {
            created: 3,
            present: 0
        }
    );
    assert_eq!(tree.api.names().len(), 5);

    let tree = Tree::start();
    let two = "[\n  { \"name\": \"Two\",\n    \"lower\": 1, \"upper\": 6,\n    \"count\": 0 }\n]\n";
    *tree.api.answers.lock().unwrap() = vec![(422, refusal)];
    let error = tree.write(two).await.unwrap_err();
    let file = tree.folder.path().display().to_string();
    let reported = format!(
        "{error:#}\nhint: {}",
        hint::hint(&error).unwrap_or_default()
    )
    .replace(&file, "[folder]");
    insta::assert_snapshot!(reported, @r"
    the release is live, but the API took only 0 of 1 factories of the seed (0 created, 0 already there):
      [folder]/seed.json:3: `upper` of factory `Two`: the API answers 422: 6 is odd here
        cure: change the factory in the file, then run the same command again
    hint: correct the file, then run the same command again: it writes what is missing and nothing twice
    ");
    assert_eq!(hint::exit(&error) as u8, 1);
    // It is no part of the record, so the next run sends it.
    assert_eq!(
        tree.write(two).await.unwrap(),
        Seeded {
            created: 1,
            present: 0
        }
    );
    assert_eq!(tree.api.names(), ["Two", "Two"]);
}

#[test]
fn the_example_is_a_seed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = Config::load(&root.join("factory-tree.yaml"), None).unwrap();
    Seed::read(&config, &root.join("examples/seed.json")).unwrap();
}
