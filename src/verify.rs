//! In: the stage's addresses and the builds that should answer there. Out: `Check`s: what was asked
//! from outside, as a browser would, and the responses. Nothing is written to the stage but a heartbeat, where no server writes
//! one and the caller brings a way to write it.

mod ask;
mod channel;
mod heartbeat;
mod page;
mod sign_in;

use std::time::{Duration, Instant};

use futures_util::future::{join_all, try_join_all};
use serde::Deserialize;

use crate::check::Check;
use crate::config::Network;
use crate::event::{Event, Reporter};
use crate::live::LiveChannel;
use crate::urls::Urls;
pub use channel::{WriteHeartbeat, Written};

/// The builds that are expected to answer. `None`: any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// In the site's `config.json`.
    pub site: Option<String>,
    /// From `GET /health`.
    pub api: Option<String>,
    /// In the socket's hello.
    pub server: Option<String>,
    /// In the heartbeats that reach the servers.
    pub publisher: Option<String>,
    /// Whether the servers may be silent about heartbeats.
    pub silent_servers: SilentServers,
}

/// Whether servers may be silent about heartbeats, as those of a release before heartbeats went through the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SilentServers {
    /// They may: the stage may be of an earlier release.
    #[default]
    Accepted,
    /// They may not: the servers are of this release.
    Refused,
}

/// The name of the check that changes reach the servers or the channel: by a heartbeat, which goes the whole way of a change.
pub const HEARTBEAT: &str = "heartbeat";

/// The longest time that one question may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The pause before another attempt.
const REST: Duration = Duration::from_millis(250);

/// Posts JSON to a URL as a browser would, within the time of one question. Returns the status, and the answer as far as it is
/// JSON. Redirects are not followed.
///
/// # Errors
/// Nobody answers; worded for a person.
pub async fn post_json(
    url: &str,
    body: &serde_json::Value,
    network: &Network,
) -> Result<(u16, serde_json::Value), String> {
    let answer =
        tokio::time::timeout(TIMEOUT, ask::post(url.to_owned(), Some(body), network)).await;
    let late = |_| format!("{url}: no answer within {} s", TIMEOUT.as_secs());
    let answer = answer.map_err(late)??;
    let json = serde_json::from_slice(&answer.body).unwrap_or_default();
    Ok((answer.status, json))
}

/// A stage, as it is seen from outside.
#[derive(Clone, Copy)]
pub struct OutsideView<'a> {
    /// Its addresses.
    pub urls: &'a Urls,
    /// Its live channel, or why nobody knows it.
    pub live: Result<&'a LiveChannel, &'a str>,
    /// The way to the internet.
    pub network: &'a Network,
    /// The way to write a heartbeat where no server writes one. Without it, such a stage is not asked for heartbeats.
    pub heartbeat: Option<&'a dyn WriteHeartbeat>,
}

/// Asks every public address once, at the same time.
pub async fn check(stage: OutsideView<'_>, expected: &Expected) -> Vec<Check> {
    let OutsideView { urls, network, .. } = stage;
    let (site, www) = tokio::join!(
        named("site", check_site(urls, expected.site.as_deref(), network)),
        named("www", check_www(urls, network)),
    );
    let (api, socket, heartbeat) = tokio::join!(
        named("api", check_api(urls, expected.api.as_deref(), network)),
        named("socket", check_socket(stage, expected.server.as_deref())),
        check_heartbeat(stage, expected),
    );
    let mut checks = vec![site, www, api, socket];
    checks.extend(heartbeat);
    if let Some(pages) = &urls.sign_in {
        checks.push(named("sign-in", sign_in::check(urls, pages, network)).await);
    }
    checks
}

async fn check_heartbeat(stage: OutsideView<'_>, expected: &Expected) -> Option<Check> {
    let outside = (stage.urls, stage.network);
    match (stage.live, stage.heartbeat) {
        (Ok(LiveChannel::Servers), _) => {
            let (urls, network) = outside;
            Some(named(HEARTBEAT, heartbeat::check(urls, expected, network)).await)
        }
        (Ok(LiveChannel::AppSync(channel)), Some(writer)) => {
            let publisher = expected.publisher.as_deref();
            let question = channel::check_heartbeat(channel, writer, publisher, outside);
            Some(named(HEARTBEAT, question).await)
        }
        _ => None,
    }
}

/// Asks until everything answers as expected, or until the time limit `patience` is over; a release takes a moment to
/// reach every edge. Returns the last answers.
pub async fn wait_until_healthy(
    stage: OutsideView<'_>,
    expected: &Expected,
    patience: Duration,
    reporter: &dyn Reporter,
) -> Vec<Check> {
    let started = Instant::now();
    let mut reported = String::new();
    loop {
        let checks = check(stage, expected).await;
        let failing: Vec<&Check> = checks.iter().filter(|check| !check.ok).collect();
        if failing.is_empty() || started.elapsed() > patience {
            return checks;
        }
        let waiting = summary(&failing);
        if waiting != reported {
            reporter.report(Event::Note(format!("waiting for {waiting}")));
            reported = waiting;
        }
        tokio::time::sleep(REST).await;
    }
}

/// Returns failing checks in one line.
pub fn summary(failing: &[&Check]) -> String {
    let rows = failing
        .iter()
        .map(|check| format!("{} ({})", check.name, check.detail));
    rows.collect::<Vec<_>>().join(", ")
}

/// Returns what time the server of a URL says that it is: the `Date` of its answer, whatever else it
/// answers.
///
/// # Errors
/// It is not reached, or refuses time; worded for a person.
pub async fn ask_date(url: String, network: &Network) -> Result<String, String> {
    let answer = ask::get(url.clone(), network).await?;
    answer.date.ok_or_else(|| format!("{url} sends no date"))
}

async fn named(name: &str, question: impl Future<Output = Result<String, String>>) -> Check {
    let answer = tokio::time::timeout(TIMEOUT, question).await;
    let answer =
        answer.unwrap_or_else(|_| Err(format!("no answer within {} s", TIMEOUT.as_secs())));
    let ok = answer.is_ok();
    Check {
        name: name.to_owned(),
        ok,
        detail: answer.unwrap_or_else(|problem| problem),
    }
}

#[derive(Deserialize)]
struct Build {
    build: String,
}

/// The page must load with all that it names, and say that it is of this build.
async fn check_site(
    urls: &Urls,
    expected: Option<&str>,
    network: &Network,
) -> Result<String, String> {
    let answers = join_all(
        [
            format!("{}/", urls.site),
            format!("{}/config.json", urls.site),
        ]
        .map(|url| ask::get(url, network)),
    );
    let mut answers = answers.await.into_iter();
    let (page, config) = (answers.next(), answers.next());
    let (Some(page), Some(config)) = (page, config) else {
        return Err("was not asked".to_owned());
    };
    let page = page?;
    if page.status != 200 || !page.is("text/html") {
        return Err(format!(
            "GET / answers {} {}",
            page.status, page.content_type
        ));
    }
    let config = config?;
    if config.status != 200 {
        return Err(format!("GET /config.json answers {}", config.status));
    }
    let build = same_build(&config.body, expected)?;
    tokio::try_join!(
        check_parts(urls, &page.body, network),
        check_reads(&config.body, network),
    )?;
    Ok(build)
}

/// Where the page is told to read lists must be one. A release from before has no such place.
async fn check_reads(config: &[u8], network: &Network) -> Result<(), String> {
    #[derive(Deserialize)]
    struct Reads {
        reads: Option<String>,
    }
    let reads = serde_json::from_slice::<Reads>(config).ok();
    let Some(reads) = reads.and_then(|config| config.reads) else {
        return Ok(());
    };
    let answer = ask::get(format!("{reads}/factories"), network).await?;
    match answer.status {
        200 if answer.is("application/json") => Ok(()),
        status => Err(format!(
            "GET /factories, by the name of the site, answers {status} {}",
            answer.content_type
        )),
    }
}

/// Without one of its scripts or styles, a page does not load for anybody.
async fn check_parts(urls: &Urls, page: &[u8], network: &Network) -> Result<(), String> {
    let paths = page::parts(&String::from_utf8_lossy(page));
    let questions = paths.into_iter().map(async |path| {
        let answer = ask::head(format!("{}{path}", urls.site), network).await?;
        match answer.status {
            200 => Ok(()),
            status => Err(format!("GET / names {path}, which answers {status}")),
        }
    });
    try_join_all(questions).await.map(drop)
}

/// `www.` must send people to the site, with their path.
async fn check_www(urls: &Urls, network: &Network) -> Result<String, String> {
    let www = urls.site.replacen("://", "://www.", 1);
    let answer = ask::get(format!("{www}/some/path?query=1"), network).await?;
    let wanted = format!("{}/some/path?query=1", urls.site);
    match (answer.status, answer.location.as_deref()) {
        (301 | 308, Some(location)) if location == wanted => {
            Ok(format!("redirects to {}", urls.site))
        }
        (status, location) => Err(format!(
            "answers {status}, to {}",
            location.unwrap_or("nowhere")
        )),
    }
}

async fn check_api(
    urls: &Urls,
    expected: Option<&str>,
    network: &Network,
) -> Result<String, String> {
    let answer = ask::get(format!("{}/health", urls.api), network).await?;
    if answer.status != 200 {
        return Err(format!("GET /health answers {}", answer.status));
    }
    same_build(&answer.body, expected)
}

#[derive(Deserialize)]
struct Hello {
    #[serde(rename = "type")]
    kind: String,
    build: String,
}

async fn check_socket(stage: OutsideView<'_>, expected: Option<&str>) -> Result<String, String> {
    let OutsideView { urls, network, .. } = stage;
    match stage.live? {
        LiveChannel::Servers => check_hello(urls, expected, network).await,
        LiveChannel::AppSync(channel) => {
            channel::subscribe(channel, urls, network).await?;
            Ok(format!("takes subscriptions to {}", channel.channel))
        }
    }
}

async fn check_hello(
    urls: &Urls,
    expected: Option<&str>,
    network: &Network,
) -> Result<String, String> {
    let text = ask::first_message(&urls.socket, &urls.site, network).await?;
    match serde_json::from_str::<Hello>(&text) {
        Ok(hello) if hello.kind == "hello" => compare(&hello.build, expected),
        _ => Err("sends another message before hello".to_owned()),
    }
}

fn same_build(body: &[u8], expected: Option<&str>) -> Result<String, String> {
    let answer: Build = serde_json::from_slice(body).map_err(|_| "names no build".to_owned())?;
    compare(&answer.build, expected)
}

fn compare(actual: &str, expected: Option<&str>) -> Result<String, String> {
    match expected {
        Some(expected) if expected != actual => Err(format!("build {actual}, not {expected}")),
        _ => Ok(format!("build {actual}")),
    }
}
