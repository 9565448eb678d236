//! The receiving half of one connection.
//!
//! In: the bytes that the client sends. Out: its messages, and the frames that the protocol has the server reply with
//! (pongs and the close frame). Nothing is written to the socket here, and nothing waits.

use std::io::{self, Read, Write};

use axum::body::Bytes;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite;
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Error, Message};

use crate::bucket::Bucket;
use crate::clock;

/// The most bytes of a client's message. The page sends nothing larger than a ping message.
pub const MAX_INBOUND: usize = 4 * 1024;

/// The size of the buffer that every connection keeps. A page's messages have less than 64 bytes; tungstenite's default
/// of 128 KiB needs fifty times the memory of all the rest of a connection.
const READ_BUFFER: usize = 256;

/// The receiving half of a connection.
#[derive(Debug)]
pub struct Reader {
    context: WebSocketContext,
    budget: Bucket,
    replies: Vec<u8>,
}

/// The socket as the protocol sees it: what it writes is kept for the sending half.
struct Socket<'a> {
    stream: &'a TcpStream,
    budget: &'a mut Bucket,
    replies: &'a mut Vec<u8>,
}

impl Reader {
    /// Returns the receiving half of a connection that may still send as much as the budget says. `early` was sent behind
    /// the handshake.
    pub fn new(early: &Bytes, budget: Bucket) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(MAX_INBOUND))
            .max_frame_size(Some(MAX_INBOUND));
        let context =
            WebSocketContext::from_partially_read(early.to_vec(), Role::Server, Some(config));
        Self {
            context,
            budget,
            replies: Vec::new(),
        }
    }

    /// Returns the next message, or `None` if there is none yet.
    ///
    /// # Errors
    /// Returns why there will be no more: [`Error::ConnectionClosed`] after both close frames.
    pub fn read(&mut self, stream: &TcpStream) -> Result<Option<Message>, Error> {
        let mut socket = Socket {
            stream,
            budget: &mut self.budget,
            replies: &mut self.replies,
        };
        match self.context.read(&mut socket) {
            Ok(message) => Ok(Some(message)),
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns the bytes of a close frame, after which the client is only expected to close too.
    pub fn close(&mut self, stream: &TcpStream, frame: CloseFrame) -> Bytes {
        let mut socket = Socket {
            stream,
            budget: &mut self.budget,
            replies: &mut self.replies,
        };
        // The replies take everything, so an error means that a close frame was sent already.
        let _ = self.context.close(&mut socket, Some(frame));
        self.take_replies()
    }

    /// Returns the frames to reply with, which may be none.
    pub fn take_replies(&mut self) -> Bytes {
        std::mem::take(&mut self.replies).into()
    }
}

impl Read for Socket<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.budget.has(0.0, clock::now()) {
            return Err(io::ErrorKind::QuotaExceeded.into());
        }
        let read = self.stream.try_read(buffer)?;
        let bytes = u32::try_from(read).unwrap_or(u32::MAX);
        self.budget.spend(bytes.into(), clock::now());
        Ok(read)
    }
}

impl Write for Socket<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.replies.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
