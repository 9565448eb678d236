//! The state of the sources that is built: git is asked, and in CI the job's own variables where there is
//! no git. Neither is needed: without an answer it is unknown.

use std::path::Path;
use std::time::Duration;

use super::command::Tool;
use crate::config::ContinuousIntegration;

/// A state of the sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// The git commit.
    pub commit: String,
    /// Whether the sources differ from it; `None` if that is unknown.
    pub dirty: Option<bool>,
}

/// The longest time that git may take: nobody waits for a line in a report.
const TIMEOUT: Duration = Duration::from_secs(5);

/// What git says in place of the commit where there is none yet. Source: git-status(1), "Porcelain Format Version 2".
const NO_COMMIT: &str = "(initial)";

pub(super) async fn find(folder: &Path) -> Option<Revision> {
    let asked = tokio::time::timeout(TIMEOUT, ask_git(folder)).await;
    asked.ok().flatten().or_else(of_ci)
}

async fn ask_git(folder: &Path) -> Option<Revision> {
    let asked = [
        "--no-optional-locks",
        "status",
        "--porcelain=v2",
        "--branch",
    ];
    let state = git(folder, &asked).await?;
    let (head, changes): (Vec<&str>, Vec<&str>) =
        state.lines().partition(|line| line.starts_with("# "));
    let commit = head
        .iter()
        .find_map(|line| line.strip_prefix("# branch.oid "));
    Some(Revision {
        commit: commit.filter(|commit| *commit != NO_COMMIT)?.to_owned(),
        dirty: Some(!changes.is_empty()),
    })
}

async fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let tool = Tool {
        program: "git",
        arguments,
        environment: &[],
        folder,
        holds: None,
        cure: "install git",
    };
    tool.ask().await
}

fn of_ci() -> Option<Revision> {
    let commit = ContinuousIntegration::detect()?.commit?;
    Some(Revision {
        commit,
        dirty: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn run(folder: &Path, arguments: &[&str]) {
        let identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
        let arguments = [&identity[..], arguments].concat();
        assert!(git(folder, &arguments).await.is_some(), "git {arguments:?}");
    }

    #[tokio::test]
    async fn a_commit_is_known_and_whether_the_sources_differ_from_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        run(path, &["init", "--quiet"]).await;
        assert_eq!(ask_git(path).await, None, "there is no commit yet");
        std::fs::write(path.join("a"), "1").unwrap();
        run(path, &["add", "a"]).await;
        run(path, &["commit", "--quiet", "--message", "a"]).await;
        let clean = ask_git(path).await.unwrap();
        assert_eq!((clean.commit.len(), clean.dirty), (40, Some(false)));
        std::fs::write(path.join("a"), "2").unwrap();
        assert_eq!(ask_git(path).await.unwrap().dirty, Some(true));
    }
}
