//! The report of `releases`.

use std::fmt;

use serde::Serialize;

use super::page::{Page, Paged, fitted};
use super::short;
use crate::plain::plain;
use crate::release::ReleaseRecord;

/// The releases of a stage.
#[derive(Clone, Debug, Serialize)]
pub struct ReleasesReport {
    /// The stage.
    pub stage: String,
    /// The releases, newest first.
    pub releases: Vec<ReleaseRow>,
    /// The number of older releases that are not listed.
    pub older: usize,
}

/// One release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReleaseRow {
    /// The id by which people name it.
    pub id: String,
    /// When it was done (RFC 3339, UTC).
    pub at: String,
    /// `deployed`, `rolled back` or `failed`.
    pub outcome: String,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// The release that a rollback brought back.
    pub rolled_back_to: Option<String>,
    /// The ARN of the IAM identity that did it.
    pub actor: String,
    /// The person for whom CI did so.
    pub ci_actor: Option<String>,
    /// The git commit of the sources; unknown without git or a repository.
    pub commit: Option<String>,
    /// Whether the sources differed from the commit.
    pub dirty: Option<bool>,
    /// The content id of what was built.
    pub build: String,
    /// The parts that it changed against the release before: `api`, `publisher`, `server`, `site`, `stack NAME`.
    pub changed: Vec<String>,
    /// Whether it is what runs.
    pub live: bool,
}

impl ReleaseRow {
    /// Returns the row of a release. `before` is the one before it, `None` for the first.
    pub fn of(record: &ReleaseRecord, before: Option<&ReleaseRecord>, live: bool) -> Self {
        Self {
            id: record.id(),
            at: record.at.clone(),
            outcome: record.outcome.clone(),
            failure: record.failure.clone(),
            rolled_back_to: record.rolled_back_to.clone(),
            actor: record.actor.clone(),
            ci_actor: record.ci_actor.clone(),
            commit: record.commit.clone(),
            dirty: record.dirty,
            build: record.build.clone(),
            changed: changed(record, before),
            live,
        }
    }

    /// The commit as people know it, with a mark where the sources differed from it.
    fn commit(&self) -> String {
        let mark = if self.dirty == Some(true) { "+" } else { "" };
        let commit = self.commit.as_deref().map(short);
        commit.map_or_else(|| "-".to_owned(), |commit| format!("{commit}{mark}"))
    }

    /// The author in a word: the person behind CI, or else the last part of the ARN.
    fn who(&self) -> &str {
        let session = self.actor.rsplit(['/', ':']).next();
        self.ci_actor.as_deref().or(session).unwrap_or(&self.actor)
    }

    fn what(&self) -> String {
        let changed = if self.changed.is_empty() {
            "nothing".to_owned()
        } else {
            self.changed.join(", ")
        };
        match (&self.failure, &self.rolled_back_to) {
            (Some(_), _) => format!("failed: {changed}"),
            (None, Some(id)) => format!("back to {id}: {changed}"),
            (None, None) => changed,
        }
    }
}

/// The differences between two releases, in the order of a deploy. The first release changed everything.
fn changed(record: &ReleaseRecord, before: Option<&ReleaseRecord>) -> Vec<String> {
    let artifact = |name: &str, release: &ReleaseRecord| {
        let artifact = release.artifacts.get(name);
        artifact.map(|artifact| artifact.hash.clone())
    };
    let is_new = |differs: &dyn Fn(&ReleaseRecord) -> bool| before.is_none_or(differs);
    let parts = [
        ("api", "api"),
        ("publisher", "publisher"),
        ("server", "websocket"),
    ];
    let parts = parts
        .into_iter()
        .filter(|(_, name)| is_new(&|before| artifact(name, before) != artifact(name, record)));
    let mut changed: Vec<String> = parts.map(|(name, _)| name.to_owned()).collect();
    if is_new(&|before| before.site.build != record.site.build) {
        changed.push("site".to_owned());
    }
    let stacks = record.stacks.iter();
    let stacks =
        stacks.filter(|(name, digest)| is_new(&|before| before.stacks.get(*name) != Some(digest)));
    changed.extend(stacks.map(|(name, _)| format!("stack {name}")));
    changed
}

impl fmt::Display for ReleasesReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text(None))
    }
}

impl Paged for ReleasesReport {
    fn text(&self, page: Option<&Page>) -> String {
        let Self {
            stage,
            releases,
            older,
        } = self;
        if releases.is_empty() {
            return format!("stage {stage}: no release was recorded yet");
        }
        let count = releases.len() + older;
        let word = if count == 1 { "release" } else { "releases" };
        let mut text = format!("stage {stage}: {count} {word}");
        let widest = releases.iter().map(|row| plain(row.who()).chars().count());
        let width = widest.max().unwrap_or_default();
        text.extend(releases.iter().map(|row| match page {
            None => row.line(width),
            Some(page) => row.line_on(page, width),
        }));
        if !releases.iter().any(|row| row.live) {
            text += "\n\n  the running artifacts belong to none of these: the last deploy failed or was interrupted";
        }
        if *older > 0 {
            text += &format!("\n\n  {older} older: --all shows them");
        }
        text
    }
}

/// On a page, a name that is longer is cut.
const NAME: usize = 14;

impl ReleaseRow {
    fn line(&self, width: usize) -> String {
        let live = if self.live { "live" } else { "" };
        let (at, id, commit) = (plain(&self.at), &self.id, plain(&self.commit()));
        let (who, what) = (plain(self.who()), plain(&self.what()));
        format!("\n  {live:<4}  {id}  {at}  {who:<width$}  {commit:<13}  {what}")
    }

    /// With its age; what it changed has a line of its own where it would not fit behind the rest.
    fn line_on(&self, page: &Page, width: usize) -> String {
        let live = if self.live { "live" } else { "" };
        let (at, id) = (plain(&self.at), &self.id);
        let ago = format!("({})", page.ago(&self.at));
        let who = fitted(&plain(self.who()), width.min(NAME));
        let commit = plain(&self.commit());
        let head = format!("  {live:<4}  {id}  {at} {ago:<13}  {who}  {commit:<13}");
        let what = plain(&self.what());
        let whole = format!("{head}  {what}");
        match console::measure_text_width(&whole) <= page.columns {
            true => format!("\n{whole}"),
            false => format!("\n{}\n        {what}", head.trim_end()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::fake::record;

    fn report(live: Option<usize>) -> ReleasesReport {
        let failed = record("c", 5).failed("api (GET /health answers 500)".to_owned());
        let mut records = [record("a", 0), failed, record("b", 10), record("a", 20)];
        records[0].rolled_back_to = Some(records[3].id());
        records[2].dirty = Some(true);
        records[2].ci_actor = Some("grace\u{1b}[2J".to_owned());
        records[3].commit = None;
        let rows = records.iter().enumerate();
        let rows = rows.map(|(place, record)| {
            ReleaseRow::of(record, records.get(place + 1), live == Some(place))
        });
        ReleasesReport {
            stage: "prod".to_owned(),
            releases: rows.collect(),
            older: 0,
        }
    }

    #[test]
    fn each_release_is_a_line_newest_first() {
        insta::assert_snapshot!(report(Some(0)));
    }

    #[test]
    fn on_a_terminal_each_release_has_its_age_and_fits() {
        let shown =
            |columns| report(Some(0)).text(Some(&Page::at(columns, "2026-11-25T01:05:00Z")));
        insta::assert_snapshot!("on_a_wide_terminal", shown(160));
        insta::assert_snapshot!("on_a_terminal", shown(80));
    }

    #[test]
    fn that_no_release_is_live_is_said_and_so_are_older_ones() {
        let report = ReleasesReport {
            older: 31,
            ..report(None)
        };
        insta::assert_snapshot!(report);
    }

    #[test]
    fn before_the_first_release_there_is_none() {
        let report = ReleasesReport {
            releases: Vec::new(),
            ..report(None)
        };
        assert_eq!(
            report.to_string(),
            "stage prod: no release was recorded yet"
        );
    }
}
