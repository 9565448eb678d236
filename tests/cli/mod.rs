//! The CLI as a person meets it: what it says, and how it ends, when something is wrong before
//! anything is deployed.

mod absent;
mod account;
mod build;
mod cancel;
mod consent;
mod expired;
mod hand_over;
mod help;
mod install;
mod network;
mod output;
pub(crate) mod project;
mod quiet;
mod unwritable;
mod usage;
mod validate;
mod versions;

use std::os::unix::fs::symlink;
use std::process::Command;

use project::Project;

fn assert_nothing_there(project: &Project) {
    let status = project.run(&["status"]);
    assert!(status.contains("stage local: absent"), "{status}");
    assert!(!project.path().join(".factory-tree").exists());
}

/// Returns a PATH on which there are these programs and no others.
fn path_with(project: &Project, programs: &[&str]) -> std::path::PathBuf {
    let folder = project.path().join("tools");
    std::fs::create_dir(&folder).unwrap();
    for program in programs {
        let found = Command::new("sh")
            .args(["-c", &format!("command -v {program}")])
            .output()
            .unwrap();
        let found = String::from_utf8(found.stdout).unwrap();
        if !found.is_empty() {
            symlink(found.trim(), folder.join(program)).unwrap();
        }
    }
    folder
}
