//! The server's release: a bundle that never becomes ready changes nothing for anybody, and a good one
//! takes over without a client losing a change.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::support::stage::{Answer, Socket, Stage, create_factory, is_timeout, open_socket};

/// A program that says why it cannot go on, and ends.
const BROKEN: &str = "fn main() -> std::process::ExitCode {
    eprintln!(\"no table today\");
    std::process::ExitCode::FAILURE
}
";

/// A program that runs, listens, and never gets ready.
const NEVER_READY: &str = r#"use std::io::{Read, Write};
fn main() {
    eprintln!("still waiting for the queue");
    let address = std::env::var("LISTEN").unwrap();
    for stream in std::net::TcpListener::bind(address).unwrap().incoming() {
        let mut stream = stream.unwrap();
        let _ = stream.read(&mut [0; 1024]);
        let answer = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 8\r\n\r\nno queue";
        let _ = stream.write_all(answer.as_bytes());
    }
}
"#;

/// Bad programs, each with what is to be said of it.
const BAD: [(&str, [&str; 2]); 2] = [
    (BROKEN, ["exited with status 1", "no table today"]),
    (
        NEVER_READY,
        [
            "answers 503 Service Unavailable no queue",
            "still waiting for the queue",
        ],
    ),
];

const SOON: Duration = Duration::from_secs(10);

/// The deploy of each bad bundle fails with its name and last words; the client that was there before
/// stays, and hears of what happens.
pub(super) fn a_bundle_that_is_never_ready_changes_nothing(
    stage: &Stage,
    sources: &Path,
    report: &Value,
) {
    let main = sources.join("crates/websocket/src/main.rs");
    let good = std::fs::read_to_string(&main).unwrap();
    let mut client = Client::connect(report);
    let server = stage.pid_of("server");
    for (program, words) in BAD {
        std::fs::write(&main, program).unwrap();
        let failed = deploy_while(stage, || client.listen());
        assert_eq!(failed.code, Some(1), "{}", failed.said);
        let always = [
            "the server of bundle `",
            "the server before it serves on",
            "server.log; `factory-tree deploy` tries again",
        ];
        for words in always.into_iter().chain(words) {
            assert!(failed.said.contains(words), "{words}: {}", failed.said);
        }
        assert_eq!(stage.pid_of("server"), server);
        let (id, status) = create_factory(report, "while the bad bundle lies there");
        assert_eq!(status, 201);
        client.listen_until(SOON, |client| client.seen.contains(&id));
        assert_eq!(client.farewells, Vec::<String>::new());
    }

    let back = super::undo::rollback(stage, &[]);
    assert_eq!(back.code, Some(0), "{}", back.said);
    assert_eq!(back.json["moved"], serde_json::json!(["server"]));
    assert_eq!(stage.pid_of("server"), server, "nothing had to be started");
    std::fs::write(&main, good).unwrap();
}

/// The client is asked to reconnect, with a reason; it does, and has received everything, also of what was
/// made in between.
pub(super) fn a_good_bundle_takes_over_without_a_loss(
    stage: &Stage,
    sources: &Path,
    report: &Value,
) {
    let main = sources.join("crates/websocket/src/main.rs");
    let text = std::fs::read_to_string(&main).unwrap();
    std::fs::write(&main, format!("{text}{}", super::CHANGE)).unwrap();
    let mut client = Client::connect(report);
    let server = stage.pid_of("server");
    let mut made = BTreeSet::new();
    let deployed = deploy_while(stage, || {
        let (id, status) = create_factory(report, "in the middle of it");
        assert_eq!(status, 201);
        made.insert(id);
        client.listen();
    });
    assert_eq!(deployed.code, Some(0), "{}", deployed.said);
    assert_ne!(stage.pid_of("server"), server);
    client.listen_until(SOON, |client| made.is_subset(&client.seen));
    assert_eq!(client.farewells.len(), 1, "{:?}", client.farewells);
    assert_ne!(client.farewells[0], "", "it is reported why");
}

/// Deploys, and does something else over and over until that is done.
fn deploy_while(stage: &Stage, mut meanwhile: impl FnMut()) -> Answer {
    std::thread::scope(|scope| {
        let deploy = scope.spawn(|| stage.run("deploy"));
        while !deploy.is_finished() {
            meanwhile();
        }
        deploy.join().unwrap()
    })
}

/// A page: it reads, and reconnects when it is asked to.
struct Client<'a> {
    report: &'a Value,
    socket: Socket,
    /// Ids of the factories that it has heard of.
    seen: BTreeSet<String>,
    /// Where in its server's order of changes it is.
    position: u64,
    /// The reasons with which its connections were closed.
    farewells: Vec<String>,
}

impl<'a> Client<'a> {
    fn connect(report: &'a Value) -> Self {
        Self {
            report,
            socket: open_socket(report).unwrap(),
            seen: BTreeSet::new(),
            position: 0,
            farewells: Vec::new(),
        }
    }

    /// Takes what comes within a quarter of a second.
    fn listen(&mut self) {
        match self.socket.read() {
            Ok(Message::Text(text)) => {
                let message = serde_json::from_str(&text).unwrap();
                self.follow(&message);
                self.hear(&message);
            }
            Ok(Message::Close(frame)) => {
                let reason = frame.map(|frame| frame.reason.to_string());
                self.farewells.push(reason.unwrap_or_default());
                // Answers the farewell, as a browser does.
                let _ = self.socket.flush();
                self.socket = open_socket(self.report).unwrap();
                self.position = 0;
            }
            Ok(_) => {}
            Err(Error::Io(error)) if is_timeout(&error) => {}
            Err(error) => panic!("the connection broke off: {error}"),
        }
    }

    fn listen_until(&mut self, patience: Duration, is_so: impl Fn(&Self) -> bool) {
        let started = Instant::now();
        while !is_so(self) {
            assert!(started.elapsed() < patience, "it does not hear of it");
            self.listen();
        }
    }

    /// Every change comes after the one before, and none twice.
    fn follow(&mut self, message: &Value) {
        let Some(position) = message["position"].as_u64() else {
            return;
        };
        let is_change = message["type"] != "snapshot";
        assert!(!is_change || position > self.position, "{message}");
        self.position = position;
    }

    /// Collects every id in a message, be it a snapshot or a change.
    fn hear(&mut self, message: &Value) {
        match message {
            Value::Object(fields) => {
                let id = fields.get("id").and_then(Value::as_str);
                self.seen.extend(id.map(str::to_owned));
                fields.values().for_each(|value| self.hear(value));
            }
            Value::Array(values) => values.iter().for_each(|value| self.hear(value)),
            _ => {}
        }
    }
}
