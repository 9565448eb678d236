//! The server against RFC 6455: frames written by hand, and what must come back.
//!
//! Autobahn's test suite itself wants a server that sends every message back, so the corpus is our own.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::hostile::connect_by_hand;
use crate::test_server::{TestServer, start_with};

mod corpus;

const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;
const FINAL: u8 = 0x80;

/// The answer that a case must get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A close frame with this code (`None` for one without a code), and then the end.
    Closed(Option<u16>),
    /// Pongs with these payloads, and the connection stays open.
    Open(Vec<Vec<u8>>),
}

struct Case {
    name: String,
    bytes: Vec<u8>,
    outcome: Outcome,
}

/// Returns a masked frame. `head` is the first byte: the final bit, the reserved bits and the opcode.
fn frame(head: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap();
    let mut bytes = vec![head];
    match u8::try_from(length) {
        Ok(short) if short < 126 => bytes.push(0x80 | short),
        _ => {
            bytes.push(0x80 | 126);
            bytes.extend(length.to_be_bytes());
        }
    }
    let mask = [0x5a, 0x01, 0xff, 0x37];
    bytes.extend(mask);
    let masked = payload.iter().zip(mask.iter().cycle());
    bytes.extend(masked.map(|(byte, mask)| byte ^ mask));
    bytes
}

fn open(pongs: &[&[u8]]) -> Outcome {
    Outcome::Open(pongs.iter().map(|pong| pong.to_vec()).collect())
}

fn closed(code: u16) -> Outcome {
    Outcome::Closed(Some(code))
}

fn case(name: impl Into<String>, frames: &[Vec<u8>], outcome: Outcome) -> Case {
    Case {
        name: name.into(),
        bytes: frames.concat(),
        outcome,
    }
}

/// Returns the next frame of the server, or `None` at the end of the connection.
async fn next_frame(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let head = stream.read_u8().await.ok()?;
    let length = stream.read_u8().await.ok()?;
    assert!(length < 126, "a short frame without a mask");
    let mut payload = vec![0; length.into()];
    stream.read_exact(&mut payload).await.ok()?;
    Some((head, payload))
}

/// Sends what a case sends, `at_once` bytes at a time, then a page's ping, and returns what comes back.
async fn outcome_of(test: &TestServer, bytes: &[u8], at_once: usize) -> Outcome {
    let mut stream = connect_by_hand(test).await;
    let ping = frame(FINAL | TEXT, br#"{"type":"ping"}"#);
    for part in bytes.chunks(at_once).chain([&ping[..]]) {
        // A server that has closed already takes no more.
        if stream.write_all(part).await.is_err() {
            break;
        }
        if at_once == 1 {
            tokio::task::yield_now().await;
        }
    }
    let mut pongs = Vec::new();
    loop {
        match next_frame(&mut stream).await {
            Some((head, payload)) if head == FINAL | PONG => pongs.push(payload),
            Some((head, _)) if head == FINAL | PING => {}
            Some((head, payload)) if head == FINAL | TEXT => {
                assert_eq!(payload, br#"{"type":"pong"}"#);
                return Outcome::Open(pongs);
            }
            Some((head, payload)) => {
                assert_eq!(head, FINAL | CLOSE);
                assert_eq!(
                    next_frame(&mut stream).await,
                    None,
                    "nothing follows a close"
                );
                let code = payload
                    .get(..2)
                    .map(|code| u16::from_be_bytes([code[0], code[1]]));
                return Outcome::Closed(code);
            }
            None => panic!("the connection ended without a close frame"),
        }
    }
}

#[tokio::test]
async fn the_server_reads_as_the_rfc_says() {
    let test = start_with(&[("MAX_CONNECTIONS_PER_ADDRESS", "2000")], |_| {}).await;
    let mut wrong = Vec::new();
    let mut count = 0;

    for case in corpus::all() {
        for at_once in [usize::MAX, 1] {
            // Thousands of single bytes are only slow.
            if at_once == 1 && case.bytes.len() > 300 {
                continue;
            }
            count += 1;
            let outcome = outcome_of(&test, &case.bytes, at_once);
            let outcome = tokio::time::timeout(Duration::from_secs(10), outcome).await;
            if outcome.as_ref() != Ok(&case.outcome) {
                wrong.push(format!(
                    "{}: {outcome:?}, not {:?}",
                    case.name, case.outcome
                ));
            }
        }
    }

    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert!(count > 250, "{count} cases");
}
