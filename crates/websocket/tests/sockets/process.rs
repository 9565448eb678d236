//! The program as a process: its error when it cannot start, and its systemd unit.

use std::path::Path;
use std::process::Command;

const UNIT: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/factory-tree-websocket.service"
);

#[test]
fn a_missing_variable_is_logged_with_its_expected_value() {
    let output = Command::new(env!("CARGO_BIN_EXE_websocket"))
        .env_clear()
        .output()
        .unwrap();

    let log: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        log["error"],
        "environment variable `TABLE_NAME` is not set: \
         set it to the name of the table that keeps the factories"
    );
}

#[test]
fn the_unit_starts_the_bundles_program_with_its_environment_file() {
    let unit = std::fs::read_to_string(UNIT).unwrap();

    for line in [
        "Type=notify",
        "ExecStart=/opt/factory-tree/websocket",
        "EnvironmentFile=/etc/factory-tree/websocket.env",
        "WatchdogSec=30",
        "TimeoutStopSec=60",
        "DynamicUser=yes",
        "NoNewPrivileges=yes",
    ] {
        assert!(unit.lines().any(|found| found == line), "{line}");
    }
}

/// Runs only where `systemd-analyze` is installed.
#[test]
fn the_units_exposure_is_at_most_one_and_a_half() {
    const ANALYZE: &str = "/usr/bin/systemd-analyze";
    if !Path::new(ANALYZE).exists() {
        return;
    }
    let analysis = Command::new(ANALYZE)
        .args([
            "security",
            "--offline=true",
            "--threshold=15",
            "--no-pager",
            UNIT,
        ])
        .output()
        .unwrap();

    let text = String::from_utf8_lossy(&analysis.stdout);
    assert!(analysis.status.success(), "{text}");
}
