//! The supervisor with real processes that do nothing but sleep.

use std::path::PathBuf;
use std::time::Instant;

use super::*;
use crate::local::parts::{Part, Parts, Stop};
use crate::local::state;
use crate::local::supervised::STOP_TIMEOUT;
use crate::local::test_supervisor::{Stage, process};

#[tokio::test]
async fn it_starts_the_wanted_parts_and_stops_all_when_asked() {
    let stage = Stage::new(&["a", "b"]);
    let supervisor = stage.supervise();
    let running = stage.wait_until_applied().await;
    assert!(running.living("a").is_some() && running.living("b").is_some());
    supervisor.stop().await;
    assert_eq!(stage.marked(), 0);
    assert_eq!(stage.running(), None);
}

#[tokio::test]
async fn a_crash_is_recorded_and_not_repaired() {
    let stage = Stage::new(&["a"]);
    let supervisor = stage.supervise();
    let running = stage.wait_until_applied().await;
    process(&running, "a").kill();
    let running = stage
        .wait_until("recorded", |running| running.parts["a"].ended.is_some())
        .await;
    assert_eq!(running.parts["a"].end(), "killed by signal 9");
    supervisor
        .commands
        .send(SupervisorCommand::Reload)
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(stage.running().unwrap().living("a").is_none());
    supervisor.stop().await;
}

#[tokio::test]
async fn a_new_run_starts_a_dead_part_again_and_leaves_the_others_alone() {
    let stage = Stage::new(&["a", "b"]);
    let supervisor = stage.supervise();
    let before = stage.wait_until_applied().await;
    process(&before, "a").kill();
    stage
        .wait_until("recorded", |running| running.parts["a"].ended.is_some())
        .await;
    let mut wanted = stage.wanted();
    wanted.insert("a".to_owned(), stage.sleeper());
    stage.want(wanted);
    supervisor
        .commands
        .send(SupervisorCommand::Reload)
        .await
        .unwrap();
    let after = stage.wait_until_applied().await;
    assert_ne!(process(&after, "a"), process(&before, "a"));
    assert_eq!(process(&after, "b"), process(&before, "b"));
    supervisor.stop().await;
}

#[tokio::test]
async fn what_is_no_longer_wanted_is_stopped() {
    let stage = Stage::new(&["a", "b"]);
    let supervisor = stage.supervise();
    let before = stage.wait_until_applied().await;
    stage.want(
        stage
            .wanted()
            .into_iter()
            .filter(|(name, _)| name == "b")
            .collect(),
    );
    supervisor
        .commands
        .send(SupervisorCommand::Reload)
        .await
        .unwrap();
    let after = stage.wait_until_applied().await;
    assert!(!process(&before, "a").is_alive());
    assert_eq!(process(&after, "b"), process(&before, "b"));
    supervisor.stop().await;
}

#[tokio::test]
async fn what_runs_takes_the_place_of_another_without_a_new_start() {
    let stage = Stage::new(&["a"]);
    let supervisor = stage.supervise();
    let before = stage.wait_until_applied().await;
    let mut wanted = stage.wanted();
    wanted.insert("next".to_owned(), stage.sleeper());
    stage.want(wanted.clone());
    supervisor
        .commands
        .send(SupervisorCommand::Reload)
        .await
        .unwrap();
    let beside = stage.wait_until_applied().await;
    assert_eq!(process(&beside, "a"), process(&before, "a"));

    stage.want(Parts::from([("a".to_owned(), wanted["next"].clone())]));
    supervisor
        .commands
        .send(SupervisorCommand::Reload)
        .await
        .unwrap();
    let after = stage.wait_until_applied().await;
    assert_eq!(process(&after, "a"), process(&beside, "next"));
    assert!(!process(&before, "a").is_alive());
    process(&after, "a").kill();
    let ended = stage
        .wait_until("recorded", |running| running.parts["a"].ended.is_some())
        .await;
    assert_eq!(ended.parts["a"].end(), "killed by signal 9");
    supervisor.stop().await;
}

#[tokio::test]
async fn after_it_was_killed_the_parts_live_on_and_its_successor_adopts_them() {
    let stage = Stage::new(&["a", "b"]);
    let supervisor = stage.supervise();
    let before = stage.wait_until_applied().await;
    supervisor.kill().await;
    process(&before, "b").kill();
    let supervisor = stage.supervise();
    let after = stage
        .wait_until("adopted", |running| running.parts["b"].ended.is_some())
        .await;
    assert_eq!(process(&after, "a"), process(&before, "a"));
    assert_eq!(after.parts["b"].end(), "gone");
    process(&after, "a").kill();
    stage
        .wait_until("seen to end", |running| running.parts["a"].ended.is_some())
        .await;
    supervisor.stop().await;
}

#[tokio::test]
async fn without_a_record_what_runs_is_ended_and_started_anew() {
    let stage = Stage::new(&["a"]);
    let supervisor = stage.supervise();
    let before = stage.wait_until_applied().await;
    supervisor.kill().await;
    state::write_text(&stage.folder.running(), "{\"supervisor\":").unwrap();
    let supervisor = stage.supervise();
    let after = stage.wait_until_applied().await;
    assert!(!process(&before, "a").is_alive());
    assert!(process(&after, "a").is_alive());
    supervisor.stop().await;
}

#[tokio::test]
async fn what_a_killed_part_has_started_is_ended_too() {
    let stage = Stage::new(&[]);
    stage.want(Parts::from([(
        "a".to_owned(),
        stage.script("sleep 1000 & wait"),
    )]));
    let supervisor = stage.supervise();
    let running = stage.wait_until_applied().await;
    let deadline = Instant::now() + Duration::from_secs(10);
    while stage.marked() < 2 {
        assert!(Instant::now() < deadline);
    }
    process(&running, "a").kill();
    while stage.marked() > 0 {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    supervisor.stop().await;
}

#[tokio::test]
async fn a_part_that_does_not_listen_is_killed() {
    let stage = Stage::new(&[]);
    stage.want(Parts::from([(
        "a".to_owned(),
        stage.script("trap '' TERM; while :; do sleep 0.05; done"),
    )]));
    let supervisor = stage.supervise();
    let running = stage.wait_until_applied().await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let began = Instant::now();
    supervisor.stop().await;
    assert!(began.elapsed() >= STOP_TIMEOUT);
    assert!(!process(&running, "a").is_alive());
    assert_eq!(stage.marked(), 0);
}

#[tokio::test]
async fn what_is_killed_without_asking_is_still_there_while_others_sign_off() {
    let stage = Stage::new(&[]);
    let sign_off = "trap 'cat pid && kill -0 $(cat pid) && touch seen; exit' TERM; while :; do sleep 0.02; done";
    let emulator = Part {
        stop: Stop::Kill,
        ..stage.script("trap '' TERM; echo $$ > pid; while :; do sleep 0.02; done")
    };
    stage.want(Parts::from([
        ("emulator".to_owned(), emulator),
        ("server".to_owned(), stage.script(sign_off)),
    ]));
    let supervisor = stage.supervise();
    stage.wait_until_applied().await;
    let deadline = Instant::now() + Duration::from_secs(5);
    while !stage.folder.path().join("pid").exists() {
        assert!(Instant::now() < deadline);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let began = Instant::now();
    supervisor.stop().await;
    assert!(began.elapsed() < STOP_TIMEOUT);
    assert!(stage.folder.path().join("seen").exists());
    assert_eq!(stage.marked(), 0);
}

#[tokio::test]
async fn a_part_whose_program_is_missing_is_recorded_as_such() {
    let stage = Stage::new(&[]);
    let missing = Part {
        program: PathBuf::from("/no/such/program"),
        ..stage.sleeper()
    };
    stage.want(Parts::from([("a".to_owned(), missing)]));
    let supervisor = stage.supervise();
    let running = stage.wait_until_applied().await;
    insta::assert_snapshot!(running.parts["a"].end(), @"could not be started: No such file or directory (os error 2)");
    supervisor.stop().await;
}

#[tokio::test]
async fn a_second_supervisor_of_the_same_folder_leaves_at_once() {
    let stage = Stage::new(&["a"]);
    let supervisor = stage.supervise();
    let before = stage.wait_until_applied().await;
    stage.supervise().task.await.unwrap().unwrap();
    assert!(process(&before, "a").is_alive());
    supervisor.stop().await;
}

#[tokio::test]
async fn it_stops_everything_when_its_folder_is_deleted() {
    let stage = Stage::new(&["a"]);
    let supervisor = stage.supervise();
    stage.wait_until_applied().await;
    std::fs::remove_dir_all(stage.folder.path()).unwrap();
    supervisor.task.await.unwrap().unwrap();
    assert_eq!(stage.marked(), 0);
}
