//! The AWS-compatible endpoint: ministack from the private environment, on a loopback port of its own.

use std::collections::BTreeMap;
use std::time::Duration;

use super::parts::{Part, Stop};
use super::probe;
use super::state::StateFolder;
use super::venv::Venv;
use crate::config::Region;

/// Starts it, after it has got what signing in and CloudFormation's types of AppSync need.
const PROGRAM: &str = concat!(
    include_str!("appsync.py"),
    "\n\n",
    include_str!("sign_in.py"),
    "\n\n",
    include_str!("emulator.py")
);

/// Answers 200 as soon as every service does.
const READY: &str = "/_ministack/ready";

pub(super) fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// Returns how the emulator is started. Its Lambdas inherit this environment, so there is nothing in it
/// that the emulator does not need.
pub(super) fn part(
    folder: &StateFolder,
    venv: &Venv,
    region: &Region,
    port: u16,
    run: String,
) -> Part {
    let temporary = folder.temporary().display().to_string();
    let binaries = venv.path.join("bin");
    let environment = [
        (
            "PATH",
            format!("{}:/usr/local/bin:/usr/bin:/bin", binaries.display()),
        ),
        ("HOME", temporary.clone()),
        ("TMPDIR", temporary.clone()),
        // Else the keys of its user pools are stored in /tmp and outlive the stage.
        ("STATE_DIR", format!("{temporary}/state")),
        ("BIND_HOST", "127.0.0.1".to_owned()),
        ("GATEWAY_PORT", port.to_string()),
        ("AWS_DEFAULT_REGION", region.to_string()),
        // Else the Lambdas dial the real AWS.
        ("AWS_ENDPOINT_URL", url(port)),
        // Else it opens port 8883 on all interfaces.
        ("IOT_MTLS_ENABLED", "0".to_owned()),
        // Enforces role policies and permissions, as AWS does.
        ("AUTH", "true".to_owned()),
    ];
    let environment: BTreeMap<String, String> = environment
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    let inputs = vec![format!("installation {}", venv.installation)];
    Part {
        program: binaries.join("python"),
        args: vec!["-c".to_owned(), PROGRAM.to_owned()],
        environment,
        inputs,
        // Asked, it would wait three seconds for its Lambdas, which wait for it; its data ends with it.
        stop: Stop::Kill,
        run,
    }
}

/// Asks once whether it is ready.
pub(super) async fn check(port: u16, timeout: Duration) -> Result<(), String> {
    probe::check_ok(port, READY, timeout).await
}

/// Waits until it is ready.
pub(super) async fn wait(port: u16, timeout: Duration) -> Result<(), String> {
    probe::wait_until_ok(port, READY, timeout).await
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn the_patch_for_appsync_is_of_the_version_that_is_installed() {
        let mut lines = include_str!("requirements.txt").lines();
        let pinned = lines.find_map(|line| line.strip_prefix("ministack=="));
        let version = pinned.and_then(|rest| rest.split(' ').next()).unwrap();
        let wanted = format!("VERSION = \"{version}\"\n");
        assert!(PROGRAM.contains(&wanted), "{wanted}");
    }

    #[test]
    fn the_emulator_gets_this_environment_and_nothing_else() {
        let folder = StateFolder::new(PathBuf::from("/p/.factory-tree/local"));
        let venv = Venv {
            path: PathBuf::from("/p/.factory-tree/.venv"),
            installation: "1.0".to_owned(),
        };
        let part = part(
            &folder,
            &venv,
            &"eu-central-1".parse().unwrap(),
            24566,
            "1".to_owned(),
        );
        let lines: Vec<String> = part
            .environment
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        AUTH=true
        AWS_DEFAULT_REGION=eu-central-1
        AWS_ENDPOINT_URL=http://127.0.0.1:24566
        BIND_HOST=127.0.0.1
        GATEWAY_PORT=24566
        HOME=/p/.factory-tree/local/tmp
        IOT_MTLS_ENABLED=0
        PATH=/p/.factory-tree/.venv/bin:/usr/local/bin:/usr/bin:/bin
        STATE_DIR=/p/.factory-tree/local/tmp/state
        TMPDIR=/p/.factory-tree/local/tmp
        ");
    }
}
