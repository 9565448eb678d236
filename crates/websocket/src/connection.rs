//! One connection: sends the tree and every change to one client, pings it, and closes with a reason.
//!
//! In: the messages of the hub and of the client. Out: frames. A connection is one task without a queue:
//! when the hub has a new change, the connection fetches the messages after its position and writes
//! them, each write within a time limit.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval_at};
use tokio_tungstenite::tungstenite;

use crate::clock;
use crate::connection_limits::ConnectionPermit;
use crate::hub::{Backlog, Hub, InitialMessages, Resume};
use crate::metrics::{Metrics, increment, increment_by};
use crate::random;
use crate::rate_limiter::RateLimiter;

/// The message with which a page checks that the connection is alive, because a page cannot send ping frames.
const CLIENT_PING: &str = r#"{"type":"ping"}"#;

/// The answer to [`CLIENT_PING`].
const CLIENT_PONG: Utf8Bytes = Utf8Bytes::from_static(r#"{"type":"pong"}"#);

/// Close code "service restart": the client connects again, to another server.
const RESTART: u16 = 1012;

/// The ping interval and the time limits of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The shortest interval between pings. Every connection adds a random time of up to a quarter of it.
    pub ping: Duration,
    /// The time limit for one write, after which the connection is dropped.
    pub write: Duration,
    /// The time limit for the client's reply to a close frame.
    pub close: Duration,
}

impl Default for Timing {
    /// Returns a ping interval of 20 to 25 s, because load balancers close a connection after 60 s without traffic.
    fn default() -> Self {
        Self {
            ping: Duration::from_secs(20),
            write: Duration::from_secs(10),
            close: Duration::from_secs(5),
        }
    }
}

/// The parts of a connection besides its socket.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The hub that provides the messages.
    pub hub: Arc<Hub>,
    /// The counters.
    pub metrics: Arc<Metrics>,
    /// The ping interval and the time limits of a connection.
    pub timing: Timing,
    /// Receives the drain time when the server starts to close all connections.
    pub closing: watch::Receiver<Option<Duration>>,
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ConnectionEnd {
    /// The client closed the connection, or the connection broke.
    ClientLeft,
    /// The client neither reads nor replies, so the server sends no close frame.
    ClientUnresponsive,
    /// The server closes the connection with a close code and a reason.
    Close(u16, &'static str),
    /// The client broke a rule. The server says which one, and reads nothing more.
    Breach(u16, &'static str),
}

impl Connection {
    /// Serves one client until the connection is closed.
    pub async fn serve(
        mut self,
        mut socket: WebSocket,
        resume: Option<Resume>,
        permit: &ConnectionPermit,
    ) {
        // Subscribed first, so that every change after the initial messages is signalled.
        let positions = self.hub.watch_position();
        let initial = self.hub.initial_messages(resume.as_ref());
        let drawn = initial.texts.iter().map(|text| text.as_str().len()).sum();
        permit.charge(drawn, clock::now());
        let end = self.exchange(&mut socket, initial, positions).await;
        match end {
            ConnectionEnd::ClientUnresponsive => {}
            ConnectionEnd::ClientLeft => self.wait_for_close(&mut socket).await,
            ConnectionEnd::Close(code, reason) => {
                if self.write_close(&mut socket, code, reason).await.is_ok() {
                    self.wait_for_close(&mut socket).await;
                }
            }
            ConnectionEnd::Breach(code, reason) => {
                let _ = self.write_close(&mut socket, code, reason).await;
            }
        }
    }

    async fn write_close(
        &self,
        socket: &mut WebSocket,
        code: u16,
        reason: &'static str,
    ) -> Result<(), ConnectionEnd> {
        let reason = reason.into();
        let frame = Message::Close(Some(CloseFrame { code, reason }));
        self.write(socket, frame).await
    }

    /// Reads until the client has closed the connection too: only this ensures that our own close frame is sent.
    async fn wait_for_close(&self, socket: &mut WebSocket) {
        let closed = async { while let Some(Ok(_)) = socket.next().await {} };
        let _ = tokio::time::timeout(self.timing.close, closed).await;
    }

    async fn exchange(
        &mut self,
        socket: &mut WebSocket,
        initial: InitialMessages,
        mut positions: watch::Receiver<u64>,
    ) -> ConnectionEnd {
        let mut position = initial.position;
        if let Err(end) = self.write_all(socket, initial.texts).await {
            return end;
        }
        if let Err(end) = self.catch_up(socket, &mut position).await {
            return end;
        }
        let mut liveness = Liveness::new(self.timing.ping);
        let mut close_time = pin!(wait_for_close_time(self.closing.clone()));
        loop {
            let step = tokio::select! {
                message = socket.next() => self.receive(socket, message, &mut liveness, &mut position).await,
                changed = positions.changed() => match changed {
                    Ok(()) => self.catch_up(socket, &mut position).await,
                    Err(_) => Err(ConnectionEnd::Close(RESTART, "the server is restarting")),
                },
                _ = liveness.pings.tick() => self.ping(socket, &mut liveness).await,
                () = close_time.as_mut() => Err(ConnectionEnd::Close(RESTART, "the server is restarting")),
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    /// Writes every message that the client has not received yet.
    async fn catch_up(
        &self,
        socket: &mut WebSocket,
        position: &mut u64,
    ) -> Result<(), ConnectionEnd> {
        loop {
            match self.hub.backlog_after(*position) {
                Backlog::Next { texts, .. } if texts.is_empty() => return Ok(()),
                Backlog::Next {
                    texts,
                    position: next,
                    coalesced,
                } => {
                    increment_by(&self.metrics.coalesced, coalesced);
                    self.write_all(socket, texts).await?;
                    *position = next;
                }
                Backlog::TooFarBehind => {
                    increment(&self.metrics.slow_closes);
                    let reason = "you are too far behind; connect again";
                    return Err(ConnectionEnd::Close(close_code::AGAIN, reason));
                }
            }
        }
    }

    async fn write_all(
        &self,
        socket: &mut WebSocket,
        texts: Vec<Utf8Bytes>,
    ) -> Result<(), ConnectionEnd> {
        let messages = texts.len();
        // Every write has its own time limit: a slow network may need longer for a whole tree.
        for text in texts {
            self.within_write_limit(socket.feed(Message::Text(text)))
                .await?;
        }
        self.within_write_limit(socket.flush()).await?;
        increment_by(&self.metrics.deliveries, messages);
        Ok(())
    }

    async fn write(&self, socket: &mut WebSocket, message: Message) -> Result<(), ConnectionEnd> {
        self.within_write_limit(socket.send(message)).await
    }

    async fn within_write_limit(
        &self,
        write: impl Future<Output = Result<(), axum::Error>>,
    ) -> Result<(), ConnectionEnd> {
        match tokio::time::timeout(self.timing.write, write).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(ConnectionEnd::ClientLeft),
            Err(_) => {
                increment(&self.metrics.slow_closes);
                Err(ConnectionEnd::ClientUnresponsive)
            }
        }
    }

    async fn receive(
        &self,
        socket: &mut WebSocket,
        message: Option<Result<Message, axum::Error>>,
        liveness: &mut Liveness,
        position: &mut u64,
    ) -> Result<(), ConnectionEnd> {
        let message = match message {
            None => return Err(ConnectionEnd::ClientLeft),
            Some(Err(error)) => return Err(end_for_error(error)),
            Some(Ok(message)) => message,
        };
        let is_expected_pong = liveness.unanswered > 0 && matches!(message, Message::Pong(_));
        liveness.unanswered = 0;
        if !is_expected_pong && !liveness.rate.try_take(clock::now()) {
            return Err(ConnectionEnd::Breach(
                close_code::POLICY,
                "too many messages",
            ));
        }
        match message {
            Message::Close(_) => Err(ConnectionEnd::ClientLeft),
            Message::Text(text) if text.as_str() == CLIENT_PING => {
                // The page relies on it: what the server knew when it was asked comes before its answer.
                self.catch_up(socket, position).await?;
                self.write(socket, Message::Text(CLIENT_PONG)).await
            }
            // The server ignores every other message; the WebSocket library replies to pings.
            Message::Text(_) | Message::Binary(_) | Message::Ping(_) | Message::Pong(_) => Ok(()),
        }
    }

    async fn ping(
        &self,
        socket: &mut WebSocket,
        liveness: &mut Liveness,
    ) -> Result<(), ConnectionEnd> {
        if liveness.unanswered == Liveness::MAX_UNANSWERED {
            return Err(ConnectionEnd::ClientUnresponsive);
        }
        liveness.unanswered += 1;
        self.write(socket, Message::Ping(Vec::new().into())).await
    }
}

/// The pings of a connection, and whether the client still replies.
struct Liveness {
    pings: Interval,
    unanswered: u8,
    rate: RateLimiter,
}

impl Liveness {
    /// The number of pings without any message from the client after which the client counts as unresponsive.
    const MAX_UNANSWERED: u8 = 2;

    fn new(ping: Duration) -> Self {
        let period = ping + random::duration_below(ping / 4);
        let first = clock::now() + random::duration_below(period);
        let mut pings = interval_at(first.into(), period);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            pings,
            unanswered: 0,
            rate: RateLimiter::new(clock::now()),
        }
    }
}

/// Waits until the server starts to close its connections, and then until the random close time of this one.
async fn wait_for_close_time(mut closing: watch::Receiver<Option<Duration>>) {
    let window = match closing.wait_for(Option::is_some).await {
        Ok(window) => window.unwrap_or_default(),
        Err(_) => Duration::ZERO,
    };
    tokio::time::sleep(random::duration_below(window)).await;
}

/// Returns how a connection ends after a read error.
fn end_for_error(error: axum::Error) -> ConnectionEnd {
    use tungstenite::Error as E;
    match error.into_inner().downcast::<E>().map(|error| *error) {
        Ok(E::Capacity(_)) => {
            ConnectionEnd::Breach(close_code::SIZE, "messages have at most 4 KiB")
        }
        Ok(E::Utf8(_)) => ConnectionEnd::Breach(close_code::INVALID, "text messages are UTF-8"),
        Ok(E::Protocol(_)) => {
            ConnectionEnd::Breach(close_code::PROTOCOL, "that is not the protocol")
        }
        Ok(E::Io(error)) if error.kind() == io::ErrorKind::QuotaExceeded => {
            ConnectionEnd::Breach(close_code::POLICY, "too many bytes")
        }
        _ => ConnectionEnd::ClientLeft,
    }
}
