//! An answer as a person sees it on a terminal. In: its text, and the width where stdout is a terminal. Out: lines that fit,
//! headings in bold, marks and states in their colour. Colour only repeats what a word says. In a pipe nothing is folded, and
//! `anstream` takes the colours out.

use anstyle::{AnsiColor, Style};

use super::{ERROR, WARNING};

const HEADING: Style = Style::new().bold();
const GOOD: Style = AnsiColor::Green.on_default();

/// The first word of a row.
const MARKS: [(&str, Style); 11] = [
    ("ok", GOOD),
    ("live", GOOD),
    ("+", GOOD),
    ("~", WARNING),
    ("!", WARNING),
    ("?", WARNING),
    ("unknown", WARNING),
    ("-", ERROR),
    ("-/+", ERROR),
    ("FAIL", ERROR),
    ("FAILED", ERROR),
];

/// What a report's heading says of the stage.
const STATES: [(&str, Style); 11] = [
    ("healthy", GOOD),
    ("deployed", GOOD),
    ("unchanged", GOOD),
    ("built", GOOD),
    ("removed", GOOD),
    ("rolled back", GOOD),
    ("nothing to do", GOOD),
    ("nothing to recover", GOOD),
    ("nothing fails", GOOD),
    ("absent", WARNING),
    ("degraded", ERROR),
];

/// What must not be missed, wherever it stands.
const PHRASES: [&str; 6] = [
    "DATA IS LOST",
    "DATA MAY BE LOST",
    "data is LOST",
    "data MAY BE LOST",
    "check fails",
    "checks fail",
];

/// Returns an answer as it is to be seen: folded where the terminal has so many columns, and painted.
pub(super) fn page(text: &str, columns: Option<usize>) -> String {
    let rows = text.lines().map(|line| {
        let folded = columns.map_or_else(|| vec![line.to_owned()], |columns| fold(line, columns));
        let rows = folded.iter().enumerate();
        let rows = rows.map(|(place, row)| match place {
            0 => row_of_report(row),
            _ => states(row),
        });
        rows.collect::<Vec<_>>().join("\n")
    });
    rows.collect::<Vec<_>>().join("\n")
}

/// Returns a line of a log, whose level is seen at once where it is a bad one.
pub(super) fn log(line: &str, level: Option<&str>, columns: Option<usize>) -> String {
    let text = columns.map_or_else(|| line.to_owned(), |columns| fold(line, columns).join("\n"));
    let style = match level {
        Some("ERROR") => ERROR,
        Some("WARN") => WARNING,
        _ => return text,
    };
    let level = level.unwrap_or_default();
    text.replacen(level, &painted(style, level), 1)
}

fn painted(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

fn row_of_report(line: &str) -> String {
    let row = line.trim_start();
    let indent = &line[..line.len() - row.len()];
    if row.is_empty() {
        return String::new();
    }
    if indent.is_empty() {
        return heading(line);
    }
    let word = row.split(' ').next().unwrap_or_default();
    let mark = MARKS.iter().find(|(mark, _)| *mark == word);
    match mark {
        Some((mark, style)) => {
            let rest = states(&row[mark.len()..]);
            format!("{indent}{}{rest}", painted(*style, mark))
        }
        None => states(line),
    }
}

/// `stage prod: healthy` is a title and a state.
fn heading(line: &str) -> String {
    let Some((title, state)) = line.split_once(": ") else {
        // The last line of a plan is its digest.
        let is_title = !line.starts_with("plan ");
        return if is_title {
            painted(HEADING, line)
        } else {
            line.to_owned()
        };
    };
    let title = painted(HEADING, &format!("{title}:"));
    let known = STATES.iter().find(|(word, _)| state.starts_with(word));
    match known {
        Some((word, style)) => {
            let rest = states(&state[word.len()..]);
            format!("{title} {}{rest}", painted(*style, word))
        }
        None => format!("{title} {}", states(state)),
    }
}

/// Paints states of CloudFormation, and what must not be missed.
fn states(text: &str) -> String {
    let words: Vec<String> = text
        .split(' ')
        .map(|word| {
            status_style(word).map_or_else(|| word.to_owned(), |style| painted(style, word))
        })
        .collect();
    PHRASES.iter().fold(words.join(" "), |text, phrase| {
        text.replace(phrase, &painted(ERROR, phrase))
    })
}

/// CloudFormation's words for the state of a stack: `UPDATE_ROLLBACK_COMPLETE`.
fn status_style(word: &str) -> Option<Style> {
    let is_status = word.contains('_') && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    match word {
        _ if !is_status => None,
        word if word.ends_with("_FAILED") => Some(ERROR),
        word if word.ends_with("_IN_PROGRESS") || word.contains("ROLLBACK") => Some(WARNING),
        word if word.ends_with("_COMPLETE") => Some(GOOD),
        _ => None,
    }
}

/// Returns a line in rows of at most so many columns. It is folded at spaces, and goes on below its last column, or below its
/// beginning where a word needs that. A word that fits nowhere stays where it is, in one piece.
fn fold(line: &str, columns: usize) -> Vec<String> {
    let indent = line.len() - line.trim_start_matches(' ').len();
    let hang = hang(line, indent, columns);
    let mut rows = Vec::new();
    let mut row = String::new();
    for word in line.split_inclusive(' ') {
        let width = console::measure_text_width(word.trim_end());
        let is_full = console::measure_text_width(&row) + width > columns;
        let next = [hang, indent]
            .into_iter()
            .find(|next| next + width <= columns);
        if let Some(next) = next.filter(|_| is_full && !row.trim().is_empty()) {
            rows.push(row.trim_end().to_owned());
            row = " ".repeat(next);
        }
        // A row that goes on begins with a word.
        if rows.is_empty() || word != " " || !row.trim().is_empty() {
            row += word;
        }
    }
    rows.push(row.trim_end().to_owned());
    rows
}

/// The column at which a folded line goes on: that of its last column of text, or a little to the right of its beginning.
fn hang(line: &str, indent: usize, columns: usize) -> usize {
    let gap = line.rfind("  ").map(|place| place + 2);
    let column = gap.filter(|place| *place > indent);
    let column = column.map(|place| console::measure_text_width(&line[..place]));
    let column = column.filter(|column| *column <= columns / 2);
    column.unwrap_or((indent + 4).min(columns / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes styles as words, so that a person can read the snapshot.
    fn shown(text: &str, columns: Option<usize>) -> String {
        let page = page(text, columns);
        let styles = [
            (WARNING, "yellow"),
            (ERROR, "red"),
            (GOOD, "green"),
            (HEADING, "bold"),
        ];
        let page = styles.iter().fold(page, |page, (style, name)| {
            page.replace(&style.render().to_string(), &format!("<{name}>"))
        });
        page.replace("\u{1b}[0m", "</>")
    }

    #[test]
    fn marks_states_and_headings_have_their_colour() {
        let report = "stage prod: degraded\n\n  stack data UPDATE_COMPLETE\n  stack api UPDATE_ROLLBACK_COMPLETE\n  stack site UPDATE_FAILED\n\n  ok   site   build 5175\n  FAIL api    GET /health answers 500\n  ?    alarms unknown: add permission\nstack data: update in eu-central-1\n  -/+ Table (AWS::DynamoDB::Table) is replaced: its data is LOST\n  +   Topic (AWS::SNS::Topic)\nnames";
        insta::assert_snapshot!(shown(report, None), @r"
        <bold>stage prod:</> <red>degraded</>

          stack data <green>UPDATE_COMPLETE</>
          stack api <yellow>UPDATE_ROLLBACK_COMPLETE</>
          stack site <red>UPDATE_FAILED</>

          <green>ok</>   site   build 5175
          <red>FAIL</> api    GET /health answers 500
          <yellow>?</>    alarms unknown: add permission
        <bold>stack data:</> update in eu-central-1
          <red>-/+</> Table (AWS::DynamoDB::Table) is replaced: its <red>data is LOST</>
          <green>+</>   Topic (AWS::SNS::Topic)
        <bold>names</>
        ");
    }

    #[test]
    fn a_line_that_is_too_long_goes_on_below_its_last_column() {
        let report = "  ok   site          the build 5175 answers from every address\n  known after deploy: AlarmTopic, ArtifactBucket, CertificateArn";
        insta::assert_snapshot!(shown(report, Some(44)), @r"
        <green>ok</>   site          the build 5175 answers
                           from every address
        known after deploy: AlarmTopic,
            ArtifactBucket, CertificateArn
        ");
    }

    #[test]
    fn a_word_that_needs_the_whole_row_goes_below_the_beginning() {
        let report = "    sha256 0123456789abcdef\n    sha256 0123456789abcdef012345";
        insta::assert_snapshot!(shown(report, Some(21)), @r"
        sha256
        0123456789abcdef
        sha256 0123456789abcdef012345
        ");
    }

    #[test]
    fn what_is_not_painted_is_not_changed() {
        for text in [
            "",
            "a\n\n  b  c\n      d",
            "  arn:aws:sns:eu-central-1:1:a_B_c  x",
        ] {
            let plain = anstream::adapter::strip_str(&page(text, None)).to_string();
            assert_eq!(plain, text);
        }
        let long = "https://factory-tree.com/a/very/long/address";
        assert_eq!(fold(long, 10), [long]);
    }

    #[test]
    fn the_level_of_a_log_line_is_seen_where_it_is_bad() {
        let line = |level| log(&format!("12:00 api {level} text"), Some(level), None);
        assert_eq!(line("INFO"), "12:00 api INFO text");
        assert!(line("ERROR").contains(&painted(ERROR, "ERROR")));
    }
}
