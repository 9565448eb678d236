use super::super::script::{Paper, Watch, done, progress, resource, sized, started};
use super::*;
use crate::event::Step;

/// Lines without a pulse of their own: time passes only when a test says so.
struct Demo {
    paper: Paper,
    watch: Watch,
    lines: Lines,
}

impl Demo {
    fn new(dialect: Dialect) -> Self {
        let (paper, watch) = (Paper::default(), Watch::new());
        let lines = Lines::still(Box::new(paper.clone()), dialect, watch.clock());
        Self {
            paper,
            watch,
            lines,
        }
    }

    fn report(&self, seconds: f64, event: Event) {
        self.watch.set(seconds);
        self.lines.report(event);
    }

    fn beat(&self, seconds: f64) {
        self.watch.set(seconds);
        self.lines.page.beat();
    }
}

fn failed(task: &str, logical_id: &str, reason: &str) -> Event {
    match resource(task, logical_id, "CREATE_FAILED") {
        Event::Resource { task, mut resource } => {
            resource.reason = Some(reason.to_owned());
            Event::Resource { task, resource }
        }
        other => other,
    }
}

fn a_stack_that_fails(demo: &Demo) {
    let task = "stack data";
    demo.report(0.0, Event::StepStarted(Step::Provision));
    demo.report(0.0, started(task));
    demo.report(0.5, sized(task, 2, Some(Duration::from_secs(118))));
    demo.report(0.6, resource(task, "demo-data", "CREATE_IN_PROGRESS"));
    demo.report(1.0, resource(task, "Table", "CREATE_IN_PROGRESS"));
    demo.report(1.5, resource(task, "Table", "CREATE_IN_PROGRESS"));
    demo.report(1.6, progress(task, "not a line"));
    demo.report(4.1, resource(task, "Table", "CREATE_COMPLETE"));
    demo.report(4.2, resource(task, "Topic", "CREATE_IN_PROGRESS"));
    demo.report(5.0, failed(task, "Topic", "taken\n::error::no\u{1b}[2J"));
    demo.report(6.0, Event::Warning("not started: api, site".to_owned()));
    demo.report(6.0, done(task, "failed", 6.0));
}

#[test]
fn each_change_is_one_line() {
    let demo = Demo::new(Dialect::Plain);
    a_stack_that_fails(&demo);
    insta::assert_snapshot!(demo.paper.text(), @r"
provision
stack data: started
stack data: 2 resources, about 2 min
stack data: demo-data CREATE_IN_PROGRESS
stack data: Table CREATE_IN_PROGRESS
stack data: Table CREATE_COMPLETE 3.1 s
stack data: Topic CREATE_IN_PROGRESS
stack data: Topic CREATE_FAILED 0.8 s: taken\n::error::no\u{1b}[2J
warning: not started: api, site
stack data: failed 6.0 s
");
}

#[test]
fn a_step_that_is_done_says_how_long_it_took() {
    let demo = Demo::new(Dialect::Plain);
    demo.report(0.0, Event::StepStarted(Step::Build));
    demo.report(
        0.0,
        Event::ToolOutput("error\n\tat \u{1b}[1mmain".to_owned()),
    );
    demo.report(0.0, Event::Note("the port \u{202e}is free".to_owned()));
    demo.report(81.0, Event::StepDone(Step::Build, Duration::from_secs(81)));
    insta::assert_snapshot!(demo.paper.text(), @r"
build
error
    at main
the port \u{202e}is free
build: done 81.0 s
");
}

#[test]
fn a_sign_of_life_comes_after_thirty_silent_seconds_and_names_what_goes_on() {
    let demo = Demo::new(Dialect::Plain);
    let task = "stack data";
    demo.report(0.0, Event::StepStarted(Step::Provision));
    demo.report(0.0, started(task));
    demo.report(0.0, started("stack api"));
    demo.report(1.0, sized(task, 3, Some(Duration::from_secs(20))));
    demo.report(2.0, resource(task, "Table", "CREATE_IN_PROGRESS"));
    demo.report(20.0, progress("stack api", "waiting for it to settle"));
    let before = demo.paper.text().len();
    for second in [3.0, 20.0, 31.9] {
        demo.beat(second);
    }
    assert_eq!(
        demo.paper.text().len(),
        before,
        "it was not silent for long enough"
    );
    for second in [32.0, 33.0, 61.9, 62.0, 92.0] {
        demo.beat(second);
    }
    insta::assert_snapshot!(&demo.paper.text()[before..], @r"
still in provision, 32 s: stack data 0/3 32 s of about 20 s (Table CREATE_IN_PROGRESS 30 s); stack api 32 s (waiting for it to settle)
still in provision, 1 min 2 s: stack data 0/3 taking longer than usual, 1 min 2 s of about 20 s (Table CREATE_IN_PROGRESS 1 min 0 s); stack api 1 min 2 s (waiting for it to settle)
still in provision, 1 min 32 s: stack data 0/3 taking longer than usual, 1 min 32 s of about 20 s (Table CREATE_IN_PROGRESS 1 min 30 s); stack api 1 min 32 s (waiting for it to settle)
");
}

#[test]
fn where_nothing_goes_on_there_is_no_sign_of_life() {
    let demo = Demo::new(Dialect::Plain);
    demo.beat(100.0);
    demo.report(100.0, Event::StepStarted(Step::Verify));
    demo.beat(131.0);
    insta::assert_snapshot!(demo.paper.text(), @r"
verify
still in verify, 31 s
");
}

#[test]
fn the_pulse_beats_without_any_event_and_stops_with_the_lines() {
    let (paper, watch) = (Paper::default(), Watch::new());
    let lines = Lines::new(Box::new(paper.clone()), Dialect::Plain, watch.clock());
    lines.report(Event::StepStarted(Step::Verify));
    let before = paper.text().len();
    watch.set(30.0);
    let page = Arc::downgrade(&lines.page);
    while paper.text().len() == before {
        std::thread::yield_now();
    }
    drop(lines);
    assert!(page.upgrade().is_none(), "its thread still holds the page");
}

#[test]
fn on_github_each_step_is_a_group_and_nothing_foreign_is_a_command() {
    let demo = Demo::new(Dialect::Github);
    a_stack_that_fails(&demo);
    demo.report(
        6.1,
        Event::ToolOutput("::set-env name=PATH::/tmp\n ::add-path::x\n##[add-mask]x".to_owned()),
    );
    demo.report(7.0, Event::StepStarted(Step::Verify));
    demo.report(
        7.5,
        Event::StepDone(Step::Verify, Duration::from_millis(500)),
    );
    demo.report(8.0, Event::StepStarted(Step::Release));
    let paper = demo.paper.clone();
    drop(demo);
    insta::assert_snapshot!(paper.text(), @r"
::group::provision
stack data: started
stack data: 2 resources, about 2 min
stack data: demo-data CREATE_IN_PROGRESS
stack data: Table CREATE_IN_PROGRESS
stack data: Table CREATE_COMPLETE 3.1 s
stack data: Topic CREATE_IN_PROGRESS
stack data: Topic CREATE_FAILED 0.8 s: taken\n::error::no\u{1b}[2J
::warning::not started: api, site
stack data: failed 6.0 s
: :set-env name=PATH::/tmp
 : :add-path::x
## [add-mask]x
::endgroup::
::group::verify
verify: done 0.5 s
::endgroup::
::group::release
::endgroup::
");
}
