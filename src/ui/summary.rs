//! A report as Markdown, for the page of a CI run. In: a report or an error. Out: Markdown in which
//! foreign text is text. Pure: nothing is written here.

use crate::plain::plain;
use crate::report::{DeployReport, TeardownReport};

use super::words;

/// Returns what a deploy did.
pub(super) fn deploy(report: &DeployReport) -> String {
    let urls = &report.urls;
    let addresses = [
        ("site", urls.site.as_str()),
        ("api", urls.api.as_str()),
        ("socket", urls.socket.as_str()),
    ];
    let stacks = report.stacks.iter().map(|stack| {
        let seconds = format!("{:.1} s", stack.seconds);
        vec![stack.name.clone(), stack.outcome.name().to_owned(), seconds]
    });
    let steps = report
        .steps
        .iter()
        .map(|step| vec![step.name.to_owned(), format!("{:.1} s", step.seconds)]);
    [
        title("deploy", &report.stage, report.outcome),
        format!(
            "Build `{}` in {:.1} s; site files sent: {}.",
            code(&report.build),
            report.seconds,
            report.released.site_files
        ),
        table(
            &["address", ""],
            addresses.map(|(name, url)| vec![name.to_owned(), url.to_owned()]),
        ),
        table(&["stack", "outcome", "time"], stacks),
        table(&["step", "time"], steps),
    ]
    .join("\n\n")
}

/// Returns what a teardown did.
pub(super) fn teardown(report: &TeardownReport) -> String {
    let rows = [
        ("removed", &report.removed),
        ("kept", &report.kept),
        ("FAILED", &report.failed),
    ];
    let rows = rows.into_iter().flat_map(|(outcome, names)| {
        let row = move |name: &String| vec![outcome.to_owned(), name.clone()];
        names.iter().map(row)
    });
    let title = title("teardown", &report.stage, report.outcome);
    [title, table(&["outcome", "what"], rows)].join("\n\n")
}

/// Returns what went wrong, and its cure.
pub(super) fn error(error: &anyhow::Error, hint: Option<&str>) -> String {
    let quoted = |text: &str| -> String {
        let lines = words::lines(text);
        let lines: Vec<String> = lines
            .lines()
            .map(|line| format!("> {}", text_of(line)))
            .collect();
        lines.join("\n")
    };
    let mut parts = vec!["### factory-tree: failed".to_owned()];
    parts.push(quoted(&format!("{error:#}")));
    parts.extend(hint.map(|hint| format!("Hint: {}", text_of(hint))));
    parts.join("\n\n")
}

fn title(verb: &str, stage: &str, outcome: &str) -> String {
    format!("### {verb} of stage {}: {outcome}", text_of(stage))
}

/// Returns a table, or nothing where there are no rows.
fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| format!("| {} |", cells.join(" | "));
    let rows: Vec<String> = rows
        .into_iter()
        .map(|cells| line(&cells.iter().map(|cell| text_of(cell)).collect::<Vec<_>>()))
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let head: Vec<String> = head.iter().map(|&cell| cell.to_owned()).collect();
    let rule = vec!["---".to_owned(); head.len()];
    let lines = [vec![line(&head), line(&rule)], rows].concat();
    lines.join("\n")
}

/// Foreign text as text: no tag, no link, no emphasis, no end of a cell, no mention of a person.
/// Every ASCII punctuation character may be escaped (CommonMark 0.31, section 2.4); GitHub's bare
/// addresses stay links, because `:`, `/` and `.` need none.
fn text_of(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in plain(text).chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            '@' => escaped.push_str("&#64;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '!' | '#' | '~' | '>' => {
                escaped.extend(['\\', character]);
            }
            _ => escaped.push(character),
        }
    }
    escaped
}

/// In code only its own end is to be feared.
fn code(text: &str) -> String {
    plain(text).replace('`', "'")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::UserError;
    use crate::provision::Outcome;
    use crate::report::{Released, StackRow, StepRow};
    use crate::urls::Urls;

    #[test]
    fn a_deploy_is_reported_with_addresses_stacks_and_steps() {
        let urls = Urls {
            site: "https://factory-tree.com".to_owned(),
            api: "https://api.factory-tree.com".to_owned(),
            socket: "wss://ws.factory-tree.com/socket".to_owned(),
            sign_in: None,
        };
        let report = DeployReport {
            stage: "prod".to_owned(),
            outcome: "deployed",
            build: "8f3a".to_owned(),
            release: Some("3f2a91c0".to_owned()),
            seconds: 63.21,
            urls,
            stacks: vec![StackRow {
                name: "certificate_us|east".to_owned(),
                outcome: Outcome::Created,
                seconds: 41.0,
            }],
            released: Released {
                site_files: 12,
                server: false,
            },
            pruned: None,
            seeded: None,
            steps: vec![StepRow {
                name: "provision",
                seconds: 52.5,
            }],
        };
        insta::assert_snapshot!(deploy(&report), @r"
### deploy of stage prod: deployed

Build `8f3a` in 63.2 s; site files sent: 12.

| address |  |
| --- | --- |
| site | https://factory-tree.com |
| api | https://api.factory-tree.com |
| socket | wss://ws.factory-tree.com/socket |

| stack | outcome | time |
| --- | --- | --- |
| certificate\_us\|east | created | 41.0 s |

| step | time |
| --- | --- |
| provision | 52.5 s |
");
    }

    #[test]
    fn a_teardown_is_reported_with_what_stays() {
        let report = TeardownReport {
            stage: "prod".to_owned(),
            outcome: "removed",
            removed: vec!["stack api".to_owned()],
            kept: vec!["Table: its template retains it".to_owned()],
            failed: vec!["stack dns: <img src=x> @team\n| *no*".to_owned()],
            ..TeardownReport::default()
        };
        insta::assert_snapshot!(teardown(&report), @r"
### teardown of stage prod: removed

| outcome | what |
| --- | --- |
| removed | stack api |
| kept | Table: its template retains it |
| FAILED | stack dns: &lt;img src=x\> &#64;team\\n\| \*no\* |
");
    }

    #[test]
    fn an_error_is_reported_with_its_cure() {
        let cause = UserError::NotConfirmed("prod\n# <b>not a title</b>".to_owned());
        insta::assert_snapshot!(error(&cause.into(), Some("look *first*")), @r"
### factory-tree: failed

> teardown of stage \`prod
> \# &lt;b\>not a title&lt;/b\>\` was not confirmed; nothing was touched

Hint: look \*first\*
");
    }
}
