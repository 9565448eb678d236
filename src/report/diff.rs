//! The report of `diff`: the differences between two release records. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::short;
use crate::plain::plain;
use crate::release::ReleaseRecord;

/// The number of the site's files that are named to a person; all of them are in the JSON.
const NAMED: usize = 20;

/// The differences between two releases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DiffReport {
    /// The id of the one.
    pub from: String,
    /// The id of the other.
    pub to: String,
    /// The values of build, commit, deployer and artifacts that differ, from both releases.
    pub changed: Vec<ChangeRow>,
    /// The files of the site.
    pub site: SiteDifference,
    /// The stacks whose template or parameters are others, with the digests of both.
    pub stacks: Vec<ChangeRow>,
}

/// A thing that is another in the other release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChangeRow {
    /// The name of the value.
    pub name: String,
    /// The value in the one release; `None` if it is not there.
    pub from: Option<String>,
    /// The value in the other release; `None` if it is not there.
    pub to: Option<String>,
}

/// The differences between two sites: paths.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SiteDifference {
    /// Only in the other.
    pub added: Vec<String>,
    /// Only in the one.
    pub removed: Vec<String>,
    /// In both, with another content.
    pub changed: Vec<String>,
}

impl DiffReport {
    /// Returns what differs between two releases.
    pub fn of(from: &ReleaseRecord, to: &ReleaseRecord) -> Self {
        Self {
            from: from.id(),
            to: to.id(),
            changed: rows(&facts(from), &facts(to)),
            site: SiteDifference::of(&from.site.files, &to.site.files),
            stacks: rows(&from.stacks, &to.stacks),
        }
    }

    fn is_empty(&self) -> bool {
        let Self {
            changed, stacks, ..
        } = self;
        changed.is_empty() && stacks.is_empty() && self.site == SiteDifference::default()
    }
}

fn facts(record: &ReleaseRecord) -> BTreeMap<String, String> {
    let commit = record.commit.as_deref().map(|commit| {
        let mark = if record.dirty == Some(true) { "+" } else { "" };
        format!("{commit}{mark}")
    });
    let known = [
        ("build", Some(record.build.clone())),
        ("commit", commit),
        ("deployer", Some(record.deployer.clone())),
        ("site", Some(record.site.build.clone())),
    ];
    let known = known
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let artifacts = record.artifacts.iter();
    let artifacts = artifacts.map(|(name, artifact)| {
        // The bundle has the name of its crate.
        let name = if name == "websocket" { "server" } else { name };
        (name.to_owned(), artifact.hash.clone())
    });
    known.chain(artifacts).collect()
}

fn rows(from: &BTreeMap<String, String>, to: &BTreeMap<String, String>) -> Vec<ChangeRow> {
    let names: BTreeSet<&String> = from.keys().chain(to.keys()).collect();
    let differing = names
        .into_iter()
        .filter(|name| from.get(*name) != to.get(*name));
    let rows = differing.map(|name| ChangeRow {
        name: name.clone(),
        from: from.get(name).cloned(),
        to: to.get(name).cloned(),
    });
    rows.collect()
}

impl SiteDifference {
    fn of(from: &BTreeMap<String, String>, to: &BTreeMap<String, String>) -> Self {
        let mut site = Self::default();
        for ChangeRow { name, from, to } in rows(from, to) {
            match (from, to) {
                (None, _) => site.added.push(name),
                (_, None) => site.removed.push(name),
                (Some(_), Some(_)) => site.changed.push(name),
            }
        }
        site
    }

    fn lines(&self) -> Vec<String> {
        let signs = [
            ("+", &self.added),
            ("-", &self.removed),
            ("~", &self.changed),
        ];
        let lines = signs.into_iter().flat_map(|(sign, paths)| {
            let line = move |path: &String| format!("    {sign} {}", plain(path));
            paths.iter().map(line)
        });
        let mut lines: Vec<String> = lines.collect();
        let more = lines.len().saturating_sub(NAMED);
        lines.truncate(NAMED);
        if more > 0 {
            lines.push(format!("    and {more} more"));
        }
        lines
    }
}

impl fmt::Display for DiffReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "release {} -> {}", self.from, self.to)?;
        if self.is_empty() {
            return write!(formatter, ": nothing differs");
        }
        for row in &self.changed {
            write!(formatter, "\n  {row}")?;
        }
        for row in &self.stacks {
            write!(formatter, "\n  stack {row}")?;
        }
        let SiteDifference {
            added,
            removed,
            changed,
        } = &self.site;
        let lines = self.site.lines();
        if !lines.is_empty() {
            let counts = (added.len(), removed.len(), changed.len());
            write!(
                formatter,
                "\n  site files: {} added, {} removed, {} changed\n{}",
                counts.0,
                counts.1,
                counts.2,
                lines.join("\n")
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for ChangeRow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reported = |value: &Option<String>| match value {
            Some(value) => plain(&brief(value)),
            None => "none".to_owned(),
        };
        let (from, to) = (reported(&self.from), reported(&self.to));
        write!(formatter, "{:<12} {from} -> {to}", plain(&self.name))
    }
}

/// The first twelve digits of a hash or a commit, with the mark of a commit that was not all.
fn brief(value: &str) -> String {
    let mark = if value.ends_with('+') { "+" } else { "" };
    format!("{}{mark}", short(value.trim_end_matches('+')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::fake::record;

    #[test]
    fn everything_that_differs_is_reported() {
        let (from, mut to) = (record("a", 10), record("b", 0));
        to.dirty = Some(true);
        to.deployer = "1.3.0".to_owned();
        to.stacks
            .insert("auth".to_owned(), "0123456789abcdef".to_owned());
        to.artifacts.remove("publisher");
        insta::assert_snapshot!(DiffReport::of(&from, &to));
    }

    #[test]
    fn of_two_releases_alike_nothing_is_reported_and_of_many_files_some() {
        let (from, mut to) = (record("a", 10), record("a", 0));
        assert!(
            DiffReport::of(&from, &to)
                .to_string()
                .ends_with(": nothing differs")
        );
        for number in 0..30 {
            to.site
                .files
                .insert(format!("assets/{number:02}.js"), "h".to_owned());
        }
        let report = DiffReport::of(&from, &to);
        assert_eq!(report.site.added.len(), 30);
        let text = report.to_string();
        assert!(text.contains("site files: 30 added, 0 removed, 0 changed"));
        assert!(
            text.ends_with("    + assets/19.js\n    and 10 more"),
            "{text}"
        );
    }
}
