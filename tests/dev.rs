//! `factory-tree dev` on a stage of its own, with a copy of the sources that may be broken and mended, and a real browser
//! that looks on from the first save to the last.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use crate::support::browser::BrowserDriver;
use crate::support::stage::{Stage, call, copy_sources};
use serde_json::{Value, json};

/// The longest time that a round may take here, where other tests may be at work beside this one.
const PATIENCE: Duration = Duration::from_secs(60);

/// A change of a program that the compiler keeps.
const CHANGE: &str = "\n#[used]\nstatic CHANGE: &str = \"another build\";\n";

/// A text that only a page of Vite contains.
const OF_VITE: &str = "/@vite/client";

#[test]
fn every_save_is_live_a_broken_one_is_reported_and_nothing_stays_behind() {
    let sources = tempfile::tempdir().unwrap();
    copy_sources(sources.path());
    let stage = Stage::of("dev", sources.path(), "");
    let mut dev = Dev::start(&stage);
    let report = dev.report();

    until("Vite shows the page", || {
        page(&report, "/").contains(OF_VITE)
    });
    let mut browser = BrowserDriver::open(&sources.path().join("site"), "e2e/dev.mjs", &report);
    saved_components_are_on_the_page(&mut browser);
    assert!(page(&report, "/config.json").contains(report["urls"]["api"].as_str().unwrap()));

    let main = "lambdas/api/src/main.rs";
    let health = || call(&report, "GET /health", "", "");
    let before = health();
    let whole = edit(sources.path(), main, |text| {
        format!("{text}\nfn broken() {{ no_such_function() }}\n")
    });
    dev.hear("cannot find function `no_such_function`");
    dev.hear("the live version is unchanged");
    assert_eq!(health(), before);

    edit(sources.path(), main, |_| format!("{whole}{CHANGE}"));
    let reported = dev.hear("after the save");
    assert!(
        reported.contains("lambdas/api/src/main.rs: stack api updated"),
        "{reported}"
    );
    let after = health();
    assert!(after.0 == 200 && after != before, "{after:?}");
    without_fault(&browser.ask("live"));

    edit(sources.path(), "crates/websocket/src/main.rs", |text| {
        format!("{text}{CHANGE}")
    });
    let reported = dev.hear("after the save");
    assert!(reported.contains("stack websocket updated"), "{reported}");
    without_fault(&browser.ask("live"));
    without_fault(&browser.leave());

    let vite = processes_in(&sources.path().join("site"));
    assert_eq!(vite.len(), 1, "Vite is one process");
    assert_eq!(dev.interrupt(), Some(130));
    dev.hear("factory-tree teardown");
    until("Vite has ended", || {
        processes_in(&sources.path().join("site")).is_empty()
    });
    assert!(!page(&report, "/").contains(OF_VITE), "the deployed page");
    assert_eq!(health(), after, "the stage runs on");
}

/// The bench `benches/dev` measures their speed.
fn saved_components_are_on_the_page(browser: &mut BrowserDriver) {
    for _ in 0..3 {
        without_fault(&browser.ask("save"));
    }
}

/// No page was loaded anew, nothing in one complained, and what was typed is still there.
fn without_fault(answer: &Value) {
    assert_eq!(answer["faults"], json!([]), "{answer}");
}

/// A running `dev`. It is killed if the test fails.
struct Dev {
    child: Child,
    said: Receiver<String>,
}

impl Dev {
    fn start(stage: &Stage) -> Self {
        let mut command = stage.command("dev");
        command.args(["--output", "json"]);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (sender, said) = channel();
        std::thread::spawn(move || {
            let lines = stderr.lines().map_while(Result::ok);
            lines.for_each(|line| drop(sender.send(line)));
        });
        Self { child, said }
    }

    /// Returns the report of the first deploy.
    fn report(&mut self) -> Value {
        let stdout = self.child.stdout.take().unwrap();
        let mut documents = serde_json::Deserializer::from_reader(stdout).into_iter();
        let report = documents.next().map(Result::unwrap);
        report.unwrap_or_else(|| panic!("{:?}", self.said.iter().collect::<Vec<_>>()))
    }

    /// Waits for a line with these words and returns it.
    fn hear(&self, words: &str) -> String {
        let (started, mut heard) = (Instant::now(), Vec::new());
        while let Ok(line) = self
            .said
            .recv_timeout(PATIENCE.saturating_sub(started.elapsed()))
        {
            if line.contains(words) {
                return line;
            }
            heard.push(line);
        }
        panic!("nobody says `{words}`: {}", heard.join("\n"));
    }

    fn interrupt(&mut self) -> Option<i32> {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-INT", &pid]).status().unwrap();
        assert!(sent.success());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Changes a source and returns it as it was.
fn edit(root: &Path, file: &str, change: impl Fn(&str) -> String) -> String {
    let file = root.join(file);
    let before = std::fs::read_to_string(&file).unwrap();
    let after = change(&before);
    assert_ne!(before, after, "the change changes nothing");
    std::fs::write(&file, after).unwrap();
    before
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Returns what the site's address answers for a path.
fn page(report: &Value, path: &str) -> String {
    let site = report["urls"]["site"].as_str().unwrap();
    let address = site.trim_start_matches("http://");
    let port: u16 = address.rsplit(':').next().unwrap().parse().unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// Finds the living processes that work in a folder.
fn processes_in(folder: &Path) -> Vec<PathBuf> {
    let folder = folder.canonicalize().unwrap();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .map(|entry| entry.path())
        .filter(|process| std::fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd == folder))
        .collect()
}
