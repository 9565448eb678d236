//! A browser that opens a stage and executes commands, a line at a time: a script of `site/e2e` that reads
//! commands and answers each with a line of JSON.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// The browser. It ends when this is dropped.
pub(crate) struct BrowserDriver {
    browser: Child,
    commands: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl BrowserDriver {
    /// Lets a script open its pages at the address of a deploy's report, and insists that they are whole.
    pub(crate) fn open(site: &Path, script: &str, report: &Value) -> Self {
        let mut browser = Command::new("node")
            .arg(script)
            .env("SITE_URL", report["urls"]["site"].as_str().unwrap())
            .current_dir(site)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut browser = Self {
            commands: browser.stdin.take().unwrap(),
            answers: BufReader::new(browser.stdout.take().unwrap()).lines(),
            browser,
        };
        assert_eq!(browser.answer(), json!({ "faults": [] }));
        browser
    }

    /// Gives a command and returns its answer.
    pub(crate) fn ask(&mut self, command: &str) -> Value {
        writeln!(self.commands, "{command}").unwrap();
        self.answer()
    }

    /// Gives a command, and insists that the script finds no fault.
    pub(crate) fn hears(&mut self, command: &str) {
        assert_eq!(self.ask(command), json!({ "faults": [] }), "{command}");
    }

    /// Gives the last command, insists that the script ends well, and returns its answer.
    pub(crate) fn leave(mut self) -> Value {
        let answer = self.ask("leave");
        assert!(self.browser.wait().unwrap().success());
        answer
    }

    fn answer(&mut self) -> Value {
        let line = self.answers.next().expect("the browser has ended").unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for BrowserDriver {
    fn drop(&mut self) {
        // It has ended by itself, or a test has failed; its browser ends with it.
        let _ = self.browser.kill();
        let _ = self.browser.wait();
    }
}
