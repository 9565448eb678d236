//! The text of `status`: health, addresses, the last deploy, a row for each stack and each check.

use std::fmt;

use super::page::{Page, Paged, fitted, time, widest};
use super::{Health, StackStatusRow, StatusReport, short};
use crate::plain::plain;
use crate::release::ReleaseRecord;

impl fmt::Display for StatusReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text(None))
    }
}

impl Paged for StatusReport {
    fn text(&self, page: Option<&Page>) -> String {
        let word = match self.health {
            Health::Healthy => "healthy",
            Health::Degraded => "degraded",
            Health::Absent => "absent: nothing of it is there",
        };
        let mut text = format!("stage {}: {word}", self.stage);
        let Some(urls) = self.urls.as_ref().filter(|_| self.health != Health::Absent) else {
            return text;
        };
        text += &format!("\n\n{}\n", urls.lines());
        if let Some(release) = &self.seen.release {
            text += &format!("{}\n", deployed(release, page));
        }
        let rows = match page {
            None => self.stacks.iter().map(row).collect(),
            Some(page) => rows_on(page, &self.stacks),
        };
        text.extend(rows.iter().map(|row| format!("{row}\n")));
        text += "\n";
        let rows = self.checks.iter().map(|check| {
            let mark = if check.ok { "ok  " } else { "FAIL" };
            format!("  {mark} {:<22} {}", check.name, check.detail)
        });
        text += &rows.collect::<Vec<_>>().join("\n");
        text + &self.seen.to_string()
    }
}

fn row(stack: &StackStatusRow) -> String {
    let StackStatusRow {
        name,
        state,
        resources,
        updated,
    } = stack;
    let count = counted(*resources);
    format!("  stack {name:<22} {state:<28} {count}  {updated}")
}

/// As wide for one as for several: it is a column.
fn counted(resources: usize) -> String {
    let noun = if resources == 1 {
        "resource"
    } else {
        "resources"
    };
    format!("{resources:>3} {noun:<9}")
}

/// On a page the columns are as wide as they need to be. Where that is too wide, a stack's time is left out, not its age;
/// then its name is cut.
fn rows_on(page: &Page, stacks: &[StackStatusRow]) -> Vec<String> {
    let states = widest(stacks.iter().map(|stack| stack.state.as_str()));
    let names = widest(stacks.iter().map(|stack| stack.name.as_str()));
    let ends: Vec<[String; 2]> = stacks.iter().map(|stack| ends(stack, page)).collect();
    let beside_names = |place: usize| {
        let ends = ends.iter().map(|ends| ends[place].as_str());
        "  stack ".len() + 2 + states + 2 + widest(ends)
    };
    let place = usize::from(beside_names(0) + names > page.columns);
    let room = page.columns.saturating_sub(beside_names(place)).max(8);
    let names = names.min(room);
    let rows = stacks.iter().zip(&ends);
    let rows = rows.map(|(stack, ends)| {
        let name = fitted(&stack.name, names);
        format!("  stack {name}  {:<states$}  {}", stack.state, ends[place])
    });
    rows.collect()
}

/// How many resources a stack has and when it was changed: with its time, and without.
fn ends(stack: &StackStatusRow, page: &Page) -> [String; 2] {
    let count = counted(stack.resources);
    let ago = page.ago(&stack.updated);
    [
        format!("{count}  {}", time(&stack.updated, Some(page))),
        format!("{count}  {ago}"),
    ]
    .map(|text| text.trim_end().to_owned())
}

/// The author, the time and the commit of a deploy.
fn deployed(release: &ReleaseRecord, page: Option<&Page>) -> String {
    let ReleaseRecord {
        at,
        build,
        digest,
        actor,
        ..
    } = release;
    let commit = match (release.commit.as_deref(), release.dirty) {
        (None, _) => "unknown".to_owned(),
        (Some(commit), Some(true)) => format!("{} and changes on top", short(commit)),
        (Some(commit), _) => short(commit),
    };
    let person = release
        .ci_actor
        .as_ref()
        .map(|name| format!(" for {name}"))
        .unwrap_or_default();
    let back = release.rolled_back_to.as_ref();
    let back = back
        .map(|id| format!(", back to release {id}"))
        .unwrap_or_default();
    let failed = release.failure.as_ref();
    let failed = failed
        .map(|failure| format!(", failed: {failure}"))
        .unwrap_or_default();
    let (id, at) = (release.id(), time(at, page));
    let rows = [
        ("deployed", format!("{at} by {actor}{person}{back}{failed}")),
        (
            "release",
            format!("{id}, build {build}, stacks {digest}, commit {commit}"),
        ),
    ];
    let lines = rows.map(|(name, text)| format!("  {name:<9} {}\n", plain(&text)));
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Observations;
    use crate::urls::Urls;

    fn stack(name: &str, state: &str, updated: &str) -> StackStatusRow {
        StackStatusRow {
            name: name.to_owned(),
            state: state.to_owned(),
            resources: 12,
            updated: updated.to_owned(),
        }
    }

    #[test]
    fn one_resource_is_no_resources() {
        let one = StackStatusRow {
            resources: 1,
            ..stack("dns", "CREATE_COMPLETE", "2026-11-24T23:57:00Z")
        };
        assert!(row(&one).contains("  1 resource   2026"), "{}", row(&one));
    }

    fn shown(columns: usize) -> String {
        let report = StatusReport {
            stage: "prod".to_owned(),
            health: Health::Degraded,
            urls: Some(Urls::secure(&"factory-tree.com".parse().unwrap())),
            stacks: vec![
                stack("data", "CREATE_COMPLETE", "2026-11-24T23:57:00Z"),
                stack(
                    "certificate-us-east-1",
                    "UPDATE_ROLLBACK_COMPLETE",
                    "2026-11-20T01:00:00Z",
                ),
                stack("api", "absent", ""),
            ],
            checks: Vec::new(),
            seen: Observations::default(),
        };
        let text = report.text(Some(&Page::at(columns, "2026-11-24T23:59:59Z")));
        let rows = text.lines().filter(|line| line.starts_with("  stack"));
        rows.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn on_a_terminal_a_stack_has_its_age_and_narrow_ones_leave_out_what_is_least_missed() {
        insta::assert_snapshot!(shown(120), @r"
        stack data                   CREATE_COMPLETE            12 resources  2026-11-24T23:57:00Z (2 min ago)
        stack certificate-us-east-1  UPDATE_ROLLBACK_COMPLETE   12 resources  2026-11-20T01:00:00Z (4 days ago)
        stack api                    absent                     12 resources
        ");
        insta::assert_snapshot!(shown(80), @r"
        stack data                 CREATE_COMPLETE            12 resources  2 min ago
        stack certificate-us-eas…  UPDATE_ROLLBACK_COMPLETE   12 resources  4 days ago
        stack api                  absent                     12 resources
        ");
        insta::assert_snapshot!(shown(66), @r"
        stack data      CREATE_COMPLETE            12 resources  2 min ago
        stack certifi…  UPDATE_ROLLBACK_COMPLETE   12 resources  4 days ago
        stack api       absent                     12 resources
        ");
    }
}
