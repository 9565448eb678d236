//! The progress on a terminal: ended work stays as a line, the work in progress is drawn below it
//! and drawn again ten times a second. In: events. Out: the screen. What is drawn is decided in `frame`.

use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle, TermLike};

use super::board::{Board, Clock};
use super::frame::{self, Size};
use super::lasting_line;
use super::write::say;
use crate::event::{Event, Reporter};

/// The interval at which the picture is drawn again.
const TICK: Duration = Duration::from_millis(100);

/// The live tree.
pub(super) struct Tree {
    board: Arc<Mutex<Board>>,
    clock: Clock,
    picture: ProgressBar,
    say: Say,
}

/// Writes a line that stays.
type Say = Box<dyn Fn(&str) + Send + Sync>;

impl Tree {
    /// Begins with an empty picture on stderr that draws itself again all the time.
    pub(super) fn new(clock: Clock) -> Self {
        let is_colored = AutoStream::choice(&std::io::stderr()) != ColorChoice::Never;
        let say = Box::new(|line: &str| say(line));
        let tree = Self::on(&console::Term::stderr(), say, is_colored, clock);
        tree.picture.enable_steady_tick(TICK);
        *on_screen() = Some(tree.picture.clone());
        tree
    }

    /// Begins with an empty picture that is drawn again when a line is said.
    fn on(
        terminal: &(impl TermLike + Clone + 'static),
        say: Say,
        is_colored: bool,
        clock: Clock,
    ) -> Self {
        let board = Arc::new(Mutex::new(Board::default()));
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        let picture = ProgressBar::with_draw_target(None, target);
        let (seen, time, terminal) = (Arc::clone(&board), Arc::clone(&clock), terminal.clone());
        picture.set_style(style(move || {
            let size = Size {
                rows: terminal.height().into(),
                columns: terminal.width().into(),
            };
            let board = seen.lock().unwrap_or_else(PoisonError::into_inner);
            let picture = frame::draw(&board, time(), size).join("\n");
            match is_colored {
                true => picture,
                false => strip_str(&picture).to_string(),
            }
        }));
        Self {
            board,
            clock,
            picture,
            say,
        }
    }
}

/// A process has one terminal, and so at most one picture on it.
static ON_SCREEN: Mutex<Option<ProgressBar>> = Mutex::new(None);

fn on_screen() -> MutexGuard<'static, Option<ProgressBar>> {
    ON_SCREEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes the picture off the screen as long as something else is done there, for example a question
/// asked in the middle of the work.
pub(super) fn without_picture<T>(action: impl FnOnce() -> T) -> T {
    let picture = on_screen().clone();
    match picture {
        Some(picture) => picture.suspend(action),
        None => action(),
    }
}

/// The whole picture is one value of one bar: `indicatif` clears it, counts its lines and puts it back
/// below whatever is said.
fn style(draw: impl Fn() -> String + Clone + Send + Sync + 'static) -> ProgressStyle {
    let style = ProgressStyle::with_template("{picture}");
    let write = move |_: &ProgressState, out: &mut dyn Write| {
        // A picture that cannot be drawn now is drawn at the next tick.
        let _ = out.write_str(&draw());
    };
    style
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .with_key("picture", write)
}

impl Reporter for Tree {
    fn report(&self, event: Event) {
        let now = (self.clock)();
        let mut board = self.board.lock().unwrap_or_else(PoisonError::into_inner);
        board.take(&event, now);
        // Free again before a line is said, because then the picture looks at it.
        drop(board);
        if let Some(line) = lasting_line(&event) {
            self.picture.suspend(|| (self.say)(&line));
        }
    }
}

impl Drop for Tree {
    /// An interrupted run must not leave half a picture on the screen.
    fn drop(&mut self) {
        self.picture.finish_and_clear();
        *on_screen() = None;
    }
}

#[cfg(test)]
mod tests {
    use indicatif::InMemoryTerm;

    use super::super::script::{Watch, done, resource, sized, started};
    use super::*;
    use crate::event::Step;

    /// A tree on a terminal of its own, which shows what a person sees.
    struct Demo {
        terminal: InMemoryTerm,
        watch: Watch,
        tree: Tree,
    }

    impl Demo {
        fn new(rows: u16, columns: u16) -> Self {
            let terminal = InMemoryTerm::new(rows, columns);
            let watch = Watch::new();
            let page = terminal.clone();
            let say: Say = Box::new(move |line| {
                page.write_line(&strip_str(line).to_string()).unwrap();
            });
            let tree = Tree::on(&terminal, say, false, watch.clock());
            Self {
                terminal,
                watch,
                tree,
            }
        }

        fn report(&self, seconds: f64, event: Event) {
            self.watch.set(seconds);
            self.tree.report(event);
        }

        fn screen(&self, seconds: f64) -> String {
            self.watch.set(seconds);
            self.tree.picture.tick();
            self.terminal.contents()
        }
    }

    fn minutes(minutes: u64) -> Option<Duration> {
        Some(Duration::from_secs(minutes * 60))
    }

    /// A deploy of three stacks until one of them is half-way.
    fn half_way(demo: &Demo) {
        demo.report(0.0, Event::StepStarted(Step::Provision));
        demo.report(0.0, started("stack dns"));
        demo.report(0.1, done("stack dns", "unchanged", 0.1));
        demo.report(0.1, started("stack data"));
        demo.report(0.1, started("stack api"));
        demo.report(0.2, sized("stack data", 3, minutes(1)));
        demo.report(1.0, resource("stack data", "Topic", "CREATE_IN_PROGRESS"));
        demo.report(3.0, resource("stack data", "Topic", "CREATE_COMPLETE"));
        demo.report(3.0, resource("stack data", "Table", "CREATE_IN_PROGRESS"));
    }

    #[test]
    fn nothing_is_drawn_of_what_ends_at_once() {
        let demo = Demo::new(24, 80);
        demo.report(0.0, Event::StepStarted(Step::Provision));
        for name in ["stack dns", "stack data"] {
            demo.report(0.0, started(name));
        }
        let first = demo.screen(0.1);
        demo.report(0.2, done("stack dns", "unchanged", 0.2));
        demo.report(0.2, done("stack data", "unchanged", 0.2));
        let last = demo.screen(0.24);
        insta::assert_snapshot!(format!("{first}\n---\n{last}"), @r"
provision
---
provision
  stack dns                unchanged 0.2 s
  stack data               unchanged 0.2 s
");
    }

    #[test]
    fn what_goes_on_is_drawn_below_what_has_ended() {
        let demo = Demo::new(24, 80);
        half_way(&demo);
        insta::assert_snapshot!(demo.screen(41.0), @r"
provision
  stack dns                unchanged 0.1 s
  ⠏ stack data               1/3  40 s of about 1 min
      Table                   38 s  create in progress  AWS::DynamoDB::Table
  ⠏ stack api                     40 s
  provision: 2 running, 1 done, 41 s, about 20 s left of what runs
");
        demo.report(50.0, Event::Warning("the certificate waits".to_owned()));
        demo.report(52.0, done("stack data", "created", 51.9));
        insta::assert_snapshot!(demo.screen(52.1), @r"
provision
  stack dns                unchanged 0.1 s
warning: the certificate waits
  stack data               created 51 s
  ⠋ stack api                     52 s
  provision: 1 running, 2 done, 52 s
");
        demo.report(60.0, done("stack api", "created", 59.9));
        demo.report(
            60.0,
            Event::StepDone(Step::Provision, Duration::from_secs(60)),
        );
        insta::assert_snapshot!(demo.screen(60.1), @r"
provision
  stack dns                unchanged 0.1 s
warning: the certificate waits
  stack data               created 51 s
  stack api                created 59 s
");
    }

    #[test]
    fn a_small_terminal_is_respected() {
        let demo = Demo::new(6, 30);
        half_way(&demo);
        insta::assert_snapshot!(demo.screen(41.0), @r"
  stack dns                unc
hanged 0.1 s
  ⠏ stack d…   1/3  40 s of …
      Table     38 s  create…
  ⠏ stack a…        40 s
  provision: 2 running, 1 do…
");
    }

    #[test]
    fn what_is_cut_short_leaves_no_half_picture() {
        let demo = Demo::new(24, 80);
        half_way(&demo);
        demo.screen(41.0);
        drop(demo.tree);
        insta::assert_snapshot!(demo.terminal.contents(), @r"
provision
  stack dns                unchanged 0.1 s
");
    }
}
