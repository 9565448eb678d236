//! The check that changes come through: a server writes a heartbeat into the table, and it must come back to every server by way
//! of the table's stream, the publisher and the topic. In: the answers of the servers. Out: how old the last heartbeat is, or
//! where it is lost as far as the servers know.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use serde::Deserialize;

use super::{Expected, SilentServers, ask};
use crate::config::Network;
use crate::urls::Urls;

/// The requests at the same time, each on a connection of its own: a load balancer hands them to several servers.
const REQUESTS: usize = 4;

/// The age in milliseconds from which a heartbeat is missed. A server writes one when it has heard none for 10 s, and looks every
/// 5 to 10 s (`FeedTiming` of the server); from 30 s on it reads the table instead.
const MISSED_MS: u64 = 30_000;

/// The answer of a server at `/heartbeat`.
#[derive(Clone, Debug, Deserialize)]
struct ServerHeartbeat {
    server: String,
    written_ms_ago: Option<u64>,
    heard_ms_ago: Option<u64>,
    publisher: Option<String>,
}

/// Asks the servers for their last heartbeat. Each request also makes its server write a new one, unless there has just been one.
pub(super) async fn check(
    urls: &Urls,
    expected: &Expected,
    network: &Network,
) -> Result<String, String> {
    // `ws://` and `wss://` become `http://` and `https://`.
    let url = format!("{}/heartbeat", urls.socket.replacen("ws", "http", 1));
    let requests = (0..REQUESTS).map(|_| ask::get(url.clone(), network));
    let mut answers = Vec::new();
    for response in try_join_all(requests).await? {
        match (response.status, expected.silent_servers) {
            (200, _) => answers.push(response.body),
            (404, SilentServers::Accepted) => {
                return Ok("not told: the servers are of an earlier release".to_owned());
            }
            (status, _) => return Err(format!("GET /heartbeat answers {status}")),
        }
    }
    let answers = answers.iter().map(|body| serde_json::from_slice(body));
    let answers = answers.collect::<Result<Vec<ServerHeartbeat>, _>>();
    let answers = answers.map_err(|_| "GET /heartbeat answers no heartbeat".to_owned())?;
    judge(&answers, expected.publisher.as_deref())
}

/// Returns the age of the oldest last heartbeat, if all servers have heard one of this publisher.
fn judge(answers: &[ServerHeartbeat], publisher: Option<&str>) -> Result<String, String> {
    let mut ages = BTreeMap::new();
    for answer in answers {
        let age = judge_one(answer, publisher)?;
        ages.insert(answer.server.as_str(), age);
    }
    let oldest = ages.values().max().copied().unwrap_or_default();
    let through = answers
        .iter()
        .find_map(|answer| answer.publisher.as_deref());
    let servers = match ages.len() {
        1 => "1 server".to_owned(),
        several => format!("{several} servers"),
    };
    Ok(format!(
        "{} ago at {servers}, through publisher {}",
        seconds(oldest),
        through.unwrap_or_default()
    ))
}

fn judge_one(answer: &ServerHeartbeat, publisher: Option<&str>) -> Result<u64, String> {
    let server = &answer.server;
    let is_recent = |age: &Option<u64>| age.is_some_and(|age| age < MISSED_MS);
    match (answer.heard_ms_ago, &answer.publisher, publisher) {
        (Some(age), Some(actual), Some(expected)) if age < MISSED_MS && actual != expected => {
            Err(format!(
                "the last one came through publisher {actual}, not {expected}, at server {server}"
            ))
        }
        (Some(age), ..) if age < MISSED_MS => Ok(age),
        _ if is_recent(&answer.written_ms_ago) => Err(format!(
            "server {server} writes them into the table, and {}: stream, publisher, topic or the server's queue loses them",
            heard(answer.heard_ms_ago)
        )),
        _ => Err(format!(
            "server {server} writes none into the table, and {}",
            heard(answer.heard_ms_ago)
        )),
    }
}

fn heard(age: Option<u64>) -> String {
    match age {
        Some(age) => format!("the last one came back {} ago", seconds(age)),
        None => "none has come back".to_owned(),
    }
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{} s", milliseconds / 1000, milliseconds % 1000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(server: &str, written: Option<u64>, heard: Option<u64>) -> ServerHeartbeat {
        ServerHeartbeat {
            server: server.to_owned(),
            written_ms_ago: written,
            heard_ms_ago: heard,
            publisher: heard.map(|_| "p1".to_owned()),
        }
    }

    #[test]
    fn every_server_must_have_heard_one_of_this_publisher() {
        let (one, other) = (
            answer("i-1", None, Some(1_250)),
            answer("i-2", Some(40_000), Some(29_999)),
        );
        assert_eq!(
            judge(&[one.clone(), other.clone(), one.clone()], Some("p1")),
            Ok("29.9 s ago at 2 servers, through publisher p1".to_owned())
        );
        assert_eq!(
            judge(std::slice::from_ref(&one), None),
            Ok("1.2 s ago at 1 server, through publisher p1".to_owned())
        );
        assert_eq!(
            judge(&[one, other], Some("p2")).unwrap_err(),
            "the last one came through publisher p1, not p2, at server i-1"
        );
    }

    #[test]
    fn the_hop_that_loses_them_is_named_as_far_as_the_server_knows() {
        let problems = [
            answer("i-1", Some(2_000), None),
            answer("i-1", Some(2_000), Some(95_000)),
            answer("i-1", None, None),
            answer("i-1", Some(31_000), Some(30_000)),
        ]
        .map(|answer| judge(&[answer], Some("p1")).unwrap_err());
        insta::assert_snapshot!(problems.join("\n"), @r"
        server i-1 writes them into the table, and none has come back: stream, publisher, topic or the server's queue loses them
        server i-1 writes them into the table, and the last one came back 95.0 s ago: stream, publisher, topic or the server's queue loses them
        server i-1 writes none into the table, and none has come back
        server i-1 writes none into the table, and the last one came back 30.0 s ago
        ");
    }
}
