//! The picture of the work in progress. In: the board, the time, the size of the terminal. Out: lines
//! that fit into it: each running task, under it the resources now worked on, at the end the step.
//! Pure: nothing is written here.

use std::time::{Duration, Instant};

use anstyle::Style;

use super::board::{Board, BoardResource, Task};
use super::words::{about, elapsed};
use super::{ERROR, FAINT, WARNING};
use crate::plain::plain;

/// A task that ends sooner is not drawn at all: it would only flicker.
/// Source: jj-vcs/jj, `cli/src/progress.rs`.
const UNSEEN: Duration = Duration::from_millis(250);

/// The longest time that a step may be silent between its tasks before it is drawn without any.
const SILENCE: Duration = Duration::from_secs(1);

const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// The largest number of a task's resources that is shown; fewer, until everything fits.
const RESOURCES: [usize; 6] = [8, 5, 3, 2, 1, 0];

/// The size of a terminal in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) rows: usize,
    pub(super) columns: usize,
}

/// The widths of the columns, so that all tasks are aligned.
struct Widths {
    name: usize,
    count: usize,
    resource: usize,
}

/// The width that most names and counts need: columns that change their width cannot be read.
const NAME: usize = 22;
const COUNT: usize = 4;

/// The part of a line's width that the names leave free for count and time.
const BESIDE_NAMES: usize = 24;

/// One line, not yet cut to its width.
struct Row {
    style: Style,
    text: String,
}

/// Draws what is going on, in no more lines and columns than there are. Empty when there is nothing
/// worth a look.
pub(super) fn draw(board: &Board, now: Instant, size: Size) -> Vec<String> {
    let is_seen = |task: &&Task| now.saturating_duration_since(task.since) >= UNSEEN;
    let tasks: Vec<&Task> = board.tasks.iter().filter(is_seen).collect();
    let is_silent = |since| now.saturating_duration_since(since) >= SILENCE;
    if tasks.is_empty() && !board.step.is_some_and(|(_, since)| is_silent(since)) {
        return Vec::new();
    }
    // One line stays for what was said last, one is the step's.
    let room = size.rows.saturating_sub(2).max(1);
    let widths = Widths::of(&tasks, size.columns);
    let mut rows = task_rows(&tasks, &widths, now, room);
    rows.extend(step_row(board, now));
    rows.into_iter().map(|row| row.cut(size.columns)).collect()
}

impl Widths {
    fn of(tasks: &[&Task], columns: usize) -> Self {
        let most = columns.saturating_sub(BESIDE_NAMES).max(8);
        let names = tasks.iter().map(|task| task.name.len());
        let counts = tasks.iter().map(|task| count(task).len());
        let working = tasks.iter().flat_map(|task| task.working());
        let resources = working.map(|row| row.now.logical_id.len());
        Self {
            name: names.fold(NAME, usize::max).min(most),
            count: counts.fold(COUNT, usize::max),
            resource: resources.fold(NAME, usize::max).min(most),
        }
    }
}

/// Returns text in exactly this width.
fn padded(text: &str, width: usize) -> String {
    let text = console::truncate_str(text, width, "…");
    console::pad_str(&text, width, console::Alignment::Left, None).into_owned()
}

impl Row {
    fn new(style: Style, text: String) -> Self {
        Self { style, text }
    }

    /// One column stays free: some terminals wrap as soon as the last one is written.
    fn cut(&self, columns: usize) -> String {
        let text = console::truncate_str(&self.text, columns.saturating_sub(1), "…");
        format!("{style}{text}{style:#}", style = self.style)
    }
}

fn task_rows(tasks: &[&Task], widths: &Widths, now: Instant, room: usize) -> Vec<Row> {
    let height = |limit: usize| -> usize {
        let rows = tasks.iter().map(|task| 1 + task.working().len().min(limit));
        rows.sum()
    };
    if let Some(limit) = RESOURCES.into_iter().find(|limit| height(*limit) <= room) {
        let rows = tasks
            .iter()
            .map(|task| task_and_resources(task, widths, limit, now));
        return rows.flatten().collect();
    }
    let mut by_motion = tasks.to_vec();
    by_motion.sort_by_key(|task| task.working().is_empty());
    let (shown, hidden) = by_motion.split_at(room - 1);
    let rows = shown.iter().map(|task| task_row(task, widths, now));
    let more = Row::new(FAINT, format!("    +{} more", hidden.len()));
    rows.chain([more]).collect()
}

fn task_and_resources(task: &Task, widths: &Widths, limit: usize, now: Instant) -> Vec<Row> {
    let working = task.working();
    let shown = match limit {
        limit if working.len() <= limit => working.len(),
        // With one line only, the resource says more than how many others there are.
        0 | 1 => limit,
        limit => limit - 1,
    };
    let mut rows = vec![task_row(task, widths, now)];
    let resources = working[..shown].iter();
    rows.extend(resources.map(|row| resource_row(row, widths, now)));
    if shown < working.len() && limit > 1 {
        let more = format!("      +{} more", working.len() - shown);
        rows.push(Row::new(FAINT, more));
    }
    rows
}

fn task_row(task: &Task, widths: &Widths, now: Instant) -> Row {
    let running = now.saturating_duration_since(task.since);
    let spinner = SPINNER[(running.as_millis() / 100) as usize % SPINNER.len()];
    let name = padded(&plain(&task.name), widths.name);
    let (count, width) = (count(task), widths.count);
    let mut text = format!("  {spinner} {name}  {count:>width$}  ");
    let style = if task.is_rolling_back() {
        text += "rolling back, ";
        ERROR
    } else if task.is_late(now) {
        WARNING
    } else {
        Style::new()
    };
    text += &time(task, now);
    if let (true, Some(detail)) = (task.working().is_empty(), &task.detail) {
        text += &format!("  {}", plain(detail));
    }
    Row::new(style, text)
}

fn count(task: &Task) -> String {
    task.count().unwrap_or_default()
}

/// The time that a task has taken, and its expected time where that is known.
pub(super) fn time(task: &Task, now: Instant) -> String {
    let running = elapsed(now.saturating_duration_since(task.since));
    match task.expected.filter(|expected| !expected.is_zero()) {
        None => running,
        // A rollback has its own time, which nobody knows.
        Some(_) if task.is_rolling_back() => running,
        Some(expected) => {
            let usual = about(expected);
            let late = if task.is_late(now) {
                "taking longer than usual, "
            } else {
                ""
            };
            format!("{late}{running} of {usual}")
        }
    }
}

fn resource_row(row: &BoardResource, widths: &Widths, now: Instant) -> Row {
    let status = plain(&row.now.status).to_lowercase().replace('_', " ");
    let id = padded(&plain(&row.now.logical_id), widths.resource);
    let (kind, since) = (
        plain(&row.now.kind),
        elapsed(now.saturating_duration_since(row.since)),
    );
    Row::new(FAINT, format!("      {id}  {since}  {status}  {kind}"))
}

fn step_row(board: &Board, now: Instant) -> Option<Row> {
    let (step, since) = board.step?;
    let since = elapsed(now.saturating_duration_since(since));
    let (running, ended) = (board.tasks.len(), board.ended);
    let step = step.name();
    let left = left(board, now);
    let text = format!("  {step}: {running} running, {ended} done, {since}{left}");
    Some(Row::new(Style::new(), text))
}

/// Returns `, about 4 min left of what runs`; stacks that wait for these come on top.
pub(super) fn left(board: &Board, now: Instant) -> String {
    let left = board.left(now);
    left.map(|left| format!(", {} left of what runs", about(left)))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::script::{done, progress, resource, sized, started};
    use super::*;
    use crate::event::{Event, Step};

    /// Draws what is to be seen so many seconds after events that came at their own seconds.
    fn drawn(events: &[(f64, Event)], seconds: f64, rows: usize, columns: usize) -> String {
        let start = Instant::now();
        let mut board = Board::default();
        for (second, event) in events {
            board.take(event, start + Duration::from_secs_f64(*second));
        }
        let now = start + Duration::from_secs_f64(seconds);
        let lines = draw(&board, now, Size { rows, columns });
        assert!(lines.len() < rows, "{lines:#?}");
        let text = anstream::adapter::strip_str(&lines.join("\n")).to_string();
        for line in text.lines() {
            assert!(console::measure_text_width(line) < columns, "{line}");
        }
        text
    }

    /// Two stacks on their way, one of them late.
    fn two_stacks() -> Vec<(f64, Event)> {
        let minutes = |minutes: u64| Some(Duration::from_secs(minutes * 60));
        let certificate = "stack certificate-us-east-1";
        vec![
            (0.0, Event::StepStarted(Step::Provision)),
            (0.0, started("stack dns")),
            (0.0, started("stack data")),
            (0.4, sized("stack data", 8, minutes(2))),
            (1.0, done("stack dns", "unchanged", 1.0)),
            (1.0, started(certificate)),
            (1.0, sized(certificate, 1, Some(Duration::from_secs(12)))),
            (
                1.2,
                resource("stack data", "demo-data", "CREATE_IN_PROGRESS"),
            ),
            (2.0, resource("stack data", "Topic", "CREATE_IN_PROGRESS")),
            (3.0, resource("stack data", "Topic", "CREATE_COMPLETE")),
            (3.0, resource("stack data", "Table", "CREATE_IN_PROGRESS")),
            (9.0, resource("stack data", "Queue", "CREATE_IN_PROGRESS")),
            (2.0, resource(certificate, "Cert", "CREATE_IN_PROGRESS")),
        ]
    }

    #[test]
    fn stacks_are_drawn_with_counts_resources_and_times() {
        insta::assert_snapshot!(drawn(&two_stacks(), 41.0, 24, 80), @r"
⠋ stack data                    1/8  41 s of about 2 min
    Table                   38 s  create in progress  AWS::DynamoDB::Table
    Queue                   32 s  create in progress  AWS::DynamoDB::Table
⠋ stack certificate-us-east-1   0/1  taking longer than usual, 40 s of about…
    Cert                    39 s  create in progress  AWS::DynamoDB::Table
provision: 2 running, 1 done, 41 s
");
    }

    #[test]
    fn what_does_not_fit_into_the_width_is_cut_and_never_wrapped() {
        insta::assert_snapshot!(drawn(&two_stacks(), 41.0, 24, 40), @r"
⠋ stack data         1/8  41 s of ab…
    Table             38 s  create i…
    Queue             32 s  create i…
⠋ stack certifica…   0/1  taking lon…
    Cert              39 s  create i…
provision: 2 running, 1 done, 41 s
");
    }

    #[test]
    fn where_lines_are_few_each_stack_keeps_the_resource_that_it_waits_for_longest() {
        insta::assert_snapshot!(drawn(&two_stacks(), 41.0, 6, 80), @r"
⠋ stack data                    1/8  41 s of about 2 min
    Table                   38 s  create in progress  AWS::DynamoDB::Table
⠋ stack certificate-us-east-1   0/1  taking longer than usual, 40 s of about…
    Cert                    39 s  create in progress  AWS::DynamoDB::Table
provision: 2 running, 1 done, 41 s
");
        insta::assert_snapshot!(drawn(&two_stacks(), 41.0, 4, 80), @r"
⠋ stack data                    1/8  41 s of about 2 min
⠋ stack certificate-us-east-1   0/1  taking longer than usual, 40 s of about…
provision: 2 running, 1 done, 41 s
");
    }

    #[test]
    fn more_stacks_than_lines_are_reported_by_their_number_and_the_moving_ones_are_shown() {
        let mut events = vec![(0.0, Event::StepStarted(Step::Provision))];
        for name in ["a", "b", "c", "d", "e", "f"] {
            events.push((0.0, started(&format!("stack {name}"))));
        }
        events.push((1.0, resource("stack e", "Table", "UPDATE_IN_PROGRESS")));
        insta::assert_snapshot!(drawn(&events, 2.0, 5, 80), @r"
⠋ stack e                  0/?  2.0 s
⠋ stack a                       2.0 s
  +4 more
provision: 6 running, 0 done, 2.0 s
");
    }

    #[test]
    fn many_resources_of_one_stack_leave_room_for_the_others() {
        let mut events = vec![
            (0.0, started("stack websocket")),
            (0.0, started("stack api")),
        ];
        for number in 0..20 {
            let id = format!("Subnet{number}");
            events.push((1.0, resource("stack websocket", &id, "CREATE_IN_PROGRESS")));
        }
        insta::assert_snapshot!(drawn(&events, 3.0, 24, 80), @r"
⠋ stack websocket          0/?  3.0 s
    Subnet0                 2.0 s  create in progress  AWS::DynamoDB::Table
    Subnet1                 2.0 s  create in progress  AWS::DynamoDB::Table
    Subnet2                 2.0 s  create in progress  AWS::DynamoDB::Table
    Subnet3                 2.0 s  create in progress  AWS::DynamoDB::Table
    Subnet4                 2.0 s  create in progress  AWS::DynamoDB::Table
    Subnet5                 2.0 s  create in progress  AWS::DynamoDB::Table
    Subnet6                 2.0 s  create in progress  AWS::DynamoDB::Table
    +13 more
⠋ stack api                     3.0 s
");
    }

    #[test]
    fn a_rollback_is_reported_in_words() {
        let mut events = two_stacks();
        events.push((
            30.0,
            resource("stack data", "demo-data", "ROLLBACK_IN_PROGRESS"),
        ));
        events.push((31.0, resource("stack data", "Table", "DELETE_IN_PROGRESS")));
        insta::assert_snapshot!(drawn(&events, 41.0, 5, 80), @r"
⠋ stack data                    1/8  rolling back, 41 s
⠋ stack certificate-us-east-1   0/1  taking longer than usual, 40 s of about…
provision: 2 running, 1 done, 41 s
");
    }

    #[test]
    fn what_ends_at_once_is_not_drawn() {
        let events = [
            (0.0, Event::StepStarted(Step::Provision)),
            (0.3, started("stack data")),
        ];
        assert_eq!(drawn(&events, 0.5, 24, 80), "");
        assert_ne!(drawn(&events, 0.6, 24, 80), "");
        assert_eq!(drawn(&events[..1], 0.9, 24, 80), "");
    }

    #[test]
    fn a_task_without_resources_shows_what_it_says_of_itself() {
        let events = [
            (0.0, Event::StepStarted(Step::Build)),
            (0.0, started("binaries")),
            (1.0, progress("binaries", "Compiling \u{1b}[2Jserde v1.0.0")),
        ];
        insta::assert_snapshot!(drawn(&events, 75.2, 24, 80), @r"
⠹ binaries                      1 min 15 s  Compiling \u{1b}[2Jserde v1.0.0
build: 1 running, 0 done, 1 min 15 s
");
    }
}
