use std::os::unix::fs::PermissionsExt;
use std::sync::Mutex;

use super::*;
use crate::event::Event;

/// A reporter that records the output of the program.
#[derive(Default)]
struct Listener(Mutex<Vec<String>>);

impl Reporter for Listener {
    fn report(&self, event: Event) {
        if let Event::ToolOutput(line) = event {
            self.0.lock().unwrap().push(line);
        }
    }
}

/// Plays a Lambda in Python: `polled()` returns the event, `post(path, text)` answers.
const LAMBDA: &str = "#!/usr/bin/env python3
import os, sys, urllib.request
root = 'http://' + os.environ['AWS_LAMBDA_RUNTIME_API'] + '/2018-06-01/runtime/'
def polled():
    global request
    with urllib.request.urlopen(root + 'invocation/next') as response:
        request = response.headers['Lambda-Runtime-Aws-Request-Id']
        return response.read().decode()
def post(path, text):
    urllib.request.urlopen(root + path, data=text.encode())
";

fn call(folder: &std::path::Path, body: &str) -> Invocation {
    let program = folder.join("bootstrap");
    std::fs::write(&program, format!("{LAMBDA}{body}")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let settings = Settings {
        variables: BTreeMap::from([("TABLE_NAME".to_owned(), "factories".to_owned())]),
        memory: 512,
        timeout: Duration::from_secs(5),
    };
    Invocation {
        function: "api".parse().unwrap(),
        program,
        settings,
        access: BTreeMap::from([("AWS_REGION".to_owned(), "us-east-1".to_owned())]),
        event: r#"{"id":7}"#.to_owned(),
    }
}

async fn run(body: &str) -> (Result<FunctionResponse>, Vec<String>) {
    let (folder, listener) = (tempfile::tempdir().unwrap(), Listener::default());
    let answer = invoke(&call(folder.path(), body), &listener).await;
    (answer, listener.0.into_inner().unwrap())
}

async fn complaint(body: &str) -> String {
    run(body).await.0.unwrap_err().to_string()
}

#[tokio::test]
async fn the_event_goes_in_and_answer_log_and_times_come_out() {
    let body = "event = polled()
print('got', event, flush=True)
post('invocation/' + request + '/response', '{\"statusCode\": 200}')
polled()
";
    let (answer, log) = run(body).await;
    let answer = answer.unwrap();
    assert_eq!(answer.answer, serde_json::json!({ "statusCode": 200 }));
    assert!(answer.init > Duration::ZERO && answer.duration > Duration::ZERO);
    assert!(answer.peak_memory.is_none_or(|bytes| bytes > 1 << 20));
    assert_eq!(log, [r#"got {"id":7}"#]);
}

#[tokio::test]
async fn the_environment_is_lambdas_and_nothing_of_ours() {
    let body = "polled()
names = ','.join(sorted(name for name in os.environ if name not in ('LC_CTYPE', '__CF_USER_TEXT_ENCODING')))
post('invocation/' + request + '/response', '\"' + names + '\"')
";
    let answer = run(body).await.0.unwrap().answer;
    let names: Vec<&str> = answer.as_str().unwrap().split(',').collect();
    insta::assert_snapshot!(names.join("\n"), @r"
AWS_LAMBDA_FUNCTION_MEMORY_SIZE
AWS_LAMBDA_FUNCTION_NAME
AWS_LAMBDA_FUNCTION_VERSION
AWS_LAMBDA_INITIALIZATION_TYPE
AWS_LAMBDA_RUNTIME_API
AWS_REGION
LANG
PATH
TABLE_NAME
TZ
_HANDLER
");
}

#[tokio::test]
async fn an_error_is_reported_in_its_own_words() {
    let body = "polled()
post('invocation/' + request + '/error', '{\"errorType\": \"Broken\", \"errorMessage\": \"no such table\"}')
polled()
";
    assert_eq!(
        complaint(body).await,
        "function `api` failed: Broken: no such table"
    );
}

#[tokio::test]
async fn one_that_ends_by_itself_is_reported_with_its_status_and_its_log() {
    let (answer, log) = run("sys.exit('TABLE_NAME is not set')").await;
    let reported = answer.unwrap_err().to_string();
    assert_eq!(reported, "function `api` failed: ended with exit status: 1");
    assert_eq!(log, ["TABLE_NAME is not set"]);
}

#[tokio::test]
async fn one_that_does_not_answer_is_ended_after_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut call = call(folder.path(), "polled()\npolled()\n");
    call.settings.timeout = Duration::from_millis(200);
    let reported = invoke(&call, &Listener::default()).await.unwrap_err();
    assert_eq!(
        reported.to_string(),
        "function `api` failed: did not answer within 0.2 s"
    );
}
