//! One connection: sends the tree to one client, reads its messages, pings it, and closes with a reason.
//!
//! In: the messages of the hub and of the client. Out: frames. A connection is one task, which sleeps unless the client
//! sends something, the kernel takes no more of what is written, or a ping may be due: the broadcaster writes the changes.

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite;
use tungstenite::Message;
use tungstenite::protocol::CloseFrame;

use crate::broadcaster::{Broadcaster, Registration};
use crate::clock;
use crate::connection_limits::ConnectionPermit;
use crate::handshake::Parameters;
use crate::hub::Hub;
use crate::liveness::{Interval, Liveness};
use crate::metered::Metered;
use crate::metrics::{Metrics, increment};
use crate::random;
use crate::rate_limiter::RateLimiter;
use crate::reader::Reader;
use crate::text_frame::TextFrame;
use crate::writer::{Progress, Writer};

/// The message with which a page checks that the connection is alive, because a page cannot send ping frames.
const CLIENT_PING: &str = r#"{"type":"ping"}"#;

/// The answer to [`CLIENT_PING`].
const CLIENT_PONG: &str = r#"{"type":"pong"}"#;

/// A ping frame without a payload (RFC 6455, section 5.5.2).
const PING: Bytes = Bytes::from_static(&[0x89, 0]);

/// The reasons for which the server closes a connection, with their close codes (RFC 6455, section 7.4, and IANA's
/// registry). After "service restart" the client connects again, to another server.
mod reason {
    pub(super) const RESTART: (u16, &str) = (1012, "the server is restarting");
    pub(super) const BEHIND: (u16, &str) = (1013, "you are too far behind; connect again");
    pub(super) const MESSAGES: (u16, &str) = (1008, "too many messages");
    pub(super) const BYTES: (u16, &str) = (1008, "too many bytes");
    pub(super) const SIZE: (u16, &str) = (1009, "messages have at most 4 KiB");
    pub(super) const TEXT: (u16, &str) = (1007, "text messages are UTF-8");
    pub(super) const PROTOCOL: (u16, &str) = (1002, "that is not the protocol");
}

/// The ping interval and the time limits of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The shortest time without anything sent after which a client is pinged. Every connection adds a random time of up
    /// to a quarter of it. A client that gets changes all the time is pinged at every fourth such interval.
    pub ping: Duration,
    /// The time within which a client must take something that waits for it, before the connection is dropped.
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
    /// Sends the changes.
    pub broadcaster: Arc<Broadcaster>,
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
    /// The client closed the connection, the connection broke, or the client replies to no ping.
    ClientLeft,
    /// The client does not take what waits for it, so the server sends no close frame.
    ClientTooSlow,
    /// The server closes the connection with a close code and a reason.
    Close((u16, &'static str)),
    /// The client broke a rule. The server says which one, and reads nothing more.
    Breach((u16, &'static str)),
}

/// An open connection.
struct Open {
    writer: Arc<Writer>,
    reader: Reader,
    liveness: Liveness,
    rate: RateLimiter,
    /// When the connection closes, once the server closes all.
    close_at: Option<Instant>,
}

impl Connection {
    /// Opens the connection to one client, and returns the work that serves it until it is closed. `early` was sent behind
    /// the handshake.
    ///
    /// A function and no `async fn`: that would keep room for its parameters as long as the connection is open.
    pub fn open(
        self,
        stream: Metered<TcpStream>,
        early: &Bytes,
        parameters: &Parameters,
        permit: ConnectionPermit,
    ) -> impl Future<Output = ()> + Send + use<> {
        let initial = self.hub.initial_messages(parameters.resume.as_ref());
        let initial = initial.compressed_if(parameters.compressed);
        permit.charge(initial.snapshot_bytes(), clock::now());
        let (stream, budget) = stream.into_parts();
        let (hub, metrics) = (Arc::clone(&self.hub), Arc::clone(&self.metrics));
        let writer = Arc::new(Writer::new(stream, hub, metrics, initial));
        // Registered first, so that every change after the first messages is sent.
        let registration = self.broadcaster.register(Arc::clone(&writer));
        let open = Open {
            reader: Reader::new(early, budget),
            liveness: Liveness::new(self.timing.ping, writer.position()),
            rate: RateLimiter::new(clock::now()),
            writer,
            close_at: None,
        };
        self.serve(open, registration, permit)
    }

    async fn serve(self, mut open: Open, registration: Registration, _permit: ConnectionPermit) {
        let end = self.exchange(&mut open).await;
        drop(registration);
        match end {
            ConnectionEnd::ClientLeft | ConnectionEnd::ClientTooSlow => {}
            ConnectionEnd::Close(reason) => {
                let written = tokio::time::timeout(self.timing.write, open.write_close(reason));
                if written.await == Ok(Progress::Idle) {
                    let closed = open.wait_for_close();
                    let _ = tokio::time::timeout(self.timing.close, closed).await;
                }
            }
            ConnectionEnd::Breach(reason) => {
                let written = open.write_close(reason);
                let _ = tokio::time::timeout(self.timing.write, written).await;
            }
        }
    }

    async fn exchange(&self, open: &mut Open) -> ConnectionEnd {
        let mut closing = self.closing.clone();
        let mut timer = pin!(tokio::time::sleep_until(
            open.liveness.interval_end().into()
        ));
        let mut step = open.pump().and_then(|()| open.receive());
        loop {
            if let Err(end) = step {
                let too_slow = [
                    ConnectionEnd::ClientTooSlow,
                    ConnectionEnd::Close(reason::BEHIND),
                ];
                if too_slow.contains(&end) {
                    increment(&self.metrics.slow_closes);
                }
                return end;
            }
            let slow_since = open.writer.slow_since();
            let wakeup = open.wakeup(slow_since.map(|since| since + self.timing.write));
            if timer.deadline() != wakeup.into() {
                timer.as_mut().reset(wakeup.into());
            }
            let interest = match slow_since {
                Some(_) => Interest::READABLE | Interest::WRITABLE,
                None => Interest::READABLE,
            };
            step = tokio::select! {
                ready = open.writer.stream().ready(interest) => match ready {
                    Ok(_) => open.pump().and_then(|()| open.receive()),
                    Err(_) => Err(ConnectionEnd::ClientLeft),
                },
                () = open.writer.wait_for_attention() => open.pump(),
                () = timer.as_mut() => open.look_at_the_time(self.timing.write),
                window = wait_for_drain(&mut closing), if open.close_at.is_none() => {
                    open.close_at = Some(clock::now() + random::duration_below(window));
                    Ok(())
                }
            };
        }
    }
}

impl Open {
    /// Returns the moment of the next thing to do unasked.
    fn wakeup(&self, write_deadline: Option<Instant>) -> Instant {
        let others = [write_deadline, self.close_at].into_iter().flatten();
        others.fold(self.liveness.interval_end(), Instant::min)
    }

    /// Sends what waits, as far as the client takes it.
    fn pump(&self) -> Result<(), ConnectionEnd> {
        end_for_progress(self.writer.pump())
    }

    /// Reads all that the client has sent.
    fn receive(&mut self) -> Result<(), ConnectionEnd> {
        loop {
            let read = self.reader.read(self.writer.stream());
            let replies = self.reader.take_replies();
            let message = match read {
                Ok(message) => message,
                Err(error) => {
                    // The last reply may be a close frame, which nothing may follow.
                    self.writer.close(replies);
                    return Err(end_for_error(&error));
                }
            };
            if !replies.is_empty() {
                end_for_progress(self.writer.reply(replies))?;
            }
            match message {
                Some(message) => self.answer(&message)?,
                None => return Ok(()),
            }
        }
    }

    fn answer(&mut self, message: &Message) -> Result<(), ConnectionEnd> {
        let answers_ping = self
            .liveness
            .note_message(matches!(message, Message::Pong(_)));
        if !answers_ping && !self.rate.try_take(clock::now()) {
            return Err(ConnectionEnd::Breach(reason::MESSAGES));
        }
        match message {
            // The page relies on it: what the server knew when it was asked comes before its answer.
            Message::Text(text) if text.as_str() == CLIENT_PING => {
                let pong = TextFrame::from(CLIENT_PONG.to_owned());
                end_for_progress(self.writer.reply_after_changes(&pong))
            }
            // The server ignores every other message; the reader replies to pings and close frames.
            _ => Ok(()),
        }
    }

    fn look_at_the_time(&mut self, write_limit: Duration) -> Result<(), ConnectionEnd> {
        let now = clock::now();
        if self.close_at.is_some_and(|close_at| close_at <= now) {
            return Err(ConnectionEnd::Close(reason::RESTART));
        }
        let slow_since = self.writer.slow_since();
        if slow_since.is_some_and(|since| since + write_limit <= now) {
            return Err(ConnectionEnd::ClientTooSlow);
        }
        if self.liveness.interval_end() > now {
            return Ok(());
        }
        match self.liveness.end_interval(self.writer.position(), now) {
            Interval::Busy => Ok(()),
            Interval::PingDue => end_for_progress(self.writer.reply(PING)),
            Interval::Unanswered => Err(ConnectionEnd::ClientLeft),
        }
    }

    /// Sends a close frame, and returns whether everything is sent.
    async fn write_close(&mut self, (code, reason): (u16, &'static str)) -> Progress {
        let (code, reason) = (code.into(), reason.into());
        let frame = CloseFrame { code, reason };
        let frame = self.reader.close(self.writer.stream(), frame);
        let mut progress = self.writer.close(frame);
        while progress == Progress::Blocked {
            progress = match self.writer.stream().writable().await {
                Ok(()) => self.writer.pump(),
                Err(_) => Progress::Broken,
            };
        }
        progress
    }

    /// Reads until the client has closed the connection too: a socket that is closed before loses what is under way.
    async fn wait_for_close(&mut self) {
        while self.writer.stream().readable().await.is_ok() {
            while let Some(read) = self.reader.read(self.writer.stream()).transpose() {
                if read.is_err() {
                    return;
                }
            }
        }
    }
}

/// Waits until the server starts to close its connections, and returns the time that it takes for all.
async fn wait_for_drain(closing: &mut watch::Receiver<Option<Duration>>) -> Duration {
    match closing.wait_for(Option::is_some).await {
        Ok(window) => window.unwrap_or_default(),
        Err(_) => Duration::ZERO,
    }
}

/// Returns how a connection ends whose messages could not be sent.
fn end_for_progress(progress: Progress) -> Result<(), ConnectionEnd> {
    match progress {
        Progress::Idle | Progress::Blocked => Ok(()),
        Progress::TooFarBehind => Err(ConnectionEnd::Close(reason::BEHIND)),
        Progress::Broken => Err(ConnectionEnd::ClientLeft),
    }
}

/// Returns how a connection ends after a read error.
fn end_for_error(error: &tungstenite::Error) -> ConnectionEnd {
    use tungstenite::Error as E;
    use tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;
    match error {
        E::Capacity(_) => ConnectionEnd::Breach(reason::SIZE),
        E::Utf8(_) => ConnectionEnd::Breach(reason::TEXT),
        E::Protocol(ResetWithoutClosingHandshake) => ConnectionEnd::ClientLeft,
        E::Protocol(_) => ConnectionEnd::Breach(reason::PROTOCOL),
        E::Io(error) if error.kind() == io::ErrorKind::QuotaExceeded => {
            ConnectionEnd::Breach(reason::BYTES)
        }
        _ => ConnectionEnd::ClientLeft,
    }
}
