//! Durations and foreign text, for people. In: a duration, or text from outside. Out: what a person reads.

use std::time::Duration;

use crate::plain::plain;

/// Returns a time that has passed: `3.1 s`, `41 s`, `2 min 5 s`, `1 h 3 min`.
pub(super) fn elapsed(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", tenths(time)),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
    }
}

/// Cuts off after the first decimal, so that 9.97 s is not reported as 10.0 s.
fn tenths(time: Duration) -> f64 {
    (time.as_millis() / 100) as f64 / 10.0
}

/// Returns a time that is only expected, no more exactly than it is known: `about 40 s`, `about 2 min`.
pub(super) fn about(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 57.5 {
        return format!("about {} s", ((seconds / 5.0).round() * 5.0).max(5.0));
    }
    format!("about {} min", (seconds / 60.0).round())
}

/// Returns that a deploy has failed and is being undone.
pub(super) fn undo(cause: &str, release: &str) -> String {
    format!("the deploy failed, release {release} is being restored: {cause}")
}

/// Returns foreign text of several lines with nothing in it that a terminal obeys.
pub(super) fn lines(text: &str) -> String {
    let lines: Vec<String> = text.replace('\t', "    ").lines().map(plain).collect();
    lines.join("\n")
}

/// Returns what a tool said, without its colours and without anything else that a terminal obeys.
pub(super) fn tool_output(text: &str) -> String {
    lines(&anstream::adapter::strip_str(text).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_reported_as_exactly_as_they_matter() {
        let millis = [
            0, 3_149, 9_970, 10_000, 59_999, 60_000, 125_000, 3_599_000, 3_780_000,
        ];
        let reported: Vec<String> = millis
            .iter()
            .map(|time| elapsed(Duration::from_millis(*time)))
            .collect();
        insta::assert_snapshot!(reported.join(" | "), @"0.0 s | 3.1 s | 9.9 s | 10 s | 59 s | 1 min 0 s | 2 min 5 s | 59 min 59 s | 1 h 3 min");
        let reported: Vec<String> = [0, 11, 43, 58, 89, 91, 130, 1_500]
            .iter()
            .map(|time| about(Duration::from_secs(*time)))
            .collect();
        insta::assert_snapshot!(reported.join(" | "), @"about 5 s | about 10 s | about 45 s | about 1 min | about 1 min | about 2 min | about 2 min | about 25 min");
    }

    #[test]
    fn a_tool_may_use_lines_and_tabs_but_not_move_the_cursor() {
        let said = "\u{1b}[31merror\u{1b}[0m: no\n\tat \u{8}main\u{9b}2J\n";
        insta::assert_snapshot!(tool_output(said), @r"
error: no
    at main\u{9b}2J
");
        insta::assert_snapshot!(lines("a\n\u{1b}]0;title\u{7}b"), @r"
a
\u{1b}]0;title\u{7}b
");
    }
}
