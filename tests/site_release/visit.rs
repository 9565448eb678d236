//! Visitors of a site: what a browser loads, and whether it is whole.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

/// The files that one visit loaded: path and content.
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
