//! Visitors of a site: what a browser loads, and whether it is whole.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use regex::Regex;

/// What one visit loaded: path and content.
pub(crate) type Visit = BTreeMap<String, String>;

/// Loads the page as a browser does: the page, all that it names, all that this names. The error names
/// what is missing, or says that not all is of one release.
pub(crate) fn visit(fetch: impl Fn(&str) -> Option<Vec<u8>>) -> Result<Visit, String> {
    let name = Regex::new(r#"["'](/[^"']+)["']"#).unwrap();
    let mut loaded = Visit::new();
    let mut wanted = vec!["/index.html".to_owned()];
    while let Some(path) = wanted.pop() {
        let body = fetch(&path).ok_or_else(|| format!("{path} is missing"))?;
        let text = String::from_utf8_lossy(&body).into_owned();
        let named = name.captures_iter(&text).map(|found| found[1].to_owned());
        wanted.extend(named.filter(|path| !loaded.contains_key(path)));
        loaded.insert(path, text);
    }
    match releases(&loaded).len() {
        1 => Ok(loaded),
        _ => Err(format!("not of one release: {:?}", releases(&loaded))),
    }
}

/// The releases that the hashed names of a visit are of.
pub(crate) fn releases(visit: &Visit) -> BTreeSet<String> {
    let assets = visit.keys().filter(|path| path.starts_with("/assets/"));
    let number = |path: &String| {
        let hash = path.split(['-', '.']).nth(1).unwrap_or_default();
        hash.trim_start_matches('0').to_owned()
    };
    assets.map(number).collect()
}

/// Asks over HTTP, as whoever is not signed in.
fn get(address: &str, path: &str) -> Option<Vec<u8>> {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET /site{path} HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let head = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let is_there = answer.starts_with(b"HTTP/1.0 200");
    is_there.then(|| answer[head + 4..].to_vec())
}

/// Visits over and over, with the pause between page and assets that a network makes, until told to stop.
/// Returns what went wrong, and the releases that were seen.
pub(crate) fn visitor(
    address: String,
    stop: Arc<AtomicBool>,
) -> thread::JoinHandle<(Vec<String>, BTreeSet<String>)> {
    thread::spawn(move || {
        let (mut faults, mut seen) = (Vec::new(), BTreeSet::new());
        while !stop.load(Ordering::Relaxed) {
            let fetch = |path: &str| {
                let answer = get(&address, path);
                thread::sleep(Duration::from_millis(1));
                answer
            };
            match visit(fetch) {
                Ok(visit) => seen.extend(releases(&visit)),
                Err(fault) => faults.push(fault),
            }
        }
        (faults, seen)
    })
}
