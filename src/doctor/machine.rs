//! This machine: programs, their versions, room on the disk, the local stage's port. In: the project's
//! folder. Out: findings.

use std::path::Path;
use std::time::Duration;

use super::Finding;
use crate::build::ask_version;
use crate::error::user_error;
use crate::local::{PortState, find_python};

/// A program that a deploy runs.
struct Program {
    name: &'static str,
    /// The oldest version that will do; `None`: any.
    oldest: Option<&'static str>,
    cure: &'static str,
}

const RUST: &str = "install Rust by rustup (https://rustup.rs)";
const NODE: &str = "install Node.js 20.19 or newer with npm";

const PROGRAMS: [Program; 5] = [
    Program {
        name: "cargo",
        oldest: Some(env!("CARGO_PKG_RUST_VERSION")),
        cure: RUST,
    },
    Program {
        name: "rustc",
        oldest: Some(env!("CARGO_PKG_RUST_VERSION")),
        cure: RUST,
    },
    Program {
        name: "cc",
        oldest: None,
        cure: "install a C compiler and linker (Debian, Ubuntu: `apt install build-essential`)",
    },
    // As in site/package.json, `engines`.
    Program {
        name: "node",
        oldest: Some("20.19"),
        cure: NODE,
    },
    Program {
        name: "npm",
        oldest: None,
        cure: NODE,
    },
];

/// The longest time that a program may take to say its version; rustup may fetch a toolchain first.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Asks every program of the build for its version, at the same time.
pub async fn check_tools(folder: &Path) -> Vec<Finding> {
    let programs = PROGRAMS
        .iter()
        .map(|program| check_program(program, folder));
    futures_util::future::join_all(programs).await
}

/// Looks for a Python that the local stage can use.
pub async fn check_python() -> Finding {
    let name = "python";
    match tokio::time::timeout(TIMEOUT, find_python()).await {
        Err(_) => silent(name),
        Ok(Ok(python)) => Finding::good(name, format!("{python}, with venv")),
        Ok(Err(error)) => match user_error(&error) {
            Some(fault) => Finding::bad(name, fault, fault.hint()),
            None => Finding::unknown(name, format!("{error:#}")),
        },
    }
}

fn silent(name: &str) -> Finding {
    Finding::unknown(name, format!("no answer within {} s", TIMEOUT.as_secs()))
}

async fn check_program(program: &Program, folder: &Path) -> Finding {
    let Program { name, cure, .. } = program;
    match tokio::time::timeout(TIMEOUT, ask_version(program.name, folder)).await {
        Err(_) => silent(name),
        Ok(Ok(Some(answer))) => judge_version(program, &answer),
        Ok(Ok(None)) => Finding::bad(name, "is not installed, or not on PATH", *cure),
        Ok(Err(error)) => Finding::bad(name, format!("{error:#}"), *cure),
    }
}

fn judge_version(program: &Program, answer: &str) -> Finding {
    let Program { name, oldest, cure } = program;
    let Some(oldest) = oldest else {
        return Finding::good(name, answer);
    };
    match (version(answer), version(oldest)) {
        (Some(found), Some(wanted)) if found >= wanted => Finding::good(name, answer),
        (Some(_), _) => Finding::bad(name, format!("`{answer}` is older than {oldest}"), *cure),
        (None, _) => Finding::unknown(name, format!("`{answer}` names no version")),
    }
}

/// Reads the first `MAJOR.MINOR` of a text.
fn version(text: &str) -> Option<(u32, u32)> {
    let numbers = |word: &str| {
        let mut parts = word.trim_start_matches('v').split(['.', '-']);
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    };
    text.split_whitespace().find_map(numbers)
}

/// The space that a build needs, in bytes. `target/` of everything, tests included, was 4.1 GB in
/// debug (2026-11); a deploy compiles the runtime only.
const NEEDED_BYTES: u64 = 3_000_000_000;

/// Looks at the room on the disk that holds the project.
pub fn check_disk(folder: &Path) -> Finding {
    match rustix::fs::statvfs(folder) {
        Ok(disk) => judge_disk(disk.f_bavail.saturating_mul(disk.f_frsize)),
        Err(error) => Finding::unknown("disk", format!("{}: {error}", folder.display())),
    }
}

fn judge_disk(free: u64) -> Finding {
    let detail = format!("{:.1} GB free", free as f64 / 1e9);
    if free >= NEEDED_BYTES {
        return Finding::good("disk", detail);
    }
    let detail = format!(
        "{detail}, but a build may need {:.0} GB",
        NEEDED_BYTES as f64 / 1e9
    );
    Finding::bad(
        "disk",
        detail,
        "make room; `cargo clean` gives old builds back",
    )
}

/// Judges the port of a local stage; `None` on AWS.
pub fn judge_port(state: Option<PortState>) -> Finding {
    let name = "port";
    match state {
        None => Finding::not_needed(name),
        Some(PortState::Ours(port)) => Finding::good(name, format!("{port}, in use by this stage")),
        Some(PortState::Free(port)) => Finding::good(name, format!("{port} is free")),
        Some(PortState::Taken {
            port,
            by,
            fixed: false,
        }) => Finding::good(
            name,
            format!("{port} is taken by {by}; the stage will use the next free one"),
        ),
        Some(PortState::Taken {
            port,
            by,
            fixed: true,
        }) => {
            let cure = "stop that process, or change or remove `port` of the stage";
            Finding::bad(name, format!("{port} is taken by {by}"), cure)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_out_of_what_programs_say() {
        for (answer, wanted) in [
            ("v20.19.4", Some((20, 19))),
            ("rustc 1.95.0 (59807616e 2026-04-14)", Some((1, 95))),
            ("cc (Debian 12.2.0-14+deb12u1) 12.2.0", Some((12, 2))),
            ("1.95", Some((1, 95))),
            ("unknown", None),
        ] {
            assert_eq!(version(answer), wanted, "{answer}");
        }
    }

    #[test]
    fn a_program_that_is_too_old_fails_with_its_cure() {
        let node = &PROGRAMS[3];
        assert_eq!(judge_version(node, "v20.19.0").ok, Some(true));
        assert_eq!(judge_version(node, "v22.1.0").ok, Some(true));
        let finding = judge_version(node, "v18.20.8");
        assert_eq!(finding.ok, Some(false));
        insta::assert_snapshot!(finding.detail, @"`v18.20.8` is older than 20.19");
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_fails_with_its_cure() {
        let nobody = Program {
            name: "no-such-program",
            oldest: None,
            cure: "install it",
        };
        let finding = check_program(&nobody, Path::new("/")).await;
        assert_eq!(
            finding,
            Finding::bad(
                "no-such-program",
                "is not installed, or not on PATH",
                "install it"
            )
        );
    }

    #[test]
    fn a_full_disk_fails() {
        assert_eq!(judge_disk(NEEDED_BYTES).ok, Some(true));
        insta::assert_snapshot!(judge_disk(400_000_000).detail, @"0.4 GB free, but a build may need 3 GB");
    }

    #[test]
    fn a_taken_port_fails_only_when_the_stage_can_take_no_other() {
        let taken = |fixed| {
            Some(PortState::Taken {
                port: 8080,
                by: "node (pid 12)".to_owned(),
                fixed,
            })
        };
        assert_eq!(judge_port(taken(true)).ok, Some(false));
        assert_eq!(judge_port(taken(false)).ok, Some(true));
        insta::assert_snapshot!(judge_port(taken(false)).detail, @"8080 is taken by node (pid 12); the stage will use the next free one");
        assert_eq!(judge_port(Some(PortState::Free(8080))).ok, Some(true));
    }
}
