//! One connection: greeted, told every change, asked for signs of life, closed on purpose.
//!
//! In: the hub's messages and the browser's few. Out: frames. One task, no queue: when the hub has
//! something new, the peer takes what comes after its position and writes it, each write within a
//! time limit.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval_at};
use tokio_tungstenite::tungstenite;

use crate::clock;
use crate::hub::{Backlog, Hub, Resume, Welcome};
use crate::metrics::{Metrics, count, count_many};
use crate::random;
use crate::rate::Rate;

/// The message by which a client learns whether the connection is alive: pages cannot send pings.
const PING: &str = r#"{"type":"ping"}"#;

/// The answer to [`PING`].
const PONG: Utf8Bytes = Utf8Bytes::from_static(r#"{"type":"pong"}"#);

/// Close code "service restart": the client connects again, to another server.
const RESTART: u16 = 1012;

/// The time limits of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The shortest time between pings; a random fifth comes on top, another for every connection.
    pub ping: Duration,
    /// The longest time that one write may take until the client counts as gone.
    pub write: Duration,
    /// The longest time that a client may take to answer a close.
    pub close: Duration,
}

impl Default for Timing {
    /// Load balancers close after 60 s without traffic: pings come every 20 to 25 s.
    fn default() -> Self {
        Self {
            ping: Duration::from_secs(20),
            write: Duration::from_secs(10),
            close: Duration::from_secs(5),
        }
    }
}

/// The dependencies of a connection beside its socket.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The source of its messages.
    pub hub: Arc<Hub>,
    /// The counters.
    pub metrics: Arc<Metrics>,
    /// The time limits.
    pub timing: Timing,
    /// Once told, over which time all connections are closed.
    pub closing: watch::Receiver<Option<Duration>>,
}

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The client said goodbye, or its connection broke.
    Left,
    /// The client does not take or answer anything: nothing can be said to it.
    Gone,
    /// We say goodbye, with a close code and a reason.
    Close(u16, &'static str),
}

impl Peer {
    /// Talks to one client until the end.
    pub async fn serve(mut self, mut socket: WebSocket, resume: Option<Resume>) {
        // Taken first: what changes after the welcome is signalled.
        let news = self.hub.watch_position();
        let welcome = self.hub.welcome(resume.as_ref());
        let end = self.talk(&mut socket, welcome, news).await;
        match end {
            End::Gone => {}
            End::Left => self.hear_out(&mut socket).await,
            End::Close(code, reason) => {
                let frame = CloseFrame {
                    code,
                    reason: reason.into(),
                };
                if self
                    .write(&mut socket, Message::Close(Some(frame)))
                    .await
                    .is_ok()
                {
                    self.hear_out(&mut socket).await;
                }
            }
        }
    }

    /// Polls until the client has closed too: only that sends our own close frame for sure.
    async fn hear_out(&self, socket: &mut WebSocket) {
        let silence = async { while let Some(Ok(_)) = socket.next().await {} };
        let _ = tokio::time::timeout(self.timing.close, silence).await;
    }

    async fn talk(
        &mut self,
        socket: &mut WebSocket,
        welcome: Welcome,
        mut news: watch::Receiver<u64>,
    ) -> End {
        let mut position = welcome.position;
        if let Err(end) = self.write_all(socket, welcome.texts).await {
            return end;
        }
        if let Err(end) = self.catch_up(socket, &mut position).await {
            return end;
        }
        let mut life = Life::new(self.timing.ping);
        let mut slice = pin!(own_slice(self.closing.clone()));
        loop {
            let step = tokio::select! {
                message = socket.next() => self.answer(socket, message, &mut life).await,
                changed = news.changed() => match changed {
                    Ok(()) => self.catch_up(socket, &mut position).await,
                    Err(_) => Err(End::Close(RESTART, "the server is restarting")),
                },
                _ = life.pings.tick() => self.ping(socket, &mut life).await,
                () = slice.as_mut() => Err(End::Close(RESTART, "the server is restarting")),
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    /// Writes everything that the client does not have yet.
    async fn catch_up(&self, socket: &mut WebSocket, position: &mut u64) -> Result<(), End> {
        loop {
            match self.hub.after(*position) {
                Backlog::Next { texts, .. } if texts.is_empty() => return Ok(()),
                Backlog::Next {
                    texts,
                    position: next,
                    coalesced,
                } => {
                    count_many(&self.metrics.coalesced, coalesced);
                    self.write_all(socket, texts).await?;
                    *position = next;
                }
                Backlog::Lost => {
                    count(&self.metrics.slow_closes);
                    let reason = "you are too far behind; connect again";
                    return Err(End::Close(close_code::AGAIN, reason));
                }
            }
        }
    }

    async fn write_all(&self, socket: &mut WebSocket, texts: Vec<Utf8Bytes>) -> Result<(), End> {
        let messages = texts.len();
        // Each has the time for itself: a whole tree may take a slow line longer.
        for text in texts {
            self.in_time(socket.feed(Message::Text(text))).await?;
        }
        self.in_time(socket.flush()).await?;
        count_many(&self.metrics.deliveries, messages);
        Ok(())
    }

    async fn write(&self, socket: &mut WebSocket, message: Message) -> Result<(), End> {
        self.in_time(socket.send(message)).await
    }

    async fn in_time(
        &self,
        write: impl Future<Output = Result<(), axum::Error>>,
    ) -> Result<(), End> {
        match tokio::time::timeout(self.timing.write, write).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Left),
            Err(_) => {
                count(&self.metrics.slow_closes);
                Err(End::Gone)
            }
        }
    }

    async fn answer(
        &self,
        socket: &mut WebSocket,
        message: Option<Result<Message, axum::Error>>,
        life: &mut Life,
    ) -> Result<(), End> {
        let message = match message {
            None => return Err(End::Left),
            Some(Err(error)) => return Err(end_of(error)),
            Some(Ok(message)) => message,
        };
        let is_asked_for = life.unanswered > 0 && matches!(message, Message::Pong(_));
        life.unanswered = 0;
        if !is_asked_for && !life.rate.take(clock::now()) {
            return Err(End::Close(close_code::POLICY, "too many messages"));
        }
        match message {
            Message::Close(_) => Err(End::Left),
            Message::Text(text) if text.as_str() == PING => {
                self.write(socket, Message::Text(PONG)).await
            }
            // There is nothing else to say to this server. It answers pings by itself.
            Message::Text(_) | Message::Binary(_) | Message::Ping(_) | Message::Pong(_) => Ok(()),
        }
    }

    async fn ping(&self, socket: &mut WebSocket, life: &mut Life) -> Result<(), End> {
        if life.unanswered == Life::MAX_UNANSWERED {
            return Err(End::Gone);
        }
        life.unanswered += 1;
        self.write(socket, Message::Ping(Vec::new().into())).await
    }
}

/// The signs of life of a client.
struct Life {
    pings: Interval,
    unanswered: u8,
    rate: Rate,
}

impl Life {
    /// After this many pings without any sign of life the client is gone.
    const MAX_UNANSWERED: u8 = 2;

    fn new(ping: Duration) -> Self {
        let period = ping + random::below(ping / 4);
        let first = clock::now() + random::below(period);
        let mut pings = interval_at(first.into(), period);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            pings,
            unanswered: 0,
            rate: Rate::full(clock::now()),
        }
    }
}

/// Waits until connections are closed, and then for this one's own random moment.
async fn own_slice(mut closing: watch::Receiver<Option<Duration>>) {
    let window = match closing.wait_for(Option::is_some).await {
        Ok(window) => window.unwrap_or_default(),
        Err(_) => Duration::ZERO,
    };
    tokio::time::sleep(random::below(window)).await;
}

/// Says how to answer what cannot be read.
fn end_of(error: axum::Error) -> End {
    use tungstenite::Error as E;
    match error.into_inner().downcast::<E>().map(|error| *error) {
        Ok(E::Capacity(_)) => End::Close(close_code::SIZE, "messages have at most 4 KiB"),
        Ok(E::Utf8(_)) => End::Close(close_code::INVALID, "text messages are UTF-8"),
        Ok(E::Protocol(_)) => End::Close(close_code::PROTOCOL, "that is not the protocol"),
        _ => End::Left,
    }
}
