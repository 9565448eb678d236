//! Measures servers one after the other, each with the same load, and prints `figure NAME VALUE UNIT` lines.
//!
//! `live-load broadcast NAME CLIENTS SECONDS COMMAND`, `live-load storm NAME CLIENTS COMMAND` or `live-load soak NAME CLIENTS
//! MINUTES COMMAND`. The server called `ours` learns what to send from its standard input, every other one from a client.

#![expect(clippy::print_stdout, reason = "the figures are its answer")]

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use live_bench::crowd::{Crowd, microseconds};
use live_bench::figures::percentile;
use live_bench::process;
use live_bench::subject::Subject;
use tokio::task::LocalSet;

/// The deliveries a second.
const DELIVERIES: u32 = 20_000;

/// The factories that change in turn.
const FACTORIES: u32 = 100;

/// The changes a second of a soak.
const SOAK_CHANGES: u32 = 5;

/// The parts of a soak's clients that come and go, one after the other, one each second.
const COMING_AND_GOING: usize = 20;

/// The time limit for a storm.
const STORM_LIMIT: Duration = Duration::from_secs(120);

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let local = LocalSet::new();
    runtime.block_on(local.run_until(async {
        match words[..] {
            ["broadcast", name, clients, seconds, command] => {
                broadcast(name, clients.parse()?, seconds.parse()?, command).await
            }
            ["storm", name, clients, command] => storm(name, clients.parse()?, command).await,
            ["soak", name, clients, minutes, command] => {
                soak(name, clients.parse()?, minutes.parse()?, command).await
            }
            _ => bail!(
                "broadcast NAME CLIENTS SECONDS COMMAND, storm NAME CLIENTS COMMAND, or \
                 soak NAME CLIENTS MINUTES COMMAND"
            ),
        }
    }))
}

fn message(number: u32) -> String {
    let (id, sent) = (number % FACTORIES, microseconds());
    format!(
        r#"{{"type":"changed","factory":{{"id":"0b4bd4a6-3c5e-4f5d-9a51-{id:012}","name":"t{sent}","lower":-1000,"upper":1000,"numbers":[1,22,333,4,55,666,7,88,999,10,11,12,13,14,15],"revision":{}}}}}"#,
        number + 2
    )
}

async fn broadcast(name: &str, clients: usize, seconds: u32, command: &str) -> Result<()> {
    let mut subject = Subject::start(command, name == "ours").await?;
    let empty = process::memory(subject.pid)?;
    let crowd = Crowd::connected(subject.address, clients).await?;
    let interval = Duration::from_secs(1) * u32::try_from(clients)? / DELIVERIES;
    let count =
        u32::try_from(Duration::from_secs(seconds.into()).as_micros() / interval.as_micros())?;
    // The first seconds warm up what the server compiles and caches.
    let warm = u32::try_from(Duration::from_secs(3).as_micros() / interval.as_micros())?;
    send(&mut subject, 0..warm, interval).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    crowd.counters.latencies.borrow_mut().clear();
    let before = process::time(subject.pid)?;
    send(&mut subject, warm..warm + count, interval).await?;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let taken = process::time(subject.pid)? - before;
    let loaded = process::memory(subject.pid)?;

    let mut latencies = crowd.counters.latencies.take();
    latencies.sort_unstable();
    let expected = clients * usize::try_from(count)?;
    let lost = expected.saturating_sub(latencies.len()) + crowd.counters.failed.get();
    let deliveries = latencies.len() as f64;
    let memory = loaded.saturating_sub(empty) as f64 / clients as f64;
    for (figure, value, unit) in [
        ("lost", lost as f64, "deliveries"),
        ("memory", memory, "KiB/connection"),
        ("cpu", taken.as_secs_f64() * 1e6 / deliveries, "us/delivery"),
        ("p50", percentile(&latencies, 0.5), "ms"),
        ("p99", percentile(&latencies, 0.99), "ms"),
    ] {
        println!("figure {name}.{clients}.{figure} {value:.2} {unit}");
    }
    subject.end().await
}

async fn send(
    subject: &mut Subject,
    numbers: std::ops::Range<u32>,
    interval: Duration,
) -> Result<()> {
    let start = tokio::time::Instant::now();
    for (place, number) in numbers.enumerate() {
        subject.broadcast(&message(number)).await?;
        let next = start + interval * u32::try_from(place + 1)?;
        tokio::time::sleep_until(next).await;
    }
    Ok(())
}

/// All clients lose their connection and come again at the same time.
async fn storm(name: &str, clients: usize, command: &str) -> Result<()> {
    let subject = Subject::start(command, name == "ours").await?;
    let calm = Crowd::connected(subject.address, clients).await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = process::memory(subject.pid)?;
    let time = process::time(subject.pid)?;
    drop(calm);
    let start = Instant::now();
    let crowd = Crowd::connect(subject.address, 0..clients, clients);
    crowd
        .wait_for_trees(clients, STORM_LIMIT)
        .await
        .context("the storm does not settle")?;
    let settled = start.elapsed();
    let taken = process::time(subject.pid)? - time;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let after = process::memory(subject.pid)?;
    for (figure, value, unit) in [
        ("settled", settled.as_secs_f64(), "s"),
        ("refused", crowd.counters.failed.get() as f64, "clients"),
        ("cpu", taken.as_secs_f64(), "s"),
        ("memory_before", before as f64 / 1_024.0, "MiB"),
        ("memory_after", after as f64 / 1_024.0, "MiB"),
    ] {
        println!("figure {name}.storm.{figure} {value:.2} {unit}");
    }
    subject.end().await
}

/// The memory and the descriptors that a server holds at one time of a soak.
struct Held {
    kibibytes: u64,
    descriptors: usize,
}

impl Held {
    fn by(pid: u32) -> Result<Self> {
        Ok(Self {
            kibibytes: process::memory(pid)?,
            descriptors: process::descriptors(pid)?,
        })
    }
}

/// Half of the clients stay, the others come and go, and there are changes all the time. The server must hold at the end
/// what it held after a quarter of the time.
async fn soak(name: &str, clients: usize, minutes: u32, command: &str) -> Result<()> {
    let mut subject = Subject::start(command, name == "ours").await?;
    let staying = Crowd::connected(subject.address, clients / 2).await?;
    let guests = clients / 2 / COMING_AND_GOING;
    let numbers = |part: usize| {
        let first = clients / 2 + part * guests;
        first..first + guests
    };
    let mut coming: Vec<Crowd> = (0..COMING_AND_GOING)
        .map(|part| Crowd::connect(subject.address, numbers(part), guests))
        .collect();
    let (mut received, mut refused, mut held) = (0, 0, Vec::new());
    for minute in 0..minutes {
        for second in 0..60 {
            let place = usize::try_from(minute * 60 + second)?;
            let part = place % COMING_AND_GOING;
            refused += coming[part].counters.failed.get();
            coming[part] = Crowd::connect(subject.address, numbers(part), guests);
            let first = u32::try_from(place)? * SOAK_CHANGES;
            let interval = Duration::from_secs(1) / SOAK_CHANGES;
            send(&mut subject, first..first + SOAK_CHANGES, interval).await?;
        }
        let mut latencies = staying.counters.latencies.take();
        latencies.sort_unstable();
        received += latencies.len();
        let now = Held::by(subject.pid)?;
        println!(
            "minute {}: {} KiB, {} descriptors, p99 {:.2} ms",
            minute + 1,
            now.kibibytes,
            now.descriptors,
            percentile(&latencies, 0.99)
        );
        held.push(now);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    received += staying.counters.latencies.borrow().len();
    let sent = usize::try_from(minutes * 60 * SOAK_CHANGES)? * (clients / 2);
    let lost = sent.saturating_sub(received) + staying.counters.failed.get();
    // By then the history of an hour's soak is full.
    let early = held.get(held.len() / 4).context("a minute")?;
    let late = held.last().context("a minute")?;
    for (figure, value, unit) in [
        ("lost", lost as f64, "deliveries"),
        ("refused", refused as f64, "clients"),
        ("memory_early", early.kibibytes as f64 / 1_024.0, "MiB"),
        ("memory_late", late.kibibytes as f64 / 1_024.0, "MiB"),
        ("descriptors_early", early.descriptors as f64, "files"),
        ("descriptors_late", late.descriptors as f64, "files"),
    ] {
        println!("figure {name}.soak.{figure} {value:.2} {unit}");
    }
    subject.end().await
}
