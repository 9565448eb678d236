//! The number of times that the table is read for many page loads: it is bounded by time where lists are read through the
//! distribution of the site, and none where the servers tell the tree. What reads the table is counted where it is read. The API logs each
//! request that reaches it, and a `GET /factories` is one Query, as the tree is no longer than a page; requests that a cache answers are not
//! among them. The server counts the reads that it falls back to.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

use crate::support::stage::{Answer, Stage, create_factory, open_socket_from};

/// As many page loads within as much time.
const LOADS: usize = 500;
const TIME: Duration = Duration::from_secs(10);

/// The pages that load at the same time.
const PAGES: usize = 10;

/// Asks a host of the stage, and returns the head and the body.
fn get(url: &str, path: &str) -> (String, String) {
    let address = url.trim_start_matches("http://");
    let port: u16 = address.rsplit(':').next().unwrap().parse().unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_ascii_lowercase(), body.to_owned())
}

/// Loads pages, evenly over the time; each takes `load` after its own files.
fn load_pages(report: &Value, load: impl Fn(usize) + Sync) -> Duration {
    let site = report["urls"]["site"].as_str().unwrap();
    let began = Instant::now();
    std::thread::scope(|scope| {
        for page in 0..PAGES {
            let load = &load;
            scope.spawn(move || {
                for number in (page..LOADS).step_by(PAGES) {
                    let due = TIME.mul_f64(number as f64 / LOADS as f64);
                    std::thread::sleep(due.saturating_sub(began.elapsed()));
                    for path in ["/", "/config.json"] {
                        assert!(get(site, path).0.starts_with("http/1.1 200 "), "{path}");
                    }
                    load(number);
                }
            });
        }
    });
    began.elapsed()
}

/// The lists that the API has read from the table so far.
fn lists(stage: &Stage) -> usize {
    let mut command = stage.command("logs");
    command.args([
        "--since",
        "30m",
        "--source",
        "api",
        "--grep",
        "method=GET route=/factories ",
        "--output",
        "json",
    ]);
    let answer = Answer::from(command.output().unwrap());
    assert_eq!(answer.code, Some(0), "{}", answer.said);
    answer.json["lines"].as_array().unwrap().len()
}

/// The reads that the server fell back to.
fn reads_of_server(stage: &Stage) -> u64 {
    let ports: Value =
        serde_json::from_slice(&std::fs::read(stage.state().join("ports.json")).unwrap()).unwrap();
    let (_, metrics) = get(&format!("http://127.0.0.1:{}", ports["server"]), "/metrics");
    let count = metrics
        .lines()
        .find_map(|line| line.strip_prefix("factory_tree_websocket_fallback_reads_total "));
    count
        .unwrap_or_else(|| panic!("no count of reads: {metrics}"))
        .parse()
        .unwrap()
}

#[test]
fn five_hundred_page_loads_read_the_table_ten_times_at_most() {
    let stage = Stage::new("reads");
    let report = stage.deploy();
    for name in ["one", "two", "three"] {
        assert_eq!(create_factory(&report, name).1, 201);
    }
    // The proof of the deploy has read the empty list, which is kept for two seconds.
    std::thread::sleep(Duration::from_millis(2_200));
    let site = report["urls"]["site"].as_str().unwrap();
    let config: Value = serde_json::from_str(&get(site, "/config.json").1).unwrap();
    let reads = config["reads"].as_str().unwrap();
    let api = report["urls"]["api"].as_str().unwrap();
    let measure = |load: &(dyn Fn(usize) + Sync)| {
        let before = (lists(&stage), reads_of_server(&stage));
        let took = load_pages(&report, load);
        let after = (lists(&stage), reads_of_server(&stage));
        println!(
            "{} lists read by the API, {} by the server, in {took:?}",
            after.0 - before.0,
            after.1 - before.1
        );
        (after.0 - before.0, after.1 - before.1, took)
    };
    let list = |base: &str| {
        let (head, body) = get(base, "/factories");
        assert!(head.starts_with("http/1.1 200 "), "{head}");
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(body["factories"].as_array().unwrap().len(), 3);
    };

    let (cached, _, took) = measure(&|_| list(reads));
    // Two seconds each: one more than fit into the time, and never more than ten where the machine keeps up.
    let most = took.as_secs() as usize / 2 + 1;
    assert!(
        (1..=most.min(10)).contains(&cached),
        "{cached} reads in {took:?}"
    );
    let (direct, ..) = measure(&|_| list(api));
    assert_eq!(direct, LOADS);
    let (of_pages, of_server, _) = measure(&|number| {
        // Visitors come from many addresses.
        let client = format!("127.0.1.{}", number % 100 + 1);
        let mut socket = open_socket_from(&report, &client).unwrap();
        while let Ok(message) = socket.read() {
            if matches!(&message, Message::Text(text) if text.contains("\"last\":true")) {
                return;
            }
        }
        panic!("the socket tells no tree");
    });
    assert_eq!((of_pages, of_server), (0, 0));

    // The list of a moment ago, known by its tag, comes from the cache without a body.
    let (head, _) = get(reads, "/factories");
    assert!(
        head.contains("etag: ") && head.contains("x-cache: "),
        "{head}"
    );
}
