//! The checks that follow from observations, and their text.

use std::collections::BTreeMap;

use super::*;
use crate::aws::{
    AlarmState, Certificate, CertificateState, Depth, DriftedResource, Group, Instance, Mapping,
    PropertyDrift,
};
use crate::release::{ArtifactRecord, SiteRecord};
use crate::report::{Health, StackStatusRow, StatusReport};
use crate::status::queues::QueuePurpose;

const NOW: u64 = 1_795_564_799;

fn at(days: i64) -> SystemTime {
    let seconds = NOW.checked_add_signed(days * 86_400).unwrap();
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn alarm(name: &str, state: AlarmState) -> AlarmRow {
    AlarmRow {
        stack: "api".to_owned(),
        name: name.to_owned(),
        state,
        description: "The API answered with 5xx.".to_owned(),
        reason: "Threshold Crossed".to_owned(),
        since: Some("2026-11-24T20:00:00Z".to_owned()),
    }
}

fn certificate(state: CertificateState, days: i64) -> CertificateRow {
    let certificate = Certificate {
        domain: "factory-tree.com".to_owned(),
        state,
        issued: Some(at(-100)),
        expires: Some(at(days)),
        in_use_by: Vec::new(),
    };
    certificates::row("certificate", certificate)
}

fn queue(name: &str, purpose: QueuePurpose, waiting: u64) -> QueueRow {
    let depth = Depth {
        waiting,
        in_flight: 0,
    };
    QueueRow {
        name: name.to_owned(),
        purpose,
        depth,
    }
}

fn stream(last_result: &str) -> StreamRow {
    StreamRow {
        name: "StreamToPublisher".to_owned(),
        mapping: Mapping {
            state: "Enabled".to_owned(),
            last_result: last_result.to_owned(),
        },
    }
}

fn instances() -> Vec<InstanceRow> {
    let instance = |id: &str, healthy, version: &str| Instance {
        id: id.to_owned(),
        lifecycle: "InService".to_owned(),
        healthy,
        template_version: Some(version.to_owned()),
    };
    let group = Group {
        wanted: 2,
        template_version: Some("4".to_owned()),
        instances: vec![instance("i-new", true, "4"), instance("i-old", false, "3")],
    };
    instances::rows("Servers", &group, Some(&"b4f298cd77db".to_owned()))
}

fn healthy() -> Observations {
    Observations {
        release: Some(release()),
        alarms: vec![
            alarm("ApiErrors", AlarmState::Ok),
            alarm("NoServer", AlarmState::Unsure),
        ],
        certificates: vec![certificate(CertificateState::Issued, 265)],
        instances: instances().into_iter().filter(|row| row.healthy).collect(),
        streams: vec![stream("OK")],
        queues: vec![
            queue("DeadLetters", QueuePurpose::DeadLetters, 0),
            queue("prod-websocket-i-1", QueuePurpose::Server, 7),
        ],
        ..Observations::default()
    }
}

fn release() -> ReleaseRecord {
    ReleaseRecord {
        version: 1,
        stage: "prod".to_owned(),
        at: "2026-11-24T19:00:00Z".to_owned(),
        outcome: "deployed".to_owned(),
        failure: None,
        rolled_back_to: None,
        build: "8e0d2ba6f1c3".to_owned(),
        artifacts: BTreeMap::<String, ArtifactRecord>::new(),
        site: SiteRecord {
            build: "5175".to_owned(),
            files: BTreeMap::new(),
            etags: BTreeMap::new(),
        },
        stacks: BTreeMap::new(),
        digest: "77aa0912ffee".to_owned(),
        plan: None,
        commit: Some("5656322aaaabbbbccccddddeeeeffff000011112".to_owned()),
        dirty: Some(true),
        actor: "arn:aws:sts::123456789012:assumed-role/deploy/\u{1b}[31mrun".to_owned(),
        ci_actor: Some("ada".to_owned()),
        deployer: "0.1.0".to_owned(),
        seconds: 61.5,
    }
}

fn ill() -> Observations {
    let drifted = |name: &str, deleted, differences| DriftedResource {
        logical_id: name.to_owned(),
        kind: "AWS::Logs::LogGroup".to_owned(),
        deleted,
        differences,
    };
    let difference = PropertyDrift {
        path: "/RetentionInDays".to_owned(),
        expected: "30".to_owned(),
        actual: "null".to_owned(),
    };
    let drift = vec![
        drifted("ApiLog", false, vec![difference]),
        drifted("AccessLog", true, Vec::new()),
    ];
    Observations {
        release: None,
        alarms: vec![
            alarm("ApiErrors", AlarmState::Firing),
            alarm("NoServer", AlarmState::Ok),
        ],
        certificates: vec![certificate(CertificateState::Issued, 14)],
        instances: instances(),
        streams: vec![stream("PROBLEM: Function call failed")],
        queues: vec![queue("DeadLetters", QueuePurpose::DeadLetters, 3)],
        page_keys: Vec::new(),
        drift: Some(drift::rows("api", drift)),
        unknown: vec![Unknown {
            name: "last deploy".to_owned(),
            detail: "add permission s3:ListBucket to see it".to_owned(),
        }],
    }
}

fn report(seen: Observations) -> StatusReport {
    let checks = seen.checks(at(0));
    let is_healthy = checks.iter().all(|check| check.ok);
    StatusReport {
        stage: "prod".to_owned(),
        health: if is_healthy {
            Health::Healthy
        } else {
            Health::Degraded
        },
        urls: Some(crate::urls::Urls::secure(
            &"factory-tree.com".parse().unwrap(),
        )),
        stacks: vec![StackStatusRow {
            name: "api".to_owned(),
            state: "UPDATE_COMPLETE".to_owned(),
            resources: 27,
            updated: "2026-11-24T18:59:00Z".to_owned(),
        }],
        checks,
        seen,
    }
}

#[test]
fn a_healthy_stage_reads_so() {
    insta::assert_snapshot!(report(healthy()));
}

#[test]
fn an_ill_stage_reads_so() {
    insta::assert_snapshot!(report(ill()));
}

#[test]
fn scripts_get_every_observation_beside_the_fields_that_there_always_were() {
    let mut report = report(ill());
    report.seen.release = Some(release());
    insta::assert_json_snapshot!(report);
}

#[test]
fn a_certificate_passes_until_fourteen_days_before_its_end() {
    let check = |state, days| {
        let check = certificates::check(&certificate(state, days), at(0));
        format!("{} {}\n", check.ok, check.detail)
    };
    let waiting = CertificateState::Waiting {
        domains: vec![
            "factory-tree.com".to_owned(),
            "www.factory-tree.com".to_owned(),
        ],
    };
    let rows = [
        check(CertificateState::Issued, 15),
        check(CertificateState::Issued, 14),
        check(CertificateState::Issued, 1),
        check(CertificateState::Issued, -2),
        check(waiting, 100),
        check(CertificateState::Unusable("FAILED".to_owned()), 100),
    ];
    insta::assert_snapshot!(rows.concat());
}

#[test]
fn what_fails_is_an_alarm_that_fires_an_ill_instance_a_stopped_stream_and_a_filled_dead_letter_queue()
 {
    let failing = |seen: Observations| -> Vec<String> {
        let checks = seen.checks(at(0)).into_iter();
        checks
            .filter(|check| !check.ok)
            .map(|check| check.name)
            .collect()
    };
    assert_eq!(failing(healthy()), Vec::<String>::new());
    assert_eq!(
        failing(ill()),
        [
            "alarm ApiErrors",
            "certificate",
            "instance i-old",
            "stream StreamToPublisher",
            "queue DeadLetters"
        ]
    );
    let unknown = Observations {
        unknown: ill().unknown,
        ..Observations::default()
    };
    assert_eq!(
        failing(unknown),
        Vec::<String>::new(),
        "what is unknown is not unhealthy"
    );
}

#[tokio::test]
async fn a_question_without_an_answer_is_unknown_and_never_an_error() {
    let soon = Duration::from_millis(10);
    let never = ask::<()>("alarms", soon, std::future::pending()).await;
    let failed = ask::<()>("queues", soon, async {
        anyhow::bail!("connection refused")
    })
    .await;
    let reported = |answer: Result<(), Unknown>| {
        let row = answer.unwrap_err();
        format!("{}: {}", row.name, row.detail)
    };
    assert_eq!(reported(never), "alarms: no answer within 0 s");
    assert_eq!(reported(failed), "queues: connection refused");
}
